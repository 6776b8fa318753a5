"""A product among other sellers: the same one elsewhere with the spread of prices, and photos that were taken."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from marketplace.storage.copies import CopyEvidence, copies_of
from marketplace.storage.matches import offers_of
from marketplace.storage.shelf import product_of
from serving.dependencies import ProductId, ShopDep
from serving.match_schemas import CopyShown, OfferShown, PhotoCopies, PhotoShown, PriceSpreadShown, ProductOffers
from serving.presenting import shown_product
from serving.schemas import Problem

router = APIRouter(prefix="/api", tags=["products"])


@router.get("/products/{product_id}/offers", responses={404: {"model": Problem}})
def read_offers(product_id: ProductId, shop: ShopDep) -> ProductOffers:
    """The same product at other sellers, and how far its prices lie apart. One row per offer."""
    found = offers_of(shop.warehouse, product_id)
    offers = [OfferShown(**shown_product(offer.product).model_dump(), score=offer.score) for offer in found.elsewhere]
    spreads = [PriceSpreadShown(**asdict(spread)) for spread in found.spreads]
    return ProductOffers(product_id=product_id, offers=offers, spreads=spreads)


@router.get("/products/{product_id}/copies", responses={404: {"model": Problem}})
def read_copies(product_id: ProductId, shop: ShopDep) -> PhotoCopies:
    """Photos taken from this product or by it, with both pieces of evidence. One row per pair."""
    product_of(shop.warehouse, product_id)
    return PhotoCopies(product_id=product_id, copies=[_shown(one) for one in copies_of(shop.warehouse, product_id)])


def _shown(evidence: CopyEvidence) -> CopyShown:
    return CopyShown(
        copy_=_photo(evidence.product_id, evidence.title, evidence.seller, evidence.image_sha256),
        original=_photo(
            evidence.original_id, evidence.original_title, evidence.original_seller, evidence.original_sha256
        ),
        phash_distance=evidence.phash_distance,
        cosine=evidence.cosine,
        found_at=evidence.found_at,
    )


def _photo(product_id: int, title: str, seller: str, sha256: str) -> PhotoShown:
    return PhotoShown(product_id=product_id, title=title, seller=seller, image_url=f"/media/{sha256}.jpg")

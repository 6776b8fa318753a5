"""What a search found, in the shape that clients receive."""

from __future__ import annotations

from collections.abc import Mapping

from marketplace.catalog.prices import format_price, minor_digits
from marketplace.catalog.products import Price
from marketplace.search.facets import Band, Facet, FacetName
from marketplace.storage.shelf import ShelfProduct
from serving.findings import Alike, Findings, Found
from serving.presenting import product_fields, rounded, shown_price, shown_seller
from serving.search_schemas import (
    AdviceShown,
    Correction,
    Facets,
    FacetValue,
    OfferShown,
    PriceBand,
    PriceFacet,
    SearchHit,
    SearchResults,
    SimilarProduct,
    SimilarProducts,
    Total,
    UnderstoodShown,
    ValueFacet,
)


def search_results(found: Findings) -> SearchResults:
    """The findings of a search."""
    return SearchResults(
        items=[_hit(item) for item in found.items],
        next_cursor=found.next_cursor,
        total=Total(products=found.total, is_exact=found.is_exact),
        facets=None if found.facets is None else _facets(found.facets),
        advice=[AdviceShown(code=one.code, message=one.sentence) for one in found.advice],
        understood=_understood(found),
        degraded=found.degraded,
        reason=found.reason,
        versions={"encoder": found.encoder, "index": found.index},
    )


def similar_products(product_id: int, alike: Alike) -> SimilarProducts:
    """Products like another."""
    items = [
        SimilarProduct(
            **product_fields(item.product),
            similarity=rounded(item.similarity),
            also_at=[_offer(product) for product in item.also_at],
        )
        for item in alike.items
    ]
    return SimilarProducts(
        product_id=product_id,
        source=alike.source,
        degraded=alike.source != "likeness",
        reason=alike.reason,
        versions={"encoder": alike.encoder, "index": alike.index},
        items=items,
    )


def _hit(item: Found) -> SearchHit:
    return SearchHit(
        **product_fields(item.product),
        score=round(item.score, 4),
        similarity=rounded(item.similarity),
        matched=list(item.matched),
        also_at=[_offer(product) for product in item.also_at],
        more_from_seller=item.more_from_seller,
    )


def _offer(product: ShelfProduct) -> OfferShown:
    return OfferShown(
        product_id=product.product_id,
        title=product.title,
        price=shown_price(product.price),
        seller=shown_seller(product.seller),
    )


def _understood(found: Findings) -> UnderstoodShown | None:
    if found.words is None:
        return None
    corrections = [Correction(written=one.word, read_as=one.instead) for one in found.words.corrections]
    return UnderstoodShown(
        language=found.words.language, corrections=corrections, did_you_mean=found.words.did_you_mean
    )


def _facets(facets: Mapping[FacetName, Facet]) -> Facets:
    prices = facets["prices"]
    return Facets(
        categories=_values(facets["categories"]),
        sellers=_values(facets["sellers"]),
        cities=_values(facets["cities"]),
        in_stock=_values(facets["in_stock"]),
        prices=PriceFacet(bands=[_band(band) for band in prices.bands], is_exact=prices.is_exact),
    )


def _values(facet: Facet) -> ValueFacet:
    values = [
        FacetValue(value=one.value, label=one.label, products=one.products, is_chosen=one.is_chosen)
        for one in facet.values
    ]
    return ValueFacet(values=values, is_exact=facet.is_exact)


def _band(band: Band) -> PriceBand:
    scale = 10 ** minor_digits(band.currency)
    upper = None if band.most_minor is None else band.most_minor + 1  # reads better, and is less than a shilling off
    return PriceBand(
        currency=band.currency,
        price_min=band.least_minor / scale,
        price_max=None if band.most_minor is None else band.most_minor / scale,
        formatted=format_price(Price(band.least_minor, band.currency, upper, kind="range" if upper else "from")),
        products=band.products,
    )

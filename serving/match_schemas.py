"""What clients are told of a product at other sellers: its prices there, and photos that were taken."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from serving.schemas import ProductShown


class OfferShown(ProductShown):
    """The product as another seller offers it; `score` says how surely it is the same, 0 to 1."""

    score: float = Field(examples=[0.91])


class PriceSpreadShown(BaseModel):
    """How far the prices in one currency lie apart, in minor units; `spread_rate` is (most - least) / least."""

    currency: str = Field(examples=["KES"])
    offers: int = Field(examples=[3])
    min_minor: int = Field(examples=[129900])
    median_minor: float = Field(examples=[135000])
    max_minor: int = Field(examples=[149900])
    spread_rate: float | None = Field(examples=[0.154])


class ProductOffers(BaseModel):
    """The same product at other sellers, cheapest first within a currency; the spread counts its own price too."""

    product_id: int
    offers: list[OfferShown]
    spreads: list[PriceSpreadShown]


class PhotoShown(BaseModel):
    """A product and the photo it shows."""

    product_id: int
    title: str
    seller: str = Field(examples=["Mama Njeri Fabrics"])
    image_url: str = Field(examples=["/media/6f1e…c0.jpg"])


class CopyShown(BaseModel):
    """A photo that one seller seems to have taken from another, with both pieces of evidence.

    The original is what was seen here first; who took the photo in the first place is not known.
    """

    copy_: PhotoShown = Field(serialization_alias="copy")
    original: PhotoShown
    phash_distance: int = Field(ge=0, le=64, description="differing bits of the perceptual hashes")
    cosine: float = Field(description="of what the encoder sees of both pictures")
    found_at: datetime


class PhotoCopies(BaseModel):
    """What is known of copying to and from a product's photo; empty for almost all."""

    product_id: int
    copies: list[CopyShown]

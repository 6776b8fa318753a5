"""What the API takes and gives of sellers, as its clients read it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from marketplace.catalog.products import LONGEST, SellerState, SourceKind
from serving.dependencies import TEXT


class SellerSent(BaseModel):
    """A seller who is to be taken in; the handle is made of the name."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "Mama Njeri Fabrics",
                "country": "KE",
                "city": "Nairobi",
                "phone": "0712 345 678",
                "source_kind": "whatsapp",
                "source_url": "https://shop.example/c/254712345678",
            }
        },
    )

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=TEXT)]
    country: Annotated[str, Field(pattern=r"^[A-Za-z]{2}$", description="ISO 3166-1")]
    currency: Annotated[str | None, Field(max_length=10, description="the country's own if left out")] = None
    city: Annotated[str | None, Field(max_length=100, pattern=TEXT)] = None
    phone: Annotated[str | None, Field(max_length=40, description="WhatsApp number, as the country writes it")] = None
    source_kind: SourceKind
    source_url: Annotated[
        str,
        Field(
            max_length=LONGEST["url"],
            description="http or https; a page, a shop, or a feed; leave it out for a feed that is uploaded",
        ),
    ] = ""


class SellerKept(BaseModel):
    """A seller, without their number; only active ones are read and shown."""

    seller_id: int = Field(examples=[2251799813685248])
    handle: str = Field(examples=["mama-njeri-fabrics"])
    name: str
    city: str | None
    country: str
    currency: str = Field(examples=["KES"])
    source_kind: SourceKind
    source_url: str | None
    state: SellerState
    has_phone: bool


class SellerPage(BaseModel):
    """Sellers by handle, and where the next page begins; null at the end."""

    items: list[SellerKept]
    next_after: str | None = Field(examples=["mama-njeri-fabrics"])


class StateSent(BaseModel):
    """The state that a seller is to be in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"state": "active"}})

    state: SellerState

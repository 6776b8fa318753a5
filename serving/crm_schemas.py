"""Leads, orders and funnels as clients send and read them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from marketplace.crm.lead_states import LeadState
from marketplace.events.interactions import Channel
from marketplace.events.orders import OrderStatus, SellerChannel
from serving.dependencies import TEXT
from serving.schemas import CameFrom, EventId, Identity, Shopper

Line = Annotated[str, Field(max_length=200, pattern=TEXT)]
StartCode = Annotated[str, Field(max_length=40, pattern=TEXT, examples=["K7QF2-M9P4T"])]
LARGEST_AMOUNT = Decimal(10**12)


class LeadSent(CameFrom):
    """A shopper turns to a seller; an `event_id` makes it safe to send again.

    A name or number needs the shopper's consent: `has_consent`, and the sentence that they agreed to.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "event_id": "0192f7f0-9a2b-7d10-8f57-2f3f2f8f9a11",
                "seller_id": 2251799813685248,
                "product_id": 4503599627370496,
                "user_id": "shopper-001",
                "channel": "whatsapp",
                "name": "Achieng",
                "phone": "0712 345678",
                "has_consent": True,
                "consent_text": "The shop may call me back about this.",
            }
        },
    )

    event_id: EventId | None = None
    seller_id: Identity
    product_id: Identity | None = None
    user_id: Shopper | None = None
    channel: Channel = "whatsapp"
    message: Annotated[str | None, Field(max_length=2000, pattern=TEXT)] = None
    name: Annotated[str | None, Field(min_length=1, max_length=120, pattern=TEXT)] = None
    phone: Annotated[str | None, Field(min_length=3, max_length=40, pattern=TEXT)] = None
    has_consent: bool | None = None
    consent_text: Annotated[str | None, Field(min_length=1, max_length=500, pattern=TEXT)] = None
    start_code: StartCode | None = None
    occurred_at: AwareDatetime | None = Field(None, description="when it happened, if not now")

    @model_validator(mode="after")
    def refuse_people_without_consent(self) -> Self:
        """The lead, whose person agreed to all of it that names them."""
        if (self.name or self.phone) and not (self.has_consent and self.consent_text):
            raise ValueError("name and phone need has_consent and the consent_text that was agreed to")
        if self.has_consent is not None and not self.consent_text:
            raise ValueError("has_consent needs the consent_text that was agreed to or declined")
        return self


class LeadShown(BaseModel):
    """A shopper who turned to the seller, and how far it went; name and phone are there where they agreed."""

    event_id: str
    product_id: int | None
    product_title: str | None
    user_id: str | None
    channel: Channel
    message: str | None
    name: str | None
    phone: str | None
    has_consent: bool | None
    start_code: str | None
    device: str | None
    source: str | None
    occurred_at: datetime
    state: LeadState
    notes: int


class LeadPage(BaseModel):
    """Leads, newest first, and the cursor of the next page; null at the end."""

    items: list[LeadShown]
    next_cursor: str | None


class LeadEventShown(BaseModel):
    """A state that the lead was given, or a note about it."""

    model_config = ConfigDict(from_attributes=True)

    kind: Literal["state", "note"]
    state: LeadState | None
    note: str | None
    by_subject: str
    occurred_at: datetime


class LeadDetail(LeadShown):
    """A lead, what was agreed to, and what was done about it, oldest first."""

    consent_text: str | None
    log: list[LeadEventShown]


class LeadStateSent(BaseModel):
    """How far a lead went."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"state": "contacted"}})

    state: LeadState


class NoteSent(BaseModel):
    """What is worth remembering about a lead."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"note": "Wants two, calls on Friday."}})

    note: Annotated[str, Field(min_length=1, max_length=2000, pattern=TEXT)]


class OrderLineSent(BaseModel):
    """A product of an order, by its id or by a name; `amount` is of the whole line."""

    model_config = ConfigDict(extra="forbid")

    product_id: Identity | None = None
    product_name: Annotated[str | None, Field(min_length=1, max_length=300, pattern=TEXT)] = None
    quantity: Annotated[int, Field(ge=1, le=100_000)] = 1
    amount: Annotated[Decimal, Field(ge=-LARGEST_AMOUNT, le=LARGEST_AMOUNT, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def refuse_a_line_of_nothing(self) -> Self:
        """The line, which says what was bought."""
        if self.product_id is None and self.product_name is None:
            raise ValueError("say product_id or product_name")
        return self


class OrderSent(BaseModel):
    """An order that a seller took; the same `order_id` again changes nothing.

    Who bought is told by `customer_id`, by `phone`, of which only a hash is kept, or by the `start_code` that the
    chat quoted. `total` is what was charged; without it every line needs an amount.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "order_id": "order-2026-001",
                "start_code": "K7QF2-M9P4T",
                "lines": [{"product_id": 4503599627370496, "quantity": 2, "amount": "2400.00"}],
            }
        },
    )

    order_id: EventId
    customer_id: Shopper | None = None
    phone: Annotated[str | None, Field(min_length=3, max_length=40, pattern=TEXT)] = None
    status: OrderStatus = "placed"
    channel: SellerChannel = "whatsapp"
    start_code: StartCode | None = None
    currency: Annotated[str | None, Field(pattern=r"^[A-Z]{3}$", examples=["KES"])] = None
    total: Annotated[Decimal, Field(ge=-LARGEST_AMOUNT, le=LARGEST_AMOUNT, allow_inf_nan=False)] | None = None
    lines: Annotated[list[OrderLineSent], Field(min_length=1, max_length=200)]
    occurred_at: AwareDatetime | None = Field(None, description="when it was ordered, if not now")


class FunnelCounts(BaseModel):
    """Steps of the funnel, and how many took the next one; null where nobody could."""

    impressions: int
    views: int
    clicks: int
    whatsapp_starts: int
    wishlists: int
    purchases: int
    orders: int
    orders_matched: int = Field(description="whose chat quoted its code")
    orders_probable: int = Field(description="whose customer began a chat before")
    orders_unknown: int
    view_to_click_rate: float | None
    click_to_whatsapp_rate: float | None


class FunnelOfDay(FunnelCounts):
    """The funnel of one local day."""

    funnel_on: date


class FunnelOfCategory(FunnelCounts):
    """The funnel of one category."""

    category: str


class FunnelOfOrigin(FunnelCounts):
    """The funnel of one source or device; "unknown" where browsers did not say."""

    name: str


class SellerFunnel(BaseModel):
    """A seller's funnel over some local days, both ends included; `origins` are sources or devices, where asked."""

    seller_id: int
    seller_name: str
    since: date
    until: date
    totals: FunnelCounts
    days: list[FunnelOfDay]
    categories: list[FunnelOfCategory]
    origins: list[FunnelOfOrigin] | None = None

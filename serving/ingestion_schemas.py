"""What the API says of syncs, brakes, dead letters and history, as its clients read it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from marketplace.catalog.products import SellerState, SourceKind
from marketplace.storage.dead_letters import LetterState
from serving.dependencies import TEXT
from serving.schemas import Identity, PriceShown, WorkAccepted

Who = Annotated[str, Field(min_length=1, max_length=100, pattern=TEXT, examples=["Wanjiru"])]


class SellerHeartbeat(BaseModel):
    """How a seller's catalogue is kept up, and what their newest sync found; its fields are null before the first.

    `next_due_at` is null for who is not read by the clock, and past where a beat was missed.
    """

    model_config = ConfigDict(from_attributes=True)

    seller_id: int
    handle: str
    seller_name: str
    state: SellerState
    source_kind: SourceKind
    source_url: str | None
    is_stale: bool
    last_read_at: datetime | None
    next_due_at: datetime | None
    brake: Literal["raised", "released"] | None
    dead_letters: int = Field(description="products given up until a person redrives them")
    waiting_letters: int = Field(description="products that failed and are tried again")
    sync_id: str | None
    status: str | None = Field(examples=["done"])
    trigger: str | None = Field(examples=["schedule"])
    started_at: datetime | None
    finished_at: datetime | None
    scouted: int | None
    hydrated: int | None
    new: int | None
    gone: int | None
    back: int | None
    price_changed: int | None
    other_changed: int | None
    unchanged: int | None
    not_modified: int | None
    failed: int | None
    errors: dict[str, int] | None = Field(examples=[{"SourceUnavailable": 3}])
    requests: int | None
    bytes_received: int | None
    polite_seconds: float | None = Field(description="waited for the host's sake")
    note: str | None


class Heartbeats(BaseModel):
    """Every seller's newest sync, first who needs a person, then who waited longest; and the requests that wait."""

    sellers: list[SellerHeartbeat]
    queued: list[WorkAccepted]


class SyncEventShown(BaseModel):
    """Something that went otherwise than planned; `source_ref` is null where it is about the sync itself."""

    model_config = ConfigDict(from_attributes=True)

    source_ref: str | None
    kind: str = Field(examples=["refused"])
    error: str | None = Field(examples=["PriceUnreadable"])
    reason: str
    at: datetime


class SyncShown(BaseModel):
    """One sync of a seller, and the first of what went otherwise than planned in it."""

    model_config = ConfigDict(from_attributes=True)

    sync_id: str
    status: str = Field(examples=["done"])
    trigger: str = Field(examples=["schedule"])
    is_complete: bool = Field(description="the scan saw all there is")
    started_at: datetime
    finished_at: datetime | None
    scouted: int
    hydrated: int
    failed: int
    new: int
    gone: int
    back: int
    price_changed: int
    other_changed: int
    unchanged: int
    not_modified: int
    errors: dict[str, int]
    requests: int
    bytes_received: int
    polite_seconds: float
    note: str | None
    event_count: int
    events: list[SyncEventShown]


class BrakeExample(BaseModel):
    """A product that would go."""

    product_id: int
    title: str


class BrakeShown(BaseModel):
    """A brake: how many of a seller's live products would go, some of them, and who decided what."""

    seller_id: int
    handle: str
    seller_name: str
    sync_id: str
    state: Literal["raised", "released", "cleared"]
    live: int
    vanished: int
    examples: list[BrakeExample]
    raised_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    note: str | None


class Decision(BaseModel):
    """Who decides on a brake, and why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"who": "Wanjiru", "note": "the shop sold its stock"}}
    )

    who: Who
    note: Annotated[str, Field(max_length=1000, pattern=TEXT)] = ""


class DeadLetterShown(BaseModel):
    """A product that could not be read; `next_try_at` is null once it is dead."""

    model_config = ConfigDict(from_attributes=True)

    seller_id: int
    handle: str
    seller_name: str
    source_ref: str
    stage: str = Field(examples=["read"])
    url: str | None
    error: str = Field(examples=["PriceUnreadable"])
    reason: str
    payload_sha256: str | None
    attempts: int
    state: LetterState
    first_failed_at: datetime
    last_failed_at: datetime
    next_try_at: datetime | None


class RedriveSent(BaseModel):
    """Whose dead letters are tried again: one product's, or all of the seller."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"seller_id": 2251799813685248}})

    seller_id: Identity
    source_ref: Annotated[str | None, Field(min_length=1, max_length=200, pattern=TEXT)] = None


class Redriven(BaseModel):
    """How many products the next sync tries again."""

    redriven: int


class FieldShown(BaseModel):
    """What a field held: the text as kept, the price in it where it holds one, and how we know.

    `valid_from` is when the source was seen to show it, `known_from` when that was recorded, `evidence` the SHA-256
    of the page.
    """

    value: str | None
    price: PriceShown | None = None
    valid_from: datetime
    known_from: datetime
    origin: str | None = Field(examples=["json-ld"])
    evidence: str | None
    sync_id: str


class VersionShown(FieldShown):
    """A value with the time it held; `valid_to` is null while it does, `last_seen_at` is when it was last shown."""

    field: str = Field(examples=["price"])
    valid_to: datetime | None
    last_seen_at: datetime


class ProductHistory(BaseModel):
    """Every value that a product's fields held, newest first; `more` says that older ones were left out."""

    product_id: int
    versions: list[VersionShown]
    more: bool


class ProductAsOf(BaseModel):
    """A product as its source showed it at one time, by what was known at another."""

    product_id: int
    valid_at: AwareDatetime
    known_at: AwareDatetime
    fields: dict[str, FieldShown]

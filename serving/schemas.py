"""What the API takes and gives, as its clients read it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from marketplace.catalog.products import Verdict
from marketplace.catalog.quality import JudgedBy
from marketplace.events.interactions import Surface
from marketplace.events.traffic import Device, Source
from marketplace.events.weights import InteractionKind
from marketplace.storage.dashboards.funnel import Steps
from marketplace.storage.dashboards.money import Takings
from marketplace.storage.suggestions import Kind
from serving.dependencies import LARGEST_ID, TEXT, USER_ID
from serving.recommender.asking import Step

Identity = Annotated[int, Field(ge=0, le=LARGEST_ID)]
EventId = Annotated[str, Field(min_length=8, max_length=128, pattern=r"^[A-Za-z0-9._:@-]+$")]
Shopper = Annotated[str, Field(pattern=USER_ID, examples=["shopper-001"])]


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(examples=["urn:soko:problem:not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["product 1 is not known"])
    instance: str = Field(examples=["/api/products/1"])
    request_id: str = Field(examples=["4f0c2f0e6f5d4b7b8a54b8f4f2a3f3f1"])


class PriceShown(BaseModel):
    """An amount in minor units, and as a reader sees it; `up_to_minor` is the upper end of a range."""

    amount_minor: int = Field(examples=[129900])
    up_to_minor: int | None = None
    currency: str = Field(examples=["KES"])
    formatted: str = Field(examples=["KSh 1,299"])


class SellerShown(BaseModel):
    """Who sells a product."""

    seller_id: int = Field(examples=[2251799813685248])
    name: str = Field(examples=["Mama Njeri Fabrics"])
    city: str | None = Field(examples=["Nairobi"])
    country: str = Field(examples=["KE"])


class ProductShown(BaseModel):
    """A product on the shelf; `price` is null where its seller shows none, `image_url` where there is no picture."""

    product_id: int = Field(examples=[4503599627370496])
    title: str = Field(examples=["Kitenge maxi dress, blue"])
    category: str = Field(examples=["dresses"])
    price: PriceShown | None
    image_url: str | None = Field(examples=["/media/6f1e…c0.jpg"], description="a path of this host; ?w=360 shrinks it")
    in_stock: bool
    seller: SellerShown


class ProductPage(BaseModel):
    """Products, and the cursor of the next page; null at the end."""

    items: list[ProductShown]
    next_cursor: str | None = Field(examples=["MTc2OTA0MDAwMC40NTAzNTk5NjI3MzcwNDk2"])


class ProductDetail(ProductShown):
    """Everything shoppers are told about a product."""

    description: str
    url: str | None = Field(description="the product's page at its seller")
    whatsapp_url: str | None = Field(examples=["https://wa.me/254700000001?text=Hello"])
    chat_url: str | None = Field(
        examples=["https://soko.example/r/AQYAC…"],
        description="leads to the same chat, with a code in its message by which an order is known to come from it",
    )
    quality: Literal["approved", "flagged"]
    quality_reasons: list[str] = Field(examples=[["picture_missing"]])
    first_seen_at: datetime
    updated_at: datetime


class CategoryShown(BaseModel):
    """A category and how many products it holds."""

    name: str = Field(examples=["dresses"])
    products: int = Field(examples=[42])


class SuggestionShown(BaseModel):
    """What the search box proposes: a text to search for, or a category or seller to go to."""

    text: str = Field(examples=["kiondo handbag"])
    kind: Kind
    products: int = Field(examples=[12], description="on the shelf")


class Suggestions(BaseModel):
    """Suggestions, likeliest first."""

    items: list[SuggestionShown]


class RecommendedProduct(ProductShown):
    """A product, the step that named it with its score there, and why it stands in the list.

    `because` is the product that speaks for it. `propensity` is the probability that this product stands at this
    place: 1 unless the place may be explored.
    """

    source: Step
    score: float | None
    reason: str = Field(examples=["Because you looked at Kitenge maxi dress, blue"])
    because: int | None
    propensity: float = Field(examples=[1.0])


class Recommendations(BaseModel):
    """Products for a shopper or a session; `source` is the first step that could answer, `sources` counts them all.

    `degraded` says that something was lacking, and `reason` what: a model that cannot be served, or anything that the
    shopper did. `answer_id` names this answer in the record of what was shown.
    """

    answer_id: str = Field(examples=["5f2c0e6f5d4b7b8a54b8f4f2a3f3f14f"])
    user_id: str | None = Field(examples=["shopper-001"])
    source: Step
    sources: dict[str, int] = Field(examples=[{"personal": 19, "explored": 1}])
    degraded: bool
    reason: str | None
    versions: dict[str, str | None] = Field(examples=[{"model": "3", "index": "…", "recommendations": "…"}])
    experiment: str | None = Field(examples=["learned-weights"])
    variant: str | None = Field(examples=["control"])
    items: list[RecommendedProduct]


class SessionDeed(BaseModel):
    """Something that was done in a session."""

    model_config = ConfigDict(extra="forbid")

    product_id: Identity
    kind: InteractionKind = "view"


class SessionSent(BaseModel):
    """What a session did, newest first, and what is wanted; nothing of it is kept under anybody's name."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"products": [4503599627370496], "city": "Nakuru", "limit": 10}},
    )

    products: Annotated[list[Identity | SessionDeed], Field(max_length=100)] = []
    category: Annotated[str | None, Field(max_length=200, pattern=TEXT)] = None
    city: Annotated[str | None, Field(max_length=200, pattern=TEXT)] = None
    exclude: Annotated[list[Identity], Field(max_length=500)] = []
    diversity: Annotated[float | None, Field(ge=0, le=1)] = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class ServedModel(BaseModel):
    """The model that answers; `weights` are the collaborative shares of the hybrid from each depth of history on.

    `documented` is the share that is documented, beside the learned ones; `coverage` the share of products on offer
    that the model knows.
    """

    version: str = Field(examples=["3"])
    kind: str = Field(examples=["als"])
    sha256: str
    weights: dict[str, float] = Field(examples=[{"0": 0.2, "5": 0.7}])
    is_learned: bool
    documented: float = Field(examples=[0.6])
    half_life_days: float
    coverage: float


class RecommenderState(BaseModel):
    """What this process answers from; `is_listening` while it hears of every change at once."""

    model: ServedModel | None
    challenger: ServedModel | None
    trouble: str | None
    challenger_trouble: str | None = Field(description="why it is not served; an experiment that needs it waits")
    experiment: str | None
    is_listening: bool
    snapshot: int
    products_on_offer: int
    products_alike: float = Field(description="share of products on offer with known likenesses")
    products_cold: int
    kept_answers: int
    kept_pasts: int
    waiting_exposures: int


class CameFrom(BaseModel):
    """What the shopper holds and what brought them; what is not said is told from their browser, as far as it says."""

    device: Device | None = None
    source: Source | None = None
    referrer: Annotated[str | None, Field(max_length=2000, pattern=TEXT)] = Field(
        None, description="address of the page before the first of ours; empty if there was none"
    )
    utm_source: Annotated[str, Field(max_length=200, pattern=TEXT)] = ""
    utm_medium: Annotated[str, Field(max_length=200, pattern=TEXT)] = ""


CAME_FROM = frozenset({"referrer", "utm_source", "utm_medium"})


class InteractionSent(CameFrom):
    """What a shopper did; an `event_id` makes it safe to send again."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "event_id": "0192f7f0-5f6e-7c3a-9c5f-6a1f0b2d3e4f",
                "user_id": "shopper-001",
                "product_id": 4503599627370496,
                "kind": "click",
                "surface": "grid",
            }
        },
    )

    event_id: EventId | None = None
    user_id: Shopper
    product_id: Identity
    kind: InteractionKind
    session_id: Annotated[str | None, Field(max_length=128, pattern=TEXT)] = None
    surface: Surface | None = None
    occurred_at: AwareDatetime | None = Field(None, description="when it happened, if not now")


class Recorded(BaseModel):
    """The event's id, and whether it was new; false for one that was sent before."""

    event_id: str
    recorded: bool


class BatchRecorded(BaseModel):
    """How many events came, how many were new, and the ids of those whose product is not known yet."""

    received: int
    recorded: int
    quarantined: list[str] = Field(
        default_factory=list, description="stored, but counted only once their product arrives"
    )


class WorkAccepted(BaseModel):
    """Work that waits for the orchestrator; asking again while it waits answers the same request."""

    request_id: str
    kind: Literal["sync", "train"]
    seller_id: int | None
    status: Literal["queued"] = "queued"


class RecommendationStats(BaseModel):
    """What is published for recommendations; everything is null or empty before the first time."""

    published: bool
    version: str | None
    previous_version: str | None
    published_at: datetime | None
    counts: dict[str, int]
    details: dict[str, Any]
    weights: dict[str, float] = Field(examples=[{"view": 1.0, "click": 2.0, "wishlist": 2.5, "purchase": 3.0}])
    serving: RecommenderState | None = Field(None, description="null while the market is read for the first time")


class ReasonShown(BaseModel):
    """Why a product was flagged or rejected: a code, and a sentence for people."""

    reason: str = Field(examples=["price_unusual"])
    sentence: str = Field(examples=["The price is far from what others of this category cost."])


class ToReview(BaseModel):
    """A product and its verdict, as a reviewer needs them; `views` are those of the last 30 days."""

    product_id: int = Field(examples=[4503599627370496])
    seller_id: int
    seller_name: str
    title: str = Field(examples=["KITENGE DRESS!!! call 0712 345 678"])
    clean_title: str | None = Field(examples=["Kitenge Dress!"])
    description: str
    category: str
    inferred_category: str | None = Field(description="what it looks like, where its source names none or another")
    category_confidence: float | None
    price: PriceShown | None
    image_url: str | None
    url: str | None = Field(description="the product's page at its seller")
    language: str | None = Field(examples=["sw"])
    verdict: Verdict
    reasons: list[ReasonShown]
    confidence: float = Field(examples=[0.9], description="the share of such verdicts that a person should confirm")
    judged_by: JudgedBy
    judged_at: datetime
    content_hash: str = Field(description="send it with a review, so that nobody decides on what they have not seen")
    first_seen_at: datetime
    views: int


class ReviewQueue(BaseModel):
    """Flagged products, how many wait in all, and the cursor of the next page; null at the end."""

    items: list[ToReview]
    waiting: int
    next_cursor: str | None


class ReviewSent(BaseModel):
    """What a person decided about a product."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"verdict": "approved", "reviewer": "Wanjiru", "note": "Sound."}}
    )

    verdict: Literal["approved", "rejected"]
    reviewer: Annotated[str, Field(min_length=1, max_length=80, pattern=TEXT)]
    note: Annotated[str | None, Field(max_length=1000, pattern=TEXT)] = None
    content_hash: Annotated[str | None, Field(max_length=128, pattern=TEXT)] = None


class ReviewShown(BaseModel):
    """What a person once decided, and whether the product is still what they saw."""

    verdict: Literal["approved", "rejected"]
    reviewer: str
    note: str | None
    reviewed_at: datetime
    is_of_this_content: bool


class OpinionShown(BaseModel):
    """What a vision-language model said of the product as it is now."""

    model: str
    verdict: Verdict
    reasons: list[str]
    confidence: float
    asked_at: datetime


class UsualPrice(BaseModel):
    """What others of the category usually cost."""

    lowest_minor: int
    highest_minor: int
    currency: str
    formatted: str = Field(examples=["KSh 300 - 9,000"])


class QualityRecordShown(ToReview):
    """Everything known about a product's quality; reviews and opinions newest first."""

    is_gone: bool
    usual_price: UsualPrice | None
    reviews: list[ReviewShown]
    opinions: list[OpinionShown]


class PlatformMetrics(BaseModel):
    """The market in figures; `daily`, `funnel` and `revenue` are null with a reason while their marts are not built.

    `funnel` and `revenue` are of the same newest days as `daily`; revenue stands by currency, each with US dollars.
    """

    catalogue: dict[str, int]
    index: dict[str, Any] | None
    recommendations_version: str | None
    daily: list[dict[str, Any]] | None
    funnel: Steps | None
    revenue: list[Takings] | None
    degraded: bool
    reason: str | None


class DemoShopper(BaseModel):
    """A shopper of the sample market, and the category they care for most."""

    user_id: str
    taste: str | None


class Part(BaseModel):
    """A part of the service."""

    state: Literal["ready", "degraded", "down"]
    detail: str


class IndexBacklog(BaseModel):
    """What changed in the catalogue and is not in the index yet; `oldest_seconds` is the age of what waits longest."""

    changes: int
    products: int
    oldest_seconds: float | None


class IndexHealth(BaseModel):
    """The vector index: what is served, how it is searched, what waits, its last verification and backup.

    `breadth` is how many of the `nlist` cells, or how many candidates, a search reads. `away` says why the
    server said nothing; `outgrown` that the embedded Milvus holds more products than it is good for.
    """

    server: str | None
    away: str | None
    collection: str | None
    products: int | None
    model_version: str | None
    index_type: str | None
    nlist: int | None
    breadth: int | None
    outgrown: bool
    recall: float | None
    published_at: datetime | None
    changed_since_build: int | None
    previous: str | None
    waiting: IndexBacklog
    last_verified_at: datetime | None
    last_verification_passed: bool | None
    last_snapshot_at: datetime | None


class Health(BaseModel):
    """Whether the service can answer; degraded means with something less."""

    status: Literal["ready", "degraded", "down"]
    parts: dict[str, Part]
    index: IndexHealth | None = None

"""What a list is asked for, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from marketplace.events.traffic import Device
from marketplace.events.weights import InteractionKind
from marketplace.storage.shelf import ShelfProduct

Step = Literal["personal", "context", "item_to_item", "together", "alike", "popular_in_category", "newest", "explored"]
Surface = Literal["for_you", "also_bought", "session"]


@dataclass(frozen=True, slots=True)
class Ask:
    """A list that is wanted.

    `deeds` are what a session did, as it tells, newest first; `context` is what is being looked at now. `city` is where
    the shopper is: what is popular there comes first. `diversity` None leaves it to the setting.
    `device` is kept beside what was shown.
    """

    limit: int
    surface: Surface = "for_you"
    user_id: str | None = None
    deeds: tuple[tuple[int, InteractionKind], ...] = ()
    context: int | None = None
    category: str | None = None
    city: str | None = None
    seller_id: int | None = None
    exclude: frozenset[int] = frozenset()
    diversity: float | None = None
    device: Device | None = None


@dataclass(frozen=True, slots=True)
class Recommended:
    """A product at its place: which step named it, its score there, and why, in words that the model bears out.

    `because` is the product that speaks for it. `propensity` is the probability that it stands at this place; it is 1
    where nothing was drawn. `team` is the variant that put it there, of an interleaved experiment.
    """

    product: ShelfProduct
    source: Step
    score: float | None
    reason: str
    because: int | None = None
    propensity: float = 1.0
    team: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A list, and what it was made from; `lacking` says what it had to do without, None where nothing was."""

    answer_id: str
    ask: Ask
    items: tuple[Recommended, ...]
    source: Step
    model_version: str | None
    index_version: str | None
    lists_version: str | None
    lacking: str | None
    experiment: str | None
    variant: str | None
    seconds: float
    is_lasting: bool

    @property
    def sources(self) -> dict[str, int]:
        """How many products each step named, in the order of the steps' first."""
        counts: dict[str, int] = {}
        for item in self.items:
            counts[item.source] = counts.get(item.source, 0) + 1
        return counts

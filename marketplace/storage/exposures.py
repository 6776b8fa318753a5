"""What recommendations showed, as it was shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from marketplace.storage.landing import PIECE, Columns, land
from marketplace.storage.people import erased_among
from marketplace.storage.tables import exposures
from marketplace.storage.warehouse import Warehouse

Showing = Literal["for_you", "also_bought", "session"]


@dataclass(frozen=True, slots=True)
class Exposure:
    """One product at one rank of one answer.

    `user_id` is None for a session without a shopper's record; `propensity` is 1 unless the product was explored;
    `team` is the variant that put the product there, where two were interleaved; `seconds` is what the answer took.
    """

    answer_id: str
    rank: int
    user_id: str | None
    product_id: int
    seller_id: int
    surface: Showing
    source: str
    propensity: float
    model_version: str | None
    experiment: str | None
    variant: str | None
    team: str | None
    seconds: float
    served_at: datetime
    device: str | None = None


def record_exposures(warehouse: Warehouse, shown: Sequence[Exposure]) -> int:
    """How many of them were new; an answer's rank is stored once, however often it is sent.

    What an erased shopper was shown is not stored.
    """
    first = {(one.answer_id, one.rank): one for one in reversed(shown)}
    once = [first[key] for key in sorted(first)]
    if not once:
        return 0
    with warehouse.begin() as connection:
        gone = erased_among(connection, {one.user_id for one in once})
        once = [one for one in once if one.user_id not in gone] if gone else once
        return sum(
            land(connection, exposures, once[start : start + PIECE], _columns) for start in range(0, len(once), PIECE)
        )


def _columns(shown: Sequence[Exposure]) -> Columns:
    return {
        "answer_id": [one.answer_id for one in shown],
        "rank": [str(one.rank) for one in shown],
        "user_id": [one.user_id for one in shown],
        "product_id": [str(one.product_id) for one in shown],
        "seller_id": [str(one.seller_id) for one in shown],
        "surface": [one.surface for one in shown],
        "source": [one.source for one in shown],
        "propensity": [repr(one.propensity) for one in shown],
        "model_version": [one.model_version for one in shown],
        "experiment": [one.experiment for one in shown],
        "variant": [one.variant for one in shown],
        "team": [one.team for one in shown],
        "seconds": [repr(one.seconds) for one in shown],
        "device": [one.device for one in shown],
        "served_at": [str(one.served_at) for one in shown],
    }

"""Answers that were given again, word for word: Postgres copies what their first showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from marketplace.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Repeat:
    """An answer that showed what another had shown before."""

    answer_id: str
    first_id: str
    seconds: float
    served_at: datetime


_COPY = sa.text("""
    insert into raw.exposures (
        answer_id, rank, user_id, product_id, seller_id, surface, source, propensity, model_version,
        experiment, variant, team, seconds, device, served_at
    )
    select
        given.answer_id, first.rank, first.user_id, first.product_id, first.seller_id, first.surface, first.source,
        first.propensity, first.model_version, first.experiment, first.variant, first.team, given.seconds,
        first.device, given.served_at
    from unnest(
        cast(:ids as text[]), cast(:firsts as text[]), cast(:seconds as float8[]), cast(:instants as timestamptz[])
    ) as given (answer_id, first_id, seconds, served_at)
    join raw.exposures as first on first.answer_id = given.first_id
    on conflict do nothing
""")


def repeat_exposures(warehouse: Warehouse, repeats: Sequence[Repeat]) -> int:
    """How many exposures are new; a repeat whose first was not recorded adds none."""
    if not repeats:
        return 0
    given = {
        "ids": [one.answer_id for one in repeats],
        "firsts": [one.first_id for one in repeats],
        "seconds": [one.seconds for one in repeats],
        "instants": [one.served_at for one in repeats],
    }
    with warehouse.begin() as connection:
        return int(connection.execute(_COPY, given).rowcount)

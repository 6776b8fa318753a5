"""What currencies were worth, by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from marketplace.storage.landing import Columns, land
from marketplace.storage.tables import exchange_rates
from marketplace.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """How many units of a currency one US dollar bought on a day, and who says so."""

    currency: str
    rated_on: date
    per_usd: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class StoredRates:
    """How many rates were new, and those days of a currency that are kept with another rate than was sent."""

    new: int
    differing: tuple[tuple[str, date], ...]


def record_rates(warehouse: Warehouse, rates: Sequence[ExchangeRate]) -> StoredRates:
    """What became of the rates, of which no two share currency and day; one that is known stays as it is."""
    with warehouse.begin() as connection:
        new = land(connection, exchange_rates, rates, _columns) if rates else 0
        kept = _kept(connection, {rate.currency for rate in rates})
    differing = [(rate.currency, rate.rated_on) for rate in rates if kept[rate.currency, rate.rated_on] != rate.per_usd]
    return StoredRates(new, tuple(differing))


def _kept(connection: sa.Connection, currencies: set[str]) -> dict[tuple[str, date], Decimal]:
    columns = exchange_rates.c
    statement = sa.select(columns.currency, columns.rated_on, columns.per_usd).where(columns.currency.in_(currencies))
    return {(row.currency, row.rated_on): row.per_usd for row in connection.execute(statement)}


def _columns(rates: Sequence[ExchangeRate]) -> Columns:
    return {
        "currency": [rate.currency for rate in rates],
        "rated_on": [rate.rated_on.isoformat() for rate in rates],
        "per_usd": [str(rate.per_usd) for rate in rates],
        "source": [rate.source for rate in rates],
    }

"""Exchange rates from a spreadsheet with the columns currency, date and per_usd."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import list_currencies

from marketplace.errors import FeedRejected, InputRejected
from marketplace.imports.cells import moment_of, number_of, text_of
from marketplace.ingestion.feed_files import sheet_rows
from marketplace.storage.rates import ExchangeRate

COLUMNS = ("currency", "date", "per_usd")


def read_rates(path: Path) -> list[ExchangeRate]:
    """The rates of a file, which is taken whole or not at all.

    Raises
    ------
    FeedRejected
        If a column is missing, or a row is no rate or says another one for the same day, naming row, column and value.
    """
    found: dict[tuple[str, Any], ExchangeRate] = {}
    for row, values in sheet_rows(path):
        if isinstance(values, str):
            raise FeedRejected(f"{path}, row {row}: {values}")
        named = {name.strip().casefold(): value for name, value in values.items()}
        missing = [name for name in COLUMNS if name not in named]
        if missing:
            raise FeedRejected(f"{path} lacks the column {', '.join(missing)}; found {', '.join(named)}")
        rate = _rate(path, row, named)
        known = found.setdefault((rate.currency, rate.rated_on), rate)
        if known.per_usd != rate.per_usd:
            raise FeedRejected(
                f"{path}, row {row}: {rate.currency} on {rate.rated_on} is {rate.per_usd}, but {known.per_usd} before"
            )
    if not found:
        raise FeedRejected(f"{path} holds no rows")
    return list(found.values())


def _rate(path: Path, row: int, named: dict[str, Any]) -> ExchangeRate:
    currency = text_of(named["currency"]).upper()
    if currency not in list_currencies():
        raise FeedRejected(f"{path}, row {row}, column currency: {currency!r} is no ISO 4217 code")
    try:
        rated_on = moment_of(named["date"], ZoneInfo("UTC"), "iso").astimezone(UTC).date()
    except InputRejected as error:
        raise FeedRejected(f"{path}, row {row}, column date: {error}") from error
    return ExchangeRate(currency, rated_on, _per_usd(path, row, named["per_usd"]), path.name)


def _per_usd(path: Path, row: int, value: Any) -> Decimal:
    try:
        per_usd = number_of(value)
    except InputRejected as error:
        raise FeedRejected(f"{path}, row {row}, column per_usd: {error}") from error
    if per_usd <= 0:
        raise FeedRejected(f"{path}, row {row}, column per_usd: {per_usd} is not above zero")
    return per_usd

"""What serving follows: recommendations, neighbours and popularity, switched from one version to the next at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.errors import PublicationRefused
from marketplace.storage.tables import popular_products, product_neighbours, publications, recommendations
from marketplace.storage.warehouse import Warehouse

RECOMMENDATIONS = "recommendations"
MODEL = "cf_model"
CHALLENGER = "cf_challenger"  # what an experiment may serve beside the model
SHA256_DIGITS = 64
BEFORE = "before"  # among the details: those of the version that a rollback would serve


@dataclass(frozen=True, slots=True)
class Publication:
    """The version readers must use, the one kept for rollback, and what both were made from."""

    name: str
    version: str
    previous_version: str | None
    details: Mapping[str, Any]
    published_at: datetime


@dataclass(frozen=True, slots=True)
class RecommendationSet:
    """Rows of one version, as dictionaries of the tables' columns without `version`."""

    personal: Sequence[Mapping[str, Any]]
    neighbours: Sequence[Mapping[str, Any]]
    popular: Sequence[Mapping[str, Any]]


def published(warehouse: Warehouse, name: str = RECOMMENDATIONS) -> Publication | None:
    """What is published under the name, None before the first time."""
    with warehouse.begin() as connection:
        row = connection.execute(sa.select(publications).where(publications.c.name == name)).one_or_none()
    return Publication(**{**row._mapping, "details": _own(row.details)}) if row else None


def published_before(warehouse: Warehouse, name: str) -> Publication | None:
    """What a rollback would publish, None if nothing is kept for it."""
    with warehouse.begin() as connection:
        row = connection.execute(sa.select(publications).where(publications.c.name == name)).one_or_none()
    if row is None or row.previous_version is None:
        return None
    return Publication(name, row.previous_version, row.version, row.details.get(BEFORE, {}), row.published_at)


def publish_recommendations(
    warehouse: Warehouse, version: str, rows: RecommendationSet, *, details: Mapping[str, Any], now: datetime
) -> Publication:
    """The new publication; rows, switch and clean-up are one transaction, so a reader sees all of it or none.

    The version before stays for rollback, older ones go.

    Raises
    ------
    PublicationRefused
        If there is nothing popular to show, which would leave every shopper without an answer.
    """
    if not rows.popular:
        raise PublicationRefused(f"recommendations {version} name no popular product; the old version stays")
    with warehouse.begin() as connection:
        for table, filled in _tables(rows):
            connection.execute(sa.delete(table).where(table.c.version == version))
            if filled:
                connection.execute(sa.insert(table), [{**row, "version": version} for row in filled])
        found = _publish(connection, RECOMMENDATIONS, version, details, now)
        for table, _ in _tables(rows):
            kept = [version, found.previous_version or version]
            connection.execute(sa.delete(table).where(table.c.version.not_in(kept)))
    return found


def roll_back_recommendations(warehouse: Warehouse, *, now: datetime) -> Publication:
    """The version before, published again.

    Raises
    ------
    PublicationRefused
        If no earlier version is kept.
    """
    with warehouse.begin() as connection:
        return _roll_back(connection, RECOMMENDATIONS, now)


def publish_model(
    warehouse: Warehouse, version: str, *, details: Mapping[str, Any], now: datetime, name: str = MODEL
) -> Publication:
    """The model that serving loads from now on; the version before stays for rollback.

    Parameters
    ----------
    version
        Of the registry.
    details
        `sha256` of its arrays, which decides what is loaded, and what it was made from.
    name
        `MODEL`, or `CHALLENGER` for what only an experiment serves.

    Raises
    ------
    PublicationRefused
        If the details name no SHA-256, without which no file could be trusted.
    """
    digest = str(details.get("sha256", ""))
    if len(digest) != SHA256_DIGITS or set(digest) - set("0123456789abcdef"):
        raise PublicationRefused(f"model {version} has no SHA-256 but {digest!r}; the old version stays")
    with warehouse.begin() as connection:
        return _publish(connection, name, version, details, now)


def roll_back_model(warehouse: Warehouse, *, now: datetime) -> Publication:
    """The model before, published again.

    Raises
    ------
    PublicationRefused
        If no earlier version is kept.
    """
    with warehouse.begin() as connection:
        return _roll_back(connection, MODEL, now)


def _publish(
    connection: sa.Connection, name: str, version: str, details: Mapping[str, Any], now: datetime
) -> Publication:
    before = _locked(connection, name)
    previous = _previous(before, version)
    own = dict(details)
    if before is not None and previous is not None:
        kept = before.details if previous == before.version else before.details.get(BEFORE, {})
        own[BEFORE] = _own(kept)
    _switch(connection, name, version, previous, own, now)
    return Publication(name, version, previous, _own(own), now)


def _roll_back(connection: sa.Connection, name: str, now: datetime) -> Publication:
    current = _locked(connection, name)
    if current is None or current.previous_version is None:
        raise PublicationRefused(f"no earlier version of {name} is kept, so there is nothing to go back to")
    details = {**current.details.get(BEFORE, {}), BEFORE: _own(current.details)}
    _switch(connection, name, current.previous_version, current.version, details, now)
    return Publication(name, current.previous_version, current.version, _own(details), now)


def _locked(connection: sa.Connection, name: str) -> sa.Row[Any] | None:
    statement = sa.select(publications).where(publications.c.name == name).with_for_update()
    return connection.execute(statement).one_or_none()


def _own(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details of a version without those of the one before it."""
    return {name: value for name, value in details.items() if name != BEFORE}


def _tables(rows: RecommendationSet) -> Iterable[tuple[sa.Table, Sequence[Mapping[str, Any]]]]:
    return (
        (recommendations, rows.personal),
        (product_neighbours, rows.neighbours),
        (popular_products, rows.popular),
    )


def _previous(before: sa.Row[Any] | None, version: str) -> str | None:
    if before is None:
        return None
    kept = before.previous_version if before.version == version else before.version
    return None if kept is None else str(kept)


def _switch(
    connection: sa.Connection, name: str, version: str, previous: str | None, details: Mapping[str, Any], now: datetime
) -> None:
    values = {"version": version, "previous_version": previous, "details": dict(details), "published_at": now}
    statement = insert(publications).values(name=name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))

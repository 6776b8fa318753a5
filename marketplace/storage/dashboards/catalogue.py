"""How well the catalogues are kept: what stands on the shelf, what is doubtful, and how syncs went."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from marketplace.catalog.heartbeat import is_stale
from marketplace.catalog.products import is_polled
from marketplace.storage.dashboards.scope import Scope

MOST_SELLERS = 10
_SELLERS = """
    select seller_id, name, source_kind, is_active, created_at, last_sync_status, last_synced_at,
        products, live_products, flagged_products, rejected_products
    from marts.dim_sellers
    where (cast(:seller_id as bigint) is null or seller_id = :seller_id)
        and (cast(:country as text) is null or country = :country)
"""
_SYNCS = """
    with days as (
        select * from marts.fct_sync_health
        where sync_on between :since and :until
            and (cast(:seller_id as bigint) is null or seller_id = :seller_id)
            and (cast(:country as text) is null
                or seller_id in (select seller_id from marts.dim_sellers where country = :country))
    )

    select cast(coalesce(sum(syncs), 0) as bigint), cast(coalesce(sum(completed), 0) as bigint),
        cast(coalesce(sum(failed), 0) as bigint), cast(coalesce(sum(braked), 0) as bigint),
        cast(coalesce(sum(new), 0) as bigint), cast(coalesce(sum(gone), 0) as bigint),
        cast(coalesce(sum(price_changes), 0) as bigint), cast(coalesce(sum(failed_products), 0) as bigint),
        max(sync_on),
        (select last_error from days where coalesce(last_error, '') <> '' order by sync_on desc, seller_id limit 1)
    from days
"""


@dataclass(frozen=True, slots=True)
class Syncs:
    """How the syncs of the scope's days went, and what they found."""

    syncs: int
    completed: int
    failed: int
    braked: int
    new: int
    gone: int
    price_changes: int
    failed_products: int
    last_on: date | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class SellerInTrouble:
    """A seller whose catalogue is not as it should be: stale, or its last sync failed or was braked."""

    seller_id: int
    name: str
    is_stale: bool
    last_sync_status: str | None
    last_synced_at: datetime | None


@dataclass(frozen=True, slots=True)
class CatalogueHealth:
    """What stands in the catalogues, whose of them are stale, and how syncs went (None before their mart was built).

    A catalogue is stale when its shop should have been read since; catalogues that come as files never are.
    """

    sellers: int
    products: int
    live: int
    flagged: int
    rejected: int
    stale_sellers: int
    braked_sellers: int
    last_synced_at: datetime | None
    syncs: Syncs | None
    in_trouble: list[SellerInTrouble] = field(default_factory=list)


def read_health(connection: sa.Connection, scope: Scope, now: datetime, *, with_syncs: bool) -> CatalogueHealth:
    """The state of the catalogues, worst sellers first."""
    rows = list(connection.execute(sa.text(_SELLERS), scope.values()))
    trouble = [found for row in rows if (found := _trouble(row, now)) is not None]
    trouble.sort(key=lambda one: (one.last_sync_status != "braked", not one.is_stale, one.name))
    syncs = Syncs(*connection.execute(sa.text(_SYNCS), scope.values()).one()) if with_syncs else None
    return CatalogueHealth(
        sellers=len(rows),
        products=sum(row.products for row in rows),
        live=sum(row.live_products for row in rows),
        flagged=sum(row.flagged_products for row in rows),
        rejected=sum(row.rejected_products for row in rows),
        stale_sellers=sum(one.is_stale for one in trouble),
        braked_sellers=sum(one.last_sync_status == "braked" for one in trouble),
        last_synced_at=max((row.last_synced_at for row in rows if row.last_synced_at), default=None),
        syncs=syncs,
        in_trouble=trouble[:MOST_SELLERS],
    )


def _trouble(row: sa.Row[Any], now: datetime) -> SellerInTrouble | None:
    if not row.is_active:
        return None
    stale = is_polled(row.source_kind, None) and is_stale(row.last_synced_at or row.created_at, now)
    if not stale and row.last_sync_status not in ("braked", "failed"):
        return None
    return SellerInTrouble(row.seller_id, row.name, stale, row.last_sync_status, row.last_synced_at)

"""What dashboards can be narrowed to, and who may see which."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import Field

from marketplace.storage.dashboards.reading import Dashboard, decided_lately, read_dashboard
from marketplace.storage.dashboards.scope import Asked, Grain
from serving.access import analyst_of, audit, refuse_other_sellers
from serving.credentials import Principal
from serving.dependencies import TEXT, Shop

Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))]


def narrowed(
    since: Annotated[Day | None, Query(description="first local day; 30 days up to `until` if left out")] = None,
    until: Annotated[Day | None, Query(description="last local day; the newest that is known if left out")] = None,
    category: Annotated[str, Query(max_length=200, pattern=TEXT, description="only products of this category")] = "",
    market: Annotated[
        str, Query(pattern=r"^([A-Z]{2})?$", description="only sellers of this country, ISO 3166-1 alpha-2")
    ] = "",
    grain: Annotated[Grain, Query(description="cohorts by week or month of their first order")] = "week",
) -> Asked:
    """What the figures are narrowed to."""
    return Asked(None, since, until, market or None, category or None, grain)


NarrowedDep = Annotated[Asked, Depends(narrowed)]


def dashboard_for(
    request: Request, shop: Shop, principal: Principal, seller_id: int | None, asked: Asked, now: datetime
) -> Dashboard:
    """The seller's figures, or the market's where `seller_id` is None; who read a seller's leads is kept.

    Raises
    ------
    HTTPException
        404 where a seller asks for another's, 403 where anybody but an analyst asks for the market's.
    ArtifactUnavailable
        If a mart without which there is no dashboard was not built yet.
    NotFound
        If there is no such seller.
    """
    if seller_id is None:
        analyst_of(request, principal)
        kept = shop.dashboards.get(asked)
        if kept is not None:
            return decided_lately(shop.warehouse, kept)
        return shop.dashboards.put(asked, read_dashboard(shop.warehouse, asked, now))
    refuse_other_sellers(principal, seller_id)
    found = read_dashboard(shop.warehouse, replace(asked, seller_id=seller_id, country=None), now)
    audit(request, principal, "allowed", f"seller:{seller_id}", len(found.inbox.newest) if found.inbox else 0)
    return found

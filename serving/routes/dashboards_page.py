"""Dashboards as pages: a seller's own, and the market's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import get_args

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from marketplace.crm.lead_states import LeadState
from marketplace.storage.dashboards.reading import Dashboard
from marketplace.storage.shelf import on_shelf
from serving.access import PrincipalDep
from serving.dashboard_view import view_of
from serving.dashboard_words import dollars, forecaster, money, origin, share
from serving.dashboards import NarrowedDep, dashboard_for
from serving.dependencies import NowDep, SellerId, Shop, ShopDep
from serving.rendering import render

router = APIRouter(prefix="/dashboard", include_in_schema=False, default_response_class=HTMLResponse)
SPANS = (7, 30, 90, 365)


@router.get("/market")
def show_market(
    request: Request, shop: ShopDep, principal: PrincipalDep, narrowed: NarrowedDep, now: NowDep
) -> Response:
    """The figures of the whole market, or of its sellers in one country."""
    return _page(request, shop, dashboard_for(request, shop, principal, None, narrowed, now), now)


@router.get("/sellers/{seller_id}")
def show_seller(
    seller_id: SellerId,
    request: Request,
    shop: ShopDep,
    principal: PrincipalDep,
    narrowed: NarrowedDep,
    now: NowDep,
) -> Response:
    """The figures of one seller."""
    return _page(request, shop, dashboard_for(request, shop, principal, seller_id, narrowed, now), now)


def _page(request: Request, shop: Shop, found: Dashboard, now: datetime) -> Response:
    scope = found.scope
    pictured = {
        one.product_id: one for one in on_shelf(shop.warehouse, [one.product_id for one in found.products or []])
    }
    return render(
        request,
        "dashboard/page.html",
        now=now,
        found=found,
        scope=scope,
        view=view_of(found, now.date()),
        pictured=pictured,
        spans=[(days, scope.until - timedelta(days=days - 1)) for days in SPANS],
        states=get_args(LeadState),
        money=money,
        dollars=dollars,
        forecaster=forecaster,
        share=share,
        origin=origin,
    )

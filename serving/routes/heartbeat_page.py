"""The heartbeat as a page: what the shops' catalogues do, and the buttons of who keeps them."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from marketplace.storage import brakes
from marketplace.storage.brakes import open_brakes
from marketplace.storage.dead_letters import redrive, unread
from marketplace.storage.history import recent_changes
from marketplace.storage.requests import WorkRequest, ask_for, queued
from marketplace.storage.sync_reports import heartbeats
from serving.dependencies import TEXT, NowDep, OperatorFormDep, SellerId, ShopDep, is_admin
from serving.rendering import render

router = APIRouter(prefix="/heartbeat", include_in_schema=False, default_response_class=HTMLResponse)
SELLERS = 200
ROWS = 30
Who = Annotated[str, Form(max_length=100, pattern=TEXT)]
Note = Annotated[str, Form(max_length=1000, pattern=TEXT)]


@router.get("")
def show_heartbeat(request: Request, shop: ShopDep, now: NowDep) -> Response:
    """Every seller's last sync, what waits for a person, and what changed last."""
    beats = heartbeats(shop.warehouse, now)
    return render(
        request,
        "heartbeat.html",
        now=now,
        beats=beats[:SELLERS],
        sellers=len(beats),
        stale=sum(beat.is_stale for beat in beats),
        asked={one.seller_id for one in queued(shop.warehouse)},
        brakes=open_brakes(shop.warehouse),
        dead=sum(beat.dead_letters for beat in beats),
        letters=unread(shop.warehouse, limit=ROWS),
        changes=recent_changes(shop.warehouse, limit=ROWS),
        needs_token=not is_admin(request)
        and (bool(shop.settings.operator_token.get_secret_value()) or shop.settings.auth != "open"),
    )


@router.post("/brakes/{seller_id}/release", dependencies=[OperatorFormDep])
def release(seller_id: SellerId, shop: ShopDep, now: NowDep, who: Who = "", note: Note = "") -> Response:
    """Let what vanished go, and back to the page."""
    brakes.release(shop.warehouse, seller_id, by=who, note=note, now=now)
    return RedirectResponse("/heartbeat", 303)


@router.post("/brakes/{seller_id}/clear", dependencies=[OperatorFormDep])
def clear(seller_id: SellerId, shop: ShopDep, now: NowDep, who: Who = "", note: Note = "") -> Response:
    """Keep what vanished, and back to the page."""
    brakes.clear(shop.warehouse, seller_id, by=who, note=note, now=now)
    return RedirectResponse("/heartbeat", 303)


@router.post("/sync/{seller_id}", dependencies=[OperatorFormDep])
def sync(seller_id: SellerId, shop: ShopDep) -> Response:
    """Ask for a sync, and back to the page."""
    ask_for(shop.warehouse, WorkRequest(uuid4().hex, "sync", seller_id))
    return RedirectResponse("/heartbeat#sellers", 303)


@router.post("/redrive/{seller_id}", dependencies=[OperatorFormDep])
def redrive_letters(seller_id: SellerId, shop: ShopDep, now: NowDep) -> Response:
    """Try a seller's dead letters again, and back to the page."""
    redrive(shop.warehouse, seller_id, now=now)
    return RedirectResponse("/heartbeat#letters", 303)

"""The heartbeat: how every seller's catalogue is kept up, its brakes and dead letters, and who may decide on them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Query

from marketplace.storage import brakes
from marketplace.storage.brakes import Brake, open_brakes
from marketplace.storage.dead_letters import LetterState, redrive, unread
from marketplace.storage.requests import WorkRequest, ask_for, queued
from marketplace.storage.sync_reports import Heartbeat, Sync, heartbeats, syncs_of
from serving.dependencies import Limit, NowDep, OperatorDep, SellerFilter, SellerId, ShopDep
from serving.ingestion_schemas import (
    BrakeExample,
    BrakeShown,
    DeadLetterShown,
    Decision,
    Heartbeats,
    Redriven,
    RedriveSent,
    SellerHeartbeat,
    SyncEventShown,
    SyncShown,
)
from serving.schemas import Problem, WorkAccepted

router = APIRouter(prefix="/api/crm", tags=["heartbeat"])
_STEERING: dict[int | str, dict[str, Any]] = {status: {"model": Problem} for status in (401, 403, 404, 409)}


@router.get("/heartbeat/status")
def read_heartbeat(shop: ShopDep, now: NowDep) -> Heartbeats:
    """Every seller's state and newest sync, and the requests that wait. One row per seller."""
    waiting = [
        WorkAccepted(request_id=one.request_id, kind=one.kind, seller_id=one.seller_id)
        for one in queued(shop.warehouse)
    ]
    return Heartbeats(sellers=[_heartbeat(one) for one in heartbeats(shop.warehouse, now)], queued=waiting)


@router.post("/heartbeat/sync/{seller_id}", status_code=202, dependencies=[OperatorDep], responses=_STEERING)
def request_sync(seller_id: SellerId, shop: ShopDep) -> WorkAccepted:
    """Ask the orchestrator to read this seller's catalogue now. Needs the operator's token where one is set."""
    asked = ask_for(shop.warehouse, WorkRequest(uuid4().hex, "sync", seller_id))
    return WorkAccepted(request_id=asked.request_id, kind=asked.kind, seller_id=asked.seller_id)


@router.get("/sellers/{seller_id}/syncs", responses={404: {"model": Problem}})
def read_syncs(seller_id: SellerId, shop: ShopDep, limit: Limit = 20) -> list[SyncShown]:
    """A seller's newest syncs and what went otherwise than planned in them, newest first. One row per sync."""
    return [
        SyncShown(
            **asdict(report.sync),
            event_count=report.event_count,
            events=[SyncEventShown.model_validate(event) for event in report.events],
        )
        for report in syncs_of(shop.warehouse, seller_id, limit=limit)
    ]


@router.get("/heartbeat/brakes")
def read_brakes(shop: ShopDep) -> list[BrakeShown]:
    """Deletions that wait for a person or for the next sync, the oldest first. One row per seller with such."""
    return [_brake(one) for one in open_brakes(shop.warehouse)]


@router.post("/heartbeat/brakes/{seller_id}/release", dependencies=[OperatorDep], responses=_STEERING)
def release_brake(seller_id: SellerId, sent: Decision, shop: ShopDep, now: NowDep) -> BrakeShown:
    """Let the next sync delete what vanished, unless it sees it again. Needs the operator's token where one is set."""
    return _brake(brakes.release(shop.warehouse, seller_id, by=sent.who, note=sent.note, now=now))


@router.post("/heartbeat/brakes/{seller_id}/clear", dependencies=[OperatorDep], responses=_STEERING)
def clear_brake(seller_id: SellerId, sent: Decision, shop: ShopDep, now: NowDep) -> BrakeShown:
    """Keep what vanished, and let the next sync judge anew. Needs the operator's token where one is set."""
    return _brake(brakes.clear(shop.warehouse, seller_id, by=sent.who, note=sent.note, now=now))


@router.get("/dead-letters")
def read_dead_letters(
    shop: ShopDep,
    seller_id: SellerFilter = None,
    state: Annotated[LetterState | None, Query(description="waiting and dead ones if left out")] = None,
    limit: Limit = 50,
) -> list[DeadLetterShown]:
    """Products that could not be read, the last failure first. One row per product and stage."""
    found = unread(shop.warehouse, seller_id=seller_id, state=state, limit=limit)
    return [DeadLetterShown.model_validate(one) for one in found]


@router.post("/dead-letters/redrive", dependencies=[OperatorDep], responses=_STEERING)
def redrive_dead_letters(sent: RedriveSent, shop: ShopDep, now: NowDep) -> Redriven:
    """Have the next sync try them again as if they had never failed. Needs the operator's token where one is set."""
    return Redriven(redriven=redrive(shop.warehouse, sent.seller_id, source_ref=sent.source_ref, now=now))


def _heartbeat(one: Heartbeat) -> SellerHeartbeat:
    kept = asdict(one)
    last = kept.pop("last") or dict.fromkeys(Sync.__slots__)
    return SellerHeartbeat(**kept, **last)


def _brake(one: Brake) -> BrakeShown:
    examples = [BrakeExample(product_id=product_id, title=title) for product_id, title in one.examples.items()]
    return BrakeShown(**asdict(one) | {"examples": examples})

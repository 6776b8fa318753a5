"""Leads: sent by shoppers, read and worked on by their seller."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import uuid4

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from marketplace.crm.lead_states import LeadState
from marketplace.crm.phones import normal_phone
from marketplace.crm.sealing import Seal
from marketplace.crm.spreadsheet import lines
from marketplace.errors import Forgotten, InputRejected, NotFound
from marketplace.events.interactions import Lead, occurred
from marketplace.events.traffic import device_of, source_of
from marketplace.storage.leads import (
    KeptLead,
    LeadFilters,
    LeadPlace,
    add_lead_event,
    every_lead,
    lead_of,
    leads_of,
    record_lead,
)
from marketplace.storage.shelf import seller_of
from serving.access import PrincipalDep, Refused, audit
from serving.credentials import Principal
from serving.crm_schemas import LeadDetail, LeadPage, LeadSent, LeadStateSent, NoteSent
from serving.cursors import lead_cursor_of, lead_place_of
from serving.dependencies import LARGEST_ID, Limit, NowDep, SellerId, Shop, ShopDep
from serving.lead_presenting import (
    EXPORTED,
    exported,
    lead_detail,
    place_of_name,
    place_of_phone,
    shown_lead,
)
from serving.schemas import Problem, Recorded

router = APIRouter(prefix="/api/crm", tags=["crm"])
REFUSALS: dict[int | str, dict[str, type[Problem]]] = {status: {"model": Problem} for status in (401, 404, 429)}
LeadId = Annotated[str, Path(min_length=8, max_length=128, pattern=r"^[A-Za-z0-9._:@-]+$")]
PRIVATE = {"Cache-Control": "private, no-store"}


def filters_of(
    state: Annotated[LeadState | None, Query(description="only those that are this far")] = None,
    since: Annotated[AwareDatetime | None, Query(description="not before this instant")] = None,
    until: Annotated[AwareDatetime | None, Query(description="before this instant")] = None,
    product_id: Annotated[int | None, Query(ge=0, le=LARGEST_ID, description="only of this product")] = None,
) -> LeadFilters:
    """Which leads are wanted."""
    return LeadFilters(state, since, until, product_id)


@router.post("/leads", status_code=201, responses={status: {"model": Problem} for status in (404, 409, 429)})
def record(request: Request, sent: LeadSent, shop: ShopDep, now: NowDep, response: Response) -> Recorded:
    """Record that a shopper turned to a seller; the same `event_id` again answers 200 and changes nothing.

    Another content under its id answers 409, and so does the lead of a person who asked to be forgotten.
    """
    lead = _lead(request, sent, shop, now)
    seal = shop.seal

    def is_name(sealed: bytes | None) -> bool:
        return (seal.open(sealed, place_of_name(lead.event_id)) if sealed else None) == sent.name

    try:
        is_new = record_lead(shop.warehouse, lead, is_name=is_name)
    except Forgotten:
        shop.metrics.erased.labels("lead").inc()
        raise
    shop.metrics.events.labels("lead").inc(is_new)
    response.status_code = 201 if is_new else 200
    return Recorded(event_id=lead.event_id, recorded=is_new)


@router.get("/sellers/{seller_id}/leads", responses=REFUSALS)
def read_leads(
    request: Request,
    seller_id: SellerId,
    shop: ShopDep,
    principal: PrincipalDep,
    response: Response,
    filters: Annotated[LeadFilters, Depends(filters_of)],
    limit: Limit = 50,
    cursor: Annotated[str | None, Query(max_length=300, description="`next_cursor` of the page before")] = None,
) -> LeadPage:
    """A seller's leads, newest first, with names and numbers of who agreed. One row per lead."""
    seller_of(shop.warehouse, seller_id)
    found = leads_of(shop.warehouse, seller_id, filters, limit=limit + 1, after=lead_place_of(cursor))
    page = found[:limit]
    audit(request, principal, "allowed", f"seller:{seller_id}", len(page))
    response.headers.update(PRIVATE)
    more = lead_cursor_of(LeadPlace(page[-1].occurred_at, page[-1].event_id)) if len(found) > limit else None
    return LeadPage(items=[shown_lead(one, shop.seal) for one in page], next_cursor=more)


@router.get("/sellers/{seller_id}/export", responses=REFUSALS, response_class=StreamingResponse)
def export_leads(
    request: Request,
    seller_id: SellerId,
    shop: ShopDep,
    principal: PrincipalDep,
    filters: Annotated[LeadFilters, Depends(filters_of)],
    bom: Annotated[bool, Query(description="begin with a byte order mark, which Excel needs to read UTF-8")] = False,
) -> StreamingResponse:
    """A seller's leads as CSV, newest first; no cell is read as a formula. One line per lead."""
    seller_of(shop.warehouse, seller_id)
    # Before the first byte: who stops listening half-way has read that half.
    audit(request, principal, "allowed", f"seller:{seller_id}")
    name = f'attachment; filename="leads-{seller_id}.csv"'
    content = _csv(request, seller_id, shop, principal, filters, with_bom=bom)
    return StreamingResponse(content, 200, PRIVATE | {"Content-Disposition": name}, "text/csv; charset=utf-8")


@router.get("/sellers/{seller_id}/leads/{event_id}", responses=REFUSALS)
def read_lead(
    request: Request, seller_id: SellerId, event_id: LeadId, shop: ShopDep, principal: PrincipalDep, response: Response
) -> LeadDetail:
    """One lead and what was done about it."""
    return _handed_out(request, seller_id, event_id, shop, principal, response)


@router.post("/sellers/{seller_id}/leads/{event_id}/state", responses=REFUSALS)
def move_lead(
    request: Request,
    seller_id: SellerId,
    event_id: LeadId,
    sent: LeadStateSent,
    shop: ShopDep,
    principal: PrincipalDep,
    response: Response,
) -> LeadDetail:
    """Say how far a lead went; the same again changes nothing."""
    _detail(request, seller_id, event_id, shop, principal)
    add_lead_event(shop.warehouse, seller_id, event_id, by=principal.subject, state=sent.state)
    return _handed_out(request, seller_id, event_id, shop, principal, response)


@router.post("/sellers/{seller_id}/leads/{event_id}/notes", status_code=201, responses=REFUSALS)
def note_lead(
    request: Request,
    seller_id: SellerId,
    event_id: LeadId,
    sent: NoteSent,
    shop: ShopDep,
    principal: PrincipalDep,
    response: Response,
) -> LeadDetail:
    """Write down what is worth remembering about a lead."""
    _detail(request, seller_id, event_id, shop, principal)
    add_lead_event(shop.warehouse, seller_id, event_id, by=principal.subject, note=sent.note)
    return _handed_out(request, seller_id, event_id, shop, principal, response)


def _handed_out(
    request: Request, seller_id: int, event_id: str, shop: Shop, principal: Principal, response: Response
) -> LeadDetail:
    """The lead with its name and number; that it was handed out is kept, and no cache keeps it."""
    detail = _detail(request, seller_id, event_id, shop, principal)
    audit(request, principal, "allowed", f"seller:{seller_id}", 1)
    response.headers.update(PRIVATE)
    return detail


def _detail(request: Request, seller_id: int, event_id: str, shop: Shop, principal: Principal) -> LeadDetail:
    try:
        return lead_detail(*lead_of(shop.warehouse, seller_id, event_id), shop.seal)
    except NotFound as error:
        if principal.role == "seller":  # an id that is not theirs was guessed, or is another seller's
            raise Refused(404, str(error), principal, f"seller:{seller_id}") from error
        raise


def _csv(
    request: Request, seller_id: int, shop: Shop, principal: Principal, filters: LeadFilters, *, with_bom: bool
) -> Iterator[bytes]:
    count = 0

    def counted(found: Iterator[KeptLead]) -> Iterator[KeptLead]:
        nonlocal count
        for one in found:
            count += 1
            yield one

    try:
        with every_lead(shop.warehouse, seller_id, filters) as found:
            yield from lines(EXPORTED, exported(counted(found), shop.seal), with_bom=with_bom)
    finally:
        audit(request, principal, "allowed", f"seller:{seller_id}", count)


def _lead(request: Request, sent: LeadSent, shop: Shop, now: datetime) -> Lead:
    event_id = sent.event_id or str(uuid4())
    phone = None if sent.phone is None else normal_phone(sent.phone, seller_of(shop.warehouse, sent.seller_id).country)
    code = None if sent.start_code is None else quoted_code(shop, sent.start_code)
    own_host = urlsplit(shop.settings.public_url).hostname or ""
    return Lead(
        event_id=event_id,
        seller_id=sent.seller_id,
        product_id=sent.product_id,
        user_id=sent.user_id,
        channel=sent.channel,
        message=sent.message,
        occurred_at=occurred(sent.occurred_at, now),
        start_code=code,
        device=sent.device or device_of(request.headers.get("user-agent", "")),
        source=sent.source or source_of(sent.referrer, sent.utm_source, sent.utm_medium, own_host),
        has_consent=sent.has_consent,
        consent_text=sent.consent_text,
        consented_at=now if sent.has_consent else None,
        **_sealed(shop.seal, event_id, sent.name, phone),
    )


def _sealed(seal: Seal, event_id: str, name: str | None, phone: str | None) -> dict[str, Any]:
    return {
        "name_sealed": None if name is None else seal.close(name, place_of_name(event_id)),
        "phone_sealed": None if phone is None else seal.close(phone, place_of_phone(event_id)),
        "phone_hash": None if phone is None else seal.identity(phone),
    }


def quoted_code(shop: Shop, typed: str) -> str:
    """The code as we write it.

    Raises
    ------
    InputRejected
        If it is none of ours.
    """
    code = shop.chats.codes.read_short(typed)
    if code is None:
        raise InputRejected(f"start_code {typed[:40]!r} is none that a chat of this market began with")
    return code

"""Leads in the shape that sellers receive, and where a page of them ends."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from marketplace.crm.sealing import Seal
from marketplace.errors import InputRejected
from marketplace.storage.leads import KeptLead, LeadEvent, LeadPlace
from serving.crm_schemas import LeadDetail, LeadEventShown, LeadShown

EXPORTED = (
    *("event_id", "occurred_at", "state", "channel", "name", "phone", "message", "product_id", "product_title"),
    *("has_consent", "start_code", "device", "source", "notes"),
)


def place_of_name(event_id: str) -> str:
    """What a lead's name is sealed for."""
    return f"leads/{event_id}/name"


def place_of_phone(event_id: str) -> str:
    """What a lead's number is sealed for."""
    return f"leads/{event_id}/phone"


def shown_lead(lead: KeptLead, seal: Seal) -> LeadShown:
    """A lead in a list."""
    return LeadShown(**_fields(lead, seal))


def lead_detail(lead: KeptLead, log: Sequence[LeadEvent], seal: Seal) -> LeadDetail:
    """A lead with its log."""
    events = [LeadEventShown.model_validate(one) for one in log]
    return LeadDetail(**_fields(lead, seal), consent_text=lead.consent_text, log=events)


def exported(leads: Iterable[KeptLead], seal: Seal) -> Iterator[list[object]]:
    """Leads as rows of a spreadsheet."""
    for lead in leads:
        fields = _fields(lead, seal) | {"occurred_at": lead.occurred_at.astimezone(UTC).isoformat()}
        yield [fields[name] for name in EXPORTED]


def lead_cursor(place: LeadPlace) -> str:
    """The text that stands for a place."""
    return base64.urlsafe_b64encode(f"{place.occurred_at.isoformat()} {place.event_id}".encode()).decode().rstrip("=")


def lead_place(cursor: str | None) -> LeadPlace | None:
    """The place that a text stands for, None for the beginning.

    Raises
    ------
    InputRejected
        If the text was not made by `lead_cursor`.
    """
    if not cursor:
        return None
    try:
        instant, _, event_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(" ")
        at = datetime.fromisoformat(instant)
    except (binascii.Error, ValueError) as error:
        raise InputRejected("cursor: not one that this service gave out; begin without one") from error
    if at.tzinfo is None or "\0" in event_id:
        raise InputRejected("cursor: not one that this service gave out; begin without one")
    return LeadPlace(at, event_id)


def _fields(lead: KeptLead, seal: Seal) -> dict[str, Any]:
    same = (
        *("event_id", "product_id", "product_title", "user_id", "channel", "message", "has_consent", "start_code"),
        *("device", "source", "occurred_at", "state", "notes"),
    )
    name = None if lead.name_sealed is None else seal.open(lead.name_sealed, place_of_name(lead.event_id))
    phone = None if lead.phone_sealed is None else seal.open(lead.phone_sealed, place_of_phone(lead.event_id))
    return {field: getattr(lead, field) for field in same} | {"name": name, "phone": phone}

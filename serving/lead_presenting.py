"""Leads in the shape that sellers receive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from typing import Any

from marketplace.crm.sealing import Seal
from marketplace.storage.leads import KeptLead, LeadEvent
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


def _fields(lead: KeptLead, seal: Seal) -> dict[str, Any]:
    same = (
        *("event_id", "product_id", "product_title", "user_id", "channel", "message", "has_consent", "start_code"),
        *("device", "source", "occurred_at", "state", "notes"),
    )
    name = None if lead.name_sealed is None else seal.open(lead.name_sealed, place_of_name(lead.event_id))
    phone = None if lead.phone_sealed is None else seal.open(lead.phone_sealed, place_of_phone(lead.event_id))
    return {field: getattr(lead, field) for field in same} | {"name": name, "phone": phone}

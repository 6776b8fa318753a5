"""People who ask to be forgotten."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from marketplace.storage.erasures import erase_person
from serving.access import AdminDep, audit
from serving.dependencies import ShopDep, UserId
from serving.schemas import Problem

router = APIRouter(prefix="/api/crm", tags=["crm"])


class ErasedShown(BaseModel):
    """The tombstones that remain, and how many rows of each table were deleted, or emptied where orders stay."""

    people: list[str]
    rows: dict[str, int] = Field(examples=[{"raw.interactions": 412, "raw.leads": 3, "raw.orders": 1}])


@router.delete("/people/{user_id}", responses={status: {"model": Problem} for status in (401, 403)})
def erase(request: Request, user_id: UserId, shop: ShopDep, principal: AdminDep) -> ErasedShown:
    """Take a person out of every table, and take in nothing of theirs from now on. It cannot be taken back."""
    done = erase_person(shop.warehouse, requested_by=principal.subject, user_id=user_id)
    shop.recommender.forget([user_id])
    shop.kept.hear(f"user:{user_id}")
    audit(request, principal, "allowed", f"person:{done.people[0]}", sum(done.counts.values()))
    return ErasedShown(people=list(done.people), rows=dict(done.counts))

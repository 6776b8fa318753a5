"""Days that were not as expected, for who may see whose they are."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from marketplace.errors import InputRejected
from marketplace.storage import alert_outbox, alerts
from marketplace.storage.alerts import AlertState
from serving.access import PrincipalDep, Refused, refuse_other_sellers
from serving.alert_schemas import AlertList, AlertShown, AlertStateSent, alert_shown, lag_shown
from serving.credentials import Principal
from serving.cursors import LARGEST_ID
from serving.dependencies import NowDep, ShopDep
from serving.schemas import Problem

router = APIRouter(prefix="/api/analytics/alerts", tags=["analytics"])
AlertId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
SellerFilter = Annotated[int | None, Query(ge=0, le=LARGEST_ID, description="whose; 0 for the whole market")]


@router.get("", responses={status: {"model": Problem} for status in (401, 403, 404)})
def read_alerts(
    shop: ShopDep,
    principal: PrincipalDep,
    now: NowDep,
    seller_id: SellerFilter = None,
    state: AlertState | None = None,
    withdrawn: Annotated[bool, Query(description="also those that corrected figures took back")] = False,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> AlertList:
    """Days that were not as expected, the newest first; a seller sees their own. One row per alert."""
    sees_all = principal.role in ("analyst", "admin")
    found = alerts.list_alerts(
        shop.warehouse, seller_ids=_whose(principal, seller_id), state=state, with_withdrawn=withdrawn, limit=limit
    )
    behind = lag_shown(alert_outbox.lag(shop.warehouse, now=now)) if sees_all else None
    return AlertList(alerts=[alert_shown(one) for one in found], delivery=behind)


@router.post("/{alert_id}/state", responses={status: {"model": Problem} for status in (401, 403, 404, 422)})
def settle_alert(
    alert_id: AlertId, sent: AlertStateSent, shop: ShopDep, principal: PrincipalDep, now: NowDep
) -> AlertShown:
    """Settle an alert: seen, muted with its figure, or new again. What is settled is not told any more."""
    alert = alerts.alert_of(shop.warehouse, alert_id)
    if not _may_see(principal, alert.seller_id):
        raise Refused(404, f"alert {alert_id} is not known", principal, f"alert:{alert_id}")  # as one that is not there
    if sent.until is not None and (sent.state != "muted" or sent.until.tzinfo is None):
        raise InputRejected("until needs a zone, and goes with the state muted alone")
    if sent.state == "muted":
        alerts.mute(shop.warehouse, alert.metric, alert.seller_id, until=sent.until, by=principal.subject, now=now)
    return alert_shown(alerts.set_state(shop.warehouse, alert_id, sent.state, by=principal.subject, now=now))


def _may_see(principal: Principal, seller_id: int) -> bool:
    return principal.may_see_seller(seller_id) if seller_id else principal.role in ("analyst", "admin")


def _whose(principal: Principal, seller_id: int | None) -> list[int] | None:
    """Whose alerts are shown, None for everybody's.

    Raises
    ------
    HTTPException
        403 for shoppers, 404 for sellers who ask for others; the attempt is kept.
    """
    if principal.role in ("analyst", "admin"):
        return None if seller_id is None else [seller_id]
    if principal.role != "seller" or principal.seller_id is None:
        raise Refused(403, f"a {principal.role} may not see alerts", principal, "alerts")
    if seller_id is not None:
        refuse_other_sellers(principal, seller_id)
    return [principal.seller_id]

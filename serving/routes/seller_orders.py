"""Orders that sellers took and tell us of."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request, Response

from marketplace.catalog.pricing.currencies import ISO_CODES, minor_of
from marketplace.crm.phones import normal_phone
from marketplace.errors import Forgotten, InputRejected
from marketplace.events.interactions import occurred
from marketplace.events.orders import OrderLine
from marketplace.storage import catalog
from marketplace.storage.orders import BY_PHONE
from marketplace.storage.seller_orders import SellerOrder, record_order
from serving.access import PrincipalDep, audit
from serving.crm_schemas import OrderSent
from serving.dependencies import NowDep, SellerId, Shop, ShopDep
from serving.routes.leads import quoted_code
from serving.schemas import Problem, Recorded

router = APIRouter(prefix="/api/crm", tags=["crm"])
LARGEST_MINOR = 2**53


@router.post(
    "/sellers/{seller_id}/orders",
    status_code=201,
    responses={status: {"model": Problem} for status in (401, 404, 409, 429)},
)
def record(
    request: Request,
    seller_id: SellerId,
    sent: OrderSent,
    shop: ShopDep,
    principal: PrincipalDep,
    now: NowDep,
    response: Response,
) -> Recorded:
    """Record an order; the same `order_id` again answers 200 and changes nothing, another content under it 409."""
    seller = catalog.seller(shop.warehouse, seller_id)
    phone = None if sent.phone is None else shop.seal.identity(normal_phone(sent.phone, seller.country))
    order = _order(shop, sent, seller_id, sent.currency or seller.currency, phone, now)
    try:
        is_new = record_order(shop.warehouse, order, phone_hash=phone)
    except Forgotten:
        shop.metrics.erased.labels("order").inc()
        raise
    audit(request, principal, "allowed", f"seller:{seller_id}", 1)
    shop.metrics.events.labels("order").inc(is_new)
    response.status_code = 201 if is_new else 200
    return Recorded(event_id=sent.order_id, recorded=is_new)


def _order(
    shop: Shop, sent: OrderSent, seller_id: int, currency: str, phone_hash: str | None, now: datetime
) -> SellerOrder:
    if currency not in ISO_CODES:
        raise InputRejected(f"currency {currency!r} is none of ISO 4217")
    lines = tuple(
        OrderLine(
            line.product_name or "",
            line.quantity,
            None if line.amount is None else minor_of(line.amount, currency, largest=LARGEST_MINOR),
            line.product_id,
        )
        for line in sent.lines
    )
    amounts = [line.amount_minor for line in lines if line.amount_minor is not None]
    if sent.total is None and len(amounts) < len(lines):
        raise InputRejected("total: say what was charged, or the amount of every line")
    return SellerOrder(
        order_id=f"api:{seller_id}:{sent.order_id}",
        seller_id=seller_id,
        customer_id=sent.customer_id or (BY_PHONE + phone_hash if phone_hash else None),
        status=sent.status,
        channel=sent.channel,
        start_code=None if sent.start_code is None else quoted_code(shop, sent.start_code),
        currency=currency,
        gross_minor=sum(amounts) if sent.total is None else minor_of(sent.total, currency, largest=LARGEST_MINOR),
        lines=lines,
        occurred_at=occurred(sent.occurred_at, now),
    )

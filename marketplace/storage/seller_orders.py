"""Orders that sellers record themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from marketplace.errors import Conflict, Forgotten, InputRejected, NotFound
from marketplace.events.orders import Order, OrderLine, OrderStatus, SellerChannel
from marketplace.storage.orders import store_orders
from marketplace.storage.people import erased_among
from marketplace.storage.tables import order_lines, orders, products, sellers, whatsapp_starts
from marketplace.storage.warehouse import Warehouse

_FORGOTTEN = "this customer asked to be forgotten; nothing of theirs is taken in"
_CONTENT = ("customer_id", "status", "channel", "start_code", "currency", "gross_minor")


@dataclass(frozen=True, slots=True)
class SellerOrder:
    """An order as its seller says; without `customer_id` it is whoever began the chat of `start_code`.

    A line's `product_name` may be left to the catalogue, as "".
    """

    order_id: str
    seller_id: int
    customer_id: str | None
    status: OrderStatus
    channel: SellerChannel
    start_code: str | None
    currency: str
    gross_minor: int
    lines: tuple[OrderLine, ...]
    occurred_at: datetime


def record_order(warehouse: Warehouse, order: SellerOrder, *, phone_hash: str | None = None) -> bool:
    """Whether the order was new.

    Raises
    ------
    NotFound
        If there is no such seller or product.
    InputRejected
        If a product or the chat is another seller's, or nobody is said to have bought.
    Conflict
        If its id stands for another order.
    Forgotten
        If its customer was erased.
    """
    with warehouse.begin() as connection:
        if connection.execute(sa.select(sellers.c.seller_id).filter_by(seller_id=order.seller_id)).first() is None:
            raise NotFound(f"seller {order.seller_id} is not known")
        start = _start(connection, order)
        customer = order.customer_id or (start.user_id or f"chat:{start.start_id}" if start else None)
        if customer is None:
            raise InputRejected("customer_id: say who bought, by customer_id, phone or the start_code of their chat")
        if erased_among(connection, [customer], [phone_hash]):
            raise Forgotten(_FORGOTTEN)
        made = _order(connection, order, customer, start)
        stored = store_orders(connection, [made])
        if stored.erased:
            raise Forgotten(_FORGOTTEN)
        # Lines without their order stand beside those of another who sent the same id in this moment.
        if not stored.new and (stored.new_lines or not _is_kept(connection, made)):
            raise Conflict(f"order_id {order.order_id} was sent before with another content; nothing was stored")
    return bool(stored.new)


def _start(connection: sa.Connection, order: SellerOrder) -> sa.Row[tuple[object, ...]] | None:
    """The chat that led to the order; None without a code, or where the chat was not recorded."""
    if order.start_code is None:
        return None
    statement = sa.select(whatsapp_starts).where(whatsapp_starts.c.code == order.start_code)
    start = connection.execute(statement).one_or_none()
    if start is not None and start.seller_id != order.seller_id:
        raise InputRejected(f"start_code {order.start_code} is not of a chat with seller {order.seller_id}")
    return start


def _order(
    connection: sa.Connection, order: SellerOrder, customer: str, start: sa.Row[tuple[object, ...]] | None
) -> Order:
    return Order(
        order_id=order.order_id,
        seller_id=order.seller_id,
        customer_id=customer,
        status=order.status,
        channel=order.channel,
        currency=order.currency,
        gross_minor=order.gross_minor,
        net_minor=None,
        items=sum(line.quantity for line in order.lines),
        origin="api",
        occurred_at=order.occurred_at,
        received_at=connection.execute(sa.select(sa.func.now())).scalar_one(),
        lines=_named(connection, order),
        start_code=order.start_code,
        device=start.device if start else None,
        source=start.source if start else None,
    )


def _named(connection: sa.Connection, order: SellerOrder) -> tuple[OrderLine, ...]:
    """The lines with a name each."""
    asked = {line.product_id for line in order.lines if line.product_id is not None}
    statement = sa.select(products.c.product_id, products.c.seller_id, products.c.title)
    known = {row.product_id: row for row in connection.execute(statement.where(products.c.product_id.in_(asked)))}
    named = []
    for line in order.lines:
        found = known.get(line.product_id) if line.product_id is not None else None
        if line.product_id is not None and found is None:
            raise NotFound(f"product {line.product_id} is not known")
        if found is not None and found.seller_id != order.seller_id:
            raise InputRejected(f"product {line.product_id} is not sold by seller {order.seller_id}")
        named.append(replace(line, product_name=line.product_name or (found.title if found else "")))
    return tuple(named)


def _is_kept(connection: sa.Connection, made: Order) -> bool:
    """Whether what is kept under its id says the same; a moment is none of it, since who tells none is given one."""
    kept = connection.execute(sa.select(orders).where(orders.c.order_id == made.order_id)).one()
    columns = [order_lines.c[name] for name in ("product_id", "quantity", "amount_minor")]
    of_order = sa.select(*columns).where(order_lines.c.order_id == made.order_id).order_by(order_lines.c.line_number)
    stored = [tuple(row) for row in connection.execute(of_order)]
    is_same = all(getattr(kept, name) == getattr(made, name) for name in _CONTENT)
    return is_same and stored == [(line.product_id, line.quantity, line.amount_minor) for line in made.lines]

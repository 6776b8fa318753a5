"""Orders that sellers record themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.errors import Conflict, InputRejected, NotFound
from marketplace.storage.people import erased_among
from marketplace.storage.tables import order_lines, orders, products, sellers, whatsapp_starts
from marketplace.storage.warehouse import Warehouse

OrderStatus = Literal["placed", "confirmed", "completed", "cancelled", "refunded"]
OrderChannel = Literal["whatsapp", "phone", "shop"]
_CONTENT = ("customer_id", "status", "channel", "start_code", "currency", "gross_minor")


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A product of an order; of `product_id` and `product_name` one may be left to the catalogue."""

    product_id: int | None
    product_name: str | None
    quantity: int
    amount_minor: int | None


@dataclass(frozen=True, slots=True)
class SellerOrder:
    """An order as its seller says; without `customer_id` it is whoever began the chat of `start_code`."""

    order_id: str
    seller_id: int
    customer_id: str | None
    status: OrderStatus
    channel: OrderChannel
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
        If its id stands for another order, or its customer was erased.
    """
    with warehouse.begin() as connection:
        if connection.execute(sa.select(sellers.c.seller_id).filter_by(seller_id=order.seller_id)).first() is None:
            raise NotFound(f"seller {order.seller_id} is not known")
        start = _start(connection, order)
        customer = order.customer_id or (start.user_id or f"chat:{start.start_id}" if start else None)
        if customer is None:
            raise InputRejected("customer_id: say who bought, by customer_id, phone or the start_code of their chat")
        if erased_among(connection, [customer], [phone_hash]):
            raise Conflict("this customer asked to be forgotten; nothing of theirs is taken in")
        lines = _named(connection, order)
        values = {name: getattr(order, name) for name in SellerOrder.__slots__ if name != "lines"}
        told = (start.device, start.source) if start else (None, None)
        values |= {"customer_id": customer, "origin": "api", "items": sum(line.quantity for line in lines)}
        values |= {"device": told[0], "source": told[1]}
        statement = insert(orders).values(values).on_conflict_do_nothing().returning(orders.c.order_id)
        if connection.execute(statement).first() is None:
            _refuse_another(connection, order, customer, lines)
            return False
        numbered = [asdict(line) | {"order_id": order.order_id, "line_number": at} for at, line in enumerate(lines, 1)]
        connection.execute(sa.insert(order_lines), numbered)
    return True


def _start(connection: sa.Connection, order: SellerOrder) -> sa.Row[tuple[object, ...]] | None:
    """The chat that led to the order; None without a code, or where the chat was not recorded."""
    if order.start_code is None:
        return None
    statement = sa.select(whatsapp_starts).where(whatsapp_starts.c.code == order.start_code)
    start = connection.execute(statement).one_or_none()
    if start is not None and start.seller_id != order.seller_id:
        raise InputRejected(f"start_code {order.start_code} is not of a chat with seller {order.seller_id}")
    return start


def _named(connection: sa.Connection, order: SellerOrder) -> list[OrderLine]:
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
        name = line.product_name or (found.title if found else "")
        named.append(OrderLine(line.product_id, name, line.quantity, line.amount_minor))
    return named


def _refuse_another(connection: sa.Connection, order: SellerOrder, customer: str, lines: Sequence[OrderLine]) -> None:
    kept = connection.execute(sa.select(orders).where(orders.c.order_id == order.order_id)).one()
    columns = [order_lines.c[name] for name in ("product_id", "quantity", "amount_minor")]
    of_order = sa.select(*columns).where(order_lines.c.order_id == order.order_id).order_by(order_lines.c.line_number)
    is_same = all(
        getattr(kept, name) == (customer if name == "customer_id" else getattr(order, name)) for name in _CONTENT
    )
    stored = [tuple(row) for row in connection.execute(of_order)]
    if not is_same or stored != [(line.product_id, line.quantity, line.amount_minor) for line in lines]:
        raise Conflict(f"order_id {order.order_id} was sent before with another content; nothing was stored")

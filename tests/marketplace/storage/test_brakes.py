"""A brake waits for a person, and is decided once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from marketplace.errors import Conflict, InputRejected, NotFound
from marketplace.storage.brakes import clear, open_brakes, release
from marketplace.storage.tables import brakes, products
from tests.marketplace.storage.kept import NOW, keep_product, keep_seller, keep_sync, raise_brake

BY = {"by": "Wanjiru", "note": "the shop sold its stock", "now": NOW}


@pytest.fixture
def amina(warehouse):
    """A seller of five products, of whom four have vanished."""
    seller = keep_seller(warehouse)
    keep_sync(warehouse, seller, "s1", status="braked")
    for number in range(5):
        keep_product(warehouse, seller, f"{number}")
    raise_brake(warehouse, seller, "s1", ["0", "1", "2", "3"], live=5)
    return seller


def stored(warehouse):
    with warehouse.begin() as connection:
        return connection.execute(sa.select(brakes.c.state, brakes.c.decided_by, brakes.c.note)).one()


def test_an_open_brake_names_its_seller_and_what_would_go(warehouse, amina):
    [brake] = open_brakes(warehouse)
    assert (brake.handle, brake.state, brake.live, brake.vanished) == ("amina", "raised", 5, 4)
    assert list(brake.examples.values()) == [f"Sisal basket {number}" for number in range(4)]


def test_a_released_brake_stays_open_until_a_sync_spends_it_and_deletes_nothing_by_itself(warehouse, amina):
    released = release(warehouse, amina.seller_id, **BY)
    assert (released.state, released.decided_by, released.decided_at) == ("released", "Wanjiru", NOW)
    assert open_brakes(warehouse) == [released]
    assert stored(warehouse) == ("released", "Wanjiru", "the shop sold its stock")
    with warehouse.begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).where(products.c.is_gone)) == 0


def test_a_cleared_brake_is_closed_even_after_it_was_released(warehouse, amina):
    release(warehouse, amina.seller_id, **BY)
    cleared = clear(warehouse, amina.seller_id, by="Otieno", note="", now=NOW)
    assert (cleared.state, cleared.decided_by, cleared.note) == ("cleared", "Otieno", None)
    assert open_brakes(warehouse) == []


def test_a_brake_is_released_once_and_says_who_was_first(warehouse, amina):
    release(warehouse, amina.seller_id, **BY)
    with pytest.raises(Conflict, match="was released by Wanjiru"):
        release(warehouse, amina.seller_id, by="Otieno", note="", now=NOW)
    assert stored(warehouse).decided_by == "Wanjiru"


def test_of_ten_who_release_it_at_once_one_does(warehouse, amina):
    def decide(number):
        try:
            return release(warehouse, amina.seller_id, by=f"{number}", note="", now=NOW).decided_by
        except Conflict:
            return None

    with ThreadPoolExecutor(10) as pool:
        decided = [one for one in pool.map(decide, range(10)) if one]
    assert decided == [stored(warehouse).decided_by]


def test_without_a_brake_or_a_name_nothing_is_decided(warehouse, amina):
    with pytest.raises(InputRejected, match="say who"):
        release(warehouse, amina.seller_id, by=" ", note="", now=NOW)
    with pytest.raises(NotFound, match="no brake of seller 7 is open"):
        release(warehouse, 7, **BY)
    clear(warehouse, amina.seller_id, **BY)
    with pytest.raises(NotFound, match=f"no brake of seller {amina.seller_id} is open"):
        clear(warehouse, amina.seller_id, **BY)

"""What a search box proposes: in any language, of what is on the shelf, and still there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from marketplace.local.network import wait_until
from marketplace.storage import suggestions as written
from marketplace.storage.suggestions import LOCK, Suggestion, refresh_suggestions, suggest
from marketplace.storage.tables import products, sellers
from marketplace.storage.warehouse import Warehouse
from tests.marketplace.storage.kept import keep_product, keep_seller


@pytest.fixture
def shelf(warehouse: Warehouse) -> list[int]:
    """Bags of two sellers, a jebena, and something sold out."""
    amina, musa = keep_seller(warehouse), keep_seller(warehouse, "musa", name="Musa Crafts")
    kept = [
        keep_product(warehouse, amina, "1", title="Kiondo handbag, indigo", category="Bags"),
        keep_product(warehouse, amina, "2", title="Kiondo handbag, plum", category="Bags"),
        keep_product(warehouse, musa, "1", title="የቡና ጀበና", category="Pots"),
        keep_product(warehouse, musa, "2", title="የቡና ሲኒ", category="Pots"),
    ]
    keep_product(warehouse, musa, "3", title="Woollen blanket", category="Blankets", in_stock=False)
    refresh_suggestions(warehouse)
    return kept


def texts(warehouse: Warehouse, typed: str, limit: int = 8) -> list[str]:
    return [one.text for one in suggest(warehouse, typed, limit=limit)]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("kio", Suggestion("kiondo", "phrase", 2)),
        ("HANDB", Suggestion("handbag", "phrase", 2)),
        ("kiondo ha", Suggestion("kiondo handbag", "phrase", 2)),
        ("mkob", Suggestion("Bags", "category", 2)),
        ("ቦር", Suggestion("Bags", "category", 2)),
        ("የቡ", Suggestion("የቡና", "phrase", 2)),
        ("yebun", Suggestion("የቡና", "phrase", 2)),
        ("ጀበ", Suggestion("የቡና ጀበና", "product", 1)),
        ("mus", Suggestion("Musa Crafts", "seller", 2)),
        ("craf", Suggestion("Musa Crafts", "seller", 2)),
        ("kiodno", Suggestion("kiondo", "phrase", 2)),
        ("hanbdag", Suggestion("handbag", "phrase", 2)),
    ],
)
def test_the_likeliest_is_proposed_first(warehouse: Warehouse, shelf: list[int], typed: str, first: Suggestion) -> None:
    assert suggest(warehouse, typed, limit=8)[0] == first


def test_while_nothing_is_typed_the_fullest_categories_are_proposed(warehouse: Warehouse, shelf: list[int]) -> None:
    assert suggest(warehouse, " ", limit=8) == [Suggestion("Bags", "category", 2), Suggestion("Pots", "category", 2)]
    assert len(suggest(warehouse, "", limit=1)) == 1


@pytest.mark.parametrize("typed", ["zzz", "kxqo", "%", "_", "'", "\\", "🧺", "wool"])
def test_nothing_is_proposed_where_nothing_fits(warehouse: Warehouse, shelf: list[int], typed: str) -> None:
    assert texts(warehouse, typed) == []


def test_what_left_the_shelf_is_proposed_no_more(warehouse: Warehouse, shelf: list[int]) -> None:
    with warehouse.begin() as connection:
        connection.execute(sa.update(products).where(products.c.product_id.in_(shelf[:2])).values(is_gone=True))
        connection.execute(sa.update(sellers).where(sellers.c.handle == "musa").values(state="paused"))
    assert texts(warehouse, "kio") == []
    assert texts(warehouse, "") == []
    assert texts(warehouse, "musa") == []


def test_written_again_nothing_is_there_twice(warehouse: Warehouse, shelf: list[int]) -> None:
    assert refresh_suggestions(warehouse) == refresh_suggestions(warehouse)
    assert len(texts(warehouse, "kio")) == len(set(texts(warehouse, "kio")))


def test_two_refreshes_at_once_take_turns(warehouse: Warehouse, shelf: list[int]) -> None:
    waits = sa.text("select count(*) from pg_locks where locktype = 'advisory' and not granted")
    before = refresh_suggestions(warehouse)
    with ThreadPoolExecutor(2) as runs:
        with warehouse.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            both = [runs.submit(refresh_suggestions, warehouse) for _ in range(2)]
            assert wait_until(lambda: connection.execute(waits).scalar_one() == 2, 20)
        assert [one.result(60) for one in both] == [before, before]


def test_a_refresh_writes_what_changed_and_leaves_the_rest(warehouse: Warehouse, shelf: list[int]) -> None:
    rows = sa.text("select kind || text || starts, xmin::text from catalog.suggestions")
    with warehouse.begin() as connection:
        before = dict(connection.execute(rows).all())
        connection.execute(sa.update(products).where(products.c.product_id == shelf[3]).values(is_gone=True))
    refresh_suggestions(warehouse)
    with warehouse.begin() as connection:
        after = dict(connection.execute(rows).all())
    assert not any("ሲኒ" in key for key in after)
    assert {key for key in after if after[key] == before[key]} >= {key for key in after if "iondo" in key}


def test_the_fullest_titles_are_proposed_where_there_are_too_many(
    warehouse: Warehouse, shelf: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seller = keep_seller(warehouse, "zawadi")
    for number in range(2):
        keep_product(warehouse, seller, str(number), title="Woven tray, large", category="Trays")
    monkeypatch.setattr(written, "MOST", {**written.MOST, "product": 1})
    refresh_suggestions(warehouse)
    assert Suggestion("Woven tray, large", "product", 2) in suggest(warehouse, "woven", limit=8)
    assert not any(one.kind == "product" for one in suggest(warehouse, "kiondo", limit=8))


def test_a_title_with_signs_of_the_copy_stays_what_it_is(warehouse: Warehouse, shelf: list[int]) -> None:
    title = 'Tray "large", 5" x 3"\n\\N \\. {1}'
    keep_product(warehouse, keep_seller(warehouse, "zawadi"), title=title, category='Trays, "round"')
    refresh_suggestions(warehouse)
    assert suggest(warehouse, "tray large", limit=8)[0].text == title
    assert 'Trays, "round"' in texts(warehouse, "trays")

"""The inverted index follows every change of words, whoever made it, and loses nothing when it is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import sqlalchemy as sa

from marketplace.search import impacts as module
from marketplace.search.impacts import impacts
from marketplace.storage.tables import product_quality, product_readings, product_terms, products, search_terms
from marketplace.storage.warehouse import Warehouse
from marketplace.storage.word_index import EVERYTHING, rebuild_terms, refresh_terms, unread, waiting
from tests.marketplace.storage.kept import keep_product, keep_seller


def indexed(warehouse: Warehouse) -> dict[int, dict[str, float]]:
    """What the index says of each product."""
    kept: dict[int, dict[str, float]] = {}
    with warehouse.begin() as connection:
        for row in connection.execute(sa.select(product_terms)):
            kept.setdefault(row.product_id, {})[row.term] = pytest.approx(row.impact, abs=1e-3)
    return kept


def require_true(warehouse: Warehouse) -> None:
    """Returns when the index is exactly what the products' words make it."""
    offered = products.join(product_quality, product_quality.c.product_id == products.c.product_id)
    fit = sa.select(products).select_from(offered).where(~products.c.is_gone, product_quality.c.verdict != "rejected")
    with warehouse.begin() as connection:
        rows = connection.execute(fit).all()
        counted = dict(connection.execute(sa.select(search_terms.c.term, search_terms.c.products)).tuples().all())
    true = {row.product_id: dict(impacts(row.title, row.category, row.description)) for row in rows}
    assert indexed(warehouse) == true
    counts = Counter(term for terms in true.values() for term in terms)
    if true:
        counts[EVERYTHING] = len(true)
    assert counted == dict(counts)
    assert unread(warehouse) == 0


def change(warehouse: Warehouse, table: sa.Table, product_id: int, **values: object) -> None:
    with warehouse.begin() as connection:
        connection.execute(sa.update(table).where(table.c.product_id == product_id).values(**values))


def test_a_product_is_read_once_it_is_judged(warehouse: Warehouse) -> None:
    product_id = keep_product(warehouse, keep_seller(warehouse), title="Kiondo handbag", category="Bags")
    assert waiting(warehouse)
    done = refresh_terms(warehouse)
    assert (done.products, done.left) == (1, 0)
    assert {"kiondo", "handbag", "#handbag", "#bag", "bags", "bag"} <= indexed(warehouse)[product_id].keys()
    require_true(warehouse)


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (products, {"title": "Leather sandals"}),
        (products, {"category": "Shoes"}),
        (products, {"description": "woven by hand"}),
        (products, {"is_gone": True}),
        (product_quality, {"verdict": "rejected"}),
        (product_quality, {"verdict": "flagged"}),
    ],
)
def test_every_change_of_words_or_verdict_is_followed(warehouse: Warehouse, table: sa.Table, values: dict) -> None:
    seller = keep_seller(warehouse)
    product_id = keep_product(warehouse, seller)
    keep_product(warehouse, seller, "2")
    refresh_terms(warehouse)
    change(warehouse, table, product_id, **values)
    refresh_terms(warehouse)
    require_true(warehouse)


def test_a_product_that_comes_back_is_found_again(warehouse: Warehouse) -> None:
    product_id = keep_product(warehouse, keep_seller(warehouse))
    for is_gone in (True, False):
        change(warehouse, products, product_id, is_gone=is_gone)
        refresh_terms(warehouse)
        require_true(warehouse)
    assert product_id in indexed(warehouse)


def test_a_product_whose_category_is_only_inferred_is_found_by_it(warehouse: Warehouse) -> None:
    product_id = keep_product(warehouse, keep_seller(warehouse), title="Mama's best")
    change(warehouse, product_quality, product_id, inferred_category="Baskets")
    refresh_terms(warehouse)
    assert "#basket" in indexed(warehouse)[product_id]


def test_what_is_no_word_is_not_noted(warehouse: Warehouse) -> None:
    product_id = keep_product(warehouse, keep_seller(warehouse))
    refresh_terms(warehouse)
    change(warehouse, products, product_id, price_minor=1, in_stock=False)
    change(warehouse, product_quality, product_id, confidence=0.5)
    assert waiting(warehouse) == 0


def test_a_change_that_is_rolled_back_leaves_no_note(warehouse: Warehouse) -> None:
    product_id = keep_product(warehouse, keep_seller(warehouse))
    refresh_terms(warehouse)
    with warehouse.engine.connect() as connection:
        connection.execute(sa.update(products).where(products.c.product_id == product_id).values(title="never said"))
        connection.rollback()
    assert waiting(warehouse) == 0


def test_a_refresh_can_be_taken_in_parts(warehouse: Warehouse) -> None:
    seller = keep_seller(warehouse)
    for number in range(5):
        keep_product(warehouse, seller, str(number))
    assert refresh_terms(warehouse, most=2).left > 0
    while refresh_terms(warehouse, most=2).left:
        pass
    require_true(warehouse)


def test_a_change_while_a_refresh_reads_is_read_by_the_next(warehouse: Warehouse) -> None:
    product_id = keep_product(warehouse, keep_seller(warehouse))
    with warehouse.engine.connect() as slow:
        slow.execute(sa.update(products).where(products.c.product_id == product_id).values(title="Enamel mug"))
        refresh_terms(warehouse)
        assert "enamel" not in indexed(warehouse)[product_id]
        slow.commit()
    assert waiting(warehouse) == 1
    refresh_terms(warehouse)
    require_true(warehouse)


def test_another_way_of_reading_reads_everything_anew(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    product_id = keep_product(warehouse, keep_seller(warehouse))
    refresh_terms(warehouse)
    monkeypatch.setattr(module, "READING", "another")
    assert unread(warehouse) == 1
    assert refresh_terms(warehouse).products == 1
    with warehouse.begin() as connection:
        reading = connection.execute(sa.select(product_readings.c.reading)).scalar_one()
    assert reading.startswith("another-")
    assert product_id in indexed(warehouse)


def test_a_rebuild_mends_an_index_that_was_tampered_with(warehouse: Warehouse) -> None:
    seller = keep_seller(warehouse)
    for number in range(3):
        keep_product(warehouse, seller, str(number))
    refresh_terms(warehouse)
    with warehouse.begin() as connection:
        connection.execute(sa.delete(product_terms).where(product_terms.c.term == "sisal"))
    rebuild_terms(warehouse)
    assert all("sisal" in terms for terms in indexed(warehouse).values())


def test_a_refresh_killed_anywhere_loses_no_note_and_counts_nothing_twice(warehouse: Warehouse) -> None:
    seller = keep_seller(warehouse)
    for number in range(60):
        keep_product(warehouse, seller, str(number), title=f"Basket number{number} of sisal")
    code = (
        "import sys; from marketplace.storage import word_index as index;"
        "from marketplace.storage.warehouse import Warehouse;"
        "index.BATCH = 3; warehouse = Warehouse(sys.argv[1]); print('reading', flush=True);"
        "index.refresh_terms(warehouse)"
    )
    address = warehouse.url.render_as_string(hide_password=False).replace("+psycopg2", "")
    for patience in (0.0, 0.1, 0.3):
        reader = subprocess.Popen([sys.executable, "-c", code, address], stdout=subprocess.PIPE)
        assert reader.stdout is not None
        reader.stdout.readline()
        time.sleep(patience)
        reader.send_signal(signal.SIGKILL)
        reader.wait()
        reader.stdout.close()
    refresh_terms(warehouse)
    require_true(warehouse)


def test_the_index_of_nothing_is_empty(warehouse: Warehouse) -> None:
    assert refresh_terms(warehouse).products == 0
    require_true(warehouse)

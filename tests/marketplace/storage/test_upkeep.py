"""The live index follows each change through the outbox, and neither a kill nor an absent Milvus loses one."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from marketplace.errors import MarketplaceError, PublicationRefused, StoreUnreachable
from marketplace.local.milvus import EmbeddedMilvus
from marketplace.local.network import free_port, wait_until
from marketplace.search.asking import Filters
from marketplace.storage.embeddings import pending
from marketplace.storage.index_builds import live_build
from marketplace.storage.index_checks import check_index
from marketplace.storage.index_records import build_of, record_check
from marketplace.storage.index_state import follow_catalog, go_back, need_of_upkeep
from marketplace.storage.outbox import backlog, note, oldest_changes, settle
from marketplace.storage.quality import judge_products
from marketplace.storage.tables import index_outbox, product_embeddings, product_quality, products, sellers
from marketplace.storage.upkeep import catch_up, differences, mend
from marketplace.storage.vectors import Vectors

from .test_index_builds import MODEL, NOW, Killed, MilvusOfAMortal, change, embed, sell, served, unit_vectors
from .test_vectors import is_answered


def follow(warehouse, vectors, model_version=None, **options):
    asked = {"index_type": "IVF_FLAT", "now": NOW + timedelta(hours=1), **options}
    return follow_catalog(warehouse, vectors, model_version, **asked)


def market(warehouse, vectors, count=6):
    """A market of so many products, indexed."""
    sell(warehouse, *range(1, count + 1))
    embed(warehouse)
    return follow(warehouse, vectors, MODEL).build


def waiting(warehouse):
    with warehouse.begin() as connection:
        return sorted(set(connection.execute(sa.select(index_outbox.c.product_id)).scalars()))


def live(warehouse, vectors):
    return live_build(warehouse, vectors, NOW)


def agree(warehouse, vectors):
    build = live(warehouse, vectors)
    found = differences(warehouse, vectors, build)
    assert found.agree
    assert (build.products, build.checksum) == (found.found, found.found_checksum)
    return found.agree


def update(warehouse, table, where, **values):
    with warehouse.begin() as connection:
        connection.execute(sa.update(table).where(where).values(**values))


@pytest.mark.parametrize(
    "values",
    [
        {"is_gone": True},
        {"in_stock": False},
        {"price_minor": 1},
        {"price_minor": None, "currency": None},
        {"title": "Kanga"},
        {"category": "fabrics"},
        {"image_sha256": None},
        {"image_url": "http://x.example/1.jpg"},
    ],
    ids="-".join,
)
def test_every_field_of_a_product_that_the_index_holds_is_noted(warehouse, values):
    sell(warehouse, 1, 2)
    settle(warehouse, oldest_changes(warehouse, limit=100).numbers)
    change(warehouse, 2, **values)
    assert waiting(warehouse) == [2]


def test_a_product_that_was_only_looked_at_again_is_not_noted(warehouse):
    sell(warehouse, 1)
    settle(warehouse, oldest_changes(warehouse, limit=100).numbers)
    later = NOW + timedelta(hours=6)
    change(warehouse, 1, last_seen_at=later, last_hydrated_at=later, description="Wax cotton", price_minor=125_050)
    assert backlog(warehouse).changes == 0


def test_verdicts_vectors_sellers_and_deletions_are_noted(warehouse):
    sell(warehouse, 1, 2)
    noted = []

    def look():
        noted.append(waiting(warehouse))
        settle(warehouse, oldest_changes(warehouse, limit=100).numbers)

    look()
    update(warehouse, product_quality, product_quality.c.product_id == 2, verdict="rejected")
    look()
    update(warehouse, product_quality, product_quality.c.product_id == 2, judged_at=NOW + timedelta(1))
    look()
    embed(warehouse)
    look()
    update(warehouse, product_embeddings, sa.true(), vector=unit_vectors(1)[0].tobytes())
    look()
    update(warehouse, sellers, sa.true(), state="paused")
    look()
    update(warehouse, sellers, sa.true(), name="Asha's")
    look()
    with warehouse.begin() as connection:
        connection.execute(sa.delete(product_embeddings))
    look()
    assert noted == [[1, 2], [2], [], [1], [1], [1, 2], [], [1]]


def test_a_change_that_is_taken_back_leaves_no_note(warehouse):
    sell(warehouse, 1)
    settle(warehouse, oldest_changes(warehouse, limit=100).numbers)
    with warehouse.engine.connect() as connection:
        connection.execute(sa.update(products).values(in_stock=False))
        connection.rollback()
    assert backlog(warehouse).changes == 0


def test_writers_in_opposite_order_do_not_wait_for_each_other(warehouse):
    sell(warehouse, 1, 2)
    with warehouse.begin() as one, warehouse.begin() as other:
        one.execute(sa.update(products).where(products.c.product_id == 1).values(in_stock=False))
        other.execute(sa.text("set local lock_timeout = '5s'"))
        quality = product_quality.c.product_id
        other.execute(sa.update(product_quality).where(quality == 2).values(verdict="flagged"))
        other.execute(sa.update(product_quality).where(quality == 1).values(verdict="flagged"))
        one.execute(sa.update(products).where(products.c.product_id == 2).values(in_stock=False))


def test_what_changed_while_a_change_was_carried_waits_on(warehouse):
    sell(warehouse, 1)
    taken = oldest_changes(warehouse, limit=100)
    change(warehouse, 1, in_stock=False)
    settle(warehouse, taken.numbers)
    assert waiting(warehouse) == [1]


def test_a_build_handles_what_waited_for_it_and_no_more(warehouse, lite_vectors):
    market(warehouse, lite_vectors)
    assert backlog(warehouse).changes == 0
    assert agree(warehouse, lite_vectors)


@pytest.mark.parametrize("step", ["insert", "verify"])
def test_what_changes_while_an_index_is_built_is_carried_to_it_right_after_the_switch(warehouse, lite_vectors, step):
    before = market(warehouse, lite_vectors)

    def meanwhile(at, done, total):
        if at == step:
            assert lite_vectors.current() == before.collection
            change(warehouse, 1, is_gone=True)
            change(warehouse, 2, price_minor=7)

    followed = follow(warehouse, lite_vectors, MODEL, anew=True, progress=meanwhile)
    assert (followed.reason, followed.build.rebuilt, followed.build.products) == ("asked for", True, 5)
    assert (followed.carried.put, followed.carried.removed) == (1, 1)
    assert backlog(warehouse).changes == 0
    assert served(lite_vectors) == [2, 3, 4, 5, 6]
    assert agree(warehouse, lite_vectors)


def test_changes_reach_the_live_collection_without_a_rebuild(warehouse, vectors):
    build = market(warehouse, vectors)
    change(warehouse, 1, price_minor=99_900)
    change(warehouse, 2, is_gone=True)
    change(warehouse, 3, category="shoes")
    change(warehouse, 4, in_stock=False)
    sell(warehouse, 7)
    embed(warehouse)
    followed = follow(warehouse, vectors)
    assert (followed.reason, followed.build.collection) == (None, build.collection)
    assert (followed.carried.put, followed.carried.removed) == (4, 1)
    assert backlog(warehouse).changes == 0
    assert agree(warehouse, vectors)
    assert served(vectors) == [1, 3, 4, 5, 6, 7]
    stored = vectors.milvus.read("query", vectors.alias, filter="product_id == 1", output_fields=["price"])
    assert stored[0]["price"] == pytest.approx(999)
    query = unit_vectors(1)[0]
    by_category = vectors.search(query, limit=9, filters=Filters(("shoes",))).hits
    assert [hit.product_id for hit in by_category] == [3]
    assert 4 not in {hit.product_id for hit in vectors.search(query, limit=9, filters=Filters()).hits}
    assert pending(warehouse, MODEL) == [one for one in pending(warehouse, MODEL) if one.product_id == 3]


def test_a_seller_who_pauses_leaves_the_index_and_comes_back(warehouse, lite_vectors):
    market(warehouse, lite_vectors)
    update(warehouse, sellers, sa.true(), state="paused")
    follow(warehouse, lite_vectors)
    assert served(lite_vectors) == []
    update(warehouse, sellers, sa.true(), state="active", city="Kisumu")
    follow(warehouse, lite_vectors)
    assert served(lite_vectors) == [1, 2, 3, 4, 5, 6]
    found = lite_vectors.search(unit_vectors(1)[0], limit=9, filters=Filters(city="Kisumu")).hits
    assert len(found) == 6


def test_a_change_that_changes_nothing_writes_nothing(warehouse, lite_vectors):
    market(warehouse, lite_vectors)
    note(warehouse, [1, 2, 99])
    carried = follow(warehouse, lite_vectors).carried
    assert (carried.put, carried.removed, carried.unchanged) == (0, 0, 2)
    assert backlog(warehouse).changes == 0


def test_a_vector_that_no_index_takes_is_named_and_holds_up_nobody(warehouse, lite_vectors):
    market(warehouse, lite_vectors)
    spoilt = (unit_vectors(1)[0] * 3).tobytes()
    update(warehouse, product_embeddings, product_embeddings.c.product_id == 2, vector=spoilt)
    change(warehouse, 3, is_gone=True)
    carried = follow(warehouse, lite_vectors).carried
    assert carried.removed == 1
    assert "product 2 has length 3" in carried.refused[0]
    assert served(lite_vectors) == [1, 2, 4, 5, 6]
    assert not check_index(warehouse, lite_vectors, now=NOW).passed


@pytest.mark.parametrize(("when", "question"), [("before", "delete"), ("after", "delete"), ("after", "insert")])
def test_upkeep_killed_anywhere_ends_the_same_when_it_is_run_again(warehouse, vectors, when, question):
    market(warehouse, vectors)
    change(warehouse, 1, price_minor=5)
    change(warehouse, 2, category="shoes")
    change(warehouse, 3, is_gone=True)
    mortal = Vectors(vectors.milvus.uri, alias=vectors.alias)
    mortal.milvus = MilvusOfAMortal(vectors.milvus.uri, when, question)
    with pytest.raises(Killed):
        follow(warehouse, mortal)
    mortal.close()
    assert waiting(warehouse) == [1, 2, 3]
    follow(warehouse, vectors)
    assert backlog(warehouse).changes == 0
    assert check_index(warehouse, vectors, now=NOW).passed
    assert agree(warehouse, vectors)
    assert served(vectors) == [1, 2, 4, 5, 6]


@pytest.fixture
def own_milvus(tmp_path):
    """A Milvus Lite of one test, which may kill it."""
    server = EmbeddedMilvus(tmp_path / "milvus", free_port())
    server.log = tmp_path / "log"
    server.start(server.log)
    yield server
    server.stop()


def kill(server):
    server.process.kill()
    server.process.wait()


def test_milvus_killed_before_and_during_writes_keeps_every_change_for_later(warehouse, own_milvus):
    vectors = Vectors(own_milvus.uri, timeout=5)
    market(warehouse, vectors, count=30)
    change(warehouse, 1, price_minor=5)
    kill(own_milvus)
    with pytest.raises(StoreUnreachable):
        need_of_upkeep(warehouse, vectors)
    with pytest.raises(StoreUnreachable):
        follow(warehouse, vectors)
    assert waiting(warehouse) == [1]
    own_milvus.start(own_milvus.log)
    assert wait_until(lambda: is_answered(vectors.current), 20)
    assert need_of_upkeep(warehouse, vectors) is not None
    for number in range(1, 31, 2):
        change(warehouse, number, price_minor=number)
    change(warehouse, 2, is_gone=True)
    mortal = Vectors(own_milvus.uri, timeout=5)
    mortal.milvus = KilledWhileAsked(own_milvus.uri, own_milvus, "insert")
    with pytest.raises(StoreUnreachable):
        follow(warehouse, mortal)
    assert len(waiting(warehouse)) == 16
    own_milvus.start(own_milvus.log)
    assert wait_until(lambda: is_answered(vectors.current), 20)
    follow(warehouse, vectors)
    assert backlog(warehouse).changes == 0
    assert check_index(warehouse, vectors, now=NOW).passed
    assert agree(warehouse, vectors)
    vectors.close()


class KilledWhileAsked(MilvusOfAMortal):
    """Milvus, whose server is killed when it is asked one kind of question."""

    def __init__(self, uri, server, question):
        super().__init__(uri, "after", None)
        self.server, self.question = server, question

    def ask(self, question, *arguments, **named):
        if question == self.question:
            threading.Timer(0.001, kill, [self.server]).start()
            wait_until(lambda: self.server.process.poll() is not None, 10)
        return super().ask(question, *arguments, **named)


def test_a_search_whose_milvus_is_killed_is_told_so_and_the_next_ones_at_once(warehouse, own_milvus):
    vectors = Vectors(own_milvus.uri, timeout=5)
    market(warehouse, vectors)
    over, seen = threading.Event(), []

    def search():
        while not over.is_set():
            try:
                seen.append(len(vectors.search(unit_vectors(1)[0], limit=5).hits))
            except StoreUnreachable:
                seen.append("away")

    searching = threading.Thread(target=search)
    searching.start()
    assert wait_until(lambda: 5 in seen, 30)
    kill(own_milvus)
    assert wait_until(lambda: seen[-1:] == ["away"], 30)
    own_milvus.start(own_milvus.log)
    assert wait_until(lambda: seen[-1] == 5, 30)
    over.set()
    searching.join()
    assert set(seen) == {5, "away"}
    vectors.close()


def test_searches_never_fail_while_the_index_is_kept_up_and_rebuilt(warehouse, vectors):
    market(warehouse, vectors, count=20)
    over, seen, failed = threading.Event(), [], []

    def search():
        while not over.is_set():
            try:
                seen.append(len(vectors.search(unit_vectors(1)[0], limit=10, filters=Filters()).hits))
            except MarketplaceError as error:
                failed.append(error)

    searching = threading.Thread(target=search)
    searching.start()
    for turn in range(2):
        change(warehouse, 1 + turn, price_minor=5)
        follow(warehouse, vectors)
        follow(warehouse, vectors, MODEL, anew=True)
    go_back(warehouse, vectors, now=NOW)
    over.set()
    searching.join()
    assert failed == []
    assert set(seen) == {10}


def test_differences_are_told_apart_and_mended(warehouse, vectors):
    build = market(warehouse, vectors)
    vectors.remove(build.collection, [1])
    (row, *_) = vectors.entities(build.collection, [2])
    stranger = {**row, "product_id": 99}
    stale = {**vectors.entities(build.collection, [3])[0], "fingerprint": 5}
    vectors.remove(build.collection, [3])
    vectors.milvus.ask("insert", build.collection, [dict(stranger), dict(stale)])
    found = differences(warehouse, vectors, build)
    assert (found.missing, found.stale, found.strangers, found.agree) == ((1,), (3,), (99,), False)
    checked = check_index(warehouse, vectors, now=NOW)
    assert (checked.mended.put, checked.mended.removed, checked.passed) == (2, 1, True)
    assert agree(warehouse, vectors)
    assert build_of(warehouse, build.collection).checked["differences"]["stale"] == 1


def test_much_change_or_another_setting_builds_anew_and_little_does_not(warehouse, lite_vectors, monkeypatch):
    monkeypatch.setattr("marketplace.storage.index_state.DRIFT_LEAST", 3)
    market(warehouse, lite_vectors, count=20)
    for number in range(1, 5):
        change(warehouse, number, price_minor=number)
    assert follow(warehouse, lite_vectors, MODEL).reason is None
    change(warehouse, 5, price_minor=5)
    assert follow(warehouse, lite_vectors).reason is None  # who judges and embeds says when all is there
    assert "5 rows changed since" in follow(warehouse, lite_vectors, MODEL).reason
    assert follow(warehouse, lite_vectors, MODEL).reason is None
    assert "FLAT is set" in follow(warehouse, lite_vectors, index_type="FLAT").reason
    assert lite_vectors.health().index_type == "FLAT"


def test_a_failed_check_asks_for_a_new_index(warehouse, lite_vectors):
    market(warehouse, lite_vectors)
    assert need_of_upkeep(warehouse, lite_vectors) is None
    build = live(warehouse, lite_vectors)
    record_check(warehouse, build.collection, {"passed": False, "recall": 0.9}, NOW)
    assert need_of_upkeep(warehouse, lite_vectors) == f"failed-{build.collection}"
    assert "failed its last check" in follow(warehouse, lite_vectors).reason
    assert need_of_upkeep(warehouse, lite_vectors) is None


def test_a_market_without_an_index_has_nothing_to_keep_up(warehouse, lite_vectors):
    sell(warehouse, 1)
    assert need_of_upkeep(warehouse, lite_vectors) is None
    with pytest.raises(PublicationRefused, match="nothing is served yet"):
        follow(warehouse, lite_vectors)


def test_judging_embedding_and_upkeep_together_hold_what_a_build_would(warehouse, lite_vectors):
    market(warehouse, lite_vectors)
    change(warehouse, 1, price_minor=7, content_hash="dearer")
    sell(warehouse, 8, 9, verdict=None)
    judge_products(warehouse, NOW)
    embed(warehouse)
    build = live(warehouse, lite_vectors)
    catch_up(warehouse, lite_vectors, build)
    kept = lite_vectors.kept(build.collection, range(1, 12))
    anew = follow(warehouse, lite_vectors, MODEL, anew=True).build
    assert lite_vectors.kept(anew.collection, range(1, 12)) == kept
    assert anew.checksum == build_of(warehouse, build.collection).checksum
    assert mend(warehouse, lite_vectors, anew, differences(warehouse, lite_vectors, anew)).put == 0

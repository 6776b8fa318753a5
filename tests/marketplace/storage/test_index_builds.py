"""Embeddings follow the catalogue, and the index follows embeddings: whole, switched at once, and safe to kill."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from marketplace.catalog.quality import RULES_VERSION
from marketplace.errors import InputRejected, PublicationRefused
from marketplace.storage import embeddings
from marketplace.storage.index_builds import rebuild_index, roll_back_index, verified_against_catalogue
from marketplace.storage.index_records import build_of
from marketplace.storage.index_source import indexable
from marketplace.storage.milvus import Milvus
from marketplace.storage.tables import index_builds, product_embeddings, product_quality, products, sellers
from marketplace.storage.vectors import Vectors

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
MODEL = "m1"


def unit_vectors(count, seed=1):
    drawn = np.random.default_rng(seed).standard_normal((count, 768)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def sell(warehouse, *numbers, verdict="approved", **changes):
    """Products of one seller, judged."""
    with warehouse.begin() as connection:
        if not connection.execute(sa.select(sellers)).all():
            seller = {"seller_id": 1, "handle": "asha", "name": "Asha", "country": "KE", "currency": "KES"}
            connection.execute(sa.insert(sellers).values(**seller, source_kind="feed"))
        for number in numbers:
            connection.execute(sa.insert(products).values(**{**product(number), **changes}))
            judged = {"verdict": verdict, "reasons": [], "rules_version": RULES_VERSION, "judged_at": NOW}
            if verdict:
                connection.execute(sa.insert(product_quality).values(product_id=number, content_hash="h", **judged))


def product(number):
    return {
        "product_id": number,
        "seller_id": 1,
        "source_ref": str(number),
        "title": f"Kitenge dress {number}",
        "category": "dresses" if number % 2 else 'it\'s "new"',
        "description": "Cotton",
        "price_minor": 125_050,
        "currency": "KES",
        "image_sha256": f"{number:064x}",
        "content_hash": "h",
        "first_seen_at": NOW,
        "last_seen_at": NOW,
        "last_hydrated_at": NOW,
        "updated_at": NOW,
    }


def change(warehouse, number, **values):
    with warehouse.begin() as connection:
        connection.execute(sa.update(products).where(products.c.product_id == number).values(**values))


def embed(warehouse, model_version=MODEL, seed=1):
    """Give every pending product a vector that depends on its id alone; how many there were."""
    waiting = embeddings.pending(warehouse, model_version)
    drawn = [unit_vectors(1, seed=seed * 1000 + product.product_id)[0] for product in waiting]
    embeddings.store(warehouse, model_version, waiting, np.array(drawn).reshape(-1, 768), now=NOW)
    return [product.product_id for product in waiting]


def rebuild(warehouse, vectors, *, model_version=MODEL, index_type="IVF_FLAT", now=NOW):
    return rebuild_index(warehouse, vectors, model_version, index_type=index_type, now=now)


def served(vectors):
    return sorted(hit.product_id for hit in vectors.search(unit_vectors(1)[0], limit=100).hits)


def builds(warehouse):
    with warehouse.begin() as connection:
        rows = connection.execute(sa.select(index_builds.c.collection, index_builds.c.status))
        return dict(rows.tuples().all())


def test_a_product_is_pending_until_it_is_embedded_and_again_when_its_picture_or_words_change(warehouse):
    sell(warehouse, 1, 2, 3, 4)
    assert embed(warehouse) == [1, 2, 3, 4]
    assert embeddings.pending(warehouse, MODEL) == []
    change(warehouse, 1, price_minor=1, last_hydrated_at=NOW + timedelta(1), in_stock=False, url="http://x.example")
    change(warehouse, 2, title="Kanga")
    change(warehouse, 3, image_sha256=None)
    waiting = embeddings.pending(warehouse, MODEL)
    assert [(p.product_id, p.image_sha256 is None, p.text.splitlines()[0]) for p in waiting] == [
        (2, False, "Kanga"),
        (3, True, "Kitenge dress 3"),
    ]
    assert len(embeddings.pending(warehouse, "m2")) == 4


def test_gone_rejected_and_unjudged_products_are_neither_embedded_nor_indexed(warehouse):
    sell(warehouse, 1)
    sell(warehouse, 2, verdict="flagged")
    sell(warehouse, 3, verdict="rejected")
    sell(warehouse, 4, verdict=None)
    sell(warehouse, 5, is_gone=True)
    assert embed(warehouse) == [1, 2]
    assert [row.product_id for row in indexable(warehouse, MODEL)] == [1, 2]


def test_one_bad_vector_keeps_the_whole_batch_out(warehouse):
    sell(warehouse, 1, 2)
    waiting = embeddings.pending(warehouse, MODEL)
    with pytest.raises(InputRejected, match="product 2 has length 0"):
        embeddings.store(warehouse, MODEL, waiting, np.eye(2, 768, dtype=np.float32) * [[1], [0]], now=NOW)
    with pytest.raises(InputRejected, match="2 products came with 1 vectors"):
        embeddings.store(warehouse, MODEL, waiting, unit_vectors(1), now=NOW)
    assert len(embeddings.pending(warehouse, MODEL)) == 2


def test_vectors_survive_postgres_to_the_last_bit(warehouse):
    sell(warehouse, 1)
    vector = unit_vectors(1)
    embeddings.store(warehouse, MODEL, embeddings.pending(warehouse, MODEL), vector, now=NOW)
    row = indexable(warehouse, MODEL)[0]
    assert np.array_equal(row.embedding, vector[0])
    assert (row.price, row.currency, row.created_at, row.model_version) == (1250.5, "KES", int(NOW.timestamp()), MODEL)


@pytest.mark.parametrize("bytes_too_many", [0, 1])
def test_a_picture_whose_address_does_not_fit_is_still_one(warehouse, lite_vectors, bytes_too_many):
    address = "http://x.example/".ljust(2048 + bytes_too_many, "a")
    sell(warehouse, 1, image_url=address)
    sell(warehouse, 2, image_url=address, image_sha256=None)
    embed(warehouse)
    rebuild(warehouse, lite_vectors)
    assert indexable(warehouse, MODEL)[0].image_url == (f"/media/{1:064x}.jpg" if bytes_too_many else address)
    found = {shown: lite_vectors.search(unit_vectors(1)[0], limit=9, pictured=shown).hits for shown in (True, False)}
    assert {shown: [hit.product_id for hit in hits] for shown, hits in found.items()} == {True: [1], False: [2]}


def test_the_index_follows_the_catalogue_and_keeps_one_build_for_rollback(warehouse, vectors):
    sell(warehouse, 1, 2, 3)
    embed(warehouse)
    first = rebuild(warehouse, vectors)
    assert (first.rebuilt, first.products, first.report["passed"], served(vectors)) == (True, 3, True, [1, 2, 3])

    change(warehouse, 1, last_hydrated_at=NOW + timedelta(hours=6), last_seen_at=NOW + timedelta(hours=6))
    again = rebuild(warehouse, vectors)
    assert (again.rebuilt, again.collection, again.report) == (False, first.collection, first.report)

    sell(warehouse, 4)
    assert embed(warehouse) == [4]
    second = rebuild(warehouse, vectors)
    change(warehouse, 2, is_gone=True)
    third = rebuild(warehouse, vectors)
    assert served(vectors) == [1, 3, 4]
    assert vectors.collections() == sorted([second.collection, third.collection])
    assert builds(warehouse) == {
        first.collection: "dropped",
        second.collection: "previous",
        third.collection: "live",
    }

    change(warehouse, 3, is_gone=True)
    assert roll_back_index(warehouse, vectors, now=NOW) == second.collection
    assert served(vectors) == [1, 4]  # the index of then, the products of now
    assert builds(warehouse)[third.collection] == "previous"


def test_a_build_that_fails_its_check_leaves_the_live_one(warehouse, vectors):
    sell(warehouse, 1, 2)
    embed(warehouse)
    live = rebuild(warehouse, vectors)
    sell(warehouse, 3)
    embed(warehouse)
    with warehouse.begin() as connection:  # as a disk would spoil it
        spoilt = (unit_vectors(1)[0] * 3).tobytes()
        connection.execute(
            sa.update(product_embeddings).where(product_embeddings.c.product_id == 3).values(vector=spoilt)
        )
    with pytest.raises(PublicationRefused, match=r"product 3 has length 3"):
        rebuild(warehouse, vectors)
    assert vectors.collections() == [vectors.current()] == [live.collection]
    assert served(vectors) == [1, 2]
    assert Counter(builds(warehouse).values()) == {"live": 1, "refused": 1}
    with warehouse.begin() as connection:
        connection.execute(sa.delete(product_embeddings).where(product_embeddings.c.product_id == 3))
    embed(warehouse)
    assert rebuild(warehouse, vectors).rebuilt
    assert served(vectors) == [1, 2, 3]


def test_a_new_model_takes_over_only_when_every_product_has_its_vector(warehouse, lite_vectors):
    sell(warehouse, 1, 2)
    embed(warehouse)
    rebuild(warehouse, lite_vectors)
    with pytest.raises(PublicationRefused, match="no product has a vector of m2"):
        rebuild(warehouse, lite_vectors, model_version="m2")
    waiting = embeddings.pending(warehouse, "m2")
    embeddings.store(warehouse, "m2", waiting[:1], unit_vectors(1), now=NOW)
    with pytest.raises(PublicationRefused, match="1 products have no vector of m2 yet"):
        rebuild(warehouse, lite_vectors, model_version="m2")
    assert lite_vectors.health().model_version == MODEL
    embed(warehouse, "m2")
    rebuild(warehouse, lite_vectors, model_version="m2")
    assert lite_vectors.health().model_version == "m2"


def test_a_market_that_has_no_products_yet_has_an_empty_index(warehouse, lite_vectors):
    assert rebuild(warehouse, lite_vectors).products == 0
    assert served(lite_vectors) == []


def test_an_index_that_lost_rows_is_built_anew_beside_itself(warehouse, lite_vectors):
    sell(warehouse, 1, 2, 3)
    embed(warehouse)
    live = rebuild(warehouse, lite_vectors).collection
    lite_vectors.milvus.ask("delete", live, filter="product_id in [2]")
    repaired = rebuild(warehouse, lite_vectors)
    assert (repaired.rebuilt, repaired.collection) == (True, f"{live}_b")
    assert served(lite_vectors) == [1, 2, 3]


def anew(warehouse, vectors):
    return rebuild_index(warehouse, vectors, MODEL, index_type="IVF_FLAT", now=NOW, anew=True)


def test_asked_to_build_anew_it_does_each_time_and_keeps_the_one_before(warehouse, lite_vectors):
    sell(warehouse, 1, 2, 3)
    embed(warehouse)
    first = rebuild(warehouse, lite_vectors).collection
    second = anew(warehouse, lite_vectors).collection
    third = anew(warehouse, lite_vectors).collection
    assert builds(warehouse) == {first: "dropped", second: "previous", third: "live"}
    assert lite_vectors.collections() == sorted([second, third])
    assert anew(warehouse, lite_vectors).collection == first  # its name is free again
    assert served(lite_vectors) == [1, 2, 3]


def test_the_index_kept_for_rollback_outlives_a_build_that_dies(warehouse, lite_vectors):
    sell(warehouse, 1, 2, 3)
    embed(warehouse)
    kept = rebuild(warehouse, lite_vectors).collection
    live = anew(warehouse, lite_vectors).collection
    lite_vectors.remove(kept, [2])  # so that it would not pass as it is
    mortal = Vectors(lite_vectors.milvus.uri, alias=lite_vectors.alias)
    mortal.milvus = MilvusOfAMortal(lite_vectors.milvus.uri, "after", "insert")
    with pytest.raises(Killed):
        anew(warehouse, mortal)
    mortal.close()
    assert roll_back_index(warehouse, lite_vectors, now=NOW) == kept
    assert served(lite_vectors) == [1, 2, 3]
    assert lite_vectors.collections() == sorted([kept, live])


def test_an_empty_milvus_is_filled_again(warehouse, lite_vectors):
    sell(warehouse, 1)
    embed(warehouse)
    live = rebuild(warehouse, lite_vectors).collection
    lite_vectors.milvus.ask("drop_alias", lite_vectors.alias)
    lite_vectors.drop(live)
    assert rebuild(warehouse, lite_vectors).rebuilt
    assert served(lite_vectors) == [1]
    assert builds(warehouse) == {live: "live"}


def test_there_is_no_rollback_before_a_second_build(warehouse, lite_vectors):
    sell(warehouse, 1)
    embed(warehouse)
    rebuild(warehouse, lite_vectors)
    with pytest.raises(PublicationRefused, match="no earlier index"):
        roll_back_index(warehouse, lite_vectors, now=NOW)


class Killed(BaseException):
    """As a kill would: nothing that follows happens."""


class MilvusOfAMortal(Milvus):
    """Milvus, asked by a process that dies before or after its first question of one kind."""

    def __init__(self, uri, when, last_question):
        super().__init__(uri)
        self.when, self.last_question = when, last_question

    def ask(self, question, *arguments, **named):
        if question == self.last_question and self.when == "before":
            raise Killed
        answer = super().ask(question, *arguments, **named)
        if question == self.last_question:
            raise Killed
        return answer


@pytest.mark.parametrize(
    ("when", "question"),
    [
        ("after", "create_collection"),
        ("after", "insert"),
        ("after", "flush"),
        ("after", "create_index"),
        ("after", "load_collection"),
        ("before", "alter_alias"),
        ("after", "alter_alias"),
        ("after", "release_collection"),
        ("after", "drop_collection"),
    ],
)
def test_a_rebuild_killed_anywhere_ends_the_same_when_it_is_run_again(warehouse, lite_vectors, when, question):
    kill_and_run_again(warehouse, lite_vectors, when, question)


@pytest.mark.parametrize(
    ("when", "question"), [("after", "insert"), ("before", "alter_alias"), ("after", "alter_alias")]
)
def test_a_rebuild_killed_around_the_switch_ends_the_same_on_either_milvus(warehouse, vectors, when, question):
    kill_and_run_again(warehouse, vectors, when, question)


def kill_and_run_again(warehouse, vectors, when, question):
    sell(warehouse, 1, 2)
    embed(warehouse)
    before = rebuild(warehouse, vectors).collection
    sell(warehouse, 3)
    embed(warehouse)
    mortal = Vectors(vectors.milvus.uri, alias=vectors.alias)
    mortal.milvus = MilvusOfAMortal(vectors.milvus.uri, when, question)
    with pytest.raises(Killed):
        rebuild(warehouse, mortal)
    mortal.close()
    switched = vectors.current() != before
    assert served(vectors) == ([1, 2, 3] if switched else [1, 2])

    after = rebuild(warehouse, vectors, now=NOW + timedelta(minutes=1)).collection
    assert served(vectors) == [1, 2, 3]
    assert vectors.collections() == sorted([before, after])
    assert builds(warehouse) == {before: "previous", after: "live"}
    assert verified_against_catalogue(warehouse, vectors, build_of(warehouse, after)).passed


def test_a_rollback_killed_after_the_switch_is_what_the_next_rebuild_starts_from(warehouse, lite_vectors):
    sell(warehouse, 1)
    embed(warehouse)
    first = rebuild(warehouse, lite_vectors).collection
    sell(warehouse, 2)
    embed(warehouse)
    second = rebuild(warehouse, lite_vectors).collection
    mortal = Vectors(lite_vectors.milvus.uri, alias=lite_vectors.alias)
    mortal.milvus = MilvusOfAMortal(lite_vectors.milvus.uri, "after", "alter_alias")
    with pytest.raises(Killed):
        roll_back_index(warehouse, mortal, now=NOW)
    mortal.close()
    assert served(lite_vectors) == [1, 2]
    assert not rebuild(warehouse, lite_vectors).rebuilt
    assert builds(warehouse) == {first: "live", second: "previous"}


REBUILD = """
import sys
from datetime import UTC, datetime
from marketplace.storage.index_builds import rebuild_index
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
uri, alias, database = sys.argv[1:]
print("ready", flush=True)
now = datetime(2026, 11, 21, tzinfo=UTC)
rebuild_index(Warehouse(database), Vectors(uri, alias=alias), "m1", index_type="IVF_FLAT", now=now)
"""


def test_a_process_that_is_killed_leaves_no_lock_behind(warehouse, database_url, lite_vectors):
    sell(warehouse, *range(1, 60))
    embed(warehouse)
    started = subprocess.Popen(
        [sys.executable, "-c", REBUILD, lite_vectors.milvus.uri, lite_vectors.alias, database_url],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout.readline() == "ready\n"
    while not builds(warehouse) and started.poll() is None:
        pass
    started.send_signal(signal.SIGKILL)
    started.communicate()
    rebuild(warehouse, lite_vectors)
    assert served(lite_vectors) == list(range(1, 60))
    assert list(builds(warehouse).values()) == ["live"]

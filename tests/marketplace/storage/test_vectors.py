"""The contract of the index, held against Milvus Lite and a standalone server alike."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.errors import ArtifactUnavailable, ConfigurationError, InputRejected, StoreUnreachable
from marketplace.local.milvus import EmbeddedMilvus
from marketplace.local.network import free_port, wait_until
from marketplace.search.asking import Filters
from marketplace.storage.milvus import Milvus
from marketplace.storage.vector_filters import condition
from marketplace.storage.vector_rows import clipped
from marketplace.storage.vectors import VectorRow, Vectors
from marketplace.storage.verification import verify

CATEGORIES = ["dresses", "x' or 1==1", 'say "hi" \\ there', "ልብስ", "", "tab\tand\nline"]
CITIES = ["Nairobi", 'Dar "es" Salaam \\']
FIRST_ID = 2**53 - 100  # ids as large as they come
COUNT = 60


def of(**filters):
    """Filters that let sold-out products through unless said otherwise."""
    return Filters(**{"in_stock": False, **filters})


def unit_vectors(count, seed=1):
    drawn = np.random.default_rng(seed).standard_normal((count, 768)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def rows(count=COUNT, *, seed=1, model_version="m1"):
    return [
        VectorRow(
            product_id=FIRST_ID + number,
            embedding=vector,
            product_name=f"Product {number}",
            category=CATEGORIES[number % len(CATEGORIES)],
            price=float(number) if number % 5 else None,
            currency="KES" if number % 5 else None,
            in_stock=number % 6 != 0,
            seller_id=number % 4,
            city=CITIES[number % 2],
            country="KE",
            image_url=f"http://shop.example/{number}.jpg",
            created_at=1_763_683_200,
            last_hydrated_at=1_763_683_300,
            model_version=model_version,
        )
        for number, vector in enumerate(unit_vectors(count, seed))
    ]


def name(vectors, digit):
    return f"{vectors.alias}_{digit * 16}"


def is_answered(question):
    try:
        question()
    except StoreUnreachable:
        return False
    return True


def verified(vectors, collection, expected, model_version="m1"):
    marks = {row.product_id: row.entity()["fingerprint"] for row in expected}
    return verify(vectors, collection, expected=marks, model_version=model_version).problems


@pytest.fixture(scope="module")
def published(any_milvus_uri):
    """An index of sixty products that the tests only read."""
    opened = Vectors(any_milvus_uri, alias="test_read_only")
    opened.build(name(opened, "a"), rows(), nlist=8)
    opened.publish(name(opened, "a"))
    yield opened
    opened.milvus.ask("drop_alias", opened.alias)
    opened.drop(name(opened, "a"))
    opened.close()


def test_a_product_is_found_by_its_own_vector_first(published):
    hit = published.search(rows()[7].embedding, limit=3).hits[0]
    assert hit.product_id == FIRST_ID + 7
    assert hit.similarity == pytest.approx(1, abs=1e-5)


def test_similarity_is_the_cosine_and_falls(published):
    query = unit_vectors(1, seed=9)[0]
    hits = published.search(query, limit=COUNT).hits
    cosines = {row.product_id: float(row.embedding @ query) for row in rows()}
    assert [hit.product_id for hit in hits] == sorted(cosines, key=cosines.__getitem__, reverse=True)
    assert [hit.similarity for hit in hits] == pytest.approx([cosines[hit.product_id] for hit in hits], abs=1e-5)


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_category_means_itself_whatever_it_contains(published, category):
    hits = published.search(unit_vectors(1, seed=9)[0], limit=COUNT, filters=of(categories=(category,))).hits
    wanted = {row.product_id for row in rows() if row.category == category}
    assert {hit.product_id for hit in hits} == wanted


@pytest.mark.parametrize("category", ["' or 1==1 or category == '", '" or product_id > 0 or category == "', "\\", "%"])
def test_a_category_that_tries_to_break_out_finds_nothing(published, category):
    assert published.search(unit_vectors(1)[0], limit=5, filters=of(categories=(category,))).hits == []


def test_a_search_can_be_for_products_with_or_without_a_picture(vectors):
    held = [replace(row, image_url=None) if row.product_id % 3 else row for row in rows()]
    vectors.build(name(vectors, "a"), held, nlist=4)
    vectors.publish(name(vectors, "a"))
    for pictured in (True, False):
        hits = vectors.search(rows()[8].embedding, limit=COUNT, pictured=pictured).hits
        assert {hit.product_id for hit in hits} == {
            row.product_id for row in held if (row.image_url is not None) == pictured
        }


BREAKING = st.sampled_from(
    ["' or 1==1", '" or 1==1 or "', "\\", '\\"', '\\\\" or ""==""', "{x}", "ልብስ", "\0", "\u2028", "%"]
)


@settings(max_examples=40, deadline=None)
@given(text=st.one_of(st.text(max_size=40), st.lists(BREAKING, min_size=1, max_size=3).map("".join)))
def test_whatever_is_written_into_a_filter_finds_only_what_is_called_that(published, text):
    query, named = unit_vectors(1, seed=9)[0], clipped(text, "category")
    same = {row.product_id for row in rows() if clipped(row.category, "category") == named}
    for filters in (of(categories=(text,)), of(categories=(text, text))):
        assert {hit.product_id for hit in published.search(query, limit=COUNT, filters=filters).hits} == same
    for filters in (of(city=text + "?"), of(country=text + "??"), of(currency=text + "???")):
        assert published.search(query, limit=COUNT, filters=filters).hits == []


def wanted_by(meets):
    return {row.product_id for row in rows() if meets(row)}


@pytest.mark.parametrize(
    ("filters", "meets"),
    [
        (of(categories=(CATEGORIES[0], CATEGORIES[2])), lambda row: row.category in (CATEGORIES[0], CATEGORIES[2])),
        (of(city=CITIES[1]), lambda row: row.city == CITIES[1]),
        (of(country="TZ"), lambda row: False),
        (of(currency="KES"), lambda row: row.currency == "KES"),
        (of(currency="KES", least_minor=1_100, most_minor=3_300), lambda row: row.price and 11 <= row.price <= 33),
        (of(currency="TZS", most_minor=10**9), lambda row: False),
        (of(in_stock=True), lambda row: row.in_stock),
        (
            Filters((CATEGORIES[1],), 3, "KE", CITIES[1], "KES", 100, 4_000),
            lambda row: row.category == CATEGORIES[1] and row.seller_id == 3 and row.price and 1 <= row.price <= 40,
        ),
        (
            Filters((CATEGORIES[1],), country="KE", city=CITIES[1], currency="KES", least_minor=100),
            lambda row: row.category == CATEGORIES[1] and row.city == CITIES[1] and row.price and row.in_stock,
        ),
    ],
    ids=["categories", "city", "country", "currency", "price", "other currency", "stock", "all", "most"],
)
def test_a_filter_lets_exactly_those_through_that_meet_it(published, filters, meets):
    hits = published.search(unit_vectors(1, seed=9)[0], limit=COUNT, filters=filters).hits
    assert {hit.product_id for hit in hits} == wanted_by(meets)


def test_a_row_that_is_put_again_is_found_as_it_is_now_and_only_once(vectors):
    collection = name(vectors, "a")
    vectors.build(collection, rows(30), nlist=4)
    vectors.publish(collection)
    moved = replace(rows(30)[5], category="shoes", embedding=unit_vectors(1, seed=77)[0])
    dearer = replace(rows(30)[6], price=999.0)
    fresh = replace(rows(1)[0], product_id=1)
    vectors.put(collection, [moved, dearer, fresh])
    vectors.remove(collection, [FIRST_ID + 7, 12345])
    expected = [*(row for row in rows(30) if row.product_id - FIRST_ID not in (5, 6, 7)), moved, dearer, fresh]
    assert verified(vectors, collection, sorted(expected, key=lambda row: row.product_id)) == ()
    found = vectors.nearest(collection, [moved.embedding], 30, "IVF_FLAT", 64, condition(of(categories=("shoes",))))[0]
    assert [hit.product_id for hit in found] == [moved.product_id]
    by_category = vectors.search(fresh.embedding, limit=9, filters=of(categories=(fresh.category,))).hits
    assert {1, FIRST_ID} <= {hit.product_id for hit in by_category}
    old = vectors.nearest(
        collection, [moved.embedding], 30, "IVF_FLAT", 64, condition(of(categories=(CATEGORIES[5],)))
    )[0]
    assert moved.product_id not in {hit.product_id for hit in old}
    marks = {row.product_id: row.entity()["fingerprint"] for row in expected}
    assert vectors.kept(collection, [*marks, FIRST_ID + 7]) == marks


@pytest.mark.parametrize("index_type", ["FLAT", "IVF_FLAT", "IVF_SQ8", "HNSW"])
def test_every_kind_of_index_finds_what_it_holds(vectors, index_type):
    collection, held = name(vectors, "a"), rows(40)
    vectors.build(collection, held, nlist=4, index_type=index_type)
    vectors.publish(collection)
    assert verified(vectors, collection, held) == ()
    assert vectors.health().index_type == index_type
    hits = vectors.search(held[3].embedding, limit=5, filters=of(city=CITIES[1])).hits
    assert hits[0].product_id == held[3].product_id
    assert {hit.product_id for hit in hits} <= {row.product_id for row in held if row.city == CITIES[1]}


def test_lite_has_a_compressed_graph_too(lite_vectors):
    collection, held = name(lite_vectors, "a"), rows(40)
    lite_vectors.build(collection, held, nlist=4, index_type="HNSW_SQ")
    assert verified(lite_vectors, collection, held) == ()


@pytest.mark.milvus_server
def test_a_kind_of_index_that_the_server_lacks_is_named_with_the_server(milvus_server_uri):
    vectors = Vectors(milvus_server_uri, alias="test_lacking")
    with pytest.raises(ConfigurationError, match=r"Milvus v2\.3.* has no index of type HNSW_SQ; choose another"):
        vectors.build(name(vectors, "a"), rows(3), nlist=1, index_type="HNSW_SQ")
    vectors.drop(name(vectors, "a"))


def test_a_seller_and_exclusions_narrow_a_search(published):
    hits = published.search(rows()[8].embedding, limit=COUNT, filters=of(seller_id=0), exclude=[FIRST_ID + 8]).hits
    assert {hit.product_id - FIRST_ID for hit in hits} == set(range(0, COUNT, 4)) - {8}


@pytest.mark.parametrize("limit", [0, -1, 1001, 10**9])
def test_an_absurd_limit_is_refused(published, limit):
    with pytest.raises(InputRejected, match=str(limit)):
        published.search(rows()[0].embedding, limit=limit)


def test_a_query_of_another_model_is_refused(published):
    assert published.search(rows()[0].embedding, limit=1, model_version="m1").hits
    with pytest.raises(ArtifactUnavailable, match="vectors of m1, the query is of m2"):
        published.search(rows()[0].embedding, limit=1, model_version="m2")


def test_vectors_come_back_as_they_went_in(published):
    wanted = [FIRST_ID + 3, FIRST_ID + 50, 4]
    vectors = published.vectors_of(wanted)
    assert vectors.keys() == {FIRST_ID + 3, FIRST_ID + 50}
    assert np.array_equal(vectors[FIRST_ID + 3], rows()[3].embedding)


def test_a_product_is_left_out_of_what_is_like_it(published):
    everything = published.search(rows()[7].embedding, limit=COUNT, exclude=[FIRST_ID + 7]).hits
    assert len(everything) == COUNT - 1
    assert FIRST_ID + 7 not in {hit.product_id for hit in everything}


def test_health_says_what_is_served(published):
    health = published.health()
    assert health.collection == published.current() == name(published, "a")
    assert (health.products, health.model_version, health.index_type) == (COUNT, "m1", "IVF_FLAT")
    assert health.server


def test_the_fields_are_those_of_the_contract(published):
    fields = published.milvus.ask("describe_collection", published.alias)["fields"]
    kinds = {field["name"]: field["type"].name for field in fields}
    assert kinds == {
        "product_id": "INT64",
        "embedding": "FLOAT_VECTOR",
        "product_name": "VARCHAR",
        "category": "VARCHAR",
        "price": "FLOAT",
        "currency": "VARCHAR",
        "in_stock": "BOOL",
        "city": "VARCHAR",
        "country": "VARCHAR",
        "fingerprint": "INT64",
        "seller_id": "INT64",
        "image_url": "VARCHAR",
        "created_at": "INT64",
        "last_hydrated_at": "INT64",
        "model_version": "VARCHAR",
    }
    assert [field["name"] for field in fields if field.get("is_partition_key")] == ["category"]
    sizes = {field["name"]: field["params"].get("max_length") for field in fields}
    assert (sizes["product_name"], sizes["category"], sizes["image_url"]) == (256, 64, 2048)
    assert published.milvus.ask("describe_index", published.alias, "embedding")["metric_type"] == "L2"


def test_what_is_served_can_be_neither_dropped_nor_built_anew(published):
    for served in (published.alias, name(published, "a")):
        with pytest.raises(InputRejected, match="is being served"):
            published.drop(served)
    with pytest.raises(InputRejected, match="is being served"):
        published.build(name(published, "a"), rows(3), nlist=1)
    assert published.health().products == COUNT


def test_a_released_collection_is_loaded_when_it_is_read(published):
    published.release(name(published, "a"))
    assert published.search(rows()[7].embedding, limit=1).hits[0].product_id == FIRST_ID + 7


def test_nothing_is_served_before_something_is_published(vectors):
    assert vectors.current() is None
    assert vectors.health().collection is None
    with pytest.raises(ArtifactUnavailable):
        vectors.search(rows()[0].embedding, limit=1)
    with pytest.raises(ArtifactUnavailable):
        vectors.publish(name(vectors, "f"))


def test_searches_meet_no_gap_while_the_index_is_switched(vectors):
    old, new = name(vectors, "a"), name(vectors, "b")
    vectors.build(old, rows(30), nlist=4)
    vectors.publish(old)
    vectors.build(new, rows(40, seed=2, model_version="m2"), nlist=4, index_type="HNSW")
    query, seen, over = unit_vectors(1)[0], [], threading.Event()

    def search():
        while not over.is_set():
            seen.append(len(vectors.search(query, limit=50).hits))

    searching = threading.Thread(target=search)
    searching.start()
    for collection in (new, old, new):
        vectors.publish(collection)
    over.set()
    searching.join()
    assert set(seen) <= {30, 40}
    assert vectors.health().model_version == "m2"
    assert vectors.collections() == [old, new]
    vectors.drop(old)
    assert vectors.collections() == [new]
    assert len(vectors.search(query, limit=50).hits) == 40


@pytest.mark.parametrize("goes", ["release", "drop"])
def test_who_missed_a_switch_hears_of_the_collection_that_answered(vectors, goes):
    old, new = name(vectors, "a"), name(vectors, "b")
    held = {old: rows(), new: rows(30, seed=2, model_version="m2")}
    models = {old: "m1", new: "m2"}
    for collection, nlist in ((old, 8), (new, 2)):
        vectors.build(collection, held[collection], nlist=nlist)
    vectors.publish(old)
    reader = Vectors(vectors.milvus.uri, alias=vectors.alias)

    def answered():
        """Where it was found and where its vectors were read, after seeing that all is of one and the same."""
        found = reader.search(unit_vectors(1)[0], limit=COUNT)
        read = reader.published([FIRST_ID, FIRST_ID + 1])
        assert (len(found.hits), found.model_version) == (len(held[found.collection]), models[found.collection])
        assert np.array_equal(read.vectors[FIRST_ID], held[read.collection][0].embedding)
        assert read.model_version == models[read.collection]
        return found.collection, read.collection

    assert answered() == (old, old)
    vectors.publish(new)
    answered()  # which of the two is a matter of when it looked last
    getattr(vectors, goes)(old)
    assert answered() == (new, new)
    if goes == "release":
        assert "NotLoad" in str(vectors.milvus.ask("get_load_state", old))
    reader.close()


def test_a_search_that_finds_nothing_still_says_where(published):
    found = published.search(unit_vectors(1)[0], limit=5, filters=of(city="nowhere"))
    assert (found.hits, found.collection, found.model_version) == ([], published.current(), "m1")
    none = published.published([1])
    assert (none.vectors, none.collection, none.model_version) == ({}, published.current(), None)


def test_verification_names_every_flaw(vectors):
    collection = name(vectors, "c")
    kept = rows(20)
    vectors.build(collection, kept, nlist=4, index_type="FLAT")
    assert verified(vectors, collection, kept) == ()
    missing = verified(vectors, collection, [*kept, replace(kept[0], product_id=5)])
    assert missing == ("holds 20 rows, not 21", "product 5 is missing")
    assert "20 products are of another model than m2" in verified(vectors, collection, kept, model_version="m2")
    long = {**kept[0].entity(), "product_id": 6, "embedding": kept[1].embedding * 2}
    vectors.milvus.ask("insert", collection, [long])
    assert "the vector of product 6 has length 2" in str(
        verified(vectors, collection, [*kept, replace(kept[0], product_id=6)])
    )
    assert verified(vectors, collection, kept) == ("holds 21 rows, not 20",)


def test_twins_of_one_vector_may_stand_in_for_each_other(vectors):
    collection = name(vectors, "d")
    twins = [replace(row, embedding=rows()[0].embedding) for row in rows(40)]
    vectors.build(collection, twins, nlist=4)
    assert verified(vectors, collection, twins) == ()


def test_an_empty_market_has_an_empty_index(vectors):
    collection = name(vectors, "e")
    vectors.build(collection, [], nlist=1)
    assert verified(vectors, collection, []) == ()
    vectors.publish(collection)
    assert vectors.search(rows()[0].embedding, limit=3).hits == []
    assert vectors.health().model_version is None


def test_a_bad_vector_stops_the_build(vectors):
    bad = replace(rows(1)[0], embedding=np.zeros(768, np.float32))
    with pytest.raises(InputRejected, match=f"product {FIRST_ID} has length 0"):
        vectors.build(name(vectors, "a"), [bad], nlist=1)


def test_a_build_replaces_a_half_built_one(vectors):
    collection = name(vectors, "a")
    vectors.build(collection, rows(30), nlist=4)
    vectors.build(collection, rows(20, seed=3), nlist=4)
    assert verified(vectors, collection, rows(20, seed=3)) == ()


def test_a_narrow_search_of_many_cells_finds_all_there_is(vectors):
    """Two products of one seller among many of a category, as far from the query as can be."""
    query = unit_vectors(1, seed=9)[0]
    many = [replace(row, category="dresses") for row in rows(1500)]
    for number in (5, 700):
        many[number] = replace(many[number], seller_id=99, embedding=-query)
    vectors.build(name(vectors, "a"), many, nlist=154)
    vectors.publish(name(vectors, "a"))
    hits = vectors.search(query, limit=10, filters=of(categories=("dresses",), seller_id=99)).hits
    assert {hit.product_id - FIRST_ID for hit in hits} == {5, 700}
    assert [hit.similarity for hit in hits] == pytest.approx([-1, -1])
    assert len(vectors.search(query, limit=100).hits) == 100


class ForgetfulMilvus(Milvus):
    """Milvus with an index that finds nothing, though every row is there."""

    def ask(self, question, *arguments, **named):
        answer = super().ask(question, *arguments, **named)
        return [[] for _ in answer] if question == "search" else answer


def test_products_that_are_not_found_by_their_own_vector_fail_verification(lite_vectors):
    collection = name(lite_vectors, "a")
    lite_vectors.build(collection, rows(3), nlist=1)
    lite_vectors.milvus = ForgetfulMilvus(lite_vectors.milvus.uri)
    problems = verified(lite_vectors, collection, rows(3))
    assert problems[0] == f"product {FIRST_ID} is not found by its own vector"
    assert len(problems) == 3


def test_nobody_listening_is_said_at_once():
    closed = Vectors(f"http://127.0.0.1:{free_port()}", timeout=60)
    for question in (closed.current, closed.health, lambda: closed.search(rows()[0].embedding, limit=1)):
        with pytest.raises(StoreUnreachable, match=r"127\.0\.0\.1"):
            question()


def test_a_server_that_went_away_and_came_back_is_found_again(tmp_path):
    server = EmbeddedMilvus(tmp_path / "milvus", free_port())
    server.start(tmp_path / "log")
    vectors = Vectors(server.uri, timeout=5)
    try:
        vectors.build(name(vectors, "a"), rows(10), nlist=1)
        vectors.publish(name(vectors, "a"))
        server.process.kill()
        server.process.wait()
        for question in [vectors.current] * 20:
            with pytest.raises(StoreUnreachable):
                question()
        server.start(tmp_path / "log")
        assert wait_until(lambda: is_answered(vectors.current), 20)
        assert vectors.search(rows()[0].embedding, limit=1).hits[0].product_id == FIRST_ID
    finally:
        server.stop()


def is_stopped(pid: int) -> bool:
    """Whether every thread of the process stands still."""
    states = [(task / "stat").read_text().rpartition(") ")[2][0] for task in Path(f"/proc/{pid}/task").iterdir()]
    return set(states) == {"T"}


def test_a_server_that_hangs_is_given_up_after_the_timeout(tmp_path):
    server = EmbeddedMilvus(tmp_path / "milvus", free_port())
    server.start(tmp_path / "log")
    connected, late = Vectors(server.uri, timeout=1), Vectors(server.uri, timeout=1)
    try:
        assert connected.current() is None
        server.process.send_signal(signal.SIGSTOP)
        assert wait_until(lambda: is_stopped(server.process.pid), 10)  # a thread may still answer until it is told
        for vectors in (connected, late):
            with pytest.raises(StoreUnreachable):
                vectors.current()
        server.process.send_signal(signal.SIGCONT)
        assert late.current() is None
    finally:
        server.process.send_signal(signal.SIGCONT)
        server.stop()


@pytest.mark.milvus_server
def test_a_wrong_token_is_a_setting_to_mend_not_a_server_to_wait_for(locked_milvus_uri):
    for token in ("", "root:guess"):
        with pytest.raises(ConfigurationError, match="SOKO_MILVUS_TOKEN"):
            Vectors(locked_milvus_uri, token).current()
    assert Vectors(locked_milvus_uri, "root:Milvus").current() is None


@pytest.mark.parametrize("uri", ["./milvus.db", "127.0.0.1:19530", ""])
def test_an_address_that_is_none_is_refused(uri):
    with pytest.raises(ConfigurationError, match="SOKO_MILVUS_URI"):
        Vectors(uri)

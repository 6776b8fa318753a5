"""A live index whose files are missing or spoilt is noticed, replaced by the one before, and built anew."""

from __future__ import annotations

import pytest

from marketplace.errors import MarketplaceError, PublicationRefused
from marketplace.local.network import wait_until
from marketplace.storage.index_builds import live_build
from marketplace.storage.index_checks import check_index
from marketplace.storage.index_state import need_of_upkeep
from marketplace.storage.rescue import ailment, rescue
from marketplace.storage.tables import product_embeddings
from marketplace.storage.vectors import Vectors

from .test_index_builds import MODEL, NOW, builds, change, embed, sell, served
from .test_upkeep import follow, market, own_milvus, update  # noqa: F401
from .test_vectors import is_answered


def spoil(file):
    content = bytearray(file.read_bytes())
    content[: len(content) // 2] = b"x" * (len(content) // 2)
    file.write_bytes(bytes(content))


FAULTS = {
    "index spoilt": (".idx", spoil),
    "data missing": (".parquet", lambda file: file.unlink()),
    "data spoilt": (".parquet", spoil),
}


@pytest.fixture(params=FAULTS)
def faulty(request, warehouse, own_milvus):  # noqa: F811
    """An index of two builds, of which the live one lost its files while Milvus was down."""
    vectors = Vectors(own_milvus.uri, timeout=10)
    market(warehouse, vectors, count=12)
    change(warehouse, 1, is_gone=True)
    live = follow(warehouse, vectors, MODEL, anew=True).build
    change(warehouse, 2, is_gone=True)
    own_milvus.stop()
    ending, fault = FAULTS[request.param]
    harmed = [
        file for file in (own_milvus.data / "collections" / live.collection).rglob(f"*{ending}") if file.is_file()
    ]
    assert harmed
    for file in harmed:
        fault(file)
    own_milvus.start(own_milvus.log)
    assert wait_until(lambda: is_answered(vectors.current), 20)
    yield vectors, live
    vectors.close()


def test_it_is_noticed_the_one_before_serves_and_a_new_one_is_built(warehouse, faulty):
    vectors, broken = faulty
    assert ailment(vectors, broken) is not None
    assert need_of_upkeep(warehouse, vectors) == f"ill-{broken.collection}"
    followed = follow(warehouse, vectors)
    assert broken.collection in followed.reason
    assert served(vectors) == list(range(3, 13))
    assert need_of_upkeep(warehouse, vectors) is None
    assert check_index(warehouse, vectors, now=NOW).passed
    assert builds(warehouse)[broken.collection] in ("dropped", "live")  # the same rows are the same collection


def test_where_no_new_one_can_be_built_the_one_before_serves_on(warehouse, faulty):
    vectors, broken = faulty
    update(warehouse, product_embeddings, product_embeddings.c.product_id == 5, vector=b"\0" * 3072)
    with pytest.raises(PublicationRefused):
        follow(warehouse, vectors)
    assert vectors.current() not in (None, broken.collection)
    assert served(vectors) == list(range(3, 13))


def test_without_one_before_searches_wait_for_the_new_one(warehouse, own_milvus):  # noqa: F811
    vectors = Vectors(own_milvus.uri, timeout=10)
    live = market(warehouse, vectors)
    sell(warehouse, 7)  # on offer, and still without a vector
    own_milvus.stop()
    for file in (own_milvus.data / "collections" / live.collection).rglob("*.idx"):
        spoil(file)
    own_milvus.start(own_milvus.log)
    assert wait_until(lambda: is_answered(vectors.current), 20)
    assert rescue(warehouse, vectors, live, NOW) is None
    assert vectors.current() == live.collection
    assert "cannot be read" in follow(warehouse, vectors).reason
    assert builds(warehouse)[live.collection] == "dropped"
    assert served(vectors) == [1, 2, 3, 4, 5, 6]
    vectors.close()


def test_a_milvus_that_is_away_is_no_ailment_of_the_index(warehouse, own_milvus):  # noqa: F811
    vectors = Vectors(own_milvus.uri, timeout=5)
    live = market(warehouse, vectors)
    assert ailment(vectors, live) is None
    own_milvus.stop()
    with pytest.raises(MarketplaceError):
        ailment(vectors, live)
    vectors.close()


def test_a_few_rows_more_or_less_are_mended_not_rescued(warehouse, lite_vectors):
    market(warehouse, lite_vectors)
    sell(warehouse, 7)
    embed(warehouse)
    live = live_build(warehouse, lite_vectors, NOW)
    lite_vectors.remove(live.collection, [1])
    assert ailment(lite_vectors, live) is None
    assert not check_index(warehouse, lite_vectors, now=NOW).differences.agree
    assert served(lite_vectors) == [1, 2, 3, 4, 5, 6, 7]

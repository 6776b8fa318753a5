"""What is near is told of the index that was searched, by vectors of its own model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from marketplace.errors import ArtifactUnavailable
from marketplace.search.asking import Filters
from marketplace.storage.vectors import Vectors
from models.embedding.encoder import Encoder
from serving.encoder import WarmEncoder
from serving.likeness import Likeness, Meant, Nearest, Wanted
from tests.marketplace.storage.test_vectors import COUNT, FIRST_ID, name, rows

EVERYTHING = Filters(in_stock=False)


@pytest.fixture
def vectors(milvus_uri: str) -> Iterator[Vectors]:
    opened = Vectors(milvus_uri, alias="test_likeness")
    for digit, model in (("a", "m1"), ("b", "m1"), ("c", "m2")):
        opened.build(name(opened, digit), rows(model_version=model), nlist=4)
    opened.publish(name(opened, "a"))
    yield opened
    opened.milvus.ask("drop_alias", opened.alias)
    for collection in opened.collections():
        opened.drop(collection)
    opened.close()


@pytest.fixture
def likeness(vectors: Vectors) -> Iterator[Likeness]:
    def load() -> Encoder:
        raise AssertionError("published vectors need no encoder")

    opened = Likeness(vectors, WarmEncoder(load), seconds=30)
    yield opened
    opened.close()


def found(likeness: Likeness, meant: Meant) -> Nearest:
    pending = likeness.begin(meant, EVERYTHING, limit=COUNT, exclude=())
    return likeness.end(pending, likeness.deadline(alone=False))


def test_the_index_that_answers_is_the_one_that_is_named(vectors: Vectors, likeness: Likeness) -> None:
    meant = likeness.meant(Wanted(product_id=FIRST_ID), alone=False)
    for digit in ("a", "b", "a"):
        vectors.publish(name(vectors, digit))
        assert found(likeness, meant).index == name(vectors, digit)


@pytest.mark.parametrize("wanted", [Wanted(product_id=FIRST_ID), Wanted(like=(FIRST_ID, FIRST_ID + 1))])
def test_published_vectors_are_compared_with_those_of_their_own_model_only(
    vectors: Vectors, likeness: Likeness, wanted: Wanted
) -> None:
    meant = likeness.meant(wanted, alone=False)
    assert next(iter(found(likeness, meant).cosines)) in (FIRST_ID, FIRST_ID + 1)
    vectors.publish(name(vectors, "c"))
    with pytest.raises(ArtifactUnavailable, match="vectors of m2, the query is of m1"):
        found(likeness, meant)

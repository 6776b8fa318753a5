"""A walk through a listing ends where the listing does, and says so when it ends for another reason."""

from __future__ import annotations

import asyncio

import pytest

from marketplace.errors import SourceUnavailable
from marketplace.ingestion.paging import Leaf, walk
from marketplace.ingestion.sources import ProductRef


def scan(leaves, *, most_pages=10):
    """The scan of scripted pages, by number from 1."""

    async def read(url):
        leaf = leaves(int(url)) if callable(leaves) else leaves[int(url) - 1]
        if isinstance(leaf, Exception):
            raise leaf
        return leaf

    return asyncio.run(walk("1", read, most_pages=most_pages))


def leaf(*names, onward=None, **how):
    return Leaf([ProductRef(name) for name in names], onward, **how)


def test_pages_are_read_to_their_end_in_order():
    found = scan([leaf("b", onward="2"), leaf("a")])
    assert ([ref.source_ref for ref in found.refs], found.is_complete, found.note) == (["b", "a"], True, "")


def test_a_listing_without_products_is_complete_and_empty():
    found = scan([leaf()])
    assert (found.refs, found.is_complete) == ((), True)


def test_of_a_repeated_product_the_first_counts_and_it_is_named():
    found = scan([leaf("a", "b", onward="2"), leaf("b", "c")])
    assert [ref.source_ref for ref in found.refs] == ["a", "b", "c"]
    assert (found.is_complete, found.note) == (True, "left out because they repeat an earlier product: b")


@pytest.mark.parametrize(
    ("leaves", "note"),
    [
        ([leaf("a", onward="2"), SourceUnavailable("no answer")], "page 2 could not be read: no answer"),
        ([leaf("a", onward="2"), leaf("b", onward="1")], "1 was shown before: the pages lead in a circle"),
        ([leaf("a", onward="2"), leaf("a", onward="3")], "2 shows nothing new and leads on"),
        ([leaf("a", onward="2"), leaf(onward="3")], "2 shows nothing new and leads on"),
        ([leaf("a", promised=3)], "3 products are promised, 1 were seen"),
        ([leaf("a", flaws=["one has no id"])], "one has no id"),
    ],
    ids=["failure", "circle", "repetition", "emptiness", "promise", "flaw"],
)
def test_a_walk_that_may_have_missed_something_is_not_complete_and_says_why(leaves, note):
    found = scan(leaves)
    assert [ref.source_ref for ref in found.refs][:1] == ["a"]
    assert not found.is_complete
    assert note in found.note


def test_pages_that_never_end_are_left_when_the_budget_is_spent():
    found = scan(lambda number: leaf(f"{number}", onward=f"{number + 1}"), most_pages=10)
    assert (len(found.refs), found.is_complete, found.note) == (10, False, "there are more than 10 pages")


def test_a_first_page_that_fails_fails_the_walk():
    with pytest.raises(SourceUnavailable):
        scan([SourceUnavailable("no answer")])

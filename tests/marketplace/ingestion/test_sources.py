"""Sources are picked by kind, and read ahead by no more than they must."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from marketplace.catalog.products import Seller
from marketplace.errors import ConfigurationError
from marketplace.ingestion.feeds import Feed
from marketplace.ingestion.shop_pages import ShopPages
from marketplace.ingestion.sources import Hydration, ProductRef, hydrated_at_once, source_for
from marketplace.settings import Settings

SETTINGS = Settings(_env_file=None)
SELLER = Seller(1, "amina", "Amina", None, "Nairobi", "KE", "KES", "whatsapp", "http://shop.example/c/254700000001")
REFS = [ProductRef(f"{number}") for number in range(100)]


def test_each_kind_of_seller_has_its_source():
    assert isinstance(source_for(SELLER, SETTINGS), ShopPages)
    feed = source_for(replace(SELLER, source_kind="feed", source_url="/data/a.csv"), SETTINGS)
    assert isinstance(feed, Feed)
    assert feed.path == Path("/data/a.csv")


def test_a_seller_without_an_address_is_named():
    with pytest.raises(ConfigurationError, match="seller amina has no source_url"):
        source_for(replace(SELLER, source_url=None), SETTINGS)


def test_products_are_hydrated_by_several_threads_at_once_and_come_in_order():
    together = threading.Barrier(20, timeout=10)  # passes only if twenty run at once

    def hydrate(ref):
        together.wait()
        return Hydration(ref, None)

    assert [outcome.ref for outcome in hydrated_at_once(hydrate, REFS, threads=20)] == REFS


def test_no_more_is_read_than_a_little_ahead_and_nothing_after_the_reader_stops():
    read = []

    def hydrate(ref):
        read.append(ref)
        return Hydration(ref, None)

    outcomes = hydrated_at_once(hydrate, REFS, threads=2)
    next(outcomes)
    outcomes.close()
    assert len(read) <= 4


def test_what_nobody_foresaw_in_one_product_refuses_that_product_alone():
    def hydrate(ref):
        if ref == REFS[3]:
            raise LookupError("page of dragons")
        return Hydration(ref, None)

    outcomes = list(hydrated_at_once(hydrate, REFS, threads=2))
    assert [one.ref for one in outcomes] == list(REFS)
    assert {one.ref: one.refusal for one in outcomes if one.refusal} == {REFS[3]: "LookupError: page of dragons"}

"""A sync stores exactly what changed, removes only what is proven gone, and survives being killed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from marketplace.errors import SourceUnavailable, StoreUnreachable
from marketplace.ingestion.politeness import Patience
from marketplace.ingestion.sync import Ingestion
from marketplace.storage.catalog import live_products
from marketplace.storage.syncs import close_forsaken_scans
from marketplace.storage.tables import (
    brakes,
    dead_letters,
    page_validators,
    product_changes,
    product_versions,
    products,
    sellers,
    sync_runs,
)
from marketplace.storage.warehouse import Warehouse

from .conftest import NOW, picture


@pytest.fixture
def sync(ingestion, shelf, seller):
    def run(hours=0, progress=None, **how):
        return ingestion(
            lambda opened: opened.sync(seller, trigger="command", progress=progress, **how), hours=hours, source=shelf
        )

    return run


@pytest.fixture
def scout(ingestion, shelf, seller):
    return lambda hours=0: ingestion(lambda opened: opened.scout(seller, trigger="command"), hours=hours, source=shelf)


@pytest.fixture
def hydrate(ingestion, shelf, seller):
    def run(sync_id, hours=0, progress=None, **how):
        return ingestion(
            lambda opened: opened.hydrate(seller, sync_id, progress=progress, **how), hours=hours, source=shelf
        )

    return run


def dying(step, at):
    """A progress that kills the run the given time that it comes by the step."""
    seen = []

    def progress(reached, done, total):
        seen.append(reached)
        if seen.count(step) == at and reached == step:
            raise KeyboardInterrupt

    return progress


def changes(warehouse, sync_id):
    with warehouse.begin() as connection:
        rows = connection.execute(sa.select(product_changes).where(product_changes.c.sync_id == sync_id))
        return [(row.kind, row.field, row.old_value, row.new_value) for row in rows]


def state(warehouse):
    shown = [column for column in products.c if column.name not in {"updated_at", "words"}]
    with warehouse.begin() as connection:
        stored = connection.execute(sa.select(*shown).order_by(products.c.product_id)).all()
        changed = connection.execute(
            sa.select(product_changes.c.product_id, product_changes.c.kind, product_changes.c.evidence).order_by(
                product_changes.c.product_id
            )
        ).all()
        told = [column for column in product_versions.c if column.name not in {"version_id", "sync_id"}]
        versions = connection.execute(sa.select(*told).order_by(*told[:2])).all()
        pages = connection.execute(sa.select(page_validators).order_by(page_validators.c.url)).all()
    return stored, changed, versions, pages


def test_a_second_sync_of_the_same_catalog_changes_nothing(sync, warehouse):
    first, second = sync(), sync(6)
    assert (first.new, first.unchanged) == (60, 0)
    assert (second.new, second.unchanged, changes(warehouse, second.sync_id)) == (0, 60, [])
    with warehouse.begin() as connection:
        touched = connection.execute(sa.select(products.c.updated_at, products.c.last_seen_at).distinct()).all()
    assert touched == [(NOW, NOW + timedelta(hours=6))]


def test_a_changed_price_is_exactly_one_price_change(sync, shelf, warehouse):
    sync()
    shelf.put("07", price=900)
    audit = sync(6)
    assert (audit.price_changed, audit.other_changed, audit.unchanged) == (1, 0, 59)
    assert changes(warehouse, audit.sync_id) == [("price", "price", "100000 KES", "90000 KES")]


def test_a_product_that_a_complete_scan_lacks_is_gone_and_comes_back_when_shown(sync, shelf, warehouse):
    sync()
    kept = shelf.products.pop("07")
    assert sync(6).gone == 1
    assert len(live_products(warehouse)) == 59
    assert sync(12).gone == 0
    shelf.products["07"] = kept
    audit = sync(18)
    assert changes(warehouse, audit.sync_id) == [("back", None, None, None)]


def test_an_incomplete_scan_removes_nothing(sync, shelf, warehouse):
    sync()
    shelf.products.pop("07")
    shelf.is_complete = False
    audit = sync(6)
    assert (audit.status, audit.gone) == ("partial", 0)
    assert len(live_products(warehouse)) == 60


def test_a_page_that_is_not_found_removes_its_product_alone(sync, shelf, warehouse):
    sync()
    shelf.take_down("07")
    shelf.is_complete = False
    assert sync(6).gone == 1
    assert "07" not in {product.source_ref for product in live_products(warehouse)}


def test_a_catalog_that_vanishes_at_once_is_kept(sync, shelf, warehouse):
    sync()
    shelf.products = {"00": shelf.products["00"]}
    audit = sync(6)
    assert (audit.status, audit.gone) == ("braked", 0)
    assert "59 of 60" in audit.note
    assert len(live_products(warehouse)) == 60


@pytest.mark.parametrize("count", [1, 3, 60])
def test_an_empty_catalog_removes_nothing_however_complete_it_says_it_is(sync, shelf, warehouse, count):
    shelf.products = {ref: shelf.products[ref] for ref in list(shelf.products)[:count]}
    sync()
    shelf.products = {}
    audit = sync(6)
    assert (audit.status, audit.gone) == ("braked", 0)
    assert len(live_products(warehouse)) == count


def test_pages_that_are_not_found_are_braked_like_those_that_are_not_shown(sync, shelf, warehouse):
    sync()
    for ref in list(shelf.products)[:31]:
        shelf.take_down(ref)
    assert sync(6).status == "braked"
    shelf.put("30")
    audit = sync(12)
    assert (audit.status, audit.gone) == ("braked", 0)  # half, but a raised brake holds until somebody decides


def test_half_of_a_catalogue_may_go_and_no_more(sync, shelf):
    sync()
    for ref in list(shelf.products)[:30]:
        shelf.take_down(ref)
    assert sync(6).gone == 30


def test_new_products_take_no_brake_off(sync, shelf, warehouse):
    sync()
    shelf.products = {ref: shelf.products[ref] for ref in list(shelf.products)[:29]}
    for number in range(60, 90):
        shelf.put(str(number))  # thirty-one are missing; of the ninety that are live afterwards that is no half
    assert [sync(hours).status for hours in (6, 12, 18)] == ["braked"] * 3
    assert len(live_products(warehouse)) == 90


def test_a_picture_that_was_lost_here_is_fetched_again(sync, shelf, images, warehouse):
    sync()
    shelf.draw("07", picture("blue"))
    sync(6)
    [lost] = {one.image_sha256 for one in live_products(warehouse) if one.source_ref == "07"}
    images.path(lost).unlink()
    sync(12)
    assert images.path(lost).exists()


def test_a_seller_with_another_currency_has_every_page_read_again(sync, shelf, seller, ingestion):
    sync()
    other = replace(seller, currency="UGX")
    audit = ingestion(lambda opened: opened.sync(other, trigger="command"), hours=6, source=shelf)
    assert audit.cost.not_modified == 60  # the pictures alone


def test_the_brake_can_be_taken_off(shelf, sync):
    sync()
    shelf.products = {}
    audit = sync(6, brake_share=1)
    assert (audit.status, audit.gone) == ("done", 60)


def test_a_small_catalog_may_lose_most_of_itself(sync, shelf, warehouse):
    shelf.products = {ref: shelf.products[ref] for ref in ("01", "02", "03")}
    sync()
    shelf.products = {"01": shelf.products["01"]}
    assert sync(6).gone == 2


def test_a_product_that_is_refused_stays_as_it_was(sync, shelf, warehouse):
    sync()
    shelf.put("07", shown={"reason": "'abc' is no price"})
    audit = sync(6)
    assert (audit.failed, audit.unchanged, audit.gone, audit.status) == (1, 59, 0, "done")
    assert [(one["source_ref"], one["reason"]) for one in audit.refusals] == [("07", "'abc' is no price")]
    assert audit.errors == {"InputRejected": 1}
    assert len(live_products(warehouse)) == 60


def test_a_sync_that_could_read_nothing_has_failed_and_removed_nothing(sync, shelf, warehouse):
    sync()
    for ref in shelf.products:
        shelf.put(ref, shown={"reason": "'abc' is no price"})
    audit = sync(6)
    assert (audit.status, audit.failed, audit.gone) == ("failed", 60, 0)
    assert audit.note == "none of 60 products could be read; the first: 'abc' is no price"


def test_a_picture_that_does_not_answer_today_still_stands_and_a_broken_one_does_not(sync, shelf, warehouse):
    sync()
    shelf.draw("07", b"", status=503)
    audit = sync(6)
    assert (audit.unchanged, [one["source_ref"] for one in audit.refusals]) == (60, ["07"])
    assert audit.refusals[0]["reason"].endswith("/07.jpg answered 503")
    shelf.draw("07", b"<html>")
    audit = sync(12)
    assert changes(warehouse, audit.sync_id)[0][:2] == ("image", "image")
    assert {p.source_ref for p in live_products(warehouse) if p.image_sha256 is None} == {"07"}


def test_a_scan_that_fails_leaves_its_reason_in_the_audit(sync, shelf, warehouse):
    shelf.error = SourceUnavailable("the shop does not answer")
    with pytest.raises(SourceUnavailable):
        sync()
    with warehouse.begin() as connection:
        row = connection.execute(sa.select(sync_runs)).one()
    assert (row.status, row.note, row.finished_at) == ("failed", "the shop does not answer", NOW)


def test_a_scan_that_a_newer_one_replaced_is_not_hydrated(sync, scout, hydrate):
    sync()
    older, newer = scout(1), scout(2)
    late, right = hydrate(older, brake_share=1), hydrate(newer, brake_share=1)
    assert (late.status, late.gone, late.note) == ("failed", 0, "a newer scan has taken its place")
    assert (right.status, right.unchanged) == ("done", 60)


def test_progress_is_told_step_by_step(sync):
    told = []
    sync(progress=lambda *step: told.append(step))
    assert told == [
        ("scouted", 0, 0),
        ("fetched", 0, 60),
        ("stored", 50, 60),
        ("fetched", 50, 60),
        ("stored", 60, 60),
        ("removed", 60, 60),
        ("closed", 60, 60),
    ]


def test_a_store_that_does_not_answer_is_said_in_our_words(images, settings, shelf, seller):
    async def main():
        nowhere = Warehouse("postgresql://postgres@127.0.0.1:1/soko")
        async with Ingestion(nowhere, images, settings, source_of=lambda *_: shelf) as opened:
            await opened.hydrate(seller, "a")

    with pytest.raises(StoreUnreachable, match="Postgres at"):
        asyncio.run(main())


@pytest.mark.parametrize(("step", "at"), [("scouted", 1), ("fetched", 1), ("stored", 1), ("stored", 2), ("removed", 1)])
def test_a_sync_that_died_and_ran_again_ends_like_one_that_did_not(sync, shelf, warehouse, step, at):
    with pytest.raises(KeyboardInterrupt):
        sync(progress=dying(step, at))
    sync()
    died = state(warehouse)
    with warehouse.begin() as connection:
        for table in (product_versions, product_changes, page_validators, products):
            connection.execute(sa.delete(table))
    sync()
    assert died == state(warehouse)


def test_an_unchanged_page_is_neither_sent_nor_read_again(sync, shelf, web):
    first, second = sync(), sync(6)
    assert (first.cost.not_modified, second.cost.not_modified) == (0, 120)  # each page and each picture
    assert second.cost.bytes_received == 0
    shelf.reader = "shelf-2"  # another reader may read more of the same page
    assert sync(12).cost.not_modified == 60


def test_a_product_that_keeps_failing_is_left_alone_ever_longer_and_then_for_good(sync, shelf, web, warehouse):
    shelf.put("07", shown={"reason": "'abc' is no price"})
    for hours, asked in [(0, 1), (4, 1), (6, 2), (12, 2), (18, 3), (30, 3), (48, 4), (96, 5), (500, 5)]:
        audit = sync(hours)
        assert (web.requests["/07"], audit.failed) == (asked, 1), hours
    with warehouse.begin() as connection:
        letter = connection.execute(sa.select(dead_letters)).one()
    assert (letter.state, letter.attempts, letter.reason) == ("dead", 5, "'abc' is no price")


def test_what_was_never_read_comes_first_so_that_a_slow_host_gets_to_all(sync, shelf, web, settings, ingestion, seller):
    web.page("/robots.txt", "User-agent: *\nCrawl-delay: 0.05\n", kind="text/plain")
    brief = Patience(attempts=1, host_seconds=2.0)

    def work(opened):
        return opened.sync(seller, trigger="command")

    first = ingestion(work, source=shelf, patience=brief)
    again = ingestion(work, source=shelf, patience=brief, hours=6)
    assert 0 < first.hydrated < 60
    assert again.new > 0  # not the same ones once more


def test_a_host_that_is_down_makes_no_dead_letters(sync, shelf, warehouse):
    shelf.put("07", status=503)
    audit = sync()
    assert (audit.status, audit.errors) == ("partial", {"Busy": 1})
    with warehouse.begin() as connection:
        assert connection.execute(sa.select(dead_letters)).all() == []


def test_a_released_brake_lets_exactly_those_products_go_that_it_was_raised_for(sync, shelf, seller, warehouse):
    sync()
    shelf.products = {ref: shelf.products[ref] for ref in list(shelf.products)[:20]}
    assert (sync(6).status, sync(12).status) == ("braked", "braked")
    with warehouse.begin() as connection:
        [brake] = connection.execute(sa.select(brakes)).all()
        assert (brake.state, brake.live, len(brake.vanished)) == ("raised", 60, 40)
        connection.execute(sa.update(brakes).values(state="released"))
    shelf.products.pop("00")  # and this one vanished since
    audit = sync(18)
    assert (audit.status, audit.gone) == ("done", 41)
    with warehouse.begin() as connection:
        assert connection.scalars(sa.select(brakes.c.state)).all() == ["spent"]


def test_a_brake_clears_itself_when_the_products_are_shown_again(sync, shelf, warehouse):
    sync()
    kept, shelf.products = shelf.products, {}
    assert sync(6).status == "braked"
    shelf.products = kept
    assert (sync(12).status, sync(18).status) == ("done", "done")
    with warehouse.begin() as connection:
        assert connection.scalars(sa.select(brakes.c.state)).all() == ["cleared"]


def test_history_keeps_each_value_with_the_time_it_was_shown_and_the_page_that_showed_it(sync, shelf, warehouse):
    sync()
    shelf.put("07", price=900)
    sync(6)
    sync(12)
    with warehouse.begin() as connection:
        rows = connection.execute(
            sa.select(product_versions)
            .join(products, products.c.product_id == product_versions.c.product_id)
            .where(products.c.source_ref == "07", product_versions.c.field == "price")
            .order_by(product_versions.c.version_id)
        ).all()
    assert [(row.value, row.valid_from) for row in rows] == [
        ("100000 KES", NOW),
        ("90000 KES", NOW + timedelta(hours=6)),
    ]
    assert rows[1].before_seen_at == NOW
    assert rows[0].evidence != rows[1].evidence


def test_two_syncs_of_one_seller_never_run_at_once(sync, warehouse, seller):
    with warehouse.engine.connect() as other:
        other.execute(sa.select(sa.func.pg_advisory_lock(seller.seller_id)))
        with pytest.raises(StoreUnreachable, match="another sync of amina"):
            sync()
        other.execute(sa.select(sa.func.pg_advisory_unlock(seller.seller_id)))
    assert sync().new == 60


def test_every_sync_leaves_its_audit(sync, shelf, warehouse):
    audit = sync()
    with warehouse.begin() as connection:
        row = connection.execute(sa.select(sync_runs)).one()
    assert (row.sync_id, row.status, row.scouted, row.hydrated, row.new) == (audit.sync_id, "done", 60, 60, 60)
    assert row.finished_at == row.started_at == NOW
    assert (row.requests, row.not_modified, row.errors) == (121, 0, {})
    assert row.bytes_received > 60 * len(picture())


def test_the_audit_of_a_sync_that_was_killed_and_resumed_counts_what_it_recorded_in_all(scout, hydrate, warehouse):
    sync_id = scout()
    with pytest.raises(KeyboardInterrupt):
        hydrate(sync_id, progress=dying("stored", 1))
    audit = hydrate(sync_id)
    assert (audit.new, audit.unchanged, audit.hydrated) == (60, 0, 60)
    assert len(changes(warehouse, sync_id)) == 60


def test_a_scan_of_a_seller_who_left_is_closed(scout, warehouse):
    sync_id = scout()
    assert close_forsaken_scans(warehouse, NOW) == 0
    with warehouse.begin() as connection:
        connection.execute(sa.update(sellers).values(state="paused"))
    assert close_forsaken_scans(warehouse, NOW) == 1
    with warehouse.begin() as connection:
        row = connection.execute(sa.select(sync_runs)).one()
    assert (row.sync_id, row.status, row.note) == (sync_id, "failed", "the seller is not active")

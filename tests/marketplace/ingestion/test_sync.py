"""A sync stores exactly what changed, removes only what is proven gone, and survives being killed."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from marketplace.errors import SourceUnavailable, StoreUnreachable
from marketplace.ingestion.sync import hydrate_seller, scout_seller, sync_seller
from marketplace.storage.catalog import live_products
from marketplace.storage.syncs import close_forsaken_scans
from marketplace.storage.tables import product_changes, products, sellers, sync_runs
from marketplace.storage.warehouse import Warehouse

from .conftest import NOW


@pytest.fixture
def sync(warehouse, images, shelf, seller):
    def run(hours=0):
        return sync_seller(
            warehouse, images, shelf, seller, trigger="command", now=NOW + timedelta(hours=hours), brake_share=0.5
        )

    return run


def changes(warehouse, sync_id):
    with warehouse.begin() as connection:
        rows = connection.execute(sa.select(product_changes).where(product_changes.c.sync_id == sync_id))
        return [(row.kind, row.field, row.old_value, row.new_value) for row in rows]


def state(warehouse):
    shown = [column for column in products.c if column.name not in {"updated_at", "words"}]
    with warehouse.begin() as connection:
        stored = connection.execute(sa.select(*shown).order_by(products.c.product_id)).all()
        changed = connection.execute(
            sa.select(product_changes.c.product_id, product_changes.c.kind).order_by(product_changes.c.product_id)
        ).all()
    return stored, changed


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
    shelf.gone.add("07")
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
    shelf.gone = set(list(shelf.products)[:31])
    assert sync(6).status == "braked"
    shelf.gone.pop()
    audit = sync(12)
    assert (audit.status, audit.gone) == ("done", 30)  # half, and no more than half


def test_the_brake_can_be_taken_off(warehouse, images, shelf, seller, sync):
    sync()
    shelf.products = {}
    audit = sync_seller(warehouse, images, shelf, seller, trigger="import", now=NOW, brake_share=1)
    assert (audit.status, audit.gone) == ("done", 60)


def test_a_small_catalog_may_lose_most_of_itself(sync, shelf, warehouse):
    shelf.products = {ref: shelf.products[ref] for ref in ("01", "02", "03")}
    sync()
    shelf.products = {"01": shelf.products["01"]}
    assert sync(6).gone == 2


def test_a_product_that_is_refused_stays_as_it_was(sync, shelf, warehouse):
    sync()
    shelf.refused.add("07")
    audit = sync(6)
    assert (audit.failed, audit.unchanged, audit.gone, audit.status) == (1, 59, 0, "done")
    assert audit.refusals == [{"source_ref": "07", "reason": "'abc' is no price"}]
    assert len(live_products(warehouse)) == 60


def test_a_sync_that_could_read_nothing_has_failed_and_removed_nothing(sync, shelf, warehouse):
    sync()
    shelf.refused = set(shelf.products)
    audit = sync(6)
    assert (audit.status, audit.failed, audit.gone) == ("failed", 60, 0)
    assert audit.note == "none of 60 products could be read; the first: 'abc' is no price"


def test_a_picture_that_does_not_answer_today_still_stands_and_a_broken_one_does_not(sync, shelf, warehouse):
    sync()
    shelf.pictures["07"] = None
    audit = sync(6)
    assert (audit.unchanged, audit.refusals) == (60, [{"source_ref": "07", "reason": "image: no answer"}])
    shelf.pictures["07"] = b"<html>"
    audit = sync(12)
    assert changes(warehouse, audit.sync_id)[0][:2] == ("image", "image")
    assert {p.source_ref for p in live_products(warehouse) if p.image_sha256 is None} == {"07"}


def test_a_scan_that_fails_leaves_its_reason_in_the_audit(warehouse, images, shelf, seller):
    shelf.error = SourceUnavailable("the shop does not answer")
    with pytest.raises(SourceUnavailable):
        sync_seller(warehouse, images, shelf, seller, trigger="command", now=NOW, brake_share=0.5)
    with warehouse.begin() as connection:
        row = connection.execute(sa.select(sync_runs)).one()
    assert (row.status, row.note, row.finished_at) == ("failed", "the shop does not answer", NOW)


def test_a_scan_that_a_newer_one_replaced_is_not_hydrated(warehouse, images, shelf, seller, sync):
    sync()
    older = scout_seller(warehouse, shelf, seller, trigger="command", now=NOW)
    newer = scout_seller(warehouse, shelf, seller, trigger="command", now=NOW)
    late, right = (
        hydrate_seller(warehouse, images, shelf, seller, sync_id, now=NOW, brake_share=1) for sync_id in (older, newer)
    )
    assert (late.status, late.gone, late.note) == ("failed", 0, "a newer scan has taken its place")
    assert (right.status, right.unchanged) == ("done", 60)


def test_progress_is_told_product_by_product(warehouse, images, shelf, seller):
    told = []
    sync_seller(
        warehouse,
        images,
        shelf,
        seller,
        trigger="command",
        now=NOW,
        brake_share=0.5,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(number, 60) for number in range(1, 61)]


def test_a_store_that_does_not_answer_is_said_in_our_words(images, shelf, seller):
    nowhere = Warehouse("postgresql://postgres@127.0.0.1:1/soko")
    with pytest.raises(StoreUnreachable, match="Postgres at"):
        hydrate_seller(nowhere, images, shelf, seller, "a", now=NOW, brake_share=0.5)


def test_a_sync_that_died_and_ran_again_ends_like_one_that_did_not(sync, shelf, warehouse, images, seller, postgres):
    shelf.dies_after = 37
    with pytest.raises(KeyboardInterrupt):
        sync()
    assert 0 < len(live_products(warehouse)) < 60
    shelf.dies_after = None
    sync()
    died = state(warehouse)
    with warehouse.begin() as connection:
        for table in (product_changes, products):
            connection.execute(sa.delete(table))
    sync()
    assert died == state(warehouse)


def test_two_syncs_of_one_seller_never_run_at_once(sync, warehouse, seller):
    with warehouse.engine.connect() as other:
        other.execute(sa.select(sa.func.pg_advisory_lock(seller.seller_id)))
        with pytest.raises(StoreUnreachable, match="another sync of amina"):
            sync()
    assert sync().new == 60


def test_every_sync_leaves_its_audit(sync, shelf, warehouse):
    audit = sync()
    with warehouse.begin() as connection:
        row = connection.execute(sa.select(sync_runs)).one()
    assert (row.sync_id, row.status, row.scouted, row.hydrated, row.new) == (audit.sync_id, "done", 60, 60, 60)
    assert row.finished_at > row.started_at


def test_the_audit_of_a_sync_that_was_killed_and_resumed_counts_what_it_recorded_in_all(
    warehouse, images, shelf, seller
):
    sync_id = scout_seller(warehouse, shelf, seller, trigger="command", now=NOW)
    shelf.dies_after = 37
    with pytest.raises(KeyboardInterrupt):
        hydrate_seller(warehouse, images, shelf, seller, sync_id, now=NOW, brake_share=0.5)
    shelf.dies_after = None
    audit = hydrate_seller(warehouse, images, shelf, seller, sync_id, now=NOW, brake_share=0.5)
    assert (audit.new, audit.unchanged, audit.hydrated) == (60, 0, 60)
    assert len(changes(warehouse, sync_id)) == 60


def test_a_scan_of_a_seller_who_left_is_closed(warehouse, shelf, seller):
    sync_id = scout_seller(warehouse, shelf, seller, trigger="command", now=NOW)
    assert close_forsaken_scans(warehouse, NOW) == 0
    with warehouse.begin() as connection:
        connection.execute(sa.update(sellers).values(state="paused"))
    assert close_forsaken_scans(warehouse, NOW) == 1
    with warehouse.begin() as connection:
        row = connection.execute(sa.select(sync_runs)).one()
    assert (row.sync_id, row.status, row.note) == (sync_id, "failed", "the seller is not active")

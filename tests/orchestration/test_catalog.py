"""The catalogue's station as Dagster shows it: what was read, what was refused, and whose deletions wait."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import dagster as dg
import pytest

from marketplace.catalog.products import Seller
from marketplace.settings import Settings
from marketplace.storage.brakes import open_brakes, release
from marketplace.storage.catalog import add_seller, live_products
from marketplace.storage.images import Images
from orchestration.assets import catalog
from orchestration.resources import Ingestions
from tests.marketplace.ingestion.web import Web


@pytest.fixture
def shop():
    with Web() as served:
        yield served


@pytest.fixture
def refresh(warehouse, tmp_path):
    """The catalogue's assets, materialised; the checks by name."""
    settings = Settings(_env_file=None, allow_private_hosts=True, home=tmp_path)
    resources = {"warehouse": warehouse, "images": Images(tmp_path / "images"), "ingestions": Ingestions(settings)}

    def run(**scope):
        done = dg.materialize(
            [catalog.sellers, catalog.scouted_products, catalog.hydrated_products],
            resources=resources,
            run_config={"ops": {"scouted_products": {"config": scope}}},
        )
        return done, {one.check_name: one for one in done.get_asset_check_evaluations()}

    return run


def sell(warehouse, shop, handle, count=10, bad=()):
    """A Shopify shop of that many products below a root of its own; of those in `bad` the price is none."""
    seller = Seller(len(handle), handle, handle.title(), None, None, "KE", "KES", "shopify", f"{shop.url}/{handle}/")
    add_seller(warehouse, seller)
    products = [
        {
            "id": number,
            "title": f"Kiondo {number}",
            "handle": f"kiondo-{number}",
            "variants": [{"price": "n.o" if number in bad else "450.00", "available": True}],
        }
        for number in range(count)
    ]
    first = f"/{handle}/products.json?limit=250&page=1"
    shop.page(first, json.dumps({"products": products}), kind="application/json")
    shop.page(f"/{handle}/products.json", json.dumps({"products": []}), kind="application/json")
    return seller


def rows(evaluation, name):
    return [dict(record.data) for record in evaluation.metadata[name].records]


def test_a_catalogue_that_turns_up_empty_is_kept_and_its_seller_named_until_a_person_decides(warehouse, shop, refresh):
    seller = sell(warehouse, shop, "amina")
    _, checks = refresh()
    assert checks["no_catalog_vanished"].passed
    sell(warehouse, shop, "amina", count=0)
    _, checks = refresh()
    [row] = rows(checks["no_catalog_vanished"], "braked")
    assert (row["seller"], row["vanished"], row["of"]) == ("Amina", 10, 10)
    assert "soko brake release amina" in row["what to do"]
    assert not checks["no_catalog_vanished"].passed
    assert len(live_products(warehouse)) == 10

    sell(warehouse, shop, "baraka")
    _, checks = refresh(seller_ids=[len("baraka")])
    assert not checks["no_catalog_vanished"].passed  # it waits, whoever else is read
    release(warehouse, seller.seller_id, by="Wanjiru", note="", now=datetime.now(UTC))
    _, checks = refresh()
    assert checks["no_catalog_vanished"].passed
    assert open_brakes(warehouse) == []
    assert len(live_products(warehouse)) == 10  # Baraka's


def test_what_was_refused_is_named_by_seller_and_reason(warehouse, shop, refresh):
    sell(warehouse, shop, "amina", bad={3})
    done, checks = refresh()
    assert not checks["every_page_was_read"].passed
    [row] = rows(checks["every_page_was_read"], "refused")
    assert (row["seller"], row["source_ref"], row["error"]) == ("Amina", "3", "PriceUnreadable")
    metadata = done.asset_materializations_for_node("hydrated_products")[0].metadata
    assert metadata["refused"].value == 1
    assert metadata["errors"].value == {"PriceUnreadable": 1}
    [sync] = [dict(record.data) for record in metadata["syncs"].records]
    assert (sync["seller"], sync["new"], sync["refused"]) == ("Amina", 9, 1)


def test_one_seller_that_does_not_answer_stops_no_other_and_only_who_is_due_is_read(warehouse, shop, refresh):
    sell(warehouse, shop, "amina")
    sell(warehouse, shop, "baraka")
    shop.page("/amina/products.json?limit=250&page=1", status=403)
    done, checks = refresh()
    [failure] = checks["every_seller_was_reached"].metadata["failures"].value
    assert "answered 403" in failure
    assert {product.seller_id for product in live_products(warehouse)} == {len("baraka")}
    assert [one["seller"] for one in rows_of(done, "scouted_products", "by_seller")] == ["Baraka"]
    sell(warehouse, shop, "amina")
    done, _ = refresh(only_due=True)
    assert [one["seller"] for one in rows_of(done, "scouted_products", "by_seller")] == ["Amina"]


def rows_of(done, node, name):
    return [dict(record.data) for record in done.asset_materializations_for_node(node)[0].metadata[name].records]

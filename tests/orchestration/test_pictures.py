"""Pictures in the graph: measured, copied photos side by side, and the same product at several sellers."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import numpy as np
import pytest
import sqlalchemy as sa

from marketplace.settings import Settings
from marketplace.storage import embeddings
from marketplace.storage.images import Images
from marketplace.storage.tables import product_quality, products, sellers
from orchestration.assets.pictures import photo_copies, picture_measures, product_matches
from orchestration.resources import Encoders
from tests.marketplace.catalog.photos import jpeg, scene

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


@pytest.fixture
def run(warehouse, tmp_path):
    """A run of the three assets; its stores hold one product at two sellers, with one photo."""
    images, encoders = Images(tmp_path / "images"), Encoders(Settings(_env_file=None))
    photo = images.put(jpeg(scene(1)))
    seen = dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), NOW)
    judged = {"reasons": [], "rules_version": "1", "judged_at": NOW, "content_hash": "h", "verdict": "approved"}
    with warehouse.begin() as connection:
        for number in (1, 2):
            shop = {"seller_id": number, "handle": f"s{number}", "name": f"Shop | {number}", "country": "KE"}
            row = {"product_id": number, "seller_id": number, "source_ref": "a", "title": "Kito Power Bank KP-10"}
            row |= {"category": "", "description": "", "content_hash": "h", "image_sha256": photo}
            row |= {"price_minor": number * 1000, "currency": "KES"}
            connection.execute(sa.insert(sellers).values(**shop, currency="KES", source_kind="feed"))
            connection.execute(sa.insert(products).values(**row, **seen))
            connection.execute(sa.insert(product_quality).values(product_id=number, **judged))
    waiting = embeddings.pending(warehouse, encoders.load().version)
    alike = np.full((len(waiting), 768), 768**-0.5, np.float32)
    embeddings.store(warehouse, encoders.load().version, waiting, alike, now=NOW)
    resources = {"warehouse": warehouse, "images": images, "encoders": encoders}

    def materialise():
        return dg.materialize([picture_measures, photo_copies, product_matches], resources=resources)

    return materialise


def shown(result, asset):
    (event,) = result.asset_materializations_for_node(asset)
    return {name: entry.value for name, entry in event.metadata.items()}


def test_pictures_are_measured_compared_and_shown(run):
    result = run()
    assert result.success
    assert shown(result, "picture_measures")["measured_now"] == 1
    copies = shown(result, "photo_copies")
    assert copies["dagster/row_count"] == 1
    (pair,) = copies["pairs"].splitlines()[2:]
    assert pair.count("data:image/jpeg;base64,") == 2
    assert "| 0 | 1.000 |" in pair
    assert "Shop   2" in pair  # a bar in a name would end the cell
    matches = shown(result, "product_matches")
    assert (matches["dagster/row_count"], matches["groups"]) == (2, 1)
    assert [record.data["spread_rate"] for record in matches["price_spreads"].records] == ["1.0000"]
    assert {check.check_name: check.passed for check in result.get_asset_check_evaluations()} == {
        "every_picture_was_measured": True,
        "copied_photos_have_both_witnesses": True,
        "matches_are_of_several_sellers": True,
    }


def test_another_run_measures_nothing_again(run):
    run()
    again = run()
    assert shown(again, "picture_measures")["measured_now"] == 0
    assert shown(again, "photo_copies")["dagster/row_count"] == 1

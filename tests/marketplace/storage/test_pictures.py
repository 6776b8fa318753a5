"""Measures of stored pictures: each is measured once, again when the measures change, and a run may end anywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from PIL import Image

from marketplace.catalog.pictures import MEASURES_VERSION, measure
from marketplace.storage.images import Images
from marketplace.storage.pictures import flaw_counts, flawed, measure_pictures, signed, unmeasured, unsigned
from marketplace.storage.tables import pictures, products, sellers
from tests.marketplace.catalog.photos import jpeg, scene

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


@pytest.fixture
def images(tmp_path):
    return Images(tmp_path / "images")


@pytest.fixture
def shop(warehouse):
    row = {"seller_id": 1, "handle": "asha", "name": "Asha", "country": "KE", "currency": "KES"}
    with warehouse.begin() as connection:
        connection.execute(sa.insert(sellers).values(**row, source_kind="feed"))
    return warehouse


def sell(warehouse, number, image_sha256, **more):
    seen = dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), NOW)
    row = {"product_id": number, "seller_id": 1, "source_ref": str(number), "title": f"Kanga {number}"}
    row |= {"category": "", "description": "", "content_hash": "h", "image_sha256": image_sha256, **more}
    with warehouse.begin() as connection:
        connection.execute(sa.insert(products).values(**row, **seen))


def rows(warehouse):
    with warehouse.begin() as connection:
        return {row.image_sha256: row for row in connection.execute(sa.select(pictures))}


def test_every_picture_on_offer_is_measured_once(shop, images):
    names = [images.put(jpeg(scene(seed))) for seed in range(3)]
    sell(shop, 1, names[0])
    sell(shop, 2, names[0])
    sell(shop, 3, names[1])
    sell(shop, 4, names[2], is_gone=True)
    sell(shop, 5, None)
    assert unmeasured(shop) == sorted(names[:2])
    assert measure_pictures(shop, images, now=NOW).pictures == 2
    assert measure_pictures(shop, images, now=NOW + timedelta(hours=6)).pictures == 0
    assert {row.measured_at for row in rows(shop).values()} == {NOW}


def test_what_was_measured_is_kept(shop, images):
    name = images.put(jpeg(scene(1)))
    sell(shop, 1, name)
    measure_pictures(shop, images, now=NOW)
    kept, measures = rows(shop)[name], measure(images.read(name))
    assert (kept.width, kept.height, kept.bytes) == (480, 640, len(images.read(name)))
    assert unsigned(kept.phash) == measures.phash
    assert kept.measures["sharpness"] == measures.sharpness
    assert set(kept.measures) == {"sharpness", "contrast", "entropy", "text", "screen"}
    assert kept.flaws == []
    assert kept.measured_by == MEASURES_VERSION


@pytest.mark.parametrize("phash", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_hash_of_64_bits_survives_a_column_with_a_sign(phash):
    assert -(2**63) <= signed(phash) < 2**63
    assert unsigned(signed(phash)) == phash


def test_older_measures_are_taken_again(shop, images):
    name = images.put(jpeg(scene(1)))
    sell(shop, 1, name)
    measure_pictures(shop, images, now=NOW)
    with shop.begin() as connection:
        connection.execute(sa.update(pictures).values(measured_by="0", flaws=["blank"], width=1))
    assert measure_pictures(shop, images, now=NOW).pictures == 1
    assert (rows(shop)[name].width, rows(shop)[name].flaws) == (480, [])


def test_a_run_that_ended_early_is_taken_up_where_it_was(shop, images):
    for seed in range(5):
        sell(shop, seed, images.put(jpeg(scene(seed))))
    third = images.path(unmeasured(shop)[2])
    third.chmod(0o000)
    broken, third_bytes = third.with_suffix(".aside"), third
    third.rename(broken)
    third_bytes.mkdir()  # reading a folder is an error nobody foresaw
    with pytest.raises(IsADirectoryError):
        measure_pictures(shop, images, now=NOW, batch=2)
    assert len(rows(shop)) == 2
    third_bytes.rmdir()
    broken.chmod(0o644)
    broken.rename(third)
    assert measure_pictures(shop, images, now=NOW, batch=2).pictures == 3


def test_a_picture_that_is_lost_or_damaged_is_named_and_stops_no_other(shop, images):
    whole, damaged, lost = (images.put(jpeg(scene(seed))) for seed in range(3))
    for number, name in enumerate((whole, damaged, lost)):
        sell(shop, number, name)
    images.path(damaged).write_bytes(b"\xff\xd8 no more")
    images.path(lost).unlink()
    done = measure_pictures(shop, images, now=NOW)
    assert (done.pictures, set(done.unreadable)) == (1, {damaged, lost})
    assert "no picture" in done.unreadable[damaged]
    assert "not stored" in done.unreadable[lost]
    images.path(lost).write_bytes(jpeg(scene(2)))
    assert set(measure_pictures(shop, images, now=NOW).unreadable) == {damaged}


def test_flaws_are_counted_by_product_and_shown(shop, images):
    white, good = images.put(jpeg(Image.new("RGB", (300, 300), "white"))), images.put(jpeg(scene(1)))
    for number, name in enumerate((white, white, good)):
        sell(shop, number, name)
    measure_pictures(shop, images, now=NOW)
    assert flaw_counts(shop) == {"tiny": 0, "blank": 2, "blurred": 0, "text_heavy": 0, "screenshot": 0}
    assert [(row["product_id"], row["flaws"]) for row in flawed(shop, limit=5)] == [(0, "blank"), (1, "blank")]

"""Copied photos over a real warehouse: found by both witnesses, kept as first found, let go when mended."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image, ImageOps

from marketplace.catalog.products import stable_id
from marketplace.local.market import draw_market
from marketplace.local.pictures import draw_picture
from marketplace.storage import embeddings
from marketplace.storage.copies import copies_lacking_a_witness, copies_of, find_copies, latest_copies
from marketplace.storage.images import Images
from marketplace.storage.pictures import measure_pictures
from marketplace.storage.tables import photo_copies, pictures, product_embeddings, product_quality, products, sellers
from models.embedding.loading import load_encoder
from tests.marketplace.catalog.photos import jpeg, scene
from tests.marketplace.storage.market import settle

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
MODEL = "m1"


@pytest.fixture
def images(tmp_path):
    return Images(tmp_path / "images")


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("compact", threads=2, siglip_model="", siglip_pretrained="")


@pytest.fixture
def shops(warehouse):
    with warehouse.begin() as connection:
        for number in (1, 2, 3):
            row = {"seller_id": number, "handle": f"s{number}", "name": f"Shop {number}", "country": "KE"}
            connection.execute(sa.insert(sellers).values(**row, currency="KES", source_kind="feed"))
    return warehouse


def seen_as(seed, words=0):
    """A vector as the compact encoder makes it: what the picture shows, beside what the words say."""
    halves = [np.random.default_rng([half, seed]).standard_normal(384) for half, seed in ((0, seed), (1, words))]
    joined = [np.sqrt(share) * half / np.linalg.norm(half) for share, half in zip((0.6, 0.4), halves, strict=True)]
    return np.concatenate(joined).astype(np.float32)


def sell(warehouse, images, number, seller_id, picture, seed, *, hours=None, verdict="approved", **more):
    """A judged, measured and embedded product whose picture the encoder sees as `seed`."""
    when = NOW + timedelta(hours=number if hours is None else hours)
    seen = dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), when)
    row = {"product_id": number, "seller_id": seller_id, "source_ref": str(number), "title": f"Dress {number}"}
    row |= {"category": "", "description": "", "content_hash": "h", "image_sha256": images.put(jpeg(picture)), **more}
    judged = {"reasons": [], "rules_version": "1", "judged_at": NOW, "content_hash": "h", "verdict": verdict}
    with warehouse.begin() as connection:
        connection.execute(sa.insert(products).values(**row, **seen))
        connection.execute(sa.insert(product_quality).values(product_id=number, **judged))
    measure_pictures(warehouse, images, now=NOW)
    waiting = [one for one in embeddings.pending(warehouse, MODEL) if one.product_id == number]
    embeddings.store(warehouse, MODEL, waiting, np.array([seen_as(seed, number)] * len(waiting)), now=NOW)


def find(warehouse, images, *, model=MODEL, has_shared_space=False, now=NOW):
    _, found = find_copies(warehouse, images, model, has_shared_space=has_shared_space, now=now)
    return [(copy.product_id, copy.original_id) for copy in found]


def kept(warehouse):
    with warehouse.begin() as connection:
        return {(row.product_id, row.original_id): row for row in connection.execute(sa.select(photo_copies))}


def test_a_copied_photo_is_kept_with_both_pieces_of_evidence(shops, images):
    sell(shops, images, 1, 1, scene(1), seed=1)
    sell(shops, images, 2, 2, ImageOps.mirror(scene(1)), seed=1)
    sell(shops, images, 3, 3, scene(3), seed=3)
    assert find(shops, images) == [(2, 1)]
    (row,) = kept(shops).values()
    assert row.phash_distance <= 4
    assert row.cosine == pytest.approx(1)
    assert row.found_at == NOW
    assert copies_lacking_a_witness(shops) == 0


def test_the_same_picture_is_at_a_distance_of_nothing(shops, images):
    sell(shops, images, 1, 1, scene(1), seed=1)
    sell(shops, images, 2, 2, scene(1), seed=1)
    find(shops, images)
    assert kept(shops)[2, 1].phash_distance == 0


def test_neither_witness_alone_is_believed(shops, images):
    sell(shops, images, 1, 1, scene(1), seed=1)
    sell(shops, images, 2, 2, scene(1), seed=2)
    sell(shops, images, 3, 3, scene(9), seed=1)
    assert find(shops, images) == []


def test_pictures_of_the_like_that_both_witnesses_name_are_not_believed(shops, images):
    light, blue, red = scene(1).convert("YCbCr").split()
    sell(shops, images, 1, 1, scene(1), seed=1)
    sell(shops, images, 2, 2, Image.merge("YCbCr", (light, red, blue)), seed=1)  # other colours in the same light
    suspected, found = find_copies(shops, images, MODEL, has_shared_space=False, now=NOW)
    assert (suspected, found) == (1, [])


def test_blank_pictures_are_no_evidence(shops, images):
    sell(shops, images, 1, 1, Image.new("RGB", (300, 300), "white"), seed=1)
    sell(shops, images, 2, 2, Image.new("RGB", (300, 300), "white"), seed=1)
    assert find(shops, images) == []


@pytest.mark.parametrize("change", [{"is_gone": True}, {"verdict": "rejected"}])
def test_what_is_not_on_offer_is_not_compared(shops, images, change):
    sell(shops, images, 1, 1, scene(1), seed=1)
    sell(shops, images, 2, 2, scene(1), seed=1, **change)
    assert find(shops, images) == []


def test_vectors_of_another_model_are_no_witness(shops, images):
    sell(shops, images, 1, 1, scene(1), seed=1)
    sell(shops, images, 2, 2, scene(1), seed=1)
    assert find_copies(shops, images, "m2", has_shared_space=False, now=NOW) == (0, [])


def test_words_do_not_count_where_pictures_stand_apart_and_do_where_they_do_not(shops, images):
    sell(shops, images, 1, 1, scene(1), seed=1)
    sell(shops, images, 2, 2, scene(1), seed=1)  # other words: the whole vectors are at 0.6
    assert find(shops, images, has_shared_space=True) == []
    assert find(shops, images, has_shared_space=False) == [(2, 1)]


def test_another_run_changes_nothing_and_a_mended_picture_is_let_go(shops, images):
    sell(shops, images, 1, 1, scene(1), seed=1)
    sell(shops, images, 2, 2, scene(1), seed=1)
    sell(shops, images, 3, 3, scene(1), seed=1)
    find(shops, images)
    later = NOW + timedelta(days=1)
    assert find(shops, images, now=later) == [(2, 1), (3, 1)]
    assert {row.found_at for row in kept(shops).values()} == {NOW}
    with shops.begin() as connection:
        connection.execute(sa.update(products).where(products.c.product_id == 2).values(image_sha256=None))
    find(shops, images, now=later)
    assert set(kept(shops)) == {(3, 1)}


def test_a_picture_that_is_lost_is_no_evidence_and_stops_nothing(shops, images):
    sell(shops, images, 1, 1, scene(1), seed=1)
    sell(shops, images, 2, 2, scene(1).resize((300, 400)), seed=1)
    sell(shops, images, 3, 3, scene(1), seed=1)
    with shops.begin() as connection:
        name = connection.scalar(sa.select(products.c.image_sha256).where(products.c.product_id == 2))
    images.path(name).unlink()
    assert find(shops, images) == [(3, 1)]


def test_evidence_names_both_products_and_sellers(shops, images):
    sell(shops, images, 1, 1, scene(1), seed=1)
    sell(shops, images, 2, 2, scene(1), seed=1)
    find(shops, images)
    (seen,) = copies_of(shops, 1)
    assert copies_of(shops, 2) == [seen] == latest_copies(shops, limit=5)
    assert (seen.title, seen.seller, seen.original_title, seen.original_seller) == (
        "Dress 2",
        "Shop 2",
        "Dress 1",
        "Shop 1",
    )
    assert copies_of(shops, 3) == []


@pytest.mark.parametrize(
    "harm",
    [
        sa.update(photo_copies).values(cosine=0.79),
        sa.update(photo_copies).values(phash_distance=11),
        sa.update(photo_copies).values(phash_distance=9, cosine=0.86),
        sa.update(products).values(seller_id=1),
        sa.delete(pictures),
        sa.delete(product_embeddings),
    ],
    ids=["vector", "hash", "neither enough for the other", "one seller", "not measured", "not embedded"],
)
def test_the_check_sees_a_row_that_lacks_a_witness(shops, images, harm):
    sell(shops, images, 1, 1, scene(1), seed=1)
    sell(shops, images, 2, 2, scene(1), seed=1)
    find(shops, images)
    assert copies_lacking_a_witness(shops) == 0
    with shops.begin() as connection:
        connection.execute(harm)
    assert copies_lacking_a_witness(shops) == 1


def photographed(drawn, key):
    """The drawn picture as if held and lit by a hand of its own: the same key, the same photo."""
    hand = np.random.default_rng(stable_id("hand", key))
    picture = Image.open(io.BytesIO(drawn)).convert("RGB")
    ground = Image.fromarray(hand.integers(90, 170, (picture.height // 40, picture.width // 40, 3)).astype(np.uint8))
    turned = picture.rotate(hand.uniform(-14, 14), Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    share = hand.uniform(0.72, 0.92)
    turned = turned.resize((round(picture.width * share), round(picture.height * share)))
    shot = ground.resize(picture.size, Image.Resampling.BICUBIC)
    room = (picture.width - turned.width, picture.height - turned.height)
    shot.paste(turned, (int(hand.uniform(0, room[0])), int(hand.uniform(0, room[1]))))
    return jpeg(shot)


def found_and_planted(warehouse, images, encoder, draw):
    """Pairs that were found in a market whose pictures are drawn so, and those that were planted there."""
    drawn = draw_market(sellers=3, products_per_seller=8)
    settle(warehouse, images, drawn, encoder, draw)
    measure_pictures(warehouse, images, now=NOW)
    found = find(warehouse, images, model=encoder.version)
    id_of = {product.ref: drawn.product_id(product) for product in drawn.products}
    return set(found), {(id_of[one.ref], id_of[one.copies]) for one in drawn.products if one.copies}


def test_exactly_the_planted_copies_are_found_when_each_picture_is_taken_by_hand(warehouse, images, encoder):
    def taken(product):
        return photographed(draw_picture(product), product.copies or product.ref)

    found, planted = found_and_planted(warehouse, images, encoder, taken)
    assert len(planted) == 2
    assert found == planted


def test_every_planted_copy_is_found_among_drawings_that_are_alike(warehouse, images, encoder):
    found, planted = found_and_planted(warehouse, images, encoder, draw_picture)
    assert planted <= found

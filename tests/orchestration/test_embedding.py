"""Embedding the catalogue: only what changed, each content once, and no picture that stops the others."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import numpy as np
import pytest
import sqlalchemy as sa

import orchestration.embedding
from marketplace.errors import InputRejected, StoreUnreachable
from marketplace.settings import Settings
from marketplace.storage import embeddings
from marketplace.storage.images import Images
from marketplace.storage.tables import embedding_parts, product_embeddings, product_quality, products, sellers
from orchestration.assets import embedding
from orchestration.embedding import MISSING_LEAST, embed_pending
from orchestration.resources import Encoders
from tests.marketplace.catalog.photos import jpeg, scene

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    """The default encoder, loaded once."""
    return Encoders(Settings(_env_file=None, home=tmp_path_factory.mktemp("home")))


@pytest.fixture
def images(tmp_path):
    return Images(tmp_path / "images")


def sell(warehouse, pictures, *, first=1):
    """Judged products with these pictures."""
    seen = dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), NOW)
    judged = {"reasons": [], "rules_version": "1", "judged_at": NOW, "content_hash": "h", "verdict": "approved"}
    with warehouse.begin() as connection:
        if not connection.execute(sa.select(sellers)).all():
            shop = {"seller_id": 1, "handle": "asha", "name": "Asha", "country": "KE", "currency": "KES"}
            connection.execute(sa.insert(sellers).values(**shop, source_kind="feed"))
        for number, picture in enumerate(pictures, first):
            row = {"product_id": number, "seller_id": 1, "source_ref": str(number), "title": f"Mkoba {number}"}
            row |= {"category": "bags", "description": "", "content_hash": "h", "image_sha256": picture}
            row |= {"price_minor": 1000, "currency": "KES"}
            connection.execute(sa.insert(products).values(**row, **seen))
            connection.execute(sa.insert(product_quality).values(product_id=number, **judged))


def change(warehouse, number, **values):
    with warehouse.begin() as connection:
        connection.execute(sa.update(products).where(products.c.product_id == number).values(**values))


def vectors(warehouse):
    with warehouse.begin() as connection:
        rows = connection.execute(sa.select(product_embeddings).order_by(product_embeddings.c.product_id)).all()
    return {row.product_id: row.vector for row in rows}


def pictured(warehouse):
    with warehouse.begin() as connection:
        rows = connection.execute(sa.select(product_embeddings.c.product_id, product_embeddings.c.has_image))
        return dict(rows.tuples().all())


def counted(done):
    return done.products, done.pictures_made, done.words_made


def test_one_picture_of_many_products_is_encoded_once(warehouse, images, encoders):
    same, other = images.put(jpeg(scene(1))), images.put(jpeg(scene(2)))
    sell(warehouse, [same, same, other, None, same])
    assert counted(embed_pending(warehouse, images, encoders.load())) == (5, 2, 5)
    sell(warehouse, [same], first=6)
    later = embed_pending(warehouse, images, encoders.load())
    assert (counted(later), later.pictures_kept) == ((1, 0, 1), 1)


def test_what_is_made_in_a_run_was_not_known_before_it(warehouse, images, encoders, monkeypatch):
    monkeypatch.setattr(orchestration.embedding, "PAGE", 3)
    names = [images.put(jpeg(scene(number))) for number in range(4)]
    sell(warehouse, [*names, *names, None])
    done = embed_pending(warehouse, images, encoders.load())
    assert (counted(done), done.pictures_kept, done.words_kept) == ((9, 4, 9), 0, 0)
    with warehouse.begin() as connection:
        connection.execute(sa.delete(product_embeddings))
    done = embed_pending(warehouse, images, encoders.load())
    assert (counted(done), done.pictures_kept, done.words_kept) == ((9, 0, 0), 4, 9)


def test_which_parts_are_kept_is_told_without_reading_them(warehouse):
    embeddings.keep_parts(warehouse, "m", "picture", {name: np.ones(3, np.float32) for name in "abc"}, now=NOW)
    assert embeddings.known_hashes(warehouse, "m", "picture", ["a", "c", "d"]) == {"a", "c"}
    assert embeddings.known_hashes(warehouse, "m", "words", ["a"]) == set()
    assert embeddings.known_hashes(warehouse, "other", "picture", ["a"]) == set()


def test_vectors_are_those_that_the_encoder_gives_of_whole_products(warehouse, images, encoders):
    names = [images.put(jpeg(scene(1))), None]
    sell(warehouse, names)
    encoder = encoders.load()
    embed_pending(warehouse, images, encoder)
    expected = encoder.embed_products([images.read(names[0]), None], ["Mkoba 1\nbags", "Mkoba 2\nbags"])
    assert list(vectors(warehouse).values()) == [row.tobytes() for row in expected]


def test_a_text_that_changes_is_read_again_and_a_price_is_not(warehouse, images, encoders):
    sell(warehouse, [images.put(jpeg(scene(1))), images.put(jpeg(scene(2)))])
    embed_pending(warehouse, images, encoders.load())
    before = vectors(warehouse)
    change(warehouse, 1, price_minor=999)
    assert counted(embed_pending(warehouse, images, encoders.load())) == (0, 0, 0)
    change(warehouse, 1, title="Kiatu")
    assert counted(embed_pending(warehouse, images, encoders.load())) == (1, 0, 1)
    changed = vectors(warehouse)
    assert changed[2] == before[2]
    old, new = (np.frombuffer(one[1], "<f4") for one in (before, changed))
    assert old[:384] @ new[:384] == pytest.approx(0.6, abs=1e-3)  # the picture is the same
    assert not np.allclose(old[384:], new[384:])


def test_a_picture_that_cannot_be_read_leaves_its_product_its_words_until_it_can(warehouse, images, encoders):
    names = [images.put(jpeg(scene(number))) for number in (1, 2, 3)]
    whole = images.read(names[0])
    images.path(names[0]).write_bytes(whole[:300])
    images.path(names[2]).unlink()
    sell(warehouse, names)
    done = embed_pending(warehouse, images, encoders.load())
    assert counted(done) == (3, 1, 3)
    assert {one.key: one.is_missing for one in done.unread} == {names[0]: False, names[2]: True}
    assert pictured(warehouse) == {1: False, 2: True, 3: False}
    assert embeddings.pending(warehouse, encoders.load().version) == []
    before = vectors(warehouse)
    images.path(names[0]).write_bytes(whole)
    again = embed_pending(warehouse, images, encoders.load())
    assert (again.products, [one.key for one in again.unread]) == (1, [names[2]])
    assert pictured(warehouse) == {1: True, 2: True, 3: False}
    after = vectors(warehouse)
    assert (after[1] != before[1], after[2] == before[2], after[3] == before[3]) == (True, True, True)


def test_a_folder_that_is_not_there_stops_the_run_before_vectors_lose_their_pictures(warehouse, images, encoders):
    sell(warehouse, [f"{number:064x}" for number in range(MISSING_LEAST + 20)])
    with pytest.raises(StoreUnreachable, match="pictures are missing"):
        embed_pending(warehouse, images, encoders.load())
    assert vectors(warehouse) == {}


def test_a_run_that_is_stopped_and_run_again_ends_like_one_that_was_not(warehouse, postgres, images, encoders):
    names = [images.put(jpeg(scene(number))) for number in range(6)]
    sell(warehouse, names * 12)
    damaged = images.read(names[5])
    images.path(names[5]).unlink()
    images.path(names[5]).mkdir()  # reading it fails as a disk fails
    with pytest.raises(OSError, match="directory"):
        embed_pending(warehouse, images, encoders.load())
    images.path(names[5]).rmdir()
    images.path(names[5]).write_bytes(damaged)
    embed_pending(warehouse, images, encoders.load())
    disturbed = vectors(warehouse)
    with warehouse.begin() as connection:
        connection.execute(sa.delete(product_embeddings))
        connection.execute(sa.delete(embedding_parts))
    embed_pending(warehouse, images, encoders.load())
    assert len(disturbed) == 72
    assert vectors(warehouse) == disturbed


def test_parts_of_encoders_that_no_index_is_of_are_dropped(warehouse, images, encoders):
    part = {"a": np.ones(384, np.float32)}
    embeddings.keep_parts(warehouse, "old-1", "words", part, now=NOW)
    embeddings.keep_parts(warehouse, encoders.load().version, "words", part, now=NOW)
    embed_pending(warehouse, images, encoders.load())
    assert embeddings.known_parts(warehouse, "old-1", "words", ["a"]) == {}
    assert set(embeddings.known_parts(warehouse, encoders.load().version, "words", ["a", "b"])) == {"a"}


def test_a_part_that_is_no_number_is_refused(warehouse):
    with pytest.raises(InputRejected, match="not finite"):
        embeddings.keep_parts(warehouse, "m", "picture", {"a": np.full(3, np.nan, np.float32)}, now=NOW)


def materialise(warehouse, images, encoders, **config):
    return dg.materialize(
        [embedding.product_embeddings],
        resources={"warehouse": warehouse, "images": images, "encoders": encoders},
        run_config={"ops": {"product_embeddings": {"config": config}}},
    )


def test_a_run_shows_what_it_made_and_what_it_could_not_read(warehouse, images, encoders):
    sell(warehouse, [images.put(jpeg(scene(1))), "0" * 64])
    result = materialise(warehouse, images, encoders)
    (event,) = result.asset_materializations_for_node("product_embeddings")
    shown = {name: entry.value for name, entry in event.metadata.items()}
    assert (shown["embedded"], shown["pictures_encoded"], shown["texts_encoded"]) == (2, 1, 2)
    assert [record.data["picture"] for record in shown["unread"].records] == ["0" * 64]
    assert 0 <= shown["decode_wait_share"] <= 1
    assert {check.check_name: check.passed for check in result.get_asset_check_evaluations()} == {
        "embeddings_cover_the_catalog": True,
        "embedded_pictures_were_read": False,
    }


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # Ray's own warnings
def test_a_backlog_made_by_two_workers_of_ray_ends_like_one_made_here(warehouse, images, encoders):
    pytest.importorskip("ray", reason="Ray is not installed; pip install 'soko[ray]'")
    names = [images.put(jpeg(scene(number))) for number in range(8)]
    sell(warehouse, [*names, names[0], None, "0" * 64])
    known = []
    for _ in range(2):  # the second finds everything made
        result = materialise(warehouse, images, encoders, distributed={"address": "local", "workers": 2})
        assert result.success
        (event,) = result.asset_materializations_for_node("product_embeddings")
        known.append((event.metadata["pictures_encoded"].value, event.metadata["pictures_known"].value))
    assert known == [
        (8, 0),
        (0, 0),
    ]  # what the workers make was not known before, though it is kept by the time it is joined
    by_ray = vectors(warehouse)
    with warehouse.begin() as connection:
        connection.execute(sa.delete(product_embeddings))
        connection.execute(sa.delete(embedding_parts))
    embed_pending(warehouse, images, encoders.load())
    assert len(by_ray) == 11
    assert vectors(warehouse) == by_ray

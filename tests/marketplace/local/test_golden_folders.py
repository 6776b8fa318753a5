"""Judged queries of folders of photos: small ones written here, and the real ones where they are."""

from __future__ import annotations

import json

import pytest

from marketplace.catalog.products import stable_id
from marketplace.errors import InputRejected
from marketplace.local.golden_folders import CLOTHES, clothing, grocery


def product_id(ref, handle="grocer"):
    return stable_id("product", stable_id("seller", handle), ref)


@pytest.fixture
def shelf(tmp_path):
    """A folder with two apples and a pear, and one photo."""
    rows = [
        {"sku": sku, "title": sku.title(), "category": kind, "description": "", "image": f"{sku}.jpg"}
        for sku, kind in (("gala", "Apple"), ("lady", "Apple"), ("anjou", "Pear-Fruit"))
    ]
    (tmp_path / "queries").mkdir()
    (tmp_path / "catalog.json").write_text(json.dumps(rows))
    (tmp_path / "queries" / "queries.json").write_text(json.dumps([{"image": "one.jpg", "sku": "gala"}]))
    (tmp_path / "queries" / "one.jpg").write_bytes(b"a photo")
    return tmp_path


def test_a_shelf_photo_fits_the_product_it_shows_and_a_little_its_category(shelf):
    products, golden = grocery(shelf, "grocer")
    assert [product.picture for product in products] == [shelf / f"{sku}.jpg" for sku in ("gala", "lady", "anjou")]
    *titles, photo, both = golden.queries
    assert [query.text for query in titles] == ["Gala", "Lady", "Anjou"]
    assert photo.grades == both.grades == {product_id("gala"): 3, product_id("lady"): 1}
    assert (photo.modality, both.modality, both.text) == ("photo", "photo and words", "Apple")
    assert photo.photo.taken() == b"a photo"


def test_clothes_fit_by_their_folder_in_every_language(tmp_path):
    for kind in CLOTHES:
        for place in ("shop", "asked"):
            (tmp_path / place / kind).mkdir(parents=True)
            for number in range(3):
                (tmp_path / place / kind / f"{number}.jpg").write_bytes(f"{kind} {number}".encode())
    products, golden = clothing(tmp_path / "shop", tmp_path / "asked", "clothier", most=2)
    assert len(products) == 2 * len(CLOTHES)
    photos = [query for query in golden.queries if query.modality == "photo"]
    assert len(photos) == 2 * len(CLOTHES)
    hats = {product_id(f"hat-{number}", "clothier"): 3 for number in range(2)}
    assert {query.language for query in golden.queries if query.grades == hats} == {"", "en", "sw", "am"}


def test_a_folder_without_the_files_is_named(tmp_path):
    with pytest.raises(InputRejected, match=r"catalog.json cannot be read"):
        grocery(tmp_path, "grocer")
    with pytest.raises(InputRejected, match="lacks photos of dress, hat"):
        clothing(tmp_path, tmp_path, "clothier", most=1)


def test_the_real_folders_are_read(real_input):
    products, golden = grocery(real_input / "grocery", "grocer")
    assert (len(products), sum(query.modality == "photo" for query in golden.queries)) == (81, 296)
    _, golden = clothing(real_input / "clothing", real_input / "clothing-queries", "clothier", most=30)
    assert sum(query.modality == "photo" for query in golden.queries) == 250
    assert golden.queries[-1].photo.taken().startswith(b"\xff\xd8")

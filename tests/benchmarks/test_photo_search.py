"""The photo search figures: their arithmetic, and that real shelf photos find their products."""

from __future__ import annotations

import numpy as np

from benchmarks.photo_search import measured, read_shelf, recalls
from models.embedding.compact import CompactEncoder

PLAIN_FEATURES = (0.355, 0.686, 0.774)  # the same network as published, 1280-d


def test_recalls_are_the_share_of_photos_whose_product_is_near_enough():
    catalog = np.eye(12, dtype=np.float32)
    likeness = np.linspace(1, 0.1, 12, dtype=np.float32)  # product 0 is always the nearest, 11 the furthest
    queries = np.tile(likeness, (4, 1))
    assert recalls(catalog, queries, np.array([0, 4, 9, 10])) == [1 / 4, 2 / 4, 3 / 4]


def test_shelf_photos_find_their_products_better_than_with_plain_features(real_input):
    shelf = read_shelf(real_input / "grocery")
    encoder = CompactEncoder(threads=2)
    found, _ = measured(shelf, lambda images: encoder.embed_products(images, [""] * len(images)))
    assert len(shelf.photos) == 296
    assert found[0] >= 0.45
    assert found[1] >= 0.75
    assert all(ours > plain for ours, plain in zip(found, PLAIN_FEATURES, strict=True))

"""Categories told from vectors: how often, how honestly, and when they keep silent."""

from __future__ import annotations

import json

import numpy as np
import pytest

from marketplace.errors import InputRejected
from marketplace.local.market import draw_market
from marketplace.local.pictures import draw_picture
from marketplace.storage.embeddings import product_text
from models.embedding.categories import calibration_error, fit_categories, infer_categories
from models.embedding.vectors import normalised


def clouds(spread, *, categories=3, each=30, dimensions=16, seed=1):
    """Unit vectors scattered around one direction for each category."""
    generator = np.random.default_rng(seed)
    labels = [f"c{number}" for number in range(categories) for _ in range(each)]
    middles = np.repeat(np.eye(dimensions)[:categories], each, axis=0)
    return normalised((middles + spread * generator.standard_normal(middles.shape)).astype(np.float32)), labels


def test_clouds_that_lie_apart_are_told_apart():
    vectors, labels = clouds(0.1)
    known = fit_categories(vectors, labels)
    assert known.names == ("c0", "c1", "c2")
    assert known.accuracy == 1.0
    found = infer_categories(known, vectors, labels)
    assert [one.category for one in found] == labels
    assert all(one.named_confidence == one.confidence for one in found)


@pytest.mark.parametrize("spread", [0.2, 0.4, 0.8])
def test_confidence_is_honest_on_products_that_were_not_learnt_from(spread):
    learnt, labels = clouds(spread, each=150, seed=2)
    fresh, truth = clouds(spread, each=150, seed=3)
    found = infer_categories(fit_categories(learnt, labels), fresh, [""] * len(truth))
    confidence = np.array([one.confidence for one in found])
    right = np.array([one.category == label for one, label in zip(found, truth, strict=True)])
    assert calibration_error(confidence, right) < 0.08
    assert abs(confidence.mean() - right.mean()) < 0.06


def test_what_looks_like_nothing_known_is_less_sure_than_what_does():
    vectors, labels = clouds(0.3)
    known = fit_categories(vectors, labels)
    between = normalised((np.eye(16)[0] + np.eye(16)[1]).astype(np.float32)[None])
    (unsure,) = infer_categories(known, between, [""])
    (sure,) = infer_categories(known, np.eye(16, dtype=np.float32)[:1], [""])
    assert unsure.confidence < 0.75 < sure.confidence
    assert unsure.named_confidence is None


def test_a_category_of_two_products_is_not_learnt_and_one_alone_tells_nothing():
    vectors, labels = clouds(0.1, categories=3)
    rare = [*labels[:60], *["rare", "rare"], *[""] * 28]
    assert fit_categories(vectors, rare).names == ("c0", "c1")
    assert fit_categories(vectors, ["only"] * 90) is None
    assert fit_categories(np.zeros((0, 16), np.float32), []) is None


def test_vectors_and_labels_must_be_as_many():
    with pytest.raises(InputRejected, match="90 vectors came with 1 labels"):
        fit_categories(clouds(0.1)[0], ["c0"])


def test_wrong_labels_among_right_ones_make_it_less_sure_and_not_wrong():
    vectors, labels = clouds(0.2, each=40)
    mistaken = [("c1" if number % 10 == 0 else label) for number, label in enumerate(labels)]
    clean, muddled = fit_categories(vectors, labels), fit_categories(vectors, mistaken)
    assert muddled.sharpness < clean.sharpness
    found = [one.category for one in infer_categories(muddled, vectors, labels)]
    assert sum(one == label for one, label in zip(found, labels, strict=True)) / len(labels) > 0.95


def test_calibration_error_is_the_mean_gap_between_confidence_and_accuracy():
    # Four answers at 0.75, three right: no gap. Two at 0.95, one right: 0.45, a third of all.
    confidence = np.array([0.75, 0.75, 0.75, 0.75, 0.95, 0.95])
    right = np.array([True, True, True, False, True, False])
    assert calibration_error(confidence, right) == pytest.approx(0.45 / 3)


def test_products_of_the_sample_market_without_a_category_are_given_theirs(default_encoder):
    market = draw_market(sellers=2, products_per_seller=14)
    offered = [one for one in market.products if not one.is_junk]
    pictures = [draw_picture(one) if one.has_picture else None for one in offered]
    learnt = default_encoder.embed_products(
        pictures, [product_text(one.title, one.category, one.description) for one in offered]
    )
    hidden = offered[::5]
    bare = default_encoder.embed_products(
        pictures[::5], [product_text(one.title, "", one.description) for one in hidden]
    )
    kept = [number for number in range(len(offered)) if number % 5]
    known = fit_categories(learnt[kept], [offered[number].category for number in kept])
    found = infer_categories(known, bare, [""] * len(hidden))
    judged = [
        (one.category, product.category)
        for one, product in zip(found, hidden, strict=True)
        if product.category in known.names
    ]
    assert len(judged) >= 4
    assert sum(inferred == truth for inferred, truth in judged) / len(judged) > 0.8


def test_real_groceries_are_told_by_department(default_encoder, real_input):
    rows = json.loads((real_input / "grocery" / "catalog.json").read_text())[::2]
    pictures = [(real_input / "grocery" / row["image"]).read_bytes() for row in rows]
    texts = [product_text(row["title"], "", row["description"]) for row in rows]
    known = fit_categories(default_encoder.embed_products(pictures, texts), [row["department"] for row in rows])
    assert len(known.names) == 3
    assert known.accuracy > 0.9
    assert known.error < 0.1

"""What a shopper is told about a photo."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from marketplace.catalog.pictures import measure
from marketplace.search.advice import ADVICE, Advice, advice_on


def judged(pixels: np.ndarray):
    target = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(target, "PNG")
    return advice_on(measure(target.getvalue()), pixels.astype(np.uint8))


def noise(low: int, high: int, side: int = 300) -> np.ndarray:
    return np.random.default_rng(1).integers(low, high, (side, side))


@pytest.mark.parametrize(
    ("pixels", "code", "is_useless"),
    [
        (np.full((300, 300), 12), "photo_too_dark", True),
        (np.full((300, 300), 250), "photo_too_bright", True),
        (np.full((300, 300), 120), "photo_blank", True),
        (noise(0, 40), "photo_too_dark", False),
        (noise(0, 255, side=100), "photo_tiny", False),
        (np.tile(np.linspace(60, 200, 300), (300, 1)), "photo_blurred", False),
    ],
)
def test_a_poor_photo_is_named_and_only_a_plain_one_is_useless(pixels, code, is_useless):
    found = judged(pixels)
    assert found.advice[0].code == code
    assert found.is_useless == is_useless


def test_a_sound_photo_needs_no_advice():
    assert judged(noise(0, 255)).advice == ()


def test_every_advice_has_a_sentence_that_says_what_to_do():
    for code in ADVICE:
        assert Advice(code).sentence.endswith(".")

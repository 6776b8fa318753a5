"""Measures of pictures: a hash survives what happens to pictures, and flaws are told from good photos."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from marketplace.catalog.pictures import FLAWS, MIRRORING, flaws, measure, perceptual_hash
from marketplace.errors import ImageRejected
from marketplace.local.market import draw_market
from marketplace.local.pictures import draw_picture
from tests.marketplace.catalog.photos import jpeg, scene, screenshot, written

SEEDS = st.integers(0, 10_000)


def bits_apart(one, other):
    return (one ^ other).bit_count()


def phash(picture):
    return measure(jpeg(picture)).phash


def cut(picture, share):
    width, height = picture.size
    left, top = round(width * share / 2), round(height * share / 2)
    return picture.crop((left, top, width - left, height - top))


@settings(max_examples=25)
@given(SEEDS, st.integers(40, 95), st.integers(160, 700))
def test_a_hash_hardly_moves_when_a_picture_is_shrunk_and_written_anew(seed, quality, width):
    picture = scene(seed)
    again = picture.resize((width, round(width * 4 / 3)))
    assert bits_apart(phash(picture), measure(jpeg(again, quality)).phash) <= 6


@settings(max_examples=25)
@given(SEEDS, st.floats(0.75, 1.2))
def test_a_hash_hardly_moves_with_the_light(seed, light):
    picture = scene(seed).point(lambda value: 40 + value * 0.6)  # so that nothing is burnt out
    assert bits_apart(phash(picture), phash(ImageEnhance.Brightness(picture).enhance(light))) <= 8


def test_most_pictures_are_known_when_a_twentieth_is_cut_off():
    apart = [bits_apart(phash(scene(seed)), phash(cut(scene(seed), 0.05))) for seed in range(60)]
    assert np.mean(np.array(apart) <= 10) >= 0.8


@settings(max_examples=25)
@given(SEEDS)
def test_a_mirrored_picture_differs_in_the_bits_of_mirroring(seed):
    picture = scene(seed)
    assert bits_apart(phash(picture) ^ MIRRORING, phash(ImageOps.mirror(picture))) <= 4
    assert MIRRORING.bit_count() == 30


def test_different_pictures_differ_in_about_half_the_bits():
    hashes = [perceptual_hash(scene(seed).convert("L")) for seed in range(60)]
    apart = [bits_apart(one, other) for place, one in enumerate(hashes) for other in hashes[:place]]
    assert 28 < np.mean(apart) < 36
    assert min(apart) > 10


def test_a_good_picture_has_no_flaw_and_says_its_size():
    measures = measure(jpeg(scene(1)))
    assert flaws(measures) == ()
    assert (measures.width, measures.height) == (480, 640)
    assert measures.bytes == len(jpeg(scene(1)))


@pytest.mark.parametrize(
    ("picture", "flaw"),
    [
        (scene(1, (119, 400)), "tiny"),
        (Image.new("RGB", (400, 400), "white"), "blank"),
        (Image.linear_gradient("L").point(lambda value: 120 + value // 16).resize((400, 400)), "blank"),
        (scene(1).filter(ImageFilter.GaussianBlur(5)), "blurred"),
        (written(Image.new("RGB", (600, 600), "white"), "SALE today 2,500 KSh only call now", 32), "text_heavy"),
        (written(Image.new("RGB", (600, 600), "#14143c"), "Karibu dukani bei nafuu leo", 40), "text_heavy"),
        (screenshot(), "screenshot"),
        (screenshot((360, 780)).resize((720, 1560)), "screenshot"),
    ],
    ids=["small", "white", "faint", "out of focus", "price list", "poster", "screen", "large screen"],
)
def test_a_flaw_is_told_and_no_other(picture, flaw):
    assert flaws(measure(jpeg(picture))) == (flaw,)
    assert flaw in FLAWS


@pytest.mark.parametrize(
    "picture",
    [
        scene(2, (120, 400)),
        ImageOps.expand(scene(2), 200, "white"),
        written(scene(2), "@mama_shop", 28, spacing=10_000),
        scene(2, (360, 800)),
        screenshot().crop((0, 90, 360, 450)),
    ],
    ids=["narrow", "much white", "one watermark", "as tall as a screen", "the photo out of a screen"],
)
def test_what_only_comes_near_a_flaw_has_none(picture):
    assert flaws(measure(jpeg(picture))) == ()


def test_printed_cloth_is_not_taken_for_writing():
    across = np.indices((600, 600))[1]
    stripes = np.where(across // 6 % 2, 230, 30).astype(np.uint8)
    checks = np.where((np.indices((600, 600)) // 8).sum(axis=0) % 2, 230, 30).astype(np.uint8)
    for cloth in (stripes, checks):
        assert measure(jpeg(Image.fromarray(cloth))).text < 0.02


def test_one_sharp_thing_on_a_soft_ground_is_sharp():
    soft = scene(3).filter(ImageFilter.GaussianBlur(8))
    soft.paste(scene(5, (120, 120)), (180, 260))
    assert flaws(measure(jpeg(soft))) == ()


def test_the_pictures_of_the_sample_market_are_good_but_for_one_without_a_pattern():
    flawed = {}
    for product in draw_market(sellers=4).products:
        if found := flaws(measure(draw_picture(product))):
            flawed[product.ref] = (product.pattern, found)
    assert set(flawed.values()) <= {("plain", ("blurred",))}
    assert len(flawed) <= 1


@pytest.mark.parametrize("content", [b"", b"no picture", jpeg(scene(1))[:2000]], ids=["empty", "text", "cut"])
def test_what_cannot_be_decoded_is_refused(content):
    with pytest.raises(ImageRejected, match=f"{len(content)} bytes"):
        measure(content)


@pytest.mark.parametrize("folder", ["clothing", "clothing-queries", "grocery/catalog", "grocery/queries"])
def test_hardly_any_real_photo_is_called_flawed(real_input, folder):
    files = sorted((real_input / folder).rglob("*.jpg"))[::3]
    found = [flaws(measure(file.read_bytes())) for file in files]
    for flaw in FLAWS:
        assert np.mean([flaw in one for one in found]) < 0.02, flaw


def test_every_blur_of_three_pixels_is_seen_on_real_photos(real_input):
    for file in sorted((real_input / "clothing").rglob("*.jpg"))[::25]:
        blurred = Image.open(file).filter(ImageFilter.GaussianBlur(3))
        assert "blurred" in flaws(measure(jpeg(blurred))), file

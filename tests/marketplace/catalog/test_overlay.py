"""Pictures laid over each other: an edited copy is one with its original, a picture of the like is not."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

from marketplace.catalog.overlay import are_one, difference, views
from marketplace.errors import ImageRejected
from tests.marketplace.catalog.photos import jpeg, scene


def one(picture, other):
    return are_one(views(jpeg(picture)), views(jpeg(other)))


def cut(picture, left=0.0, top=0.0, right=0.0, bottom=0.0):
    width, height = picture.size
    return picture.crop(
        (round(width * left), round(height * top), round(width * (1 - right)), round(height * (1 - bottom)))
    )


def marked(picture):
    copy = picture.copy()
    ImageDraw.Draw(copy).text((40, 300), "@mama_shop", fill="white", font=ImageFont.load_default(48))
    return copy


EDITS = {
    "written anew": lambda picture: Image.open(io.BytesIO(jpeg(picture, 40))),
    "half the size": lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.8),
    "paler": lambda picture: ImageEnhance.Contrast(picture).enhance(0.8),
    "mirrored": ImageOps.mirror,
    "watermark": marked,
    "a margin cut off": lambda picture: cut(picture, 0.025, 0.025, 0.025, 0.025),
    "the right cut off": lambda picture: cut(picture, right=0.05),
    "the top cut off": lambda picture: cut(picture, top=0.1),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_copy_is_one_with_its_original_whichever_comes_first(edit):
    for seed in range(5):
        picture = scene(seed)
        edited = EDITS[edit](picture)
        assert one(picture, edited), seed
        assert one(edited, picture), seed


def test_other_scenes_are_not_one():
    assert not any(one(scene(seed), scene(seed + 100)) for seed in range(10))


def test_the_same_thing_with_another_print_is_not_one():
    carton = scene(1)
    other = carton.copy()
    other.paste(scene(2, (220, 260)), (130, 190))
    assert not one(carton, other)


def test_the_same_shape_in_another_colour_is_not_one():
    red, green = Image.new("RGB", (300, 400), "white"), Image.new("RGB", (300, 400), "white")
    red.paste((180, 40, 40), (60, 60, 240, 340))
    green.paste((30, 106, 30), (60, 60, 240, 340))
    assert not one(red, green)


def test_a_picture_differs_from_itself_in_nothing():
    (whole, *_) = views(jpeg(scene(1)))
    assert difference(whole, whole) == pytest.approx(0, abs=1e-3)


def test_what_cannot_be_decoded_is_refused():
    with pytest.raises(ImageRejected, match="7 bytes"):
        views(b"nothing")

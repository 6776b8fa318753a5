"""What the compact encoder looks at: grounds, middles and colours."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from models.embedding.colour import lab_of, spread_of_colours
from models.embedding.views import SIDE, SMALL_SIDE, middle, stands_on_white, views_of


def thing(ground, colour="red", size=(200, 200)):
    """A disc on a ground."""
    sheet = Image.new("RGB", size, ground)
    ImageDraw.Draw(sheet).ellipse((60, 60, 140, 140), fill=colour)
    return sheet


def test_a_picture_stands_on_white_when_its_rim_does():
    assert stands_on_white(thing("white"))
    assert stands_on_white(thing((245, 246, 244)))
    assert not stands_on_white(thing("khaki"))
    assert not stands_on_white(thing("red", "white"))


def test_a_studio_picture_is_seen_in_two_sizes_and_a_photo_whole_and_near():
    assert [one.shape for one in views_of(thing("white")).pixels] == [(SIDE, SIDE, 3), (SMALL_SIDE, SMALL_SIDE, 3)]
    whole, near = views_of(thing("khaki")).pixels
    assert whole.shape == near.shape == (SIDE, SIDE, 3)
    assert (near == (255, 0, 0)).all(2).mean() > 1.5 * (whole == (255, 0, 0)).all(2).mean()


def test_the_white_around_a_thing_is_none_of_its_colours():
    alone = spread_of_colours(np.array([[255, 0, 0]], np.uint8))
    assert views_of(thing("white")).colours @ alone > 0.95
    assert views_of(thing("khaki")).colours @ alone < 0.8


def test_a_white_thing_on_white_keeps_its_colours():
    assert views_of(thing("white", "white")).colours.sum() > 0


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3, 2)])
def test_the_middle_is_never_empty(size):
    assert min(middle(Image.new("RGB", size)).size) >= 1
    assert len(views_of(Image.new("RGB", size)).pixels) == 2


def test_the_middle_is_half_of_the_area():
    assert middle(Image.new("RGB", (1000, 1000))).size == (700, 700)


def test_lab_is_as_the_standard_says():
    colours = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    expected = [(100, 0, 0), (0, 0, 0), (53.24, 80.09, 67.20), (32.30, 79.19, -107.86)]
    assert lab_of(colours) == pytest.approx(np.array(expected), abs=0.1)


def test_colours_that_are_near_spread_alike_and_opposites_do_not():
    red, dark_red, green = (
        spread_of_colours(np.full((9, 3), one, np.uint8)) for one in ((200, 30, 30), (170, 25, 25), (30, 160, 40))
    )
    assert red.shape == (64,)
    assert np.linalg.norm(red) == pytest.approx(1, abs=1e-6)
    assert red @ dark_red > 0.8 > 0.4 > red @ green

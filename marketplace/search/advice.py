"""What to tell a shopper whose photo cannot be searched well, and what their search would gain from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from marketplace.catalog.pictures import PictureMeasures, flaws

DARK = 45  # of 255: brighter than 95 % of a photo that shows nothing of its colours
BRIGHT = 210

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "photo_too_dark": "The photo is too dark: take it near a window or with a light on.",
        "photo_too_bright": "The photo is washed out: turn away from the light or the flash, and take it again.",
        "photo_blank": "The photo shows one plain colour: point the camera at the product, and go nearer.",
        "photo_blurred": "The photo is blurred: wipe the lens, hold still, and tap the product to focus.",
        "photo_tiny": "The photo is very small: send the original, no thumbnail, or mark a larger part of it.",
        "photo_screenshot": "This is a picture of a screen: mark the product in it, or save the picture itself.",
        "photo_text_heavy": "The photo is mostly writing: mark the product in it, or type the words instead.",
        "photo_not_compared": "Photos cannot be compared at the moment: add words, or try again in a minute.",
        "example_unknown": "Some of the examples are not in the index, and were passed over.",
    }
)


@dataclass(frozen=True, slots=True)
class Advice:
    """A code for programs, and a sentence for the shopper."""

    code: str

    @property
    def sentence(self) -> str:
        """What would help."""
        return ADVICE[self.code]


@dataclass(frozen=True, slots=True)
class PhotoAdvice:
    """What is wrong with a photo; `is_useless` when its likeness to products would mean nothing."""

    advice: tuple[Advice, ...]
    is_useless: bool


def advice_on(measures: PictureMeasures, grey: NDArray[np.uint8]) -> PhotoAdvice:
    """What is wrong with a photo, from its measures and its greys.

    Parameters
    ----------
    grey : (height, width)
        The photo at any size.
    """
    found = set(flaws(measures))
    low, high = np.percentile(grey, (5, 95))
    is_useless = "blank" in found
    codes = [f"photo_{name}" for name in ("blurred", "tiny", "screenshot", "text_heavy") if name in found]
    if high < DARK:
        codes.insert(0, "photo_too_dark")
    elif is_useless:
        codes.insert(0, "photo_too_bright" if low > BRIGHT else "photo_blank")
    return PhotoAdvice(tuple(map(Advice, codes)), is_useless)

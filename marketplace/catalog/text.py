"""Text from outside, made fit to store and to show."""

from __future__ import annotations

import re
import unicodedata

# Control characters, halves of surrogate pairs, and marks that turn the direction of what follows them.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff]")


def fit_text(text: str) -> str:
    """The text on one line, single-spaced, in composed form, without characters that Postgres or a page cannot bear."""
    return " ".join(unicodedata.normalize("NFC", _UNFIT.sub(" ", text)).split())

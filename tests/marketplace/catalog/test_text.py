"""Text from outside is fit to store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalog.text import fit_text


@pytest.mark.parametrize(
    ("raw", "fit"),
    [
        ("  Kitenge\n dress\t", "Kitenge dress"),
        ("nul\x00byte", "nul byte"),
        ("half \ud83d emoji", "half emoji"),
        ("cafe\u0301", "café"),
        ("\ufeffbasket \u202etxet", "basket txet"),
        ("የሐበሻ ቀሚስ 👩🏾\u200d🎨", "የሐበሻ ቀሚስ 👩🏾\u200d🎨"),
    ],
)
def test_only_what_cannot_be_stored_or_shown_is_taken_out(raw, fit):
    assert fit_text(raw) == fit


@given(st.text())
def test_fit_text_can_be_written_as_utf8_and_stays_as_it_is(text):
    fit = fit_text(text)
    assert b"\x00" not in fit.encode()
    assert fit_text(fit) == fit

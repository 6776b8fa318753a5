"""What holds for all vectors and scores."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.embedding.vectors import concatenated, hybrid, normalised

FLOATS = st.floats(-100, 100, width=32)
ROWS = arrays(np.float32, (3, 8), elements=FLOATS)


@given(ROWS)
def test_normalised_rows_are_of_unit_length_or_zero(rows):
    lengths = np.linalg.norm(normalised(rows), axis=1)
    assert np.allclose(lengths, rows.any(axis=1), atol=1e-4)


@given(ROWS, ROWS)
def test_both_hybrids_never_exceed_unit_length(image, text):
    for made in (hybrid(normalised(image), normalised(text)), concatenated(normalised(image), normalised(text))):
        assert np.isfinite(made).all()
        assert (np.linalg.norm(made, axis=1) < 1 + 1e-4).all()

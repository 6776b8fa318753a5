"""Which products look and read alike, as sparse cosines of their nearest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.collaborative.model import BLOCK, Floats, top_items

NEAREST = 20


def alike(
    items: NDArray[np.int64], vectors: Mapping[int, NDArray[np.float32]], *, keep: int = NEAREST
) -> sp.csr_matrix:
    """The cosines of every item with its nearest others, (items, items); zero elsewhere and where there is no vector.

    Parameters
    ----------
    vectors
        Unit vectors by product id.
    """
    known = np.array([place for place, product_id in enumerate(items.tolist()) if product_id in vectors], dtype=np.intp)
    shape = (len(items), len(items))
    if len(known) < 2:
        return sp.csr_matrix(shape, dtype=np.float32)
    stacked: Floats = np.stack([vectors[int(items[place])] for place in known]).astype(np.float32)
    rows, columns, cosines = [], [], []
    for start in range(0, len(known), BLOCK):
        near = stacked[start : start + BLOCK] @ stacked.T
        own = np.arange(len(near))
        near[own, start + own] = -np.inf
        best = top_items(near, min(keep, len(known) - 1))
        rows.append(np.repeat(known[start + own], best.shape[1]))
        columns.append(known[best].ravel())
        cosines.append(np.take_along_axis(near, best, axis=1).ravel())
    values = np.maximum(np.concatenate(cosines), 0)  # what is less than unlike is no likeness
    found = sp.csr_matrix((values, (np.concatenate(rows), np.concatenate(columns))), shape=shape)
    found.eliminate_zeros()
    return found

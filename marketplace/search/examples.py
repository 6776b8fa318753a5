"""More like this, less like that: a query's vector moved by examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import InputRejected

TOWARDS = 0.75
AWAY = 0.25
Vector = NDArray[np.float32]


def moved(query: Vector | None, like: Sequence[Vector], unlike: Sequence[Vector]) -> Vector:
    """The unit vector of what is meant: the query, nearer to the mean of `like` and further from that of `unlike`.

    Without a query the examples alone are what is meant.

    Raises
    ------
    InputRejected
        If there is neither a query nor anything to be like, or the examples cancel each other out.

    Source: Rocchio, "Relevance feedback in information retrieval", 1971, equation 1; the weights are the usual ones
    of Manning, Raghavan and Schütze, "Introduction to information retrieval", section 9.1.1, the away one higher.
    """
    if query is None and not like:
        raise InputRejected("unlike: there is nothing to move away from; send text, an image or like beside it")
    parts = [] if query is None else [np.asarray(query, np.float64)]
    if like:
        parts.append((TOWARDS if parts else 1.0) * np.stack(like).mean(axis=0))
    if unlike:
        parts.append(-AWAY * np.stack(unlike).mean(axis=0))
    total = np.sum(parts, axis=0)
    length = float(np.linalg.norm(total))
    if length < 1e-6:
        raise InputRejected("like and unlike: the examples cancel each other out")
    return np.asarray(total / length, np.float32)

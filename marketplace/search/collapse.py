"""Offers of one product and copies of one photo, shown once.

A photo alone does not make two products one: a seller may show one picture for a whole range. Pictures that are the
same, or nearly so by their hashes, must come with the same words; what `product_matches` and `photo_copies` name has
been confirmed by vectors already.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from marketplace.catalog.copies import near_hashes
from marketplace.search.candidates import Candidate

NEAR_BITS = 4  # of 64: one picture, stored twice
SAME_WORDS = 0.8  # of the words of two titles
_WORD = re.compile(r"\w+")


def collapsed(candidates: Sequence[Candidate]) -> list[tuple[Candidate, ...]]:
    """Groups of near-duplicates in the order of their first, which is the best placed; most hold one product.

    A product joins the best placed group whose first it duplicates; the others of a group need not be alike.
    """
    twins = _twins(candidates)
    groups: dict[int, list[Candidate]] = {}
    for one in candidates:
        first = next((key for key in groups if key in twins[one.product_id]), None) if one.product_id in twins else None
        groups.setdefault(one.product_id if first is None else first, []).append(one)
    return [tuple(group) for group in groups.values()]


def _twins(candidates: Sequence[Candidate]) -> dict[int, set[int]]:
    twins: dict[int, set[int]] = defaultdict(set)
    for one, other in (*_confirmed(candidates), *_pictures(candidates)):
        twins[one].add(other)
        twins[other].add(one)
    return twins


def _confirmed(candidates: Iterable[Candidate]) -> Iterable[tuple[int, int]]:
    """Pairs that are offers of one product, or show one photo that at most one of them took itself."""
    together: dict[tuple[str, int], list[int]] = defaultdict(list)
    for one in candidates:
        if one.match_id is not None:
            together["match", one.match_id].append(one.product_id)
        together["photo", one.product_id if one.original_id is None else one.original_id].append(one.product_id)
    return (pair for ids in together.values() for pair in combinations(ids, 2))


def _pictures(candidates: Iterable[Candidate]) -> Iterable[tuple[int, int]]:
    """Pairs whose pictures are the same, or nearly, and whose titles say the same."""
    showing: dict[int, list[Candidate]] = defaultdict(list)
    named: dict[str, list[Candidate]] = defaultdict(list)
    for one in candidates:
        if one.phash is not None:
            showing[one.phash].append(one)
        elif one.image_sha256 is not None:
            named[one.image_sha256].append(one)
    alike = [*named.values(), *showing.values()]
    left, right, _ = near_hashes(np.array(list(showing), np.uint64), NEAR_BITS)
    shown = list(showing.values())
    crossed = ((one, other) for a, b in zip(left, right, strict=True) for one in shown[a] for other in shown[b])
    within = (pair for group in alike for pair in combinations(group, 2))
    return (
        (one.product_id, other.product_id)
        for one, other in (*within, *crossed)
        if _say_the_same(one.title, other.title)
    )


def _say_the_same(one: str, other: str) -> bool:
    mine, theirs = (frozenset(_WORD.findall(title.casefold())) for title in (one, other))
    return len(mine & theirs) >= SAME_WORDS * len(mine | theirs)

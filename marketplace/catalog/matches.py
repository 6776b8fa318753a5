"""The same product at several sellers: candidates by rare words, judged by titles and vectors, gathered in groups."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.catalog.titles import ReadTitle, contradiction, read_title

LEAST_SCORE = 0.66
LEAST_PICTURE = 0.86  # cosine of pictures, for titles that name a kind of thing and no particular one
LARGEST_BLOCK = 60  # products that share a word; what more of them share does not tell them apart
RAREST = 4  # words of a title by which others are looked for
CODE_WEIGHT = 2.0
APART_WEIGHT = 0.5
OTHER_BRAND = 0.7
MODEL_LETTERS = 5  # a code of so many letters and digits is a maker's model
MODEL_WEIGHT = 0.4

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OfferedProduct:
    """A product as far as it is compared; vectors are of unit length, None where there is none."""

    product_id: int
    seller_id: int
    title: str
    picture: Vector | None = field(default=None, compare=False)
    words: Vector | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two products are, 0..1, with what it was judged by; `against` says why they cannot be one."""

    score: float
    title: float
    shared: tuple[str, ...]
    picture_cosine: float | None
    words_cosine: float | None
    against: str | None

    @property
    def is_same(self) -> bool:
        """Whether the two are taken for one product."""
        return self.against is None and self.score >= LEAST_SCORE

    def as_json(self) -> dict[str, Any]:
        """The evidence as it is kept."""
        return {
            "title": round(self.title, 3),
            "shared": list(self.shared),
            "picture_cosine": None if self.picture_cosine is None else round(self.picture_cosine, 3),
            "words_cosine": None if self.words_cosine is None else round(self.words_cosine, 3),
        }


@dataclass(frozen=True, slots=True)
class Match:
    """A product of a group, its score to the closest product of another seller, and what that was judged by."""

    product_id: int
    match_id: int
    score: float
    evidence: Mapping[str, Any]


class Vocabulary:
    """How much each word tells, judged by how many titles hold it."""

    def __init__(self, titles: Collection[ReadTitle]) -> None:
        self._titles = max(1, len(titles))
        self._holding = Counter(token for title in titles for token in title.tokens)

    def weight(self, token: str) -> float:
        """More for a rare word, and twice as much for a model, a size or a shade."""
        rarity = 1 + math.log((self._titles + 1) / (self._holding[token] + 1))
        return rarity * (CODE_WEIGHT if any(letter.isdigit() for letter in token) else 1)

    def holding(self, token: str) -> int:
        """How many titles hold the word."""
        return self._holding[token]

    def likeness(self, one: ReadTitle, other: ReadTitle) -> float:
        """Twice the weight of what both say over the weight of what each says, 0..1, less what sets them apart.

        One title may say more than the other. Where each says what the other does not, half of the lesser
        share is taken off; where neither names the first word of the other, it is another brand.
        """
        both = sum(map(self.weight, one.tokens & other.tokens))
        mine, theirs = (sum(map(self.weight, title.tokens)) for title in (one, other))
        if not both:
            return 0.0
        apart = min(1 - both / mine, 1 - both / theirs)
        alike = 2 * both / (mine + theirs) - APART_WEIGHT * apart
        is_other_brand = one.first not in other.words and other.first not in one.words
        return max(0.0, alike * (OTHER_BRAND if is_other_brand else 1))


def likeness(
    one: OfferedProduct, other: OfferedProduct, titles: Mapping[int, ReadTitle], vocabulary: Vocabulary
) -> Likeness:
    """How alike two products are.

    The score is the titles' likeness, with a quarter of it from the cosine of the
    words where there are vectors. Titles without a model, a size or a measure name
    a kind of thing: "Ankara dress, indigo" is many dresses. Such products are one
    only if their pictures agree.
    """
    mine, theirs = titles[one.product_id], titles[other.product_id]
    title = vocabulary.likeness(mine, theirs)
    if any(len(code) >= MODEL_LETTERS and not code.isdigit() for code in mine.codes & theirs.codes):
        title += MODEL_WEIGHT * (1 - title)
    pictures, words = _cosine(one.picture, other.picture), _cosine(one.words, other.words)
    score = title if words is None else 0.75 * title + 0.25 * min(1.0, max(0.0, words))
    against = contradiction(mine, theirs)
    if against is None and not _is_particular(mine, theirs) and (pictures is None or pictures < LEAST_PICTURE):
        against = "picture"
    return Likeness(score, title, tuple(sorted(mine.tokens & theirs.tokens)), pictures, words, against)


def groups(products: Sequence[OfferedProduct]) -> list[Match]:
    """Every product that several sellers offer, in groups of two sellers or more, by product.

    Pairs are joined from the most alike to the least. Two groups become one only if no
    product of one contradicts any of the other and most of such pairs are alike by themselves, so that a chain
    of small differences does not lead from one product to another.
    """
    titles = {product.product_id: read_title(product.title) for product in products}
    vocabulary = Vocabulary(titles.values())
    by_id = {product.product_id: product for product in products}

    def compared(one: int, other: int) -> Likeness:
        return likeness(by_id[one], by_id[other], titles, vocabulary)

    edges = {pair: found for pair in _candidates(products, titles, vocabulary) if (found := compared(*pair)).is_same}
    members = {product.product_id: [product.product_id] for product in products}
    root = {product.product_id: product.product_id for product in products}
    for one, other in sorted(edges, key=lambda pair: (-edges[pair].score, pair)):
        left, right = members[root[one]], members[root[other]]
        if left is right or not _agree([edges.get(_ordered(a, b)) or compared(a, b) for a in left for b in right]):
            continue
        for moved in right:
            root[moved] = root[one]
        left.extend(right)
    return sorted(_matches(members, root, by_id, edges), key=lambda match: match.product_id)


def _agree(pairs: Sequence[Likeness]) -> bool:
    return all(pair.against is None for pair in pairs) and sum(pair.is_same for pair in pairs) * 2 > len(pairs)


def _matches(
    members: Mapping[int, Sequence[int]],
    root: Mapping[int, int],
    by_id: Mapping[int, OfferedProduct],
    edges: Mapping[tuple[int, int], Likeness],
) -> Iterator[Match]:
    for name, group in members.items():
        if root[name] != name or len({by_id[one].seller_id for one in group}) < 2:
            continue
        for product_id in group:
            linked = {
                other: edges[_ordered(product_id, other)] for other in group if _ordered(product_id, other) in edges
            }
            closest = max(linked, key=lambda other: (linked[other].score, -other))
            evidence = {"closest": closest, **linked[closest].as_json()}
            yield Match(product_id, min(group), round(linked[closest].score, 4), evidence)


def _candidates(
    products: Sequence[OfferedProduct], titles: Mapping[int, ReadTitle], vocabulary: Vocabulary
) -> set[tuple[int, int]]:
    """Pairs of products of different sellers that share one of the rarest words of both."""
    blocks: dict[str, list[OfferedProduct]] = defaultdict(list)
    for product in products:
        told = [token for token in titles[product.product_id].tokens if 1 < vocabulary.holding(token) <= LARGEST_BLOCK]
        for token in sorted(told, key=lambda token: (vocabulary.holding(token), token))[:RAREST]:
            blocks[token].append(product)
    return {
        _ordered(one.product_id, other.product_id)
        for block in blocks.values()
        for one, other in combinations(block, 2)
        if one.seller_id != other.seller_id
    }


def _is_particular(one: ReadTitle, other: ReadTitle) -> bool:
    """Whether both name a particular thing: a shared model, or a shared measure or number beside two shared words.

    Numbers below 100 count things or are sizes.
    """
    shared = one.codes & other.codes
    if any(not code.isdigit() for code in shared):
        return True
    measured = any(one.measures[name] & other.measures[name] for name in one.measures.keys() & other.measures.keys())
    return (measured or any(len(code) > 2 for code in shared)) and len(one.words & other.words) >= 2


def _ordered(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)


def _cosine(one: Vector | None, other: Vector | None) -> float | None:
    return None if one is None or other is None else float(one @ other)

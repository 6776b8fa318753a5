"""Photos that one seller took from another: near by their hashes, confirmed by their vectors.

Two witnesses that err differently. A perceptual hash sees how light is laid out and takes any two garments on the
same floor for one; a vector sees what is shown and takes any two white shirts for one. What both name is laid over
each other, for two cartons of one brand deceive even both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from marketplace.catalog.pictures import MIRRORING

MOST_BITS = 10  # of 64; two different photos differ in 32 or so
LEAST_COSINE = 0.80
SURE_BITS = 6  # beyond these, each bit asks for more of the vectors
COSINE_PER_BIT = 0.025
IMAGE_NUMBERS = 384  # of the 768, where pictures and words lie side by side
_ROWS, _COLUMNS = 16, 4096  # a block that stays in the processor's cache

Hashes = NDArray[np.uint64]
Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ShownPhoto:
    """A photo as one product shows it; `phash` is unsigned, `image_sha256` the name of the picture."""

    product_id: int
    seller_id: int
    phash: int
    first_seen_at: datetime
    image_sha256: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product whose photo may be taken from an earlier one, as far as the hashes tell."""

    product_id: int
    original_id: int
    distance: int


@dataclass(frozen=True, slots=True)
class PhotoCopy:
    """A product whose photo was taken from an earlier one, with both pieces of evidence."""

    product_id: int
    original_id: int
    distance: int
    cosine: float


def near_hashes(hashes: Hashes, most: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint8]]:
    """Places and distance of every two hashes that differ in at most so many bits, as they are or mirrored.

    Every two are compared: a block of 65,536 pairs takes as long as its memory is near, and no arrangement of
    the hashes can make it slow.

    Parameters
    ----------
    hashes : (n,)
        All different.

    Returns
    -------
    left, right, distance
        `left` < `right`.
    """
    found = []
    differing, bits, mirrored = (np.empty((_ROWS, _COLUMNS), kind) for kind in (np.uint64, np.uint8, np.uint8))
    for top in range(0, len(hashes), _ROWS):
        rows = hashes[top : top + _ROWS, None]
        for start in range(top + 1, len(hashes), _COLUMNS):
            columns = hashes[None, start : start + _COLUMNS]
            block = np.s_[: rows.shape[0], : columns.shape[1]]
            np.bitwise_xor(rows, columns, out=differing[block])
            np.bitwise_count(differing[block], out=bits[block])
            np.bitwise_xor(differing[block], np.uint64(MIRRORING), out=differing[block])
            np.bitwise_count(differing[block], out=mirrored[block])
            nearest = np.minimum(bits[block], mirrored[block], out=bits[block])
            if nearest.min() <= most:
                row, column = np.nonzero(nearest <= most)
                row, column = row[column + start > row + top], column[column + start > row + top]
                found.append((row + top, column + start, nearest[row, column]))
    if not found:
        return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, np.uint8)
    left, right, distance = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return left, right, distance


def candidates(shown: Sequence[ShownPhoto], *, most: int = MOST_BITS) -> list[Candidate]:
    """Pairs of products of different or the same seller whose photos may be one, the later product first.

    A photo is compared with the first that showed each near hash, so that a picture used a
    thousand times gives a thousand pairs and not a million. Products of the same seller are among
    them, since who showed a photo first is not the copier of it; groups of one seller are left out.
    """
    ordered = sorted(shown, key=lambda photo: (photo.first_seen_at, photo.product_id))
    by_hash: dict[int, list[ShownPhoto]] = {}
    for photo in ordered:
        by_hash.setdefault(photo.phash, []).append(photo)
    hashes = np.array(list(by_hash), np.uint64)
    groups = list(by_hash.values())
    rank = {photo.product_id: place for place, photo in enumerate(ordered)}
    found = []
    for group in groups:
        found += [Candidate(photo.product_id, group[0].product_id, 0) for photo in group[1:]]
    for left, right, distance in zip(*near_hashes(hashes, most), strict=True):
        for group, other in ((groups[left], groups[right][0]), (groups[right], groups[left][0])):
            later = [photo for photo in group if rank[photo.product_id] > rank[other.product_id]]
            found += [Candidate(photo.product_id, other.product_id, int(distance)) for photo in later]
    return _across_sellers(found, {photo.product_id: photo.seller_id for photo in shown})


def _across_sellers(found: Sequence[Candidate], seller_of: Mapping[int, int]) -> list[Candidate]:
    """All candidates of the products that have one at another seller."""
    crossing = {one.product_id for one in found if seller_of[one.product_id] != seller_of[one.original_id]}
    return [one for one in found if one.product_id in crossing]


def confirmed(
    suspected: Collection[Candidate],
    shown: Collection[ShownPhoto],
    vectors: Mapping[int, Vector],
    are_one: Callable[[Candidate], bool] = lambda one: True,
) -> list[PhotoCopy]:
    """The copies that the vectors confirm, one for each product, by product.

    The original is the earliest photo that both witnesses name. Where that is the
    seller's own, nothing was taken.

    Parameters
    ----------
    vectors
        What the encoder sees of each product's picture, unit length, by product; without one there is no
        second witness and so no copy.
    are_one
        The last word on a pair that both witnesses name; asked as seldom as can be.
    """
    photo_of = {photo.product_id: photo for photo in shown}
    earliest: dict[int, PhotoCopy] = {}
    for one in sorted(suspected, key=lambda one: (photo_of[one.original_id].first_seen_at, one.original_id)):
        if one.product_id in earliest or one.product_id not in vectors or one.original_id not in vectors:
            continue
        cosine = float(vectors[one.product_id] @ vectors[one.original_id])
        if cosine >= cosine_needed(one.distance) and are_one(one):
            earliest[one.product_id] = PhotoCopy(one.product_id, one.original_id, one.distance, round(cosine, 4))
    seller_of = {photo.product_id: photo.seller_id for photo in shown}
    taken = [copy for copy in earliest.values() if seller_of[copy.product_id] != seller_of[copy.original_id]]
    return sorted(taken, key=lambda copy: copy.product_id)


def cosine_needed(distance: int) -> float:
    """The least cosine of two pictures whose hashes differ so: the less one witness says, the more the other must."""
    return LEAST_COSINE + COSINE_PER_BIT * max(0, distance - SURE_BITS)


def picture_part(vector: Vector, *, has_shared_space: bool) -> Vector:
    """What a product's vector says of its picture, at unit length; all zero where there is none.

    Encoders without a shared space keep pictures and words side by side, so the words can be left out. With a
    shared space both are added up, and the whole vector has to stand for the picture.
    """
    part = vector if has_shared_space else vector[:IMAGE_NUMBERS]
    length = float(np.linalg.norm(part))
    return part / length if length > 0 else part

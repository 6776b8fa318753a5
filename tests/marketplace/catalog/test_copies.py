"""Copied photos: pairs by hash, confirmed by vectors, the earliest being the original."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalog.copies import (
    MOST_BITS,
    Candidate,
    PhotoCopy,
    ShownPhoto,
    candidates,
    confirmed,
    cosine_needed,
    near_hashes,
    picture_part,
)
from marketplace.catalog.pictures import MIRRORING

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINE, THEIRS = 0x0F0F_3C3C_A5A5_1234, 0xF0A1_77B2_0C9D_4E5F
SEEN = np.eye(4, dtype=np.float32)[0]


def photo(product_id, seller_id, phash=MINE, *, hours=None):
    return ShownPhoto(
        product_id, seller_id, phash, NOON + timedelta(hours=product_id if hours is None else hours), f"{phash:064x}"
    )


def turned(cosine):
    """A unit vector at this cosine to SEEN."""
    return np.array([cosine, np.sqrt(1 - cosine**2), 0, 0], dtype=np.float32)


def found(*shown, vectors=None):
    seen = vectors or {one.product_id: SEEN for one in shown}
    return [(copy.product_id, copy.original_id) for copy in confirmed(candidates(shown), shown, seen)]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=40, unique=True), st.integers(0, 40))
def test_near_hashes_are_those_that_a_comparison_of_every_two_finds(numbers, most):
    left, right, distance = near_hashes(np.array(numbers, np.uint64), most)
    expected = {
        (i, j): min((a ^ b).bit_count(), (a ^ b ^ MIRRORING).bit_count())
        for i, a in enumerate(numbers)
        for j, b in enumerate(numbers)
        if i < j
    }
    got = {(int(i), int(j)): int(bits) for i, j, bits in zip(left, right, distance, strict=True)}
    assert got == {pair: bits for pair, bits in expected.items() if bits <= most}


def test_pairs_are_found_across_the_edges_of_blocks():
    hashes = np.random.default_rng(0).integers(0, 2**64, 9_000, dtype=np.uint64)
    planted = [(0, 8_999), (15, 16), (4_095, 4_097), (100, 4_200)]
    for place, near in planted:
        hashes[near] = hashes[place] ^ np.uint64(0b111)
    left, right, distance = near_hashes(hashes, 6)
    assert sorted(zip(left.tolist(), right.tolist(), distance.tolist(), strict=True)) == [
        (place, near, 3) for place, near in sorted(planted)
    ]


def test_the_later_of_two_sellers_took_the_photo():
    assert found(photo(1, 10), photo(2, 20)) == [(2, 1)]
    assert found(photo(1, 10, hours=9), photo(2, 20, hours=3)) == [(1, 2)]


def test_of_two_seen_at_once_the_smaller_id_counts_as_the_earlier():
    assert found(photo(2, 20, hours=1), photo(1, 10, hours=1)) == [(2, 1)]


def test_a_photo_shown_twice_by_its_own_seller_is_no_copy():
    assert found(photo(1, 10), photo(2, 10)) == []


def test_who_showed_a_photo_first_may_show_it_again_after_it_was_taken():
    assert found(photo(1, 10), photo(2, 20), photo(3, 10), photo(4, 30)) == [(2, 1), (4, 1)]


def test_other_photos_are_nothing_to_each_other():
    assert found(photo(1, 10), photo(2, 20, THEIRS)) == []


@pytest.mark.parametrize("phash", [MINE ^ 0b1111, MINE ^ MIRRORING], ids=["edited", "mirrored"])
def test_an_edited_photo_is_found(phash):
    assert found(photo(1, 10), photo(2, 20, phash)) == [(2, 1)]


def test_a_hash_alone_is_no_evidence():
    shown = (photo(1, 10), photo(2, 20))
    assert found(*shown, vectors={1: SEEN, 2: turned(0.79)}) == []
    assert found(*shown, vectors={1: SEEN}) == []


def test_a_vector_alone_is_no_evidence():
    far = MINE ^ ((1 << MOST_BITS + 1) - 1)
    assert found(photo(1, 10), photo(2, 20, far)) == []


@pytest.mark.parametrize(("bits", "cosine"), [(0, 0.8), (6, 0.8), (8, 0.85), (10, 0.9)])
def test_the_less_a_hash_says_the_more_the_vector_must(bits, cosine):
    assert cosine_needed(bits) == pytest.approx(cosine)
    shown = (photo(1, 10), photo(2, 20, MINE ^ ((1 << bits) - 1)))
    assert found(*shown, vectors={1: SEEN, 2: turned(cosine + 0.005)}) == [(2, 1)]
    assert found(*shown, vectors={1: SEEN, 2: turned(cosine - 0.005)}) == []


def test_the_original_is_the_earliest_that_both_witnesses_name():
    shown = (photo(1, 10, MINE ^ 0b11), photo(2, 20), photo(3, 30, MINE ^ 0b1100))
    assert found(*shown) == [(2, 1), (3, 1)]
    assert found(*shown, vectors={1: turned(0.1), 2: SEEN, 3: SEEN}) == [(3, 2)]


def test_a_copy_keeps_what_was_seen():
    shown = (photo(1, 10), photo(2, 20, MINE ^ 0b111))
    (copy,) = confirmed([Candidate(2, 1, 3)], shown, {1: SEEN, 2: turned(0.93)})
    assert copy == PhotoCopy(2, 1, 3, 0.93)


def test_what_both_witnesses_name_is_believed_only_when_the_pictures_are_one():
    shown = (photo(1, 10), photo(2, 20), photo(3, 30))
    asked = []

    def all_but_the_first(pair):
        asked.append((pair.product_id, pair.original_id))
        return pair.original_id != 1

    seen = dict.fromkeys((1, 2, 3), SEEN)
    assert confirmed(candidates(shown), shown, seen, all_but_the_first) == []
    assert asked == [(2, 1), (3, 1)]


def test_a_photo_used_by_thousands_gives_as_many_pairs_and_not_their_square():
    shown = [photo(number, number) for number in range(3_000)]
    assert len(candidates(shown)) == 2_999


def test_no_photos_are_no_copies():
    assert candidates([]) == []


def test_pictures_are_compared_by_their_half_where_words_lie_beside_them():
    vector = np.concatenate([np.full(384, 3.0), np.full(384, -1.0)]).astype(np.float32)
    half = picture_part(vector, has_shared_space=False)
    assert half.shape == (384,)
    assert np.linalg.norm(half) == pytest.approx(1)
    assert picture_part(vector, has_shared_space=True).shape == (768,)
    assert not picture_part(np.zeros(768, np.float32), has_shared_space=False).any()

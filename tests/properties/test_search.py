"""What holds for all rankings that are made one, all groups of near-duplicates, and all cursors."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marketplace.errors import InputRejected
from marketplace.search.asking import Filters, SearchQuery
from marketplace.search.candidates import Candidate, at_most_per_seller, ordered
from marketplace.search.collapse import collapsed
from marketplace.search.facets import price_bands
from marketplace.search.fusion import FusionWeights, fuse
from marketplace.search.nearness import DEPTH
from serving.dependencies import LARGEST_ID
from serving.search_cursors import LONGEST, Place, Rest, SearchCursors, fingerprint, groups_of
from serving.search_schemas import MOST_CATEGORIES, MOST_MONEY, SearchAsked


@dataclass(frozen=True)
class Hit:
    product_id: int
    score: float
    share: float


IDS = st.integers(0, 12)
SCORES = st.floats(0, 50).map(lambda score: round(score, 3))
SHARES = st.sampled_from([0.25, 0.5, 0.75, 1.0])
WORDS = st.lists(st.builds(Hit, IDS, SCORES, SHARES), max_size=15)
COSINES = st.dictionaries(IDS, st.floats(-1, 1).map(lambda cosine: round(cosine, 3)), max_size=12)
FORMS = st.sampled_from(["weighted", "rrf"])
WEIGHTS = st.builds(FusionWeights, st.floats(0.1, 5), st.floats(0, 1), st.floats(0.1, 5))
DAY = datetime(2026, 1, 1, tzinfo=UTC)
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        product_id=st.integers(0, 10**6),
        title=st.sampled_from(["Sisal basket", "sisal BASKET", "Clay pot", "Sisal basket, rose", ""]),
        category=st.just("Baskets"),
        price_minor=st.none() | st.integers(0, 10**6),
        currency=st.sampled_from(["KES", "UGX"]),
        in_stock=st.booleans(),
        first_seen_at=st.integers(0, 3).map(lambda day: DAY.replace(day=1 + day)),
        image_sha256=st.sampled_from([None, "a", "b"]),
        seller_id=st.integers(1, 3),
        seller=st.just("Amina"),
        city=st.none(),
        country=st.just("KE"),
        phash=st.sampled_from([None, 0, 1, 2**63, 2**64 - 1]),
        match_id=st.sampled_from([None, None, 1]),
        original_id=st.sampled_from([None, None, 5]),
    ),
    max_size=25,
    unique_by=lambda one: one.product_id,
)


@given(WORDS, COSINES, FORMS, WEIGHTS, st.randoms())
def test_one_ranking_does_not_depend_on_the_order_of_arrival_and_names_each_product_once(
    words, cosines, form, weights, chance
):
    shuffled, renamed = list(words), list(cosines.items())
    chance.shuffle(shuffled)
    chance.shuffle(renamed)
    first = fuse(words, cosines, by=form, weights=weights)
    assert fuse(shuffled, dict(renamed), by=form, weights=weights) == first
    assert sorted(one.product_id for one in first) == sorted({one.product_id for one in words} | set(cosines))


@given(WORDS, COSINES, FORMS, WEIGHTS)
def test_a_witness_that_says_a_thing_twice_is_heard_once(words, cosines, form, weights):
    assert fuse([*words, *words], cosines, by=form, weights=weights) == fuse(words, cosines, by=form, weights=weights)


@given(WORDS, COSINES, FORMS, WEIGHTS, st.floats(-1, 1))
def test_scores_lie_between_0_and_1_and_fall(words, cosines, form, weights, floor):
    scores = [one.score for one in fuse(words, cosines, floor=floor, by=form, weights=weights)]
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in scores)
    assert scores == sorted(scores, reverse=True)


@given(WORDS, COSINES, FORMS, WEIGHTS, IDS, st.floats(0, 1))
def test_being_nearer_never_moves_a_product_down(words, cosines, form, weights, chosen, more):
    assume(chosen in cosines)
    nearer = {**cosines, chosen: min(1.0, cosines[chosen] + more)}
    before, after = (place(fuse(words, one, by=form, weights=weights), chosen) for one in (cosines, nearer))
    assert after <= before


@given(WORDS, COSINES, FORMS, IDS, st.floats(0, 50))
def test_holding_the_words_better_never_moves_a_product_down(words, cosines, form, chosen, more):
    words = list({one.product_id: one for one in words}.values())
    assume(chosen in {one.product_id for one in words})
    better = [replace(one, score=one.score + more) if one.product_id == chosen else one for one in words]
    whole = [replace(one, share=1.0) if one.product_id == chosen else one for one in words]
    before = place(fuse(words, cosines, by=form), chosen)
    assert place(fuse(better, cosines, by=form), chosen) <= before
    assert place(fuse(whole, cosines, by=form), chosen) <= before


@given(WORDS, COSINES, FORMS)
def test_what_both_witnesses_put_first_is_first_and_scores_1(words, cosines, form):
    first = Hit(99, max((one.score for one in words), default=0) + 1, 1.0)
    best = fuse([*words, first], {**cosines, 99: 1.0}, by=form)[0]
    assert best.score == pytest.approx(1)
    assert best.product_id == 99 or cosines


def place(ranking, chosen):
    return [one.product_id for one in ranking].index(chosen)


@given(CANDIDATES)
def test_every_product_is_in_one_group_and_groups_keep_the_order_of_their_first(candidates):
    groups = collapsed(candidates)
    assert sorted(one.product_id for group in groups for one in group) == sorted(one.product_id for one in candidates)
    places = {one.product_id: number for number, one in enumerate(candidates)}
    firsts = [places[group[0].product_id] for group in groups]
    assert firsts == sorted(firsts)
    assert all(places[group[0].product_id] == min(places[one.product_id] for one in group) for group in groups)


@given(CANDIDATES, st.sampled_from(["price_low", "price_high", "newest", "relevance"]))
def test_sorting_moves_products_and_loses_none(candidates, sort):
    ids = [one.product_id for one in ordered(candidates, sort)]
    assert sorted(ids) == sorted(one.product_id for one in candidates)


@given(CANDIDATES, st.integers(1, 3))
def test_no_seller_is_shown_more_often_than_asked_and_nobody_is_left_out(candidates, most):
    kept, more = at_most_per_seller([(one,) for one in candidates], most)
    for seller in {one.seller_id for one in candidates}:
        held = sum(one.seller_id == seller for one in candidates)
        shown = sum(group[0].seller_id == seller for group in kept)
        assert shown == min(most, held)
        assert shown + more.get(seller, 0) == held


@given(CANDIDATES)
def test_bands_of_prices_touch_and_hold_every_price_of_their_currency_once(candidates):
    bands = price_bands([[one] for one in candidates])
    assert len(bands) <= 5
    for lower, upper in pairwise(bands):
        assert lower.most_minor + 1 == upper.least_minor
    if bands:
        priced = [one for one in candidates if one.price_minor is not None and one.currency == bands[0].currency]
        assert sum(band.products for band in bands) == len(priced)
        assert (bands[0].least_minor, bands[-1].most_minor) == (0, None)


PLACES = st.lists(
    st.builds(
        Place,
        st.integers(0, 2**53 - 1),
        st.floats(0, 1),
        st.none() | st.floats(-1, 1),
        st.sampled_from([None, "words", "some_words", "photo"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=30,
)
RESTS = st.builds(
    Rest,
    PLACES.map(tuple),
    st.builds(Filters, categories=st.lists(st.text(max_size=9), max_size=3).map(tuple), city=st.none() | st.text()),
    st.integers(0, 500),
    st.booleans(),
    st.none() | st.just("away"),
    st.none() | st.just("compact-1"),
    st.none() | st.just("product_embeddings_1"),
)
CURSORS = SearchCursors(b"key")
ASKED = SearchQuery(text="basket")


@given(RESTS)
def test_a_cursor_brings_back_what_was_left(rest):
    text = CURSORS.text_of(rest, ASKED)
    for query in (replace(ASKED, cursor=text, limit=3), SearchQuery(cursor=text)):
        back = CURSORS.rest_of(query)
        assert replace(back, places=()) == replace(rest, places=(), asked=fingerprint(ASKED))
        assert [one.product_id for one in back.places] == [one.product_id for one in rest.places]
        for one, other in zip(back.places, rest.places, strict=True):
            assert (one.words, one.is_first, one.matched) == (other.words, other.is_first, other.matched)
            assert one.score == pytest.approx(other.score, abs=1e-4)
            assert (one.similarity is None) == (other.similarity is None)
            if other.similarity is not None:
                assert one.similarity == pytest.approx(other.similarity, abs=1e-4)


@given(RESTS, st.integers(0, 10**6), st.integers(1, 255))
def test_a_cursor_of_which_one_byte_was_changed_is_refused(rest, where, change):
    raw = bytearray(base64.urlsafe_b64decode(CURSORS.text_of(rest, ASKED) + "=="))
    raw[where % len(raw)] ^= change
    forged = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    with pytest.raises(InputRejected, match="not one that this service gave out"):
        CURSORS.rest_of(SearchQuery(cursor=forged))


@given(RESTS)
def test_a_cursor_sent_alone_makes_one_that_belongs_to_the_first_search_still(rest):
    text = CURSORS.text_of(rest, ASKED)
    for _ in range(3):
        alone = SearchQuery(cursor=text)
        text = CURSORS.text_of(CURSORS.rest_of(alone), alone)
    assert CURSORS.rest_of(replace(ASKED, cursor=text)).filters == rest.filters


@pytest.mark.parametrize("letter", ["ሰ", "🧺", "\x01", '"'])
def test_the_cursor_of_the_longest_filters_that_may_be_asked_may_be_sent(letter):
    asked = SearchAsked(
        text=letter * 300,
        category=letter * 200,
        categories=tuple(f"{number:02}" + letter * 198 for number in range(MOST_CATEGORIES)),
        seller_id=LARGEST_ID,
        city=letter * 100,
        country="KE",
        currency="KES",
        price_min=MOST_MONEY - 1,
        price_max=MOST_MONEY,
        in_stock=False,
    )
    places = tuple(Place(LARGEST_ID, 1.0, 1.0, "words") for _ in range(DEPTH))
    rest = Rest(places, asked.query().filters, DEPTH, False, "r" * 500, "e" * 200, "i" * 200)
    text = CURSORS.text_of(rest, asked.query())
    assert len(text) <= LONGEST
    assert CURSORS.rest_of(SearchAsked(cursor=text).query()).filters == rest.filters


def signed(body: bytes) -> str:
    return base64.urlsafe_b64encode(CURSORS._mac(body) + body).decode()


@given(st.binary(max_size=60) | st.builds(lambda said: struct.pack(">H", len(said)) + said, st.binary(max_size=60)))
def test_a_body_that_was_signed_but_makes_no_sense_is_refused(body):
    with pytest.raises(InputRejected, match="not one that this service gave out"):
        CURSORS.rest_of(SearchQuery(cursor=signed(body)))


@pytest.mark.parametrize("said", ["{}", "[]", "null", '{"f":{}}', '{"f":{"categories":[]},"t":1,"q":""}'])
def test_a_signed_body_without_what_belongs_in_it_is_refused(said):
    with pytest.raises(InputRejected, match="not one that this service gave out"):
        CURSORS.rest_of(SearchQuery(cursor=signed(struct.pack(">H", len(said)) + said.encode())))


@given(st.text(max_size=50))
def test_what_is_no_cursor_is_refused(text):
    with pytest.raises(InputRejected, match="begin without one"):
        CURSORS.rest_of(SearchQuery(cursor=text))


@pytest.mark.parametrize(
    "other",
    [
        SearchQuery(text="baskets"),
        SearchQuery(text="basket", sort="newest"),
        SearchQuery(text="basket", filters=Filters(city="Mombasa")),
        SearchQuery(text="basket", like=(1,)),
        SearchQuery(text="basket", image=b"photo"),
        SearchQuery(text="basket", collapse=False),
    ],
)
def test_a_cursor_of_another_search_is_refused(other):
    text = CURSORS.text_of(Rest((Place(1, 1, None, "words"),), Filters(), 1, True, None, None, None), ASKED)
    with pytest.raises(InputRejected, match="another search"):
        CURSORS.rest_of(replace(other, cursor=text))
    with pytest.raises(InputRejected, match="not one that this service gave out"):
        SearchCursors(b"another key").rest_of(replace(ASKED, cursor=text))


@given(PLACES)
def test_groups_hold_every_place_in_order(places):
    assert [place for group in groups_of(places) for place in group] == places

"""The judged queries of the sample market: grades that follow from what was planted, and the same ones in every run."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from PIL import Image

from marketplace.local.golden import KIND_OF, KINDS, as_seen_by_a_phone, golden_market, kind_of
from marketplace.local.market import CATEGORIES, COLOURS, draw_market
from marketplace.local.pictures import draw_picture
from marketplace.search.golden import LANGUAGES

HASH = "878a225adef9"


@pytest.fixture(scope="module")
def market():
    return draw_market()


@pytest.fixture(scope="module")
def golden(market):
    return golden_market(market)


def asked(golden, name):
    return next(query for query in golden.queries if query.name == name)


def test_the_queries_and_grades_are_the_same_in_every_run(golden):
    assert golden.hash == HASH


def test_every_name_of_every_category_is_of_one_kind():
    names = [name for titles, _ in CATEGORIES.values() for name in titles]
    assert sorted(names) == sorted(KIND_OF)
    assert len(KIND_OF) == sum(len(of_kind) for of_kind in KINDS.values())


def test_every_language_and_modality_is_asked_often_enough_to_be_judged_on_both_sides(golden):
    counted = Counter((query.modality, query.language, query.is_for_tuning) for query in golden.queries)
    for language in LANGUAGES:
        assert min(counted["words", language, side] for side in (False, True)) >= (5 if language == "misspelt" else 10)
    for modality in ("photo", "photo and words"):
        for side in (False, True):
            assert sum(count for (kind, _, here), count in counted.items() if (kind, here) == (modality, side)) >= 12


def test_no_two_queries_have_one_name(golden):
    assert max(Counter(query.name for query in golden.queries).values()) == 1


def test_words_for_a_kind_fit_its_products_in_whatever_language_their_titles_are(golden, market):
    grades = asked(golden, "sw: viatu vya ngozi").grades
    by_grade = {grade: {kind_of(one) for one in of(market, grades, grade)} for grade in (1, 3)}
    assert by_grade == {1: {"canvas sneakers"}, 3: {"leather shoes"}}
    titles = {one.title.partition(",")[0] for one in of(market, grades, 3)}
    assert titles == {"Leather shoes", "Viatu vya ngozi", "የቆዳ ጫማ"}
    assert grades == asked(golden, "am-Latn: yekoda chama").grades


def test_a_colour_raises_what_has_it(golden, market):
    query = next(one for one in golden.queries if one.name.startswith("sw:") and one.text.endswith("rangi ya buluu"))
    for grade, coloured in ((3, True), (2, False)):
        found = of(market, query.grades, grade)
        assert {kind_of(one) for one in found} == {query.topic}
        assert {one.colour in {"indigo", "sky", "teal"} for one in found} == {coloured}


def test_a_photo_fits_the_thing_it_shows_before_things_that_look_like_it(golden, market):
    for query in [one for one in golden.queries if one.modality == "photo"]:
        [shown, *copies] = sorted(of(market, query.grades, 3), key=lambda one: one.copies is not None)
        assert query.topic == f"photo of {shown.ref}"
        assert all(one.copies == shown.ref for one in copies)
        alike = of(market, query.grades, 2)
        assert {(one.category, one.colour) for one in alike} <= {(shown.category, shown.colour)}


def test_words_beside_a_photo_change_its_colour_and_keep_its_shape_and_pattern(golden, market):
    asked_for = {"blue": {"indigo", "sky", "teal"}, "green": {"forest", "teal"}, "red": {"terracotta", "rose"}}
    recoloured = [one for one in golden.queries if one.text and one.text.startswith("this, but")]
    assert recoloured
    for query in recoloured:
        best, good, other = (of(market, query.grades, grade) for grade in (3, 2, 1))
        assert len({one.category for one in [*best, *good, *other]}) == 1
        assert not {one.pattern for one in best} & {one.pattern for one in good}
        assert not {one.colour for one in [*best, *good]} & {one.colour for one in other}
        colours = asked_for.get(query.text.removeprefix("this, but "), set(COLOURS))
        assert {one.colour for one in [*best, *good]} <= colours


def test_junk_fits_nothing(golden, market):
    junk = {market.product_id(one) for one in market.products if one.is_junk}
    assert junk
    assert not junk & golden.product_ids


def test_queries_that_mean_the_same_stand_on_one_side(golden):
    sides = {}
    for query in golden.queries:
        assert sides.setdefault(query.topic, query.is_for_tuning) == query.is_for_tuning


def test_a_phone_sees_a_smaller_picture_of_the_same_thing(market):
    product = market.products[0]
    picture = draw_picture(product)
    seen = as_seen_by_a_phone(picture, 5)
    assert seen == as_seen_by_a_phone(picture, 5) != as_seen_by_a_phone(picture, 6)
    assert len(seen) < len(picture)
    assert max(Image.open(io.BytesIO(seen)).size) < max(Image.open(io.BytesIO(picture)).size)


def of(market, grades, grade):
    return [one for one in market.products if grades.get(market.product_id(one)) == grade]

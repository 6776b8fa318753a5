"""Judged queries: a market's own file of them, what fits a shelf, and a hash that moves with any grade."""

from __future__ import annotations

from dataclasses import replace

import pytest

from marketplace.errors import InputRejected
from marketplace.search.golden import GoldenQuery, GoldenSet, read_judgements

HEADER = "query,language,product_id,grade\n"


@pytest.fixture
def judged(tmp_path):
    """The set that rows of a CSV make."""

    def read(rows, header=HEADER):
        file = tmp_path / "judged.csv"
        file.write_text(header + rows, encoding="utf-8")
        return read_judgements(file)

    return read


def test_rows_of_one_query_become_one_query(judged):
    found = judged('red bag,en,7,3\n"red bag",en,9,1\nmkoba,sw,7,2\n')
    assert found.name == "judged"
    assert [(query.text, query.language, query.grades) for query in found.queries] == [
        ("red bag", "en", {7: 3, 9: 1}),
        ("mkoba", "sw", {7: 2}),
    ]
    assert {query.modality for query in found.queries} == {"words"}


def test_a_file_of_a_spreadsheet_is_read_too(judged):
    assert judged("ቦርሳ,am,7,3\r\n", "\ufeff" + HEADER).queries[0].text == "ቦርሳ"


def test_photos_beside_the_file_are_asked_alone_and_with_words(judged, tmp_path):
    (tmp_path / "shelf.jpg").write_bytes(b"a picture")
    found = judged(",,7,3,shelf.jpg\nred,en,7,3,shelf.jpg\nred,en,9,2,\n", HEADER.replace("\n", ",photo\n"))
    assert [(one.modality, one.text, one.language) for one in found.queries] == [
        ("photo", None, ""),
        ("photo and words", "red", "en"),
        ("words", "red", "en"),
    ]
    assert found.queries[1].asked(limit=5).image == b"a picture"
    with pytest.raises(InputRejected, match=r"line 2: there is no photo 'shop.jpg' in "):
        judged(",,7,3,shop.jpg\n", HEADER.replace("\n", ",photo\n"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("bag,en,7,3\nbag,en,x7,2\n", r"line 3: product_id is a whole number, not 'x7'"),
        ("bag,en,7,4\n", r"line 2: a grade is 0 to 3, not '4'"),
        ("bag,en,7,-1\n", r"line 2: grade is a whole number, not '-1'"),
        ("bag,en,7,٣\n", r"line 2: grade is a whole number, not '٣'"),
        ("bag,fr,7,3\n", r"line 2: language is en, sw, am, am-Latn, mixed, misspelt, not 'fr'"),
        (" ,en,7,3\n", r"line 2: the query is empty"),
        ("bag,en,7,3\nbag,en,7,2\n", r"line 3: product 7 is judged twice for 'bag'"),
        ("bag,en,7\n", r"line 2: a row has 4 values"),
        ("bag,en,7,3,1\n", r"line 2: a row has 4 values"),
        ("bag,en,7,1\n", r"'bag' has no product of grade 2 or 3"),
        ("", r"judged.csv holds no judgement"),
    ],
)
def test_a_bad_row_is_refused_by_line_and_value(judged, rows, message):
    with pytest.raises(InputRejected, match=message):
        judged(rows)


def test_other_columns_are_refused(judged):
    with pytest.raises(InputRejected, match=r"line 1: the columns are query, language, product_id, grade, and photo"):
        judged("bag,7,3\n", "query,product_id,grade\n")


def test_a_missing_file_is_said_by_its_path(tmp_path):
    with pytest.raises(InputRejected, match=r"nowhere.csv cannot be read"):
        read_judgements(tmp_path / "nowhere.csv")


def test_the_hash_moves_with_every_grade_and_word():
    golden = GoldenSet("own", (GoldenQuery("en: bag", "en", "bag", {7: 3, 9: 1}, text="bag"),))
    query = golden.queries[0]
    again = replace(golden, queries=(replace(query, grades={9: 1, 7: 3}),))
    assert again.hash == golden.hash
    for changed in (replace(query, grades={7: 3, 9: 2}), replace(query, text="bags"), replace(query, language="sw")):
        assert replace(golden, queries=(changed,)).hash != golden.hash


def test_a_shelf_is_asked_only_for_what_stands_on_it():
    queries = (
        GoldenQuery("a", "en", "a", {7: 3, 9: 1}, text="a"),
        GoldenQuery("b", "en", "b", {9: 1, 8: 2}, text="b"),
        GoldenQuery("c", "en", "c", {5: 3}, text="c"),
    )
    golden = GoldenSet("own", queries, {7: "Bag", 8: "Basket", 9: "Mug"})
    fitting = golden.fitting({7: "Bag", 8: "Another thing of that id", 9: "Mug", 5: "What has no known title"})
    assert {query.name: query.grades for query in fitting.queries} == {"a": {7: 3, 9: 1}, "c": {5: 3}}
    assert golden.fitting({}).queries == ()

"""The product lexicon: what it holds, how it is read, and which mistakes it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from marketplace.errors import ConfigurationError
from marketplace.search import lexicon as module
from marketplace.search.lexicon import LANGUAGES, product_lexicon, read_lexicon

DATA = Path(module.__file__).with_name("data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the lexicon, to be spoilt."""
    return Path(shutil.copytree(DATA, tmp_path / "lexicon"))


def named(text: str, language: str) -> set[str]:
    lexicon = product_lexicon()
    return {concept for span in lexicon.spans(lexicon.meant(text), language) for concept in span.concepts}


def test_it_names_several_hundred_concepts_most_of_them_in_every_language() -> None:
    entries = product_lexicon().entries.values()
    assert len(entries) >= 400
    for language in ("sw", "am"):
        assert sum(language in entry.forms for entry in entries) >= 0.8 * len(entries), language


@pytest.mark.parametrize(
    ("text", "language", "concept"),
    [
        ("mobile phones", "en", "phone"),
        ("simu ya mkononi", "sw", "phone"),
        ("viatu", "sw", "shoes"),
        ("የቆዳ", "am", "leather"),
        ("ሐብል", "am", "necklace"),
        ("qemis", "am-Latn", "dress"),
        ("chamawoch", "am-Latn", "shoes"),
        ("njumu", "sw", "shoes"),
        ("sweet potatoes", "en", "sweet potato"),
        ("cooking pots", "en", "pot"),
    ],
)
def test_a_name_is_found_in_its_inflections(text: str, language: str, concept: str) -> None:
    assert named(text, language) == {concept}


def test_the_longest_name_wins_so_a_phone_cover_is_no_phone() -> None:
    assert named("phone cover", "en") == {"phone cover"}
    assert named("kava ya simu", "sw") == {"phone cover"}


def test_a_word_of_two_languages_means_what_it_means_in_that_of_the_text() -> None:
    assert named("key", "am-Latn") == {"red"}
    assert "red" not in named("set", "en")
    assert named("uma", "sw") == {"fork"}


@pytest.mark.parametrize(
    ("heard", "concept"),
    [("shemizz", "shirt"), ("birchikko", "glass tumbler"), ("enkulal", "eggs"), ("wember", "chair")],
)
def test_a_word_is_found_by_its_sound(heard: str, concept: str) -> None:
    span = product_lexicon().heard(heard)
    assert span is not None
    assert concept in span.concepts


def test_no_sound_is_heard_in_a_word_of_another_kind() -> None:
    assert product_lexicon().heard("bluetooth") is None
    assert product_lexicon().heard("a1") is None


def test_what_a_concept_belongs_to_is_told_nearest_first() -> None:
    assert list(product_lexicon().broader("maxi dress")) == ["dress", "clothes"]


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("en.tsv", "shoes\t\tshoe", "'shoes' a second time"),
        ("en.tsv", "gadget\tno such thing", "'no such thing', which it does not name"),
        ("en.tsv", "gadget\tgadget", "under itself"),
        ("en.tsv", "gadget\t\tone\ttwo", "more than three columns"),
        ("en.tsv", "gadget\t\t---", "an empty name"),
        ("sw.tsv", "no such concept\tjambo", "'no such concept', which en.tsv does not name"),
        ("am.tsv", "umbrella", "another number of columns"),
        ("sheng.tsv", "\tword", "a line without a name"),
    ],
)
def test_a_wrong_line_is_refused_with_file_and_line(folder: Path, file: str, line: str, said: str) -> None:
    with (folder / file).open("a", encoding="utf-8") as target:
        target.write(line + "\n")
    with pytest.raises(ConfigurationError, match=said) as refused:
        read_lexicon(folder)
    assert file in str(refused.value)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "am.tsv").unlink()
    with pytest.raises(ConfigurationError, match=r"am\.tsv"):
        read_lexicon(folder)


def test_another_word_makes_another_version(folder: Path) -> None:
    before = read_lexicon(folder).version
    with (folder / "sheng.tsv").open("a", encoding="utf-8") as target:
        target.write("umbrella\tbrolly\n")
    assert read_lexicon(folder).version != before
    assert set(LANGUAGES) == {file.stem for file in folder.glob("*.tsv")} - {"linking"}

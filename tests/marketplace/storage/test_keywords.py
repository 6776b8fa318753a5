"""Products found by words: in any language and script, mistyped or cut short, and only those that may be found."""

from __future__ import annotations

import pytest

from marketplace.search.asking import Filters
from marketplace.search.understanding import understood
from marketplace.storage.keywords import WordHit, find_terms, read_query
from marketplace.storage.warehouse import Warehouse
from marketplace.storage.word_index import refresh_terms
from tests.marketplace.storage.kept import keep_product, keep_seller

SHELF = {
    "dress": ("Kitenge dress, indigo", "Dresses"),
    "gauni": ("Gauni la kitenge", ""),
    "kemis": ("የሐበሻ ቀሚስ", ""),
    "chama": ("የቆዳ ጫማ", ""),
    "shoes": ("Leather shoes", "Shoes"),
    "cover": ("Beaded phone case", "Phone covers"),
    "phone": ("Samsung phone 64GB", ""),
    "basket": ("Sisal basket", "Baskets"),
    "rice": ("Pishori rice 5 kg", "Food"),
    "jebena": ("Jebena coffee pot", "Pots"),
}


@pytest.fixture
def shelf(warehouse: Warehouse) -> dict[str, int]:
    """A small shelf in three languages; product ids by name."""
    seller = keep_seller(warehouse)
    kept = {
        name: keep_product(warehouse, seller, name, title=title, category=category)
        for name, (title, category) in SHELF.items()
    }
    refresh_terms(warehouse)
    return kept


def hits(warehouse: Warehouse, text: str, filters: Filters | None = None, limit: int = 10) -> list[WordHit]:
    return find_terms(warehouse, understood(text), filters=filters or Filters(), limit=limit)


def names(warehouse: Warehouse, shelf: dict[str, int], text: str) -> list[str]:
    by_id = {product_id: name for name, product_id in shelf.items()}
    return [by_id[hit.product_id] for hit in hits(warehouse, text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("dress", {"dress", "gauni", "kemis"}),
        ("magauni", {"dress", "gauni", "kemis"}),
        ("ቀሚሶች", {"dress", "gauni", "kemis"}),
        ("qemis", {"dress", "gauni", "kemis"}),
        ("yekoda chama", {"chama", "shoes"}),
        ("viatu vya ngozi", {"chama", "shoes"}),
        ("mobile phone cover", {"cover", "phone"}),
        ("simu", {"phone"}),
        ("kava ya simu", {"cover", "phone"}),
        ("5kg", {"rice"}),
        ("ጀበና", {"jebena"}),
        ("jebenna", {"jebena"}),
        ("bask", {"basket"}),
        ("lether", {"chama", "shoes"}),
        ("purse", set()),
    ],
)
def test_words_find_what_they_mean(warehouse: Warehouse, shelf: dict[str, int], text: str, wanted: set[str]) -> None:
    assert set(names(warehouse, shelf, text)) == wanted


def test_the_shoppers_own_word_stands_before_its_translation(warehouse: Warehouse, shelf: dict[str, int]) -> None:
    assert names(warehouse, shelf, "gauni")[0] == "gauni"
    assert names(warehouse, shelf, "dress")[0] == "dress"


def test_who_holds_every_concept_stands_first_and_the_share_says_so(
    warehouse: Warehouse, shelf: dict[str, int]
) -> None:
    found = hits(warehouse, "kitenge dress")
    assert [hit.share for hit in found] == [1.0, 1.0, 0.5]
    assert found[0].product_id == shelf["dress"]
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)


def test_one_word_of_a_name_is_less_than_the_name(warehouse: Warehouse, shelf: dict[str, int]) -> None:
    cover, phone = hits(warehouse, "mobile phone cover")
    assert (cover.product_id, cover.share) == (shelf["cover"], 1.0)
    assert (phone.product_id, phone.share) == (shelf["phone"], 0.0)


def test_what_is_said_of_anything_need_not_be_held(warehouse: Warehouse, shelf: dict[str, int]) -> None:
    assert {hit.share for hit in hits(warehouse, "cheap leather shoes") if hit.product_id == shelf["shoes"]} == {1.0}


def test_a_typo_is_corrected_and_said(warehouse: Warehouse, shelf: dict[str, int]) -> None:
    query = read_query(warehouse, "lether shoes")
    assert [(one.word, one.instead) for one in query.corrections] == [("lether", "leather")]
    assert query.did_you_mean == "leather shoes"
    assert query.is_complete


@pytest.mark.parametrize("text", ["dress", "kanga", "2024", "64gb", "ቀሚስ", "zzzzqqq", "bask", "sho"])
def test_nothing_is_corrected_that_is_known_listed_a_number_or_unlike_anything(
    warehouse: Warehouse, shelf: dict[str, int], text: str
) -> None:
    assert read_query(warehouse, text).corrections == ()
    assert read_query(warehouse, text).did_you_mean is None


@pytest.mark.parametrize(
    "text", ["zzzz qqqq", "", "'", "a & | ! b", "x:*", "\\", "%", "_", "#dress"[:1], "the of na ya"]
)
def test_words_without_sense_find_nothing(warehouse: Warehouse, shelf: dict[str, int], text: str) -> None:
    assert hits(warehouse, text) == []


def test_only_what_meets_the_filters_is_found(warehouse: Warehouse) -> None:
    nairobi, kampala = keep_seller(warehouse), keep_seller(warehouse, "musa", city="Kampala", country="UG")
    away = keep_seller(warehouse, "away", state="paused")
    near = keep_product(warehouse, nairobi, "1", category="Baskets", price_minor=500)
    far = keep_product(warehouse, kampala, "1", category="Home", price_minor=None, currency=None)
    sold = keep_product(warehouse, nairobi, "2", in_stock=False)
    keep_product(warehouse, nairobi, "3", is_gone=True)
    keep_product(warehouse, away, "1")
    refresh_terms(warehouse)

    def found(**asked: object) -> set[int]:
        return {hit.product_id for hit in hits(warehouse, "sisal basket", Filters(**asked))}

    assert found() == {near, far}
    assert found(in_stock=False) == {near, far, sold}
    assert found(categories=("Baskets", "Bags")) == {near}
    assert found(seller_id=kampala.seller_id) == {far}
    assert found(city="Kampala") == {far}
    assert found(country="KE") == {near}
    assert found(currency="KES") == {near}
    assert found(currency="KES", least_minor=501) == set()
    assert found(currency="KES", least_minor=500, most_minor=500) == {near}
    assert found(categories=("x' or 1=1 --",)) == set()


def test_enough_is_found_though_the_best_are_sold_out(warehouse: Warehouse) -> None:
    seller = keep_seller(warehouse)
    for number in range(120):
        keep_product(warehouse, seller, f"out-{number}", title="Basket", in_stock=False)
    kept = {
        keep_product(warehouse, seller, f"in-{number}", title="One basket of many more words") for number in range(3)
    }
    refresh_terms(warehouse)
    assert {hit.product_id for hit in hits(warehouse, "basket", limit=3)} == kept


def test_a_word_of_every_product_only_tells_apart_what_others_chose(
    warehouse: Warehouse, shelf: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = hits(warehouse, "kitenge dress")
    monkeypatch.setattr("marketplace.storage.keywords.LEAST_COMMON", 2)
    found = hits(warehouse, "kitenge dress")  # three of ten are dresses, more than a quarter
    assert {hit.product_id for hit in found} == {shelf["dress"], shelf["gauni"]}
    assert [hit.share for hit in found] == [1.0, 1.0]
    assert [hit.score for hit in found] == pytest.approx([hit.score for hit in whole[:2]], rel=1e-4)
    assert len(hits(warehouse, "dress")) == 3


def test_what_has_no_product_finds_what_it_belongs_to(warehouse: Warehouse) -> None:
    seller = keep_seller(warehouse)
    bag = keep_product(warehouse, seller, "1", title="Mkoba wa ukindu")
    keep_product(warehouse, seller, "2", title="Sufuria")
    refresh_terms(warehouse)
    assert [hit.product_id for hit in hits(warehouse, "purse")] == [bag]

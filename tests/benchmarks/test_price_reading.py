"""The price figures: the corpus is whole, ours reads it, price-parser is judged fairly."""

from __future__ import annotations

import csv
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks.price_reading import (
    CORPUS,
    Answer,
    has_amount,
    has_amount_and_currency,
    jumia_texts,
    ours,
    read_corpus,
    seconds_per_round,
    theirs,
)
from marketplace.catalog.prices import format_price
from marketplace.catalog.pricing.currencies import CURRENCY_OF_COUNTRY
from marketplace.catalog.pricing.offers import read_offer
from marketplace.catalog.products import Price
from marketplace.errors import PriceUnreadable

PAGE = Path(__file__).resolve().parents[2] / "docs" / "prices.md"


def test_the_corpus_has_what_sellers_write_in_every_market():
    corpus = read_corpus()
    refusals = Counter(one.label.refusal for one in corpus)
    assert len(corpus) >= 450
    assert len({(one.text, one.market) for one in corpus}) == len(corpus)
    assert refusals["phone_number"] >= 25
    assert sum(refusals.values()) - refusals[""] - refusals["phone_number"] >= 30
    named = {one.label.currency for one in corpus}
    assert named >= set(CURRENCY_OF_COUNTRY.values())


def test_every_label_is_a_price_a_request_or_a_refusal():
    for one in read_corpus():
        label = one.label
        assert [bool(label.refusal), label.kind == "on_request", label.amount_minor is not None].count(True) == 1, one
        assert bool(label.currency) == (label.amount_minor is not None), one
        assert (label.kind == "range") == (label.up_to_minor is not None), one


def test_the_corpus_is_read_exactly_and_better_than_by_price_parser():
    corpus = read_corpus()
    exact = sum(ours(one.text, one.market) == one.label for one in corpus)
    amounts = sum(has_amount(one.label, ours(one.text, one.market)) for one in corpus)
    others = sum(has_amount(one.label, theirs(one.text, one.market)) for one in corpus)
    assert exact >= 0.98 * len(corpus)
    assert amounts > others


def test_no_text_of_the_corpus_is_read_as_another_amount():
    """A miss may lack a unit or refuse too much; a wrong amount is never shown."""
    for one in read_corpus():
        read = ours(one.text, one.market)
        assert read.amount_minor in (None, one.label.amount_minor), one


@pytest.mark.parametrize(
    ("text", "market", "currency", "amount"),
    [
        ("$20", "KE", "USD", 2_000),
        ("KSh 1,299", "KE", "KES", 129_900),
        ("₦12,500", "NG", "NGN", 1_250_000),
        ("USh 45000", "UG", "UGX", 45_000),
    ],
)
def test_price_parser_is_given_its_amount_and_the_currency_it_names_or_the_market(text, market, currency, amount):
    assert has_amount_and_currency(Answer("single", currency, amount, quantity=Decimal(1)), theirs(text, market))


def test_speeds_are_measured_for_all_three_ways():
    assert set(seconds_per_round(read_corpus()[:20], rounds=1)) == {
        "price-parser",
        "ours, first reading",
        "ours, again",
    }


def test_every_reason_of_a_refusal_is_on_the_page():
    reasons = {one.label.refusal for one in read_corpus()} - {""}
    page = PAGE.read_text(encoding="utf-8")
    assert [reason for reason in sorted(reasons) if f"`{reason}`" not in page] == []


def plain_amount(cell: str) -> Price:
    """The price of "KSh 1,299" or "KSh 646 - KSh 740", read without the reader."""
    amounts = [int("".join(filter(str.isdigit, part))) * 100 for part in cell.split(" - ")]
    low, high = min(amounts), max(amounts)
    assert amounts == sorted(amounts)
    return Price(low, "KES", high if high != low else None)


def test_every_priced_cell_of_jumia_is_right_and_every_dead_one_is_refused(real_input):
    folder = real_input / "jumia-ke"
    cells = jumia_texts(folder)
    dead = [cell for cell in cells if not cell.startswith("KSh ")]
    assert len(cells) == 2 * 1722 + 2 * 200
    assert set(dead) == {"N/A", ""}
    for cell in set(cells) - set(dead):
        assert read_offer(cell, "KE").price == plain_amount(cell)
    with (folder / "products_with_stock.csv").open(encoding="utf-8", newline="") as file:
        titles = [row["Product Name"] for row in csv.DictReader(file)]
    assert "" in titles
    for text in [*set(dead), "", "No link"]:
        with pytest.raises(PriceUnreadable):
            read_offer(text, "KE")


def test_the_sizes_in_real_titles_are_not_taken_for_sums_of_money(real_input):
    """A title with its price behind it reads as that price, or is refused; never as one of its sizes."""
    wrong, read = [], 0
    with (real_input / "jumia-ke" / "products_with_links.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            try:
                offer = read_offer(f"{row['Name']} {row['Price']}", "KE")
            except PriceUnreadable:
                continue
            read += 1
            expected = plain_amount(row["Price"])
            price = offer.price
            if price is None or (price.amount_minor, price.up_to_minor) != (
                expected.amount_minor,
                expected.up_to_minor,
            ):
                wrong.append((row["Name"], row["Price"], price))
    assert wrong == []
    assert read >= 1720


def test_the_corpus_lies_where_the_benchmark_reads_it():
    assert CORPUS.is_file()


def shown(text, market):
    """How the page writes what a text is read as."""
    try:
        offer = read_offer(text, market)
    except PriceUnreadable as error:
        return f"refused: {error.reason}"
    if offer.price is None:
        return "on request"
    was = f", was {format_price(offer.was)}" if offer.was else ""
    wholesale = f", wholesale {format_price(offer.wholesale)}" if offer.wholesale else ""
    return format_price(offer.price) + was + wholesale


EXAMPLES = re.findall(r"^\| `(.+)` \| ([A-Z]{2}) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("text", "market", "read_as"), EXAMPLES)
def test_the_page_shows_what_the_reader_reads(text, market, read_as):
    assert shown(text, market) == read_as


def test_the_page_names_every_market():
    page = PAGE.read_text(encoding="utf-8")
    assert len(EXAMPLES) >= 25
    for country, currency in CURRENCY_OF_COUNTRY.items():
        assert re.search(rf"`{country}`.*\| {currency} \|", page), country

"""Banned goods by whole words, and the harmless things that share them."""

from __future__ import annotations

import csv
import html
import json
from pathlib import Path

import pytest

from marketplace.catalog import banned
from marketplace.catalog.banned import CLASSES, banned_in
from marketplace.local.market import draw_market


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("AK-47 assault rifle", ["banned_weapons"]),
        ("Pistol, barely used", ["suspect_weapons"]),
        ("Bastola mpya", ["suspect_weapons"]),
        ("Elephant tusks, carved", ["banned_wildlife"]),
        ("Pembe za ndovu halisi", ["banned_wildlife"]),
        ("የዝሆን ጥርስ ጌጥ", ["banned_wildlife"]),
        ("Ivory bangle", ["suspect_wildlife"]),
        ("Pure COCAINE", ["banned_drugs"]),
        ("Bhang from the farm", ["suspect_drugs"]),
        ("Nike, super clone", ["banned_counterfeit"]),
        ("Rolex replica", ["suspect_counterfeit"]),
        ("Viatu feki", ["suspect_counterfeit"]),
        ("Fake passport, fast", ["banned_fraud", "suspect_counterfeit"]),
        ("Misoprostol tablets", ["banned_medicines"]),
        ("Sex toys for women", ["banned_adult"]),
    ],
)
def test_banned_words_are_found_in_the_languages_of_the_sellers(text, reasons):
    assert [one.reason for one in banned_in(text)] == reasons


@pytest.mark.parametrize(
    "text",
    [
        "Toy gun for kids", "Hot melt glue guns", "Pistol grip drill", "Massage gun", "Water pistol", "Bunduki ya maji",
        "Weed killer 1 L", "Weed control mat", "Ivory white lace dress", "Leopard skin print dress", "Fake eyelashes",
        "Replica jersey 2026", "Counterfeit money detector", "Concrete vibrator", "Human hair wig", "Nyama ya mbuzi",
        "Gunia la mchele", "Begun seeds", "Nywele bandia", "Exhaust silencer",
    ],
)  # fmt: skip
def test_harmless_things_that_share_a_word_are_left_alone(text):
    assert banned_in(text) == []


def test_every_row_of_the_list_has_a_known_class_and_a_language():
    with (Path(banned.__file__).parent / "data" / "banned.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["class"] for row in rows} == CLASSES.keys()
    assert {row["language"] for row in rows} == {"en", "sw", "am", "am-Latn"}
    assert {row["certain"] for row in rows} == {"yes", "no"}
    assert all(row["words"] for row in rows)


def test_no_product_of_the_sample_market_is_suspected():
    products = draw_market().products
    assert [one.title for one in products if banned_in(f"{one.title}\n{one.description}")] == []


def test_few_real_products_are_suspected_and_those_are_what_the_words_say(real_input):
    with (real_input / "jumia-ke" / "products_with_links.csv").open(encoding="utf-8") as file:
        texts = {html.unescape(row["Name"]) for row in csv.DictReader(file)}
    groceries = json.loads((real_input / "grocery" / "catalog.json").read_text())
    texts |= {f"{one['title']}\n{one['description']}" for one in groceries}
    found = {text: banned_in(text) for text in texts}
    assert {one.kind for hits in found.values() for one in hits} == {"adult"}
    assert sum(bool(hits) for hits in found.values()) == 7

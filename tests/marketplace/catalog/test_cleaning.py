"""Titles and descriptions as a reader should find them, and what was moved out of them."""

from __future__ import annotations

import csv
import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalog.cleaning import clean_description, clean_title


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Tom &amp;amp; Jerry&#39;s <b>bag</b>", "Tom & Jerry's bag"),
        ("KITENGE DRESS!!! 🔥🔥🔥", "Kitenge Dress!"),
        ("1️⃣ Best mug 👜", "1 Best mug"),
        ("𝐍𝐄𝐖 𝐃𝐑𝐄𝐒𝐒 𝐀𝐑𝐑𝐈𝐕𝐀𝐋", "New Dress Arrival"),
        ("SAMSUNG GALAXY A54 128GB USB-C TV", "Samsung Galaxy A54 128GB USB-C TV"),
        ("NIVEA SOFT CREAM SPF 30", "NIVEA Soft Cream SPF 30"),
        ("MEN'S T-SHIRT XL FOR THE OFFICE", "Men's T-Shirt XL for the Office"),
        ("NIVEA Perfect & Radiant Even Tone", "NIVEA Perfect & Radiant Even Tone"),
        ("Jameson Jameson Irish Whiskey - 750 Ml", "Jameson Irish Whiskey - 750 Ml"),
        ("Kitenge dress Kitenge dress blue", "Kitenge dress blue"),
        ("dress dress dress dress", "dress"),
        ("Piki piki mpya", "Piki piki mpya"),
        ("RAM 8GB + 8GB", "RAM 8GB + 8GB"),
        ("Kanga *** pair ~~~ ...", "Kanga pair"),
        ("የሐበሻ ቀሚስ", "የሐበሻ ቀሚስ"),
        ("👗👗👗", ""),
    ],
)
def test_a_title_is_made_readable_and_says_the_same(written, read):
    assert clean_title(written).text == read


@pytest.mark.parametrize(
    ("written", "read", "phones", "addresses"),
    [
        ("Dress, call 0712 345 678", "Dress", ("0712 345 678",), ()),
        ("Bag - 0700123456 / +254 711 123 456", "Bag", ("0700123456", "+254 711 123 456"), ()),
        ("ቀሚስ ስልክ 0911234567", "ቀሚስ", ("0911234567",), ()),
        ("Pot (0712345678)", "Pot", ("0712345678",), ()),
        ("Viatu, piga simu 0722-000111", "Viatu", ("0722-000111",), ()),
        ("Wax print https://shop.example/x", "Wax print", (), ("https://shop.example/x",)),
        ("Mug, order via wa.me/254700000001", "Mug", (), ("wa.me/254700000001",)),
        ("Basket amina@shop.example", "Basket", (), ("amina@shop.example",)),
        ("Kanga from mamanjeri.co.ke/kanga", "Kanga from", (), ("mamanjeri.co.ke/kanga",)),
    ],
)
def test_ways_to_contact_are_moved_out_with_what_led_to_them(written, read, phones, addresses):
    found = clean_title(written)
    assert (found.text, found.phones, found.addresses) == (read, phones, addresses)


@pytest.mark.parametrize(
    "title",
    ["EAN 5901234123457 soap", "Battery 696621-001 687517-171", "Rice 10,000,000 grains", "Vitamin C 1000mg, 0.5 l"],
)
def test_numbers_that_are_no_telephone_stay(title):
    assert clean_title(title).text == title
    assert clean_title(title).phones == ()


def test_a_description_keeps_its_lines_and_one_emoji_of_a_run():
    found = clean_description("BEST QUALITY!!!<br>Call us on 0712345678<p>Sizes: S, M 🔥🔥🔥</p>")
    assert (found.text, found.phones) == ("Best Quality!\nSizes: S, M 🔥", ("0712345678",))


PIECES = (
    "KANGA",
    "kanga",
    "Dress",
    "0712 345 678",
    "call",
    "🔥",
    "&amp;",
    "<b>",
    "!!!",
    "...",
    " - ",
    "XL",
    "viatu",
    "12",
)


@given(st.lists(st.sampled_from([*PIECES, " ", "https://shop.example/a"]), max_size=9).map(" ".join))
def test_a_clean_title_holds_nothing_of_what_was_to_go_and_no_word_that_was_not_there(text):
    found = clean_title(text)
    assert not any(gone in found.text for gone in ("0712", "🔥", "&amp;", "<b>", "!!", "..", "https"))
    assert len(found.phones) == text.count("0712 345 678")
    assert len(found.addresses) == text.count("https://")
    assert set(re.findall(r"\w+", found.text.casefold())) <= set(re.findall(r"\w+", text.casefold()))


def test_real_titles_lose_no_telephone_they_never_had_and_are_never_emptied(real_input):
    with (real_input / "jumia-ke" / "products_with_links.csv").open(encoding="utf-8") as file:
        cleaned = {row["Name"]: clean_title(row["Name"]) for row in csv.DictReader(file)}
    assert len(cleaned) > 1000
    assert [title for title, clean in cleaned.items() if clean.phones or clean.addresses] == []
    assert [title for title, clean in cleaned.items() if title.strip() and not clean.text] == []
    assert [title for title, clean in cleaned.items() if html.unescape(clean.text) != clean.text] == []

"""Prices as sellers write them."""

from __future__ import annotations

import pytest

from marketplace.catalog.prices import currency_code, format_price, read_price
from marketplace.catalog.products import Price
from marketplace.errors import PriceUnreadable


@pytest.mark.parametrize(
    ("text", "market", "expected"),
    [
        ("KSh 1,299", "KES", Price(129_900, "KES")),
        ("KSh 646 - KSh 740", "KES", Price(64_600, "KES", 74_000)),
        ("Ksh.2500", "KES", Price(250_000, "KES")),
        ("2500/=", "KES", Price(250_000, "KES")),
        ("Tsh 45,000/-", "TZS", Price(4_500_000, "TZS")),
        ("1,200.50", "GHS", Price(120_050, "GHS")),
        ("GH₵ 1,200.50", "KES", Price(120_050, "GHS")),
        ("USh 45000", "UGX", Price(45_000, "UGX")),
        ("ብር 450", "ETB", Price(45_000, "ETB")),
        ("450 birr", "ETB", Price(45_000, "ETB")),
        ("1299", "KES", Price(129_900, "KES")),
        ("0", "KES", Price(0, "KES")),
        ("R 199,99", "ZAR", Price(19_999, "ZAR")),
        ("1 299,50", "ZAR", Price(129_950, "ZAR")),
        ("5 000 FCFA", "XOF", Price(5_000, "XOF")),
        ("Sh 25,000", "TZS", Price(2_500_000, "TZS")),
        ("Shs 45,000/=", "UGX", Price(45_000, "UGX")),
        ("Sh 300", "KES", Price(30_000, "KES")),
        ("MT 500", "MZN", Price(50_000, "MZN")),
        ("K 500", "ZMW", Price(50_000, "ZMW")),
    ],
)
def test_a_price_is_read_in_minor_units_of_its_currency(text, market, expected):
    assert read_price(text, market) == expected


@pytest.mark.parametrize("text", ["", "N/A", "contact for price", "  -  "])
def test_no_price_is_none_and_never_zero(text):
    assert read_price(text, "KES") is None


@pytest.mark.parametrize(
    "text",
    [
        "1,2990",
        "12,9,9",
        "R 500",
        "1" + "," * 100_000 + ".",
        "abc",
        "KSh",
        "call 0712",
        "1e309",
        "nan",
        "-500",
        "12.345",
        "9" * 30,
        "XYZ 500",
        "740 - 646",
    ],
)
def test_what_is_no_price_is_refused_with_its_text(text):
    with pytest.raises(PriceUnreadable, match=r"is|has|names"):
        read_price(text, "KES")


def test_a_written_price_reads_back():
    for price in (Price(129_900, "KES"), Price(64_600, "KES", 74_000), Price(120_050, "GHS"), Price(45_000, "UGX")):
        assert read_price(format_price(price), price.currency) == price


@pytest.mark.parametrize(("text", "code"), [("KES", "KES"), ("ugx", "UGX"), ("KSh", "KES"), ("birr", "ETB")])
def test_a_currency_is_known_by_its_code_or_by_what_sellers_call_it(text, code):
    assert currency_code(text) == code


@pytest.mark.parametrize("text", ["", "KSX", "dollars of gold", "12"])
def test_a_currency_that_is_none_is_refused(text):
    with pytest.raises(PriceUnreadable, match="is no currency"):
        currency_code(text)

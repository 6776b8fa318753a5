"""Offers as sellers write them: what each rule reads, and what it refuses with which reason."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from decimal import Decimal

import pytest

from marketplace.catalog.prices import format_price, read_price
from marketplace.catalog.pricing.currencies import CURRENCY_OF_COUNTRY, market_of
from marketplace.catalog.pricing.offers import read_offer
from marketplace.catalog.products import Price, SourcedProduct
from marketplace.errors import InputRejected, PriceUnreadable


def shillings(amount, up_to=None, kind="single", quantity=1, unit=None):
    return Price(amount * 100, "KES", up_to and up_to * 100, kind, Decimal(str(quantity)), unit)


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("2.5k", shillings(2_500)),
        ("elfu mbili mia tano", shillings(2_500)),
        ("3 elfu", shillings(3_000)),
        ("KSh 1.2m", shillings(1_200_000)),
        ("from 500", shillings(500, kind="from")),
        ("1500+", shillings(1_500, kind="from")),
        ("1-2k", shillings(1_000, 2_000)),
        ("500-1k", shillings(500, 1_000)),
        ("kati ya 500 na 700", shillings(500, 700)),
        ("3 for 1000", shillings(1_000, quantity=3)),
        ("1000 for 3", shillings(1_000, quantity=3)),
        ("pisi 3 kwa 1,000", shillings(1_000, quantity=3, unit="piece")),
        ("450 per kg", shillings(450, unit="kg")),
        ("450 kwa kilo", shillings(450, unit="kg")),
        ("dozen @ 1,200", shillings(1_200, unit="dozen")),
        ("450 per tray of 30", shillings(450, unit="tray")),
        ("sack 90kg 5,200", shillings(5_200, quantity=90, unit="kg")),
        ("½ kg 200/=", shillings(200, quantity="0.5", unit="kg")),
        ("2 @ 500 each", shillings(500, unit="piece")),
    ],
)
def test_an_offer_says_how_much_of_what_and_whether_that_is_the_least(text, price):
    assert read_offer(text, "KE").price == price


@pytest.mark.parametrize(
    ("text", "now", "before"),
    [
        ("was 2,000 now 1,499", 1_499, 2_000),
        ("~~2000~~ 1500", 1_500, 2_000),
        ("2\u03360\u03360\u03360\u0336 1500", 1_500, 2_000),
        ("slashed from 2000 to 1500", 1_500, 2_000),
        ("3500 → 2800", 2_800, 3_500),
        ("ilikuwa 1000 sasa 800", 800, 1_000),
    ],
)
def test_an_old_price_is_kept_beside_the_new_one(text, now, before):
    offer = read_offer(text, "KE")
    assert (offer.price, offer.was) == (shillings(now), shillings(before))


def test_a_trade_price_is_kept_beside_the_retail_price_with_its_minimum():
    offer = read_offer("Retail @1500 wholesale @1200 min 6 pcs", "KE")
    assert (offer.price, offer.wholesale, offer.wholesale_minimum) == (shillings(1_500), shillings(1_200), 6)
    assert read_offer("700 wholesale, 950 retail", "KE")[:2] == read_offer("950", "KE")[:2]


def test_who_names_only_a_trade_price_sells_at_it():
    offer = read_offer("wholesale price 850", "KE")
    assert offer.price == offer.wholesale == shillings(850)


@pytest.mark.parametrize("text", ["DM for price", "bei kwenye inbox", "POA", "Call 0712 345 678", "ዋጋ ይደውሉ"])
def test_who_asks_to_be_asked_has_an_offer_without_a_price(text):
    assert read_offer(text, "KE")[:2] == ("on_request", None)
    assert read_price(text, "KES") is None


@pytest.mark.parametrize(
    "text",
    [
        "Ksh 1,850 whatsapp 0722 000 111",
        "0712 345 678 Ksh 1850",
        "Ladies shoes sizes 37-41 Ksh 1850",
        'Smart TV 32" 1GB RAM 8GB ROM KSh 1,850',
        "Till 123456 price 1850",
        "buy 2 get 1 free 1850/=",
        "1850/= delivery 200",
        "20% off, now 1,850/=",
        "iphone 12 cover 1,850",
        "𝐊𝐬𝐡 𝟏𝟖𝟓𝟎",
        "1️⃣8️⃣5️⃣0️⃣/=",
    ],
)
def test_phones_sizes_models_fees_and_shares_are_not_the_price(text):
    assert read_offer(text, "KE").price == shillings(1_850)


@pytest.mark.parametrize(
    ("text", "market", "reason"),
    [
        ("N/A", "KE", "no_price"),
        ("", "KE", "no_price"),
        ("nice bag", "KE", "no_amount"),
        ("0712345678", "KE", "phone_number"),
        ("KSh 0712 345 678", "KE", "phone_number"),
        ("07xx xxx xxx", "KE", "phone_number"),
        ("500/700", "KE", "ambiguous"),
        ("2@500", "KE", "ambiguous"),
        ("3 pcs @ 500", "KE", "ambiguous"),
        ("500 600", "KE", "ambiguous"),
        ("10% discount on 2000", "KE", "ambiguous"),
        ("Ksh 12.500", "KE", "ambiguous"),
        ("500k", "ZM", "ambiguous"),
        ("5m", "KE", "ambiguous"),
        ("elfu 2,500", "KE", "ambiguous"),
        ("elfu elfu", "KE", "ambiguous"),
        ("1,2990", "KE", "grouping"),
        ("$.75", "KE", "grouping"),
        ("-500", "KE", "negative"),
        ("KSh −500", "KE", "negative"),
        ("1e309", "KE", "exponent"),
        ("740 - 646", "KE", "falling_range"),
        ("KSh 500 - $ 700", "KE", "two_currencies"),
        ("R 500", "KE", "currency_unknown"),
        ("SEK 50", "KE", "currency_unknown"),
        ("$20", "LR", "currency_unknown"),
        ("UGX 99.99", "KE", "too_many_decimals"),
        ("KSh 9,999,999,999,999", "KE", "too_large"),
        ("1" + "0" * 300, "KE", "too_long"),
        ("2kg", "KE", "measure_only"),
        ("two thousand", "KE", "spelled_out"),
        ("፭፻ ብር", "ET", "numerals"),
        ("KSh 5\x0000", "KE", "disguised"),
        ("KSh \u202e0052", "KE", "disguised"),
    ],
)
def test_a_refusal_has_a_reason_that_does_not_change_and_names_the_text(text, market, reason):
    with pytest.raises(PriceUnreadable) as refused:
        read_offer(text, market)
    assert refused.value.reason == reason
    assert repr(text[:60])[:-1] in str(refused.value)


@pytest.mark.parametrize(
    ("word", "market", "currency"),
    [
        ("Sh 5,000", "TZ", "TZS"),
        ("Sh 5,000", "UG", "UGX"),
        ("5,000 F", "SN", "XOF"),
        ("5,000 F", "CM", "XAF"),
        ("5,000 F", "BI", "BIF"),
        ("K 5,000", "MW", "MWK"),
        ("K 5,000", "ZM", "ZMW"),
        ("$5,000", "NA", "NAD"),
        ("$5,000", "KE", "USD"),
        ("R5,000", "NA", "ZAR"),
        ("£5,000", "EG", "EGP"),
        ("5,000", "GH", "GHS"),
    ],
)
def test_the_market_decides_what_a_word_for_money_means(word, market, currency):
    price = read_offer(word, market).price
    assert price is not None
    assert price.currency == currency


def test_a_market_is_a_country_or_the_currency_that_the_seller_sells_in():
    assert read_offer("5,000", "TZ") == read_offer("5,000", "TZS")
    assert {market_of(country).currency for country in CURRENCY_OF_COUNTRY} == set(CURRENCY_OF_COUNTRY.values())
    with pytest.raises(InputRejected, match="'Narnia' is neither"):
        read_offer("5,000", "Narnia")


def test_an_offer_names_the_words_it_was_read_from_and_whether_they_name_the_money():
    offer = read_offer("Kitenge, WAS 2,000 NOW Ksh. 1,499/= per yard! 😍", "KE")
    assert (offer.read_from, offer.currency_named) == ("Ksh. 1,499/= per yard", True)
    assert not read_offer("1,499", "KE").currency_named


def test_nothing_is_an_amount_of_nothing():
    assert read_offer("free", "KE").price == read_offer("0", "KE").price == shillings(0)


@pytest.mark.parametrize(
    "piece", ["0 ", "1,", "1.", "1 000 ", "elfu ", "~", "/", "-", "KSh ", "1-", "@", "k", "ከ", "\u0336"]
)
def test_ten_thousand_characters_are_refused_without_being_read(piece):
    with pytest.raises(PriceUnreadable) as refused:
        read_offer(piece * (10_000 // len(piece)), "KE")
    assert refused.value.reason == "too_long"
    with contextlib.suppress(PriceUnreadable):  # as long as is read at all: done at once, whatever comes of it
        read_offer((piece * 240)[:239] + "!", "KE")


@pytest.mark.parametrize(
    ("price", "shown"),
    [
        (shillings(500, kind="from"), "from KSh 500"),
        (shillings(450, unit="kg"), "KSh 450 / kg"),
        (shillings(1_000, quantity=3), "KSh 1,000 for 3"),
        (shillings(5_200, quantity=90, unit="kg"), "KSh 5,200 for 90 kg"),
        (shillings(646, 740), "KSh 646 - 740"),
        (Price(1_250_500, "TND"), "TND 1,250.500"),
        (Price(45_000_000, "TND"), "TND 45,000.000"),
    ],
)
def test_a_price_is_shown_with_what_it_is_for(price, shown):
    assert format_price(price) == shown


def test_a_price_with_an_upper_end_is_a_range():
    assert Price(50_000, "KES", 70_000).kind == "range"
    assert (
        len({Price(50_000, "KES"), Price(50_000, "KES", quantity=Decimal("1.0")), Price(50_000, "KES", unit="kg")}) == 2
    )


def test_a_hash_changes_with_what_a_price_is_for_but_not_for_prices_that_say_nothing_of_it():
    basket = SourcedProduct("1", "Basket", price=Price(85_000, "KES"))
    plain = basket.content_hash(None)
    assert plain == "16dd382d63a7b4c5e588ea69c9341b6813792b72f1ac642178a4e909af14a419"  # as stored products have it
    for price in (Price(85_000, "KES", kind="from"), Price(85_000, "KES", quantity=Decimal(3))):
        assert replace(basket, price=price).content_hash(None) != plain

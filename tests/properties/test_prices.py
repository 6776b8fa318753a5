"""What holds for all texts and prices."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from benchmarks.price_reading import read_corpus
from marketplace.catalog.prices import format_price, minor_digits
from marketplace.catalog.pricing.currencies import CURRENCY_OF_COUNTRY, market_of
from marketplace.catalog.pricing.offers import read_by_grammar, read_offer
from marketplace.catalog.pricing.plain import read_plainly
from marketplace.catalog.pricing.vocabulary import SALE_UNITS, word_set
from marketplace.catalog.products import Price
from marketplace.errors import PriceUnreadable

COUNTRIES = st.sampled_from(sorted(CURRENCY_OF_COUNTRY))
CURRENCIES = st.sampled_from(sorted({*CURRENCY_OF_COUNTRY.values(), "USD", "EUR", "SEK"}))
AMOUNTS = st.integers(1, 10**13)
UNITS = st.one_of(st.none(), st.sampled_from(sorted(SALE_UNITS)))
QUANTITIES = st.one_of(st.just(Decimal(1)), st.integers(2, 99).map(Decimal), st.just(Decimal("0.5")))
PIECES = sorted(
    word_set(
        "KSh ksh. /= /- bob ₦ N # birr ብር GH₵ R P K FCFA F $ 1,299 2500 2.5k 20k 1.250,00 1 250 45.000 12,34 0 007 00 "
        "- – to from was now wholesale retail for per each @ kg 2kg size 42 call 0712 345 678 +254712345678 ~ ~~ / "
        "elfu mbili mia kwa kila jumla ከ ጀምሮ ½ ² ٢٥ ፭ 1e9 x m k → DM free off delivery % : + , . \u202e \x00 \u0336"
    )
)


@given(AMOUNTS, st.one_of(st.none(), AMOUNTS), CURRENCIES)
def test_a_written_price_reads_back_in_every_currency(amount, more, currency):
    price = Price(amount, currency, amount + more if more else None)
    assume((price.up_to_minor or amount) <= 10**13)
    assert read_offer(format_price(price), currency).price == price


@given(AMOUNTS, CURRENCIES, QUANTITIES, UNITS, st.sampled_from(["single", "from"]))
def test_what_a_price_is_for_reads_back_too(amount, currency, quantity, unit, kind):
    price = Price(amount, currency, None, kind, quantity, unit)
    assume(quantity == quantity.to_integral_value() or unit is not None)
    assert read_offer(format_price(price), currency).price == price


def offer_or_refusal(text, country):
    """The offer, or the refusal with its reason; anything else that is raised fails the test."""
    try:
        return read_offer(text, country)
    except PriceUnreadable as error:
        return error


@given(st.one_of(st.text(max_size=300), st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join)), COUNTRIES)
def test_any_text_is_an_offer_in_whole_units_or_a_refusal_with_a_reason(text, country):
    read = offer_or_refusal(text, country)
    if isinstance(read, PriceUnreadable):
        assert read.reason
        return
    assert read.read_from in text
    for price in filter(None, (read.price, read.was, read.wholesale)):
        assert type(price.amount_minor) is int
        assert 0 <= price.amount_minor <= (price.up_to_minor or 10**14)
        assert not any(isinstance(getattr(price, field.name), float) for field in fields(price))


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), COUNTRIES)
def test_pieces_run_together_are_read_from_the_text_or_refused(text, country):
    read = offer_or_refusal(text, country)
    assert read.reason if isinstance(read, PriceUnreadable) else read.read_from in text


WORDS = st.sampled_from(sorted(word_set("KSh Ksh KES bob sh /= /- ₦ N birr R K P M FCFA F GHS TSh $ USD k K per/kg")))
NUMBERS = st.one_of(st.integers(1, 9_999_999).map(str), st.integers(1_000, 9_999_999).map("{:,}".format))
GOODS = st.sampled_from(["", "kg", "piece", "debe", "g", "l", "size"])
GAPS = st.sampled_from(["", " ", ".", "-", " - ", " per ", "/", " kwa "])


@given(st.lists(st.one_of(WORDS, NUMBERS, NUMBERS, GAPS, GAPS), max_size=6), GOODS, COUNTRIES)
def test_the_quick_way_says_what_the_grammar_says(pieces, goods, country):
    text = "".join([*pieces, goods])
    quick = read_plainly(text, market_of(country))
    if quick is not None:
        assert quick == read_by_grammar(text, market_of(country))


def test_the_quick_way_says_what_the_grammar_says_of_the_corpus():
    quick = 0
    for one in read_corpus():
        market = market_of(one.market)
        read = read_plainly(one.text, market)
        if read is not None:
            quick += 1
            assert read == read_by_grammar(one.text, market)
    assert quick > 100


def test_amounts_have_the_digits_of_their_currency():
    for currency in CURRENCY_OF_COUNTRY.values():
        assert read_offer("1 200", currency).price == Price(1_200 * 10 ** minor_digits(currency), currency)


@given(st.integers(1, 10**10), CURRENCIES)
def test_a_price_as_machines_write_it_reads_back_however_large(cents, currency):
    """With a point and two digits, as JSON-LD and feeds have it; three would be ambiguous."""
    digits = minor_digits(currency)
    assume(digits != 3)
    minor = cents if digits == 2 else cents // 100
    assume(minor > 0)
    text = f"{minor // 100}.{minor % 100:02d}" if digits == 2 else f"{minor}.00"
    assert read_offer(text, currency).price == Price(minor, currency)

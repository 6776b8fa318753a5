"""What each market calls its money: words that mean one currency anywhere, and words that the market decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from types import MappingProxyType

from babel.numbers import get_currency_precision, list_currencies

from marketplace.catalog.pricing.vocabulary import VOCABULARY, Meaning, word_set
from marketplace.errors import InputRejected, PriceUnreadable

CURRENCY_OF_COUNTRY: Mapping[str, str] = MappingProxyType(
    {
        "KE": "KES", "TZ": "TZS", "UG": "UGX", "RW": "RWF", "BI": "BIF", "ET": "ETB", "ER": "ERN", "DJ": "DJF",
        "SO": "SOS", "SS": "SSP", "SD": "SDG", "GH": "GHS", "NG": "NGN", "ZA": "ZAR", "NA": "NAD", "BW": "BWP",
        "LS": "LSL", "SZ": "SZL", "ZM": "ZMW", "MW": "MWK", "MZ": "MZN", "ZW": "ZWG", "AO": "AOA", "CD": "CDF",
        "CM": "XAF", "CF": "XAF", "CG": "XAF", "GA": "XAF", "GQ": "XAF", "TD": "XAF",
        "BF": "XOF", "BJ": "XOF", "CI": "XOF", "GW": "XOF", "ML": "XOF", "NE": "XOF", "SN": "XOF", "TG": "XOF",
        "GN": "GNF", "SL": "SLE", "LR": "LRD", "GM": "GMD", "CV": "CVE", "MR": "MRU", "MA": "MAD", "DZ": "DZD",
        "TN": "TND", "LY": "LYD", "EG": "EGP", "MG": "MGA", "MU": "MUR", "SC": "SCR", "KM": "KMF", "ST": "STN",
    }
)  # fmt: skip
# Words that mean one currency in whatever market they are written.
EVERYWHERE: Mapping[str, str] = MappingProxyType(
    {
        "KES": "ksh kshs kes khs kshz bob",
        "TZS": "tsh tshs tzs tzsh",
        "UGX": "ush ushs ugx ugsh ugshs",
        "RWF": "frw frws rwf rwfs",
        "BIF": "fbu bif",
        "ETB": "birr birrs etb ብር",
        "ERN": "nakfa nfk ern",
        "DJF": "djf fdj",
        "SOS": "shso",
        "SSP": "ssp",
        "SDG": "sdg",
        "GHS": "gh₵ gh¢ ghs ghc ₵ cedi cedis",
        "NGN": "₦ ngn naira",
        "ZAR": "zar rand rands",
        "NAD": "n$ nad",
        "BWP": "bwp pula",
        "LSL": "lsl maloti loti",
        "SZL": "szl emalangeni lilangeni",
        "ZMW": "zmw zmk",
        "MWK": "mwk",
        "MZN": "mzn metical meticais",
        "ZWG": "zwg zig",
        "AOA": "aoa kwanza kwanzas",
        "CDF": "cdf",
        "XAF": "xaf",
        "XOF": "xof",
        "GNF": "gnf",
        "SLE": "sle nle",
        "LRD": "lrd l$",
        "GMD": "gmd dalasi dalasis",
        "CVE": "cve",
        "MRU": "mru ouguiya",
        "MAD": "درهم",
        "DZD": "dzd",
        "TND": "tnd",
        "LYD": "lyd",
        "EGP": "egp جنيه",
        "MGA": "mga ariary",
        "MUR": "mur",
        "SCR": "scr",
        "KMF": "kmf",
        "STN": "stn dobra dobras",
        "USD": "$ us$ usd",
        "EUR": "€ eur euro euros",
        "GBP": "£ gbp",
        "CNY": "cny rmb",
        "AED": "aed",
    }
)
# Words that several moneys share: only the seller's market can say which is meant.
LOCAL: Mapping[str, str] = MappingProxyType(
    {
        "KES": "sh shs shilling shillings shilingi",
        "TZS": "sh shs shilling shillings shilingi",
        "UGX": "sh shs shilling shillings shilingi",
        "SOS": "sh shilling shillings sos",
        "RWF": "f fr frs franc francs rf",
        "BIF": "f fr frs franc francs",
        "XOF": "cfa fcfa f fr frs franc francs",
        "XAF": "cfa fcfa f fr frs franc francs",
        "GNF": "fg f franc francs",
        "CDF": "fc f franc francs",
        "KMF": "fc f franc francs",
        "DJF": "f fr franc francs",
        "NGN": "n # =n=",
        "ZAR": "r",
        "NAD": "$ r dollar dollars",
        "LSL": "m r",
        "SZL": "e r",
        "BWP": "p",
        "ZMW": "k kwacha",
        "MWK": "k mk kwacha",
        "MZN": "mt mtn mts",
        "GMD": "d",
        "SLE": "le",
        "MAD": "mad dh dhs dirham dirhams",
        "DZD": "da dinar dinars دج",
        "TND": "dt dinar dinars",
        "LYD": "dinar dinars",
        "EGP": "le £ pound pounds",
        "SDG": "£ pound pounds",
        "SSP": "£ pound pounds",
        "MGA": "ar",
        "ETB": "br",
        "MUR": "rs re rupee rupees",
        "SCR": "rs sr re rupee rupees",
        "MRU": "um",
        "USD": "dollar dollars",
        "LRD": "ld",
        "GHS": "gh",
        "AOA": "kz",
        "ZWG": "",
        "ERN": "",
    }
)
# In these two, both the country's own dollars and America's change hands under one sign.
TWO_DOLLARS = frozenset({"LRD"})
# Where points stand between thousands, or cents are no longer written: "45.000" is forty-five thousand there.
POINTED_THOUSANDS = frozenset(
    {"TZS", "UGX", "RWF", "BIF", "XOF", "XAF", "GNF", "CDF", "KMF"}
    | {"DJF", "MGA", "MZN", "AOA", "CVE", "STN", "MAD", "DZD", "MRU"}
)
# Written after the amount rather than before it, which decides between two numbers with one word in the middle.
WRITTEN_AFTER = word_set(
    "bob birr birrs br ብር naira cedi cedis rand rands franc francs cfa fcfa f fr frs frw frws rwf fbu dh dhs "
    "dirham dirhams da dt dinar dinars mt mts mtn metical meticais ariary ar kz kwanza kwanzas fc fg pula "
    "shilling shillings pound pounds dollar dollars kwacha dalasi dalasis nakfa euro euros € جنيه درهم دج um"
)
ISO_CODES = frozenset(list_currencies())
_CODE_OF_WORD = {word: code for code, words in EVERYWHERE.items() for word in words.split()}
# These are words of other languages as well, so that outside their market they are no sign of money.
_ALSO_WORDS = word_set("le da um re mad sos ar gh d e m")
_SHARED_WORDS = frozenset(word for words in LOCAL.values() for word in words.split()) - _ALSO_WORDS


@dataclass(frozen=True, slots=True)
class Market:
    """A country's or a currency's way with prices: its money, and what every word means there."""

    code: str
    currency: str
    digits: int
    pointed_thousands: bool
    words: Mapping[str, Meaning]
    plain_words: Mapping[str, str]
    k_is_thousand: bool


@cache
def minor_digits(currency: str | None) -> int:
    """How many digits a currency keeps after the point: 2 for KES, 0 for UGX and RWF.

    Source: Unicode CLDR, through babel.
    """
    return int(get_currency_precision(currency)) if currency else 2


def minor_of(amount: Decimal, currency: str, *, largest: int) -> int:
    """An amount in minor units, which may be below zero.

    Parameters
    ----------
    largest
        In minor units; what is further from zero is a slip.

    Raises
    ------
    InputRejected
        If it is finer than the currency, or too large to be meant.
    """
    digits = minor_digits(currency)
    minor = amount.scaleb(digits)
    if minor != minor.to_integral_value():
        raise InputRejected(f"'{amount}' is finer than {currency}, which has {digits} digits")
    if abs(minor) > largest:
        raise InputRejected(f"'{amount}' is more than anybody charges")
    return int(minor)


def currency_code(text: str) -> str:
    """The ISO code of a currency, from the code itself in any case or a seller's word for it, such as "KSh".

    Raises
    ------
    PriceUnreadable
        If there is no such currency.
    """
    word = text.strip(". ").casefold()
    code = word.upper() if word.upper() in ISO_CODES else _CODE_OF_WORD.get(word)
    if code is None:
        raise PriceUnreadable(f"{text!r} is no currency", "currency_unknown")
    return code


@cache
def market_of(code: str) -> Market:
    """The market of an ISO country ("KE") or of a seller's own currency ("KES").

    Raises
    ------
    InputRejected
        If the code is neither an African country nor an ISO currency.
    """
    currency = CURRENCY_OF_COUNTRY.get(code, code)
    if currency not in ISO_CODES:
        raise InputRejected(f"{code!r} is neither an African country nor a currency")
    words = _currency_words(currency)
    meanings = {**VOCABULARY, **{word: Meaning("foreign") for word in _SHARED_WORDS - VOCABULARY.keys()}}
    meanings.update({word: Meaning("currency", code) for word, code in words.items()})
    if currency in TWO_DOLLARS:
        meanings["$"] = meanings["dollars"] = Meaning("foreign")
        del words["$"]
    pointed = currency in POINTED_THOUSANDS
    return Market(code, currency, minor_digits(currency), pointed, meanings, words, "k" not in words)


def _currency_words(currency: str) -> dict[str, str]:
    """Every word that names money in a market, and which."""
    local = LOCAL.get(currency, "").split()
    words = {**_CODE_OF_WORD, currency.casefold(): currency, **dict.fromkeys(local, currency)}
    if "r" in words:  # South Africa's rand is money in its neighbours too
        words["r"] = "ZAR"
    return words

"""Rules that approve, flag or reject a product, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from marketplace.catalog.products import Price, Verdict

RULES_VERSION = "1"
LONGEST_TITLE = 180
HIGHEST_MAJOR_UNITS = 100_000_000

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "title_missing": "The product has no title.",
        "title_placeholder": "The title is a placeholder, such as 'Product 12' or 'test'.",
        "price_absurd": "The price is zero or larger than anything sold here.",
        "title_contact": "The title holds a phone number, an e-mail or a web address.",
        "title_shouts": "The title is written in capitals only.",
        "title_too_long": f"The title is longer than {LONGEST_TITLE} characters.",
        "picture_missing": "There is no usable picture.",
        "price_missing": "The source shows no price.",
    }
)
REJECTING = frozenset({"title_missing", "title_placeholder", "price_absurd"})

_PLACEHOLDER = re.compile(
    r"(?:(?:sample|test|demo|dummy|new|untitled)\s*)?(?:product|item|listing|title)?\s*(?:no\.?|#)?\s*\d*"
    r"|.*\b(?:product|item|listing)\s*(?:no\.?|#)?\s*\d+|lorem ipsum.*|x+|\W+",
    re.IGNORECASE,
)
_CONTACT = re.compile(r"(?:\+|\b0|\b00)\d(?:[\s-]?\d){8,}|\S+@\S+\.\w|https?://|www\.|wa\.me", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules look at."""

    title: str
    price: Price | None
    minor_digits: int
    has_picture: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and the reasons for it, none for an approved product."""

    verdict: Verdict
    reasons: tuple[str, ...]


def judge(product: Judged) -> Judgement:
    """Rejected if any rejecting rule holds, flagged if any other does, approved otherwise."""
    reasons = tuple(reason for reason, holds in RULES.items() if holds(product))
    if REJECTING & set(reasons):
        return Judgement("rejected", reasons)
    return Judgement("flagged" if reasons else "approved", reasons)


def _is_placeholder(product: Judged) -> bool:
    title = product.title.strip()
    return bool(title) and _PLACEHOLDER.fullmatch(title) is not None


def _is_absurd(product: Judged) -> bool:
    price = product.price
    highest = HIGHEST_MAJOR_UNITS * 10**product.minor_digits
    return price is not None and not 0 < price.amount_minor <= highest


def _shouts(product: Judged) -> bool:
    letters = [character for character in product.title if character.isalpha()]
    cased = [character for character in letters if character.lower() != character.upper()]
    return len(cased) >= 8 and all(character.isupper() for character in cased)


RULES: Mapping[str, Callable[[Judged], bool]] = MappingProxyType(
    {
        "title_missing": lambda product: not product.title.strip(),
        "title_placeholder": _is_placeholder,
        "price_absurd": _is_absurd,
        "title_contact": lambda product: _CONTACT.search(product.title) is not None,
        "title_shouts": _shouts,
        "title_too_long": lambda product: len(product.title) > LONGEST_TITLE,
        "picture_missing": lambda product: not product.has_picture,
        "price_missing": lambda product: product.price is None,
    }
)

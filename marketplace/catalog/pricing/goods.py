"""What an amount is for, where the text says so right before or behind it: "450 per kg", "dozen @ 1,200"."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from marketplace.catalog.pricing.sums import Sum
from marketplace.catalog.pricing.tokens import Token
from marketplace.catalog.pricing.vocabulary import BULK_UNITS, UNSOLD_UNITS
from marketplace.errors import PriceUnreadable

# A number of these in front of an amount is the size of what is sold; a number of others is how many there are.
_WEIGHED = frozenset({"kg", "g", "l", "ml", "metre", "yard", "tonne"})
_BEHIND_PASSES = frozenset({",", ".", "(", ")", "*", "!", "|"})
_BEFORE_PASSES = frozenset({"dash", "price", "mark", "from", "for"})
_OPENERS = frozenset({"per", "a", "for"})
_ONE = Decimal(1)


def name_goods(text: str, amount: Sum, items: Sequence[Token], at: int, past: int) -> None:
    """Give the sum between two places its quantity and unit.

    Raises
    ------
    PriceUnreadable
        If the amount could be for one or for all: "3 pcs @ 100".
    """
    if amount.unit is None and not named_behind(amount, items, past):
        named_before(text, amount, items, at)


def named_behind(amount: Sum, items: Sequence[Token], at: int) -> bool:
    """Whether the words from a place on say what the amount is for; it then has quantity and unit."""
    while (item := items[at]).text in _BEHIND_PASSES or (item.kind == "price" and item.text != "@"):
        at += 1
    kind = item.kind
    if kind in ("each", "perunit"):
        return _is_for(amount, item.value or "piece", item)
    if kind == "unit" and amount.strength >= 2:
        return _is_for(amount, item.value, item)
    if kind not in _OPENERS and item.text not in ("/", "@"):
        return False
    named = items[at + 1]
    if named.kind == "a":
        named = items[at + 2]
    if named.kind in ("unit", "each"):
        return _is_for(amount, named.value or "piece", named)
    if named.kind == "count":
        return _is_for(amount, named.value[1], named, named.value[0])
    if named.kind == "spoken" and kind in ("per", "for"):
        return _is_for(amount, "piece" if named.value == 1 else None, named, Decimal(named.value))
    return False


def named_before(text: str, amount: Sum, items: Sequence[Token], at: int) -> bool:
    """Whether the words that end at a place say what the amount is for; it then has quantity and unit."""
    place = at - 1
    while items[place].kind in _BEFORE_PASSES or items[place].text == ":":
        place -= 1
    if items[place].kind == "named" and items[place - 1].kind == "of":  # per tray of 30: 450
        place -= 2
    item, opener = items[place], items[place - 1]
    kind, value = item.kind, item.value
    opened = opener.kind in ("per", "each", "a") or opener.text == "/"
    if kind in ("each", "perunit"):
        return _is_for(amount, value or "piece", item)
    if kind == "unit" and opener.kind == "count":  # 20 litres jerrycan 250: the count says it
        return False
    if kind == "unit" and (opened or value in BULK_UNITS or (place == at - 1 and value not in UNSOLD_UNITS)):
        return _is_for(amount, value, item)
    if kind == "spoken" and opened:
        return _is_for(amount, "piece" if value == 1 else None, item)
    if kind == "spoken" and items[at - 1].kind in ("for", "per"):
        return _is_for(amount, None, item, Decimal(value))
    if kind == "count" and items[at - 1].text == "@" and value[0] != 1 and value[1] not in _WEIGHED:
        raise PriceUnreadable(f"{text!r} leaves open whether that is for one or for all", "ambiguous")
    return False


def _is_for(amount: Sum, unit: str | None, named: Token, quantity: Decimal | None = None) -> bool:
    amount.quantity = quantity or amount.quantity or _ONE
    amount.unit = unit
    amount.start, amount.end = min(amount.start, named.start), max(amount.end, named.end)
    return True

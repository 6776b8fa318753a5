"""Which numbers are not money: sizes, models, shares, hours, dates, and how many of something there are."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from marketplace.catalog.pricing.numerals import numeral
from marketplace.catalog.pricing.tokens import Token
from marketplace.catalog.pricing.vocabulary import MEASURES

_TIMES_SIGNS = frozenset({"x", "×", "*"})
_INCH_SIGNS = frozenset("\"'”″“")
# Words that follow a number as its measure, but on their own as a word of the sentence.
_RATHER_WORDS = frozenset({"ask", "min", "aside", "was"})
_MONEY_SIGNS = frozenset({"mark", "currency", "times"})
_NETWORKS = frozenset({"2", "3", "4", "5"})  # 4G is a network, not four grams
_LONGEST_MODEL = 3
_LONGEST_SIZE = 4
_MILLILITRES_OF_CL = 10


def sized(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    """What the token behind makes of a number, and the place after both; nothing and 0 if it leaves it alone."""
    token, follower, beyond = tokens[at], tokens[at + 1], tokens[at + 2]
    kind, text = follower.kind, follower.text
    glued = follower.start == token.end
    glued_behind = beyond.kind == "number" and beyond.start == follower.end
    if kind == "percent":
        return "percent", at + 2
    if kind == "unit":
        if text == "g" and glued_behind:  # 840 G3
            return "named", at + 3
        return ("named" if text == "g" and glued and token.text in _NETWORKS else "count"), at + 2
    if text in MEASURES and (glued or kind not in _RATHER_WORDS):
        return "measure", at + 2
    if beyond.kind == "number":
        if text in _TIMES_SIGNS or (text == "/" and token.text == "24" and beyond.text == "7"):
            return "measure", at + 3
        if glued and glued_behind:
            if text == ":":
                return "measure", at + 3
            if text in ("/", "-") and _is_date(tokens, at):
                return "measure", at + 5
    if glued and (text == "x" or text in _INCH_SIGNS):
        return "measure", at + 2
    if glued and kind == "word":
        return "named", at + (3 if glued_behind else 2)
    return "", 0


def _is_date(tokens: Sequence[Token], at: int) -> bool:
    if tokens[at + 3].text != tokens[at + 1].text or tokens[at + 4].kind != "number":
        return False
    return all(len(tokens[at + step].text) <= _LONGEST_SIZE for step in (0, 2, 4))


def names_its_number(last: Token, made: Sequence[Token], tokens: Sequence[Token], at: int) -> bool:
    """Whether the word in front makes a number its own: a model, a size, a shop, a count inside."""
    token = tokens[at]
    kind = last.kind
    if kind in ("size", "id") or is_content(last, made):
        return True
    if kind == "word" or (kind == "unit" and len(last.text) == 1):
        return last.end == token.start
    if kind == "buy":
        return last.text in ("get", "pata") or tokens[at + 1].kind == "buy"
    if kind != "dash" or last.end != token.start:
        return False
    model = made[-2]
    return model.kind == "word" and model.end == last.start and len(model.text) <= _LONGEST_MODEL


def is_content(last: Token, made: Sequence[Token]) -> bool:
    """Whether a number to come counts what is inside a container: "tray of 30"."""
    return last.text == "of" and (made[-2].kind in ("unit", "count") or made[-2].text == "set")


def after_list(tokens: Sequence[Token], at: int) -> int:
    """The place after "38-42" or "38, 39/40"; a number with a sign of money is no longer part of the list."""
    past = at + 1
    while tokens[past + 1].kind == "number" and len(tokens[past + 1].text) <= _LONGEST_SIZE:
        joiner = tokens[past]
        if joiner.kind not in ("dash", "to", "and") and joiner.text not in (",", "/"):
            break
        if tokens[past + 2].kind in _MONEY_SIGNS:
            break
        past += 2
    return past


def count_of(number: Token, unit: Token) -> Token | None:
    """How many of a unit there are, None where the digits are no number."""
    read = numeral(number.text)
    if read is None:
        return None
    amount = Decimal(read.digits).scaleb(-read.decimals)
    if unit.text == "cl":
        amount *= _MILLILITRES_OF_CL
    start, end = min(number.start, unit.start), max(number.end, unit.end)
    return Token("count", number.text, (amount, unit.value), start, end)

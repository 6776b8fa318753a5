"""A seller's words about a price, read into an offer or refused with the reason; nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NamedTuple

from marketplace.catalog.pricing.currencies import Market, market_of, minor_digits
from marketplace.catalog.pricing.grammar import Found, Grammar, value_of
from marketplace.catalog.pricing.numerals import minor_units
from marketplace.catalog.pricing.offer import Offer
from marketplace.catalog.pricing.plain import read_plainly
from marketplace.catalog.pricing.sums import Reading, Sum
from marketplace.catalog.pricing.tokens import Line, Token, plain_line, scan
from marketplace.catalog.pricing.vocabulary import BULK_UNITS, NO_PRICE, word_set
from marketplace.catalog.products import Price
from marketplace.errors import PriceUnreadable

# Texts whose offers are kept: a catalogue says "KSh 999" again and again, and a sync reads it all again each day.
REMEMBERED = 2**14
_ASKING = word_set("call calls calling whatsapp watsapp whatsap piga pigia sms text appelez appeler 📞 ☎")
_TWO_HUNDREDS = re.compile(r"\d{3} \d{3}")
_ONE = Decimal(1)
_SHORTEST_CODE = 3


class _Refusal(NamedTuple):
    """Why a text is no price, kept so that it is not worked out again."""

    message: str
    reason: str


def read_offer(text: str, market: str) -> Offer:
    """What the text asks for, in the money and words of its market.

    Parameters
    ----------
    text
        As the seller wrote it: "KSh 1,299", "450 birr per kg", "was 2,000 now 1,499", "DM for price".
    market
        ISO country of the seller ("KE"), or the ISO currency that the seller sells in ("KES").

    Raises
    ------
    PriceUnreadable
        If the text is no price, or could be two; `reason` says which.
    InputRejected
        If the market is not known.
    """
    read = _remembered(text, market)
    if type(read) is _Refusal:
        raise PriceUnreadable(read.message, read.reason)
    return read  # type: ignore[return-value]


def forget() -> None:
    """Drop every remembered offer."""
    _remembered.cache_clear()


@lru_cache(maxsize=REMEMBERED)
def _remembered(text: str, market: str) -> Offer | _Refusal:
    try:
        return _read(text, market_of(market))
    except PriceUnreadable as error:
        return _Refusal(str(error), error.reason)


def _read(text: str, market: Market) -> Offer:
    return read_plainly(text, market) or read_by_grammar(text, market)


def read_by_grammar(text: str, market: Market) -> Offer:
    """What any text asks for.

    Raises
    ------
    PriceUnreadable
        If it is no price, or could be two.
    """
    line = plain_line(text)
    if line.plain.strip() in NO_PRICE:
        raise PriceUnreadable(f"{text!r} says that there is no price", "no_price")
    items = Reading(text, scan(line.plain, market.words), market).items()
    return _Decision(text, line, items, Grammar(text, items).read(), market).offer()


class _Decision:
    """Which of the sums in a text is the price, and what the others are."""

    def __init__(self, text: str, line: Line, items: Sequence[Token], found: Found, market: Market) -> None:
        self.text = text
        self.line = line
        self.items = items
        self.found = found
        self.market = market
        named = {amount.currency for amount in found.sums if amount.currency} if len(found.sums) > 1 else set()
        self.named = named.pop() if len(named) == 1 else None

    def offer(self) -> Offer:
        """The offer that the text makes.

        Raises
        ------
        PriceUnreadable
            If there is none, or more than one.
        """
        chosen, was, wholesale = self._chosen()
        if chosen is None:
            return self._without_sums()
        self._refuse_unknown_word(chosen)
        price = self._price(chosen, with_goods=True)
        return Offer(
            price.kind,
            price,
            self._source(chosen),
            bool(chosen.currency or self.named),
            self._price(was) if was else None,
            self._price(wholesale) if wholesale else None,
            self.found.minimum if wholesale else None,
        )

    def _chosen(self) -> tuple[Sum | None, Sum | None, Sum | None]:
        """The sums of the price, of the old price and of the trade price."""
        sums = self.found.sums
        if len(sums) == 1 and sums[0].role != "was":
            return sums[0], None, sums[0] if sums[0].role == "wholesale" else None
        by_role: dict[str, list[Sum]] = {}
        for amount in sums:
            by_role.setdefault(amount.role, []).append(amount)
        was = self._one(by_role.get("was", []))
        wholesale = self._one(by_role.get("wholesale", []))
        soft, plain = by_role.get("soft_was", []), by_role.get("", [])
        current = by_role.get("retail", []) or by_role.get("now", [])
        if current and not by_role.get("retail"):
            was = was or self._replaced(current[0], plain)
        chosen = self._one(current) or self._one(self._strongest(plain))
        if chosen is None and soft:
            return self._one(soft), was, wholesale
        return chosen or wholesale, was or self._one(soft), wholesale

    def _replaced(self, now: Sum, plain: Sequence[Sum]) -> Sum | None:
        """The sum in front of "now" that is higher: "2,000 now 1,499"."""
        before = [amount for amount in plain if amount.start < now.start and value_of(amount) > value_of(now)]
        return before[0] if len(before) == 1 and len(plain) == 1 else None

    def _strongest(self, sums: Sequence[Sum]) -> list[Sum]:
        """The sums with the clearest sign of money."""
        if len(sums) < 2:
            return list(sums)
        most = max(amount.strength for amount in sums)
        strongest = [amount for amount in sums if amount.strength == most]
        last = strongest[-1]
        place = sums.index(last)
        follower = sums[place + 1] if place + 1 < len(sums) else None
        if follower is not None and follower.strength == 0 and not self.line.plain[last.end : follower.start].strip():
            raise PriceUnreadable(f"{self.text!r} has two amounts side by side", "ambiguous")
        return strongest

    def _one(self, sums: Sequence[Sum]) -> Sum | None:
        """The only sum; several that say the same are one."""
        if not sums:
            return None
        first = sums[0]
        for other in sums[1:]:
            if (first.currency or other.currency) and self._code(first) != self._code(other):
                raise PriceUnreadable(f"{self.text!r} names amounts in two currencies", "two_currencies")
            if self._minor(other) != self._minor(first) or other.up_to is not None or first.up_to is not None:
                raise PriceUnreadable(f"{self.text!r} names more than one amount", "ambiguous")
        return max(sums, key=lambda amount: (amount.quantity is not None, bool(amount.currency)))

    def _code(self, amount: Sum) -> str:
        return amount.currency or self.named or self.market.currency

    def _minor(self, amount: Sum) -> int:
        if amount.number is None:
            raise PriceUnreadable(f"{self.text!r} groups its digits as no number is: {amount.raw!r}", "grouping")
        if amount.is_two_ways:
            raise PriceUnreadable(f"{self.text!r} leaves open how {amount.raw!r} is meant", "ambiguous")
        if amount.strength < 2 and _TWO_HUNDREDS.fullmatch(amount.raw):
            raise PriceUnreadable(f"{self.text!r} could be one amount or two", "ambiguous")
        currency = self._code(amount)
        home = currency == self.market.currency
        digits = self.market.digits if home else minor_digits(currency)
        return minor_units(
            self.text, amount.number, amount.power, currency, digits, pointed=home and self.market.pointed_thousands
        )

    def _price(self, amount: Sum, *, with_goods: bool = False) -> Price:
        currency = self._code(amount)
        low = self._minor(amount)
        high = None
        if amount.up_to is not None:
            amount.up_to.currency = currency
            high = self._minor(amount.up_to)
            if high < low:
                raise PriceUnreadable(f"{self.text!r} is a range that falls", "falling_range")
        if high == low:
            high = None
        quantity, unit = self._goods(amount) if with_goods else (_ONE, None)
        kind: Literal["from", "single"] = "from" if amount.is_open and high is None else "single"
        return Price(low, currency, high, kind, quantity, unit)

    def _goods(self, amount: Sum) -> tuple[Decimal, str | None]:
        """How much of what the sum buys, from its own words or from the only count in the text."""
        if amount.quantity is not None:
            return amount.quantity, amount.unit
        counts = self.found.counts
        if len(counts) == 1 and counts[0][0] > 0:
            return counts[0]
        units = self.found.units
        only = units[0] if units and not counts and len(set(units)) == 1 else None
        return _ONE, only if only in BULK_UNITS else None

    def _refuse_unknown_word(self, chosen: Sum) -> None:
        """Refuse a sum whose word for money belongs to another market, or is an unknown code."""
        if chosen.currency or chosen.is_marked:
            return
        if chosen.is_foreign:
            raise PriceUnreadable(f"{self.text!r} names no currency we know in {self.market.code}", "currency_unknown")
        words = [item for item in self.items if item.kind not in ("sum", "sign", "end")]
        if len(words) == 1 and words[0].kind == "word" and words[0].end - words[0].start <= _SHORTEST_CODE:
            word = self._original(words[0].start, words[0].end)
            if word.isascii() and word.isupper():
                raise PriceUnreadable(f"{self.text!r} names no currency we know: {word!r}", "currency_unknown")

    def _original(self, start: int, end: int) -> str:
        """The letters of the text as it came, from one place in the plain line to another."""
        places = self.line.places
        if places is None:
            shown = self.text if len(self.text) == len(self.line.plain) else self.text.strip()
            return shown[start:end]
        return self.text[places[start] : places[end - 1] + 1]

    def _source(self, amount: Sum) -> str:
        return self._original(amount.start, amount.end)

    def _without_sums(self) -> Offer:
        """An offer on request or for nothing.

        Raises
        ------
        PriceUnreadable
            If the text makes none, saying what it holds instead.
        """
        kinds = {item.kind for item in self.items}
        contacts = [item.value for item in self.items if item.kind == "contact"]
        asks = "ask" in kinds or any(item.text in _ASKING for item in self.items)
        if "spelled" in kinds:
            raise PriceUnreadable(f"{self.text!r} spells its amount out", "spelled_out")
        if asks and all(contacts):
            return Offer("on_request", None, self.text.strip())
        if contacts:
            raise PriceUnreadable(f"{self.text!r} has a phone number and no price", "phone_number")
        if "free" in kinds and not kinds & {"aside", "percent", "count", "measure", "buy"}:
            return Offer("single", Price(0, self.market.currency), self.text.strip())
        if kinds & {"count", "measure", "percent", "named"}:
            raise PriceUnreadable(f"{self.text!r} has sizes and counts but is no price", "measure_only")
        raise PriceUnreadable(f"{self.text!r} is no price", "no_amount")

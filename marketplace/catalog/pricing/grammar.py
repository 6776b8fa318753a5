"""How sums, counts and words stand to each other: ranges, old prices, trade prices, three for a thousand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from marketplace.catalog.pricing.goods import name_goods, named_before, named_behind
from marketplace.catalog.pricing.sums import Sum
from marketplace.catalog.pricing.tokens import END, Token
from marketplace.catalog.pricing.vocabulary import UNSOLD_UNITS
from marketplace.errors import PriceUnreadable

_SAY_NOTHING = frozenset({"price", "mark", "dash", "per", "of", "currency", "measure", "named", "contact", "percent"})
_JOINS = frozenset({"dash", "to", "strike"})
_CUES = frozenset({"price", "now", "from", "for", "per", "to", "mark", "was", "wholesale", "retail", "between"})
_AFTER_ITS_SUM = frozenset({"ነበር", "ነበረ"})


@dataclass(slots=True)
class Found:
    """What a text holds: its sums with their roles, and its counts."""

    sums: list[Sum] = field(default_factory=list)
    counts: list[tuple[Decimal, str]] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    minimum: Decimal | None = None


class Grammar:
    """One pass over the items of one text."""

    def __init__(self, text: str, items: Sequence[Token]) -> None:
        self.text = text
        self.items = items
        self.found = Found()
        self.role = ""
        self.words = 0
        self.opens = False
        self.roles: list[str] = []
        self.is_postfix: bool | None = None

    def read(self) -> Found:
        """The sums and counts of the text.

        Raises
        ------
        PriceUnreadable
            If a range falls, or what an amount buys could be read in two ways.
        """
        at = 1
        while (item := self.items[at]) is not END:
            at = at + 1 if item.kind in _SAY_NOTHING else self._step(at)
        return self.found

    def _is_postfix(self) -> bool:
        """Whether trade words follow their sums, as in "700 wholesale, 950 retail"; one between two sums does not."""
        places = [at for at, item in enumerate(self.items) if item.kind in ("wholesale", "retail")]
        if not places or self.items[places[0] - 1].kind != "sum":
            return False
        return len(places) > 1 or self.items[places[0] + 1].kind != "sum"

    def _step(self, at: int) -> int:
        item = self.items[at]
        kind = item.kind
        if kind == "sum":
            return self._sum(at, item)
        if kind == "count":
            self._count(at, item)
        elif kind == "was" and item.text in _AFTER_ITS_SUM and self.found.sums:
            self.found.sums[-1].role = "was"
        elif kind == "word":
            if self.role:
                self._forget_role()
        elif kind == "unit":
            self.found.units.append(item.value)
        elif kind in ("was", "now") or (kind == "soft_was" and self.items[at + 1].kind in ("price", "sum")):
            self.role = kind
            self.words = 0
        elif kind in ("wholesale", "retail"):
            self._trade(kind)
        elif kind == "from":
            self.opens = self.role != "was"
        elif (kind == "upwards" and self._follows_sum(at)) or (item.text == "+" and self._closes(at)):
            self.found.sums[-1].is_open = True
        return at + 1

    def _forget_role(self) -> None:
        """Let "now" reach only what follows at once, and "was" one word further."""
        self.words += 1
        if self.role == "now" or self.words > 1:
            self.role = ""

    def _follows_sum(self, at: int) -> bool:
        """Whether a word such as "above" speaks of the sum in front of it: "500 and above"."""
        before = self.items[at - 1]
        return bool(self.found.sums) and (
            before.kind == "sum" or (before.kind == "and" and self.items[at - 2].kind == "sum")
        )

    def _closes(self, at: int) -> bool:
        """Whether a plus stands at the end of its sum: "500+"."""
        before, after = self.items[at - 1], self.items[at + 1]
        if before.kind != "sum" or before.end != self.items[at].start:
            return False
        return after.kind not in ("sum", "aside_sum", "aside")

    def _trade(self, kind: str) -> None:
        sums = self.found.sums
        if self.is_postfix is None:
            self.is_postfix = self._is_postfix()
        if self.is_postfix and sums and not sums[-1].role and not self.roles:
            sums[-1].role = kind
        else:
            self.roles.append(kind)

    def _count(self, at: int, item: Token) -> None:
        before, after = self.items[at - 1], self.items[at + 1]
        if before.kind in ("min", "from") or after.kind == "upwards":
            self.found.minimum = item.value[0]
            self.opens = False
        elif item.value[1] not in UNSOLD_UNITS and item.value not in self.found.counts:
            self.found.counts.append(item.value)

    def _sum(self, at: int, item: Token) -> int:
        amount: Sum = item.value
        before = self.items[at - 1]
        if before.text == "on" and self.items[at - 2].kind == "aside":
            raise PriceUnreadable(f"{self.text!r} takes a discount off an amount", "ambiguous")
        if before.kind == "min" and amount.is_bare_count:
            assert amount.number is not None
            self.found.minimum = Decimal(amount.number.digits)
            return at + 1
        amount.is_cued = before.kind in _CUES or (before.text == ":" and self.items[at - 2].kind in _CUES)
        if before.text == "@":
            amount.is_marked = True
        return self._for_so_many(at, amount) or self._keep(amount, at, self._partner(at, amount))

    def _keep(self, amount: Sum, at: int, past: int) -> int:
        """Add the sum that stands between two places, with its role and what it buys."""
        self._give_role(amount)
        name_goods(self.text, amount, self.items, at, past)
        self.found.sums.append(amount)
        return past

    def _give_role(self, amount: Sum) -> None:
        if self.opens and amount.up_to is None:
            amount.is_open = True
        self.opens = False
        if amount.role:
            return
        if self.roles:
            amount.role = self.roles.pop(0)
        elif self.role:
            amount.role = self.role
        self.role = ""

    def _partner(self, at: int, amount: Sum) -> int:
        """Join the sum to the upper end of a range, or see that it is an old price; the place after both."""
        joiner, other = self.items[at + 1], self.items[at + 2]
        before = self.items[at - 1]
        if before.kind == "strike" and before.end == amount.start:
            amount.role = "was"
            return at + 1
        struck = joiner.kind == "strike" and joiner.start == amount.end
        if struck and (joiner.text != "~" or joiner.end != other.start):
            amount.role = "was"
            return at + 1
        if other.kind != "sum":
            return at + 1
        upper: Sum = other.value
        if joiner.kind == "arrow":
            amount.role = "was"
            upper.role = "now"
            self._must_fall(amount, upper)
            return at + 1
        if joiner.kind == "strike" and (joiner.text != "~" or self.items[at + 3].kind == "strike"):
            return at + 1
        if joiner.text == "/":
            return self._slashed(at, amount, upper)
        opener = self.items[at - 2 if self.items[at - 1].kind == "of" else at - 1].kind
        between = joiner.kind == "and" and opener == "between"
        if joiner.kind not in _JOINS and not between:
            return at + 1
        if self.role == "was" and value_of(upper) < value_of(amount):
            amount.role = "was"
            upper.role = "now"
            self.role = ""
            return at + 1
        self._join(amount, upper)
        return at + 3

    def _must_fall(self, amount: Sum, upper: Sum) -> None:
        if value_of(upper) >= value_of(amount):
            raise PriceUnreadable(f"{self.text!r} has an arrow from a lower amount to a higher", "ambiguous")

    def _slashed(self, at: int, amount: Sum, upper: Sum) -> int:
        """Two sums parted by a slash: the two prices that "wholesale/retail" announced, or one cannot know."""
        if len(self.roles) == 2:
            return at + 1
        if amount.currency and upper.currency and amount.currency != upper.currency:
            raise PriceUnreadable(f"{self.text!r} names amounts in two currencies", "two_currencies")
        if value_of(amount) != value_of(upper):
            amount.is_two_ways = upper.is_two_ways = True
        return at + 1

    def _join(self, low: Sum, high: Sum) -> None:
        """Make one range of two sums; "1-2k" means both in thousands."""
        if high.power and not low.power and low.number is not None and high.number is not None:
            if low.number.digits < high.number.digits:
                low.power = high.power
            elif low.number.digits < 100:
                raise PriceUnreadable(f"{self.text!r} leaves open what its first number counts", "ambiguous")
        if low.currency and high.currency and low.currency != high.currency:
            raise PriceUnreadable(f"{self.text!r} is a range between two currencies", "two_currencies")
        low.currency = low.currency or high.currency
        low.is_marked = low.is_marked or high.is_marked
        low.is_foreign = low.is_foreign or high.is_foreign
        low.up_to = high
        low.end = high.end
        low.quantity, low.unit = high.quantity, high.unit

    def _for_so_many(self, at: int, amount: Sum) -> int:
        """Read "3 for 1000" and "1000 for 3": the place after them, 0 if this is neither."""
        word, other = self.items[at + 1], self.items[at + 2]
        if other.kind != "sum" or (word.kind not in ("for", "per") and word.text != "@"):
            return 0
        price: Sum = other.value
        if word.text == "@":
            return self._at_so_much(at, price) if amount.is_bare_count else 0
        if amount.is_bare_count and (price.strength >= 2 or value_of(price) > value_of(amount)):
            count, place = amount, at + 2
        elif price.is_bare_count and (amount.strength >= 2 or value_of(amount) > value_of(price)):
            count, price, place = price, amount, at
        else:
            raise PriceUnreadable(f"{self.text!r} leaves open which number is the price", "ambiguous")
        assert count.number is not None
        price.quantity = Decimal(count.number.digits)
        named = self.items[at - 1]
        if named.kind == "unit":  # pisi 3 kwa 1,000
            price.unit = named.value
        price.start, price.end = min(price.start, count.start), max(price.end, count.end)
        price.is_cued = True
        self._give_role(price)
        if price.unit is None:
            named_behind(price, self.items, at + 3) or (place == at and named_before(self.text, price, self.items, at))
        self.found.sums.append(price)
        return at + 3

    def _at_so_much(self, at: int, price: Sum) -> int:
        """Read "2 @ 500 each", but not "2 @ 500", which could be for one or for both."""
        if not named_behind(price, self.items, at + 3):
            raise PriceUnreadable(f"{self.text!r} leaves open whether that is for one or for all", "ambiguous")
        price.is_marked = True
        self._give_role(price)
        self.found.sums.append(price)
        return at + 3


def value_of(amount: Sum) -> Decimal:
    """The sum in whole units, for comparing two of them; 0 for one that cannot be read."""
    number = amount.number
    return Decimal(number.digits).scaleb(amount.power - number.decimals) if number else Decimal(0)

"""How sums, counts and words stand to each other: ranges, old prices, trade prices, and what an amount buys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from marketplace.catalog.pricing.sums import Sum
from marketplace.catalog.pricing.tokens import Token
from marketplace.catalog.pricing.vocabulary import BULK_UNITS, UNSOLD_UNITS
from marketplace.errors import PriceUnreadable

_JOINS = frozenset({"dash", "to", "strike"})
_CUES = frozenset({"price", "now", "from", "for", "per", "to", "mark", "was", "wholesale", "retail", "between"})
_WEIGHED = frozenset({"kg", "g", "l", "ml", "metre", "yard", "tonne"})
_AFTER_ITS_SUM = frozenset({"ነበር", "ነበረ"})
_PASSED_OVER = frozenset({",", ".", "(", ")", "*", "!", "|"})
_ONE = Decimal(1)


@dataclass(slots=True)
class Found:
    """What a text holds: its sums with their roles, and its counts."""

    sums: list[Sum] = field(default_factory=list)
    counts: list[tuple[Decimal, str]] = field(default_factory=list)
    minimum: Decimal | None = None


class Grammar:
    """One pass over the items of one text."""

    def __init__(self, text: str, items: Sequence[Token]) -> None:
        self.text = text
        self.items = items
        self.found = Found()
        self.role = ""
        self.opens = False
        self.roles: list[str] = []
        self.is_postfix = self._is_postfix()

    def read(self) -> Found:
        """The sums and counts of the text.

        Raises
        ------
        PriceUnreadable
            If a range falls, or what an amount buys could be read in two ways.
        """
        at = 0
        while at < len(self.items):
            at = self._step(at)
        return self.found

    def _is_postfix(self) -> bool:
        """Whether trade words follow their sums: "700 wholesale, 950 retail"."""
        for item in self.items:
            if item.kind == "sum":
                return True
            if item.kind in ("wholesale", "retail"):
                return False
        return False

    def _item(self, at: int) -> Token | None:
        return self.items[at] if 0 <= at < len(self.items) else None

    def _step(self, at: int) -> int:
        item = self.items[at]
        kind = item.kind
        if kind == "sum":
            return self._sum(at, item)
        if kind == "count":
            self._count(at, item)
        elif kind == "was":
            if item.text in _AFTER_ITS_SUM and self.found.sums:
                self.found.sums[-1].role = "was"
            else:
                self.role = "was"
        elif kind == "soft_was":
            follower = self._item(at + 1)
            if follower is not None and follower.kind in ("price", "sum"):
                self.role = "soft_was"
        elif kind == "now":
            self.role = "now"
        elif kind in ("wholesale", "retail"):
            self._trade(kind)
        elif kind == "from":
            self.opens = self.role != "was"
        elif kind == "upwards" or (item.text == "+" and self._closes(at)):
            if self.found.sums and self._item(at - 1) is not None:
                self.found.sums[-1].is_open = True
        return at + 1

    def _closes(self, at: int) -> bool:
        """Whether a plus stands at the end of its sum: "500+"."""
        before, after = self._item(at - 1), self._item(at + 1)
        if before is None or before.kind != "sum" or before.end != self.items[at].start:
            return False
        return after is None or after.kind not in ("sum", "aside_sum", "aside")

    def _trade(self, kind: str) -> None:
        sums = self.found.sums
        if self.is_postfix and sums and not sums[-1].role and not self.roles:
            sums[-1].role = kind
        else:
            self.roles.append(kind)

    def _count(self, at: int, item: Token) -> None:
        before, after = self._item(at - 1), self._item(at + 1)
        least = before is not None and before.kind in ("min", "from")
        if least or (after is not None and after.kind == "upwards"):
            self.found.minimum = item.value[0]
            self.opens = False
        elif item.value[1] not in UNSOLD_UNITS and item.value not in self.found.counts:
            self.found.counts.append(item.value)

    def _sum(self, at: int, item: Token) -> int:
        amount: Sum = item.value
        before = self._item(at - 1)
        if before is not None and before.text == "on" and self._item_kind(at - 2) == "aside":
            raise PriceUnreadable(f"{self.text!r} takes a discount off an amount", "ambiguous")
        if before is not None and before.kind == "min" and amount.is_bare_count:
            assert amount.number is not None
            self.found.minimum = Decimal(amount.number.digits)
            return at + 1
        amount.is_cued = before is not None and (before.kind in _CUES or (before.text == ":" and self._is_cue(at - 2)))
        if before is not None and before.text == "@":
            amount.is_marked = True
        swapped = self._for_so_many(at, amount)
        if swapped:
            return swapped
        past = self._partner(at, amount)
        self._give_role(amount)
        self._buys(amount, at, past)
        self.found.sums.append(amount)
        return past

    def _is_cue(self, at: int) -> bool:
        item = self._item(at)
        return item is not None and item.kind in _CUES

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
        joiner, other = self._item(at + 1), self._item(at + 2)
        before = self._item(at - 1)
        if before is not None and before.kind == "strike" and before.end == amount.start:
            amount.role = "was"
            return at + 1
        if joiner is not None and joiner.kind == "strike" and joiner.start == amount.end:
            if joiner.text != "~" or other is None or joiner.end != other.start:
                amount.role = "was"
                return at + 1
        if joiner is None or other is None or other.kind != "sum":
            return at + 1
        upper: Sum = other.value
        if joiner.kind == "arrow":
            amount.role = "was"
            upper.role = "now"
            self._must_fall(amount, upper)
            return at + 1
        if joiner.kind == "strike" and (joiner.text != "~" or self._item_kind(at + 3) == "strike"):
            return at + 1
        if joiner.text == "/":
            return self._slashed(at, amount, upper)
        opener = self._item_kind(at - 2 if self._item_kind(at - 1) == "of" else at - 1)
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

    def _item_kind(self, at: int) -> str:
        item = self._item(at)
        return item.kind if item else ""

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
            raise PriceUnreadable(f"{self.text!r} names two amounts with a slash between", "ambiguous")
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
        word, other = self._item(at + 1), self._item(at + 2)
        if word is None or other is None or other.kind != "sum" or word.kind not in ("for", "per", "price"):
            return 0
        if word.kind == "price" and word.text != "@":
            return 0
        price: Sum = other.value
        if word.text == "@":
            return self._at_so_much(at, amount, price)
        if amount.is_bare_count and (price.strength == 2 or value_of(price) > value_of(amount)):
            count, price, place = amount, price, at + 2
        elif price.is_bare_count and (amount.strength == 2 or value_of(amount) > value_of(price)):
            count, price, place = price, amount, at
        else:
            raise PriceUnreadable(f"{self.text!r} leaves open which number is the price", "ambiguous")
        assert count.number is not None
        price.quantity = Decimal(count.number.digits)
        named = self._item(at - 1)
        if named is not None and named.kind == "unit":  # pisi 3 kwa 1,000
            price.unit = named.value
        price.start, price.end = min(price.start, count.start), max(price.end, count.end)
        price.is_cued = True
        self._give_role(price)
        self._buys(price, place, at + 3)
        self.found.sums.append(price)
        return at + 3

    def _at_so_much(self, at: int, amount: Sum, price: Sum) -> int:
        """"2 @ 500" is only read where the text says that 500 buys one."""
        if not amount.is_bare_count:
            return 0
        self._buys(price, at + 2, at + 3)
        if price.unit is None:
            raise PriceUnreadable(f"{self.text!r} leaves open whether that is for one or for all", "ambiguous")
        price.is_marked = True
        self._give_role(price)
        self.found.sums.append(price)
        return at + 3

    def _buys(self, amount: Sum, at: int, past: int) -> None:
        """What the sum between two places is for, where the text says so right before or behind it."""
        if amount.unit is None and not self._named_behind(amount, past):
            self._named_before(amount, at)

    def _named_behind(self, amount: Sum, at: int) -> bool:
        while (item := self._item(at)) and (item.text in _PASSED_OVER or (item.kind == "price" and item.text != "@")):
            at += 1
        if item is None:
            return False
        if item.kind in ("each", "perunit"):
            return self._is_for(amount, item.value or "piece", item.end)
        opener = item.kind in ("per", "a", "for") or item.text in ("/", "@")
        if item.kind == "unit" and amount.strength == 2:
            return self._is_for(amount, item.value, item.end)
        if not opener:
            return False
        named = self._item(at + 1)
        if named is not None and named.kind == "a":
            named = self._item(at + 2)
        if named is None:
            return False
        if named.kind in ("unit", "each"):
            return self._is_for(amount, named.value or "piece", named.end)
        if named.kind == "count":
            amount.quantity = named.value[0]
            return self._is_for(amount, named.value[1], named.end)
        if named.kind == "spoken" and item.kind in ("per", "for"):
            amount.quantity = Decimal(named.value)
            return self._is_for(amount, "piece" if named.value == 1 else None, named.end)
        return False

    def _is_for(self, amount: Sum, unit: str | None, end: int) -> bool:
        amount.quantity = amount.quantity or _ONE
        amount.unit = unit
        amount.end = max(amount.end, end)
        return True

    def _named_before(self, amount: Sum, at: int) -> None:
        place = at - 1
        while (item := self._item(place)) and (item.kind in ("dash", "price", "mark", "from", "for") or item.text == ":"):
            place -= 1
        if item is None:
            return
        if item.kind == "named" and self._item_kind(place - 1) == "of":  # per tray of 30: 450
            place -= 2
            item = self._item(place)
            assert item is not None
        opener = self._item(place - 1)
        opened = opener is not None and (opener.kind in ("per", "each", "a") or opener.text == "/")
        if item.kind in ("each", "perunit") or (item.kind == "unit" and opened):
            self._is_for(amount, item.value or "piece", amount.end)
        elif item.kind == "unit" and (item.value in BULK_UNITS or item.value not in UNSOLD_UNITS) and place == at - 1:
            self._is_for(amount, item.value, amount.end)
        elif item.kind == "unit" and item.value in BULK_UNITS:
            self._is_for(amount, item.value, amount.end)
        elif item.kind == "spoken" and opened:
            self._is_for(amount, "piece" if item.value == 1 else None, amount.end)
        elif item.kind == "spoken" and self._item_kind(at - 1) == "for":
            amount.quantity = Decimal(item.value)
        elif item.kind == "count" and self._at_sign(at - 1) and item.value[0] != 1 and item.value[1] not in _WEIGHED:
            raise PriceUnreadable(f"{self.text!r} leaves open whether that is for one or for all", "ambiguous")

    def _at_sign(self, at: int) -> bool:
        item = self._item(at)
        return item is not None and item.text == "@"


def value_of(amount: Sum) -> Decimal:
    """The sum in whole units, for comparing two of them; 0 for one that cannot be read."""
    number = amount.number
    return Decimal(number.digits).scaleb(amount.power - number.decimals) if number else Decimal(0)


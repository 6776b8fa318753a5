"""Tokens made into sums of money and counts of goods; numbers that are neither fall away."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from marketplace.catalog.pricing.currencies import WRITTEN_AFTER, Market
from marketplace.catalog.pricing.numbers import after_list, count_of, is_content, names_its_number, sized
from marketplace.catalog.pricing.numerals import Numeral, numeral
from marketplace.catalog.pricing.spoken import spoken_number
from marketplace.catalog.pricing.tokens import END, PADDING, Token
from marketplace.catalog.pricing.vocabulary import SPOKEN_BEFORE
from marketplace.errors import PriceUnreadable

# Digits without a separator or a sign of money: as long as this they are a phone or an account.
PHONE_DIGITS = 9
SHORTEST_CONTACT = 4
WHOLE_CONTACT = 6
LARGEST_COUNT = 1000
_BETWEEN_SIGN_AND_DIGITS = frozenset(".:*")
_DEDUCTED = frozenset({"off", "discount", "punguzo", "deposit", "cashback", "remise"})
_CUT = frozenset({"discount", "punguzo"})
# Words that stay as they are, whatever stands around them.
_PLAIN_KINDS = frozenset(
    {"word", "sign", "currency", "price", "mark", "dash", "unit", "per", "of", "from", "was", "now"}
)
_KEEP_ASIDE = frozenset({"price", "of", "for", "mark", "currency"})
_ROUNDLY = frozenset({"k", "m", "grand", "mil"})


@dataclass(slots=True)
class Sum:
    """An amount on its way: what was written, and what its neighbours made of it."""

    number: Numeral | None
    raw: str
    start: int
    end: int
    power: int = 0
    currency: str | None = None
    is_marked: bool = False
    is_cued: bool = False
    is_open: bool = False
    is_foreign: bool = False
    is_two_ways: bool = False
    role: str = ""
    up_to: Sum | None = None
    quantity: Decimal | None = None
    unit: str | None = None

    @property
    def strength(self) -> int:
        """3 with a sign of money or a unit, 2 with a multiplier, 1 after a word such as "price", 0 for bare digits."""
        if self.currency or self.is_marked or self.unit:
            return 3
        return 2 if self.power else int(self.is_cued)

    @property
    def is_bare_count(self) -> bool:
        """Whether this could be how many there are: a small whole number without any sign of money."""
        number = self.number
        return self.strength < 2 and number is not None and not number.decimals and 0 < number.digits <= LARGEST_COUNT


class Reading:
    """One pass over the tokens of one text."""

    def __init__(self, text: str, tokens: list[Token], market: Market) -> None:
        self.text = text
        self.tokens = tokens
        self.market = market
        self.made = [END]
        self.aside = False

    def items(self) -> list[Token]:
        """The tokens of the text with its numbers made into sums, counts and contacts, padded on both sides.

        Raises
        ------
        PriceUnreadable
            If a number is negative or written with an exponent.
        """
        at = 0
        while (kind := self.tokens[at].kind) != "end":
            token = self.tokens[at]
            if kind in _PLAIN_KINDS and not self.aside:
                self.made.append(token)
                at += 1
                continue
            if kind == "number":
                at = self._number(at, token)
                continue
            if kind == "times":
                at = self._spoken(at, token)
                continue
            if kind == "power":
                raise PriceUnreadable(f"{self.text!r} is written with an exponent", "exponent")
            if kind == "phone":
                token = Token("contact", token.text, True, token.start, token.end)
            self._word(token)
            at += 1
        self.made += PADDING
        return self.made

    def _word(self, token: Token) -> None:
        kind = token.kind
        made = self.made
        if kind == "aside":
            self.aside = made[-1].kind not in ("percent", "of") and token.text != "delivered"
        elif self.aside and not self._is_still_aside(token):
            self.aside = False
        if kind == "spoken" and made[-1].kind == "unit":  # kilo mbili
            unit = made.pop()
            token = Token("count", unit.text, (Decimal(token.value), unit.value), unit.start, token.end)
        made.append(token)

    def _is_still_aside(self, token: Token) -> bool:
        """Whether a word leaves the number to come to what was named before: "delivery fee is 200"."""
        if token.kind == "price" and self.made[-1].text in _CUT:  # the discount price is a price
            return False
        return token.kind in _KEEP_ASIDE or token.text in (":", "is", "ni")

    def _number(self, at: int, token: Token) -> int:
        """Make of the number at a place what it is; the place after it."""
        text = token.text
        made = self.made
        if text[0] == "0" and len(text) > 1 and text.isdigit():
            made.append(Token("contact", text, False, token.start, token.end))
            return at + 1
        before = self._sign_before()
        last = self._last_word() if before == 0 else made[before]
        if before == 0 and " " in text and (last.kind in ("size", "id") or is_content(last, made)):
            return self._split(at, token)
        if last.kind != "currency" and (past := self._not_money(at, token, last)):
            return past
        self._refuse_negative(token, before)
        return self._sum(at, token, before)

    def _sign_before(self) -> int:
        """The place of the currency in front of the number to come, across points and colons; 0 if there is none."""
        made = self.made
        place = len(made) - 1
        while made[place].text in _BETWEEN_SIGN_AND_DIGITS or made[place].text == "=":
            if made[place] is END:
                break
            place -= 1
        return place if made[place].kind in ("currency", "foreign") else 0

    def _last_word(self) -> Token:
        """The item in front, across points and colons."""
        made = self.made
        place = len(made) - 1
        while made[place].text in _BETWEEN_SIGN_AND_DIGITS and made[place] is not END:
            place -= 1
        return made[place]

    def _split(self, at: int, token: Token) -> int:
        """Read "size 42 500" as a size and a sum: the first group is what the word before it names."""
        first, _, rest = token.text.partition(" ")
        place = token.start + len(first) + 1
        self.made.append(Token("named", first, None, token.start, place - 1))
        self.tokens = [*self.tokens[:at], Token("number", rest, None, place, token.end), *self.tokens[at + 1 :]]
        return at

    def _not_money(self, at: int, token: Token, last: Token) -> int:
        """The place after a number that cannot be money, 0 if it can."""
        follower = self.tokens[at + 1]
        kind, past = sized(self.tokens, at)
        if kind == "count" and last.text == "@" and follower.start != token.end:  # @ 1,099 pack of 50
            return 0
        if kind == "count" and (count := count_of(token, follower)):
            self.made.append(count)
            return past
        if kind:
            return self._drop(at, past, "measure" if kind == "count" else kind)
        if last is END:
            return 0
        small = follower.text == "@" or (follower.kind == "dash" and len(token.text) == 1)
        if last.kind == "unit" and small and (count := count_of(token, last)):  # kilo 100 @ 250,000
            self.made[-1] = count
            return at + 1
        is_model = last.kind == "word" and last.end == token.start
        if follower.kind in ("mark", "currency") or (follower.kind == "times" and not is_model):
            return 0
        if last.kind in ("phone", "contact") and len(token.text) >= SHORTEST_CONTACT:
            whole = len(token.text) >= WHOLE_CONTACT
            self.made.append(Token("contact", token.text, whole, token.start, token.end))
            return at + 1
        if names_its_number(last, self.made, self.tokens, at):
            return self._drop(at, after_list(self.tokens, at) if last.kind == "size" else at + 1, "named")
        return 0

    def _drop(self, at: int, past: int, kind: str) -> int:
        token = self.tokens[at]
        self.made.append(Token(kind, token.text, None, token.start, self.tokens[past - 1].end))
        return past

    def _refuse_negative(self, token: Token, before: int) -> None:
        made = self.made
        last = made[-1]
        if last.kind == "dash" and last.end == token.start:
            earlier = made[-2]
            opens = earlier.kind in ("end", "currency", "price") or earlier.text == ":"
            if opens or (last.text == "−" and earlier.kind not in ("sum", "count")):
                raise PriceUnreadable(f"{self.text!r} is negative", "negative")
        if before == 2 and made[1].kind == "dash" and made[1].end == made[2].start:
            raise PriceUnreadable(f"{self.text!r} is negative", "negative")

    def _sum(self, at: int, token: Token, before: int) -> int:
        found = Sum(numeral(token.text), token.text, token.start, token.end)
        self._take_sign(found, before)
        past = self._signs_after(at + 1, found)
        digits = token.text.replace(" ", "")
        if len(digits) >= PHONE_DIGITS and digits.isdecimal() and found.strength < 2:
            self.made.append(Token("contact", token.text, True, token.start, token.end))
            return past
        return self._add(found, past)

    def _take_sign(self, found: Sum, place: int) -> None:
        """Give the sum the currency that stands in front of it."""
        if place == 0:
            return
        named = self.made[place]
        found.start = named.start
        found.currency = named.value
        found.is_foreign = named.kind == "foreign"
        del self.made[place:]

    def _add(self, found: Sum, past: int) -> int:
        """Add the sum unless it is what something else costs or what is taken off."""
        made = self.made
        follower = self.tokens[past]
        if follower.kind == "aside" and self.tokens[past + 1].kind not in ("number", "currency"):
            is_added = made[-1].text in ("+", "plus") or made[-1].kind == "and"
            if follower.text in _DEDUCTED or (is_added and follower.text != "delivered"):
                self.aside = True
        made.append(Token("aside_sum" if self.aside else "sum", found.raw, found, found.start, found.end))
        self.aside = False
        return past

    def _signs_after(self, at: int, found: Sum) -> int:
        """Take the multiplier, mark and currency that follow the digits; the place after them."""
        follower = self.tokens[at]
        if follower.kind == "times" or (follower.text == "k" and follower.kind == "currency"):
            self._multiply(found, follower)
            at += 1
        at = self._mark(at, found)
        follower = self.tokens[at]
        if follower.kind in ("currency", "foreign") and self._belongs(at, follower, found):
            if follower.kind == "currency":
                found.currency = follower.value
            else:
                found.is_foreign = not found.is_marked
            found.end = follower.end
            at = self._mark(at + 1, found)
        return at

    def _multiply(self, found: Sum, sign: Token) -> None:
        """Count in what the word says; m may be metres, and K kwacha, unless money was named in front."""
        found.end = sign.end
        if sign.text in ("k", "m") and (sign.kind == "currency" or sign.text == "m") and not found.currency:
            found.is_two_ways = True
        else:
            found.power = sign.value if sign.kind == "times" else 3

    def _mark(self, at: int, found: Sum) -> int:
        sign = self.tokens[at]
        if sign.kind != "mark" or (sign.text == "=" and sign.start != found.end):
            return at
        found.is_marked = True
        found.end = sign.end
        return at + 1

    def _belongs(self, at: int, sign: Token, found: Sum) -> bool:
        """Whether the currency after a sum is this sum's, and not that of the number behind it."""
        if found.currency:
            return False
        glued = sign.start == found.end
        if len(sign.text) == 1 and sign.text.isalpha() and not glued and sign.text not in WRITTEN_AFTER:
            return False
        while self.tokens[at + 1].text in _BETWEEN_SIGN_AND_DIGITS and self.tokens[at + 1] is not END:
            at += 1
        beyond = self.tokens[at + 1]
        if beyond.kind != "number" or glued or self.tokens[at + 2].kind == "unit":
            return True
        return sign.end != beyond.start and sign.text in WRITTEN_AFTER

    def _spoken(self, at: int, first: Token) -> int:
        """Add a sum said in Swahili; the place after it."""
        if first.text not in SPOKEN_BEFORE:
            kind = "word" if first.text in _ROUNDLY else "spelled"
            self.made.append(Token(kind, first.text, None, first.start, first.end))
            return at + 1
        number, power, past = spoken_number(self.text, self.tokens, at)
        found = Sum(number, first.text, first.start, self.tokens[past - 1].end, power=power, is_marked=True)
        place = self._sign_before()
        if self.made[place].kind == "currency":
            self._take_sign(found, place)
        return self._add(found, self._signs_after(past, found))

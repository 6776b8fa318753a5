"""Tokens made into sums of money and counts of goods; numbers that are sizes, models, phones or fees fall away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from marketplace.catalog.pricing.currencies import WRITTEN_AFTER, Market
from marketplace.catalog.pricing.numerals import Numeral, numeral
from marketplace.catalog.pricing.tokens import Token
from marketplace.catalog.pricing.vocabulary import MEASURES, SPOKEN_BEFORE
from marketplace.errors import PriceUnreadable

# Digits without a separator or a sign of money: as long as this they are a phone or an account.
PHONE_DIGITS = 9
_BETWEEN_SIGN_AND_DIGITS = frozenset(".:*")
_TIMES_SIGNS = frozenset({"x", "×", "*"})
_INCH_SIGNS = frozenset("\"'”″“")
_DEDUCTED = frozenset({"off", "discount", "punguzo", "deposit", "cashback", "remise"})


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
    is_k_or_kwacha: bool = False
    is_metre_or_million: bool = False
    role: str = ""
    up_to: Sum | None = None
    quantity: Decimal | None = None
    unit: str | None = None

    @property
    def strength(self) -> int:
        """2 with a sign of money or a multiplier, 1 after a word such as "price", 0 for bare digits."""
        return 2 if self.currency or self.is_marked or self.power else int(self.is_cued)

    @property
    def is_bare_count(self) -> bool:
        """Whether this could be how many there are: a small whole number without any sign of money."""
        number = self.number
        return self.strength < 2 and number is not None and number.decimals == 0 and 0 < number.digits <= 1000


def items_of(text: str, tokens: Sequence[Token], market: Market) -> list[Token]:
    """The items of a text in order.

    Raises
    ------
    PriceUnreadable
        If a number is negative or written with an exponent.
    """
    return _Reading(text, tokens, market).items()


class _Reading:
    """One pass over the tokens of one text."""

    def __init__(self, text: str, tokens: Sequence[Token], market: Market) -> None:
        self.text = text
        self.tokens = tokens
        self.market = market
        self.made: list[Token] = []
        self.aside = False

    def items(self) -> list[Token]:
        at, tokens, made = 0, self.tokens, self.made
        while at < len(tokens):
            token = tokens[at]
            kind = token.kind
            if kind == "number":
                at = self._number(at)
            elif kind == "times":
                at = self._spoken(at)
            elif kind == "power":
                raise PriceUnreadable(f"{self.text!r} is written with an exponent", "exponent")
            elif kind == "phone":
                made.append(Token("contact", token.text, True, token.start, token.end))
                at += 1
            else:
                self._word(token)
                at += 1
        return made

    def _word(self, token: Token) -> None:
        kind = token.kind
        if kind == "aside":
            self.aside = not (self.made and self.made[-1].kind == "percent") and token.text != "delivered"
        elif self.aside and kind not in ("price", "of", "for", "mark", "currency") and token.text not in (":", "is", "ni"):
            self.aside = False
        if kind == "spoken" and self.made and self.made[-1].kind == "unit":  # kilo mbili
            unit = self.made.pop()
            token = Token("count", unit.text, (Decimal(token.value), unit.value), unit.start, token.end)
        self.made.append(token)

    def _token(self, at: int) -> Token | None:
        return self.tokens[at] if at < len(self.tokens) else None

    def _number(self, at: int) -> int:
        """Make of the number at a place what it is, and return the place after it."""
        token = self.tokens[at]
        if token.text[0] == "0" and token.text.isdigit() and len(token.text) > 1:
            self.made.append(Token("contact", token.text, False, token.start, token.end))
            return at + 1
        before = self._sign_before()
        if before is None and " " in token.text and self._is_name_of_number():
            return self._split(at)
        if (before is None or self.made[before].kind != "currency") and (past := self._not_money(at)):
            return past
        self._refuse_negative(token, before)
        return self._sum(at, before)

    def _sign_before(self) -> int | None:
        """The place of the currency in front of the number to come, across points and colons."""
        made = self.made
        place = len(made) - 1
        while place >= 0 and (made[place].text in _BETWEEN_SIGN_AND_DIGITS or made[place].text == "="):
            place -= 1
        if place >= 0 and made[place].kind in ("currency", "foreign"):
            return place
        return None

    def _last_word(self) -> Token | None:
        """The item in front, across points and colons."""
        for item in reversed(self.made):
            if item.text not in _BETWEEN_SIGN_AND_DIGITS:
                return item
        return None

    def _is_name_of_number(self) -> bool:
        last = self._last_word()
        return last is not None and (last.kind in ("size", "id") or self._is_content(last))

    def _is_content(self, last: Token) -> bool:
        """Whether a number to come counts what is inside a container: "tray of 30"."""
        made = self.made
        return last.text == "of" and len(made) > 1 and (made[-2].kind == "unit" or made[-2].text == "set")

    def _split(self, at: int) -> int:
        """Read "size 42 500" as a size and a sum: the first group is what the word before it names."""
        token = self.tokens[at]
        first, _, rest = token.text.partition(" ")
        place = token.start + len(first) + 1
        self.made.append(Token("named", first, None, token.start, place - 1))
        self.tokens = [*self.tokens[:at], Token("number", rest, None, place, token.end), *self.tokens[at + 1 :]]
        return at

    def _not_money(self, at: int) -> int:
        """The place after a number that cannot be money, 0 if it can."""
        token = self.tokens[at]
        follower = self._token(at + 1)
        last = self._last_word()
        if follower is not None and (past := self._sized(at, token, follower)):
            return past
        if last is None:
            return 0
        if last.kind == "unit" and follower is not None and follower.text == "@":  # kilo 100 @ 250,000
            return self._counted(at, last)
        marked = follower is not None and (follower.kind in ("mark", "currency") or follower.kind == "times")
        if marked and last.kind != "phone":
            return 0
        if self._names_a_number(at, token, last):
            return self._skip_list(at) if last.kind == "size" else self._drop(at, at + 1, "named")
        if last.kind in ("phone", "contact") and len(token.text) >= 4 and not marked:
            self.made.append(Token("contact", token.text, len(token.text) >= 6, token.start, token.end))
            return at + 1
        return 0

    def _counted(self, at: int, unit: Token) -> int:
        """Make one count of a unit and the number behind it, "kilo 100"; the place after."""
        number = numeral(self.tokens[at].text)
        if number is None:
            return 0
        amount = Decimal(number.digits).scaleb(-number.decimals)
        self.made[-1] = Token("count", unit.text, (amount, unit.value), unit.start, self.tokens[at].end)
        return at + 1

    def _names_a_number(self, at: int, token: Token, last: Token) -> bool:
        """Whether the word in front makes this its own number: a model, a size, a shop, a count inside."""
        if last.kind in ("size", "id") or self._is_content(last):
            return True
        if last.kind == "word" and last.end == token.start:
            return True
        follower = self._token(at + 1)
        if last.kind == "buy":
            return last.text in ("get", "pata") or (follower is not None and follower.kind == "buy")
        made = self.made
        return (
            last.kind == "dash"
            and last.end == token.start
            and len(made) > 1
            and made[-2].kind == "word"
            and made[-2].end == last.start
            and len(made[-2].text) <= 3
        )

    def _sized(self, at: int, token: Token, follower: Token) -> int:
        """The place after a number whose follower makes it a size, a share, an hour or a count of goods."""
        glued = follower.start == token.end
        kind, text = follower.kind, follower.text
        if kind == "percent":
            return self._drop(at, at + 2, "percent")
        if kind == "unit":
            return self._count(at, follower)
        if text in MEASURES and (kind not in ("ask", "min", "aside", "was") or glued):
            return self._drop(at, at + 2, "measure")
        if glued and text in _INCH_SIGNS:
            return self._drop(at, at + 2, "measure")
        beyond = self._token(at + 2)
        if beyond is not None and beyond.kind == "number":
            if text == "/" and token.text == "24" and beyond.text == "7":
                return self._drop(at, at + 3, "measure")
            if text in _TIMES_SIGNS:
                return self._drop(at, at + 3, "measure")
            if glued and text == ":" and beyond.start == follower.end:
                return self._drop(at, at + 3, "measure")
            if glued and text in ("/", "-") and self._is_date(at):
                return self._drop(at, at + 5, "measure")
        if glued and text == "x":
            return self._drop(at, at + 2, "measure")
        if glued and kind == "word":
            past = at + 2
            if beyond is not None and beyond.kind == "number" and beyond.start == follower.end:
                past += 1
            return self._drop(at, past, "named")
        return 0

    def _is_date(self, at: int) -> bool:
        signs, last = self._token(at + 3), self._token(at + 4)
        if signs is None or last is None or signs.text != self.tokens[at + 1].text or last.kind != "number":
            return False
        return all(len(self.tokens[at + step].text) <= 4 for step in (0, 2, 4))

    def _drop(self, at: int, past: int, kind: str) -> int:
        past = min(past, len(self.tokens))
        self.made.append(Token(kind, self.tokens[at].text, None, self.tokens[at].start, self.tokens[past - 1].end))
        return past

    def _skip_list(self, at: int) -> int:
        """The place after "38-42" or "38, 39/40"."""
        past = at + 1
        while (sign := self._token(past)) and (beyond := self._token(past + 1)):
            joins = sign.kind in ("dash", "to", "and") or sign.text in (",", "/")
            follower = self._token(past + 2)
            if not joins or beyond.kind != "number" or len(beyond.text) > 4:
                break
            if follower is not None and follower.kind in ("mark", "currency", "times"):
                break
            past += 2
        return self._drop(at, past, "named")

    def _count(self, at: int, unit: Token) -> int:
        """Add how much of a unit there is; a number that is no number is dropped."""
        token = self.tokens[at]
        number = numeral(token.text)
        if number is None:
            return self._drop(at, at + 2, "measure")
        amount = Decimal(number.digits).scaleb(-number.decimals)
        name = unit.value
        if unit.text == "cl":
            amount *= 10
        self.made.append(Token("count", token.text, (amount, name), token.start, unit.end))
        return at + 2

    def _refuse_negative(self, token: Token, before: int | None) -> None:
        made = self.made
        last = made[-1] if made else None
        if last is not None and last.kind == "dash" and last.end == token.start:
            earlier = made[-2] if len(made) > 1 else None
            opens = earlier is None or earlier.kind in ("currency", "price") or earlier.text == ":"
            if opens or (last.text == "−" and earlier is not None and earlier.kind not in ("sum", "count")):
                raise PriceUnreadable(f"{self.text!r} is negative", "negative")
        if before == 1 and made[0].kind == "dash" and made[0].end == made[1].start:
            raise PriceUnreadable(f"{self.text!r} is negative", "negative")

    def _sum(self, at: int, before: int | None) -> int:
        token = self.tokens[at]
        made = self.made
        found = Sum(numeral(token.text), token.text, token.start, token.end)
        if before is not None:
            named = made[before]
            found.start = named.start
            if named.kind == "currency":
                found.currency = named.value
            else:
                found.is_foreign = True
            del made[before:]
        past = self._signs_after(at + 1, found)
        if found.strength < 2 and len(token.text.replace(" ", "")) >= PHONE_DIGITS and "," not in token.text:
            made.append(Token("contact", token.text, True, token.start, token.end))
            return past
        return self._add(found, past)

    def _add(self, found: Sum, past: int) -> int:
        """Add the sum unless it is what something else costs or what is taken off."""
        made = self.made
        follower = self._token(past)
        beyond = self._token(past + 1)
        if follower is not None and follower.kind == "aside" and (beyond is None or beyond.kind not in ("number", "currency")):
            plus = made and (made[-1].text in ("+", "plus") or made[-1].kind == "and")
            if follower.text in _DEDUCTED or (follower.text != "delivered" and plus):
                self.aside = True
        if self.aside:
            self.aside = False
            made.append(Token("aside_sum", found.raw, None, found.start, found.end))
        else:
            made.append(Token("sum", found.raw, found, found.start, found.end))
        return past

    def _signs_after(self, at: int, found: Sum) -> int:
        """Take the multiplier, mark and currency that follow the digits; return the place after them."""
        follower = self._token(at)
        if follower is not None and follower.kind == "times" and follower.text not in SPOKEN_BEFORE | {"m"}:
            at = self._multiplied(at, follower, found)
        elif follower is not None and follower.text in SPOKEN_BEFORE:
            at = self._multiplied(at, follower, found)
        elif follower is not None and follower.text == "m" and follower.kind == "times":
            if found.currency:
                at = self._multiplied(at, follower, found)
            else:
                found.is_metre_or_million = True
                found.end = follower.end
                at += 1
        elif follower is not None and follower.text == "k" and follower.kind == "currency":
            if found.currency:
                found.power = 3
            else:
                found.is_k_or_kwacha = True
            found.end = follower.end
            at += 1
        at = self._mark(at, found)
        follower = self._token(at)
        if follower is not None and follower.kind in ("currency", "foreign") and self._belongs(at, follower, found):
            if follower.kind == "currency":
                found.currency = follower.value
            else:
                found.is_foreign = not found.is_marked
            found.end = follower.end
            at = self._mark(at + 1, found)
        return at

    def _multiplied(self, at: int, follower: Token, found: Sum) -> int:
        found.power = follower.value
        found.end = follower.end
        return at + 1

    def _mark(self, at: int, found: Sum) -> int:
        sign = self._token(at)
        if sign is None or sign.kind != "mark" or (sign.text == "=" and sign.start != found.end):
            return at
        found.is_marked = True
        found.end = sign.end
        return at + 1

    def _belongs(self, at: int, sign: Token, found: Sum) -> bool:
        """Whether the currency after a sum is this sum's, and not that of the number behind it."""
        if found.currency:
            return False
        single = len(sign.text) == 1 and sign.text.isalpha()
        if single and not (sign.start == found.end or sign.text in WRITTEN_AFTER):
            return False
        beyond = self._token(at + 1)
        while beyond is not None and beyond.text in _BETWEEN_SIGN_AND_DIGITS:
            at += 1
            beyond = self._token(at + 1)
        if beyond is None or beyond.kind != "number" or sign.start == found.end:
            return True
        behind = self._token(at + 2)
        if behind is not None and behind.kind == "unit":
            return True
        return sign.end != beyond.start and sign.text in WRITTEN_AFTER

    def _spoken(self, at: int) -> int:
        """Add a sum said in Swahili, "elfu mbili mia tano"; return the place after it."""
        first = self.tokens[at]
        if first.text not in SPOKEN_BEFORE:
            kind = "spelled" if first.text not in ("k", "m", "grand", "mil", "soo") else "word"
            self.made.append(Token(kind, first.text, None, first.start, first.end))
            return at + 1
        number = self._token(at + 1)
        if number is not None and number.kind == "number" and (parts := numeral(number.text)) and parts.decimals:
            found = Sum(parts, number.text, first.start, number.end, power=first.value)
            return self._add(found, self._signs_after(at + 2, found))
        total, end = 0, first.end
        while (token := self._token(at)) is not None and token.text in SPOKEN_BEFORE:
            factor, past = self._factor(at + 1)
            total += factor * 10**token.value
            end = self.tokens[past - 1].end
            at = past
            joiner = self._token(at)
            beyond = self._token(at + 1)
            if joiner is not None and joiner.kind == "and" and beyond is not None and beyond.text in SPOKEN_BEFORE:
                at += 1
        found = Sum(Numeral(total, 0), str(total), first.start, end, is_marked=True)
        before = self._sign_before()
        if before is not None and self.made[before].kind == "currency":
            found.currency = self.made[before].value
            found.start = self.made[before].start
            del self.made[before:]
        return self._add(found, self._signs_after(at, found))

    def _factor(self, at: int) -> tuple[int, int]:
        """How many thousands or hundreds are said, and the place after the words; one where none is."""
        token = self._token(at)
        if token is not None and token.kind == "number":
            number = numeral(token.text)
            if number is None or number.decimals or number.digits >= 1000:
                raise PriceUnreadable(f"{self.text!r} counts thousands in thousands", "ambiguous")
            return number.digits, at + 1
        total, past = 0, at
        while token is not None and (token.kind == "spoken" or (token.kind == "and" and total)):
            if token.kind == "and":
                beyond = self._token(at + 1)
                if beyond is None or beyond.kind != "spoken":
                    break
            else:
                total += token.value
                past = at + 1
            at += 1
            token = self._token(at)
        return (total, past) if total else (1, past)

"""What titles say again and again: phrases of one to three words, counted in bounded memory."""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass, field

from marketplace.search.lexicon import product_lexicon

PHRASE_WORDS = 3
LEAST_PRODUCTS = 2  # a phrase of one product is that product's title
LONGEST_TITLE = 80
MOST_COUNTED = 200_000  # phrases held at once, about 70 MB
EXAMPLES = 5
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


@dataclass(slots=True)
class PhraseCount:
    """A phrase, how many products say it, and the first of them."""

    phrase: str
    products: int = 0
    examples: list[int] = field(default_factory=list)


class PhraseCounts:
    """How many products say each phrase.

    Where more than `most` phrases would be held the rarest are forgotten, so that a phrase that comes back later counts
    too low, by `forgotten` at most. Up to that many phrases every count is exact.
    """

    def __init__(self, most: int = MOST_COUNTED) -> None:
        self._most = most
        self._counts: dict[str, PhraseCount] = {}
        self.forgotten = 0

    def add(self, product_id: int, title: str) -> None:
        """The phrases of one more product count."""
        for phrase in phrases_of(title):
            count = self._counts.setdefault(phrase, PhraseCount(phrase))
            count.products += 1
            if len(count.examples) < EXAMPLES:
                count.examples.append(product_id)
        if len(self._counts) > self._most:
            self._forget()

    def fullest(self, most: int) -> list[PhraseCount]:
        """The phrases that most products say, none of a single product."""
        told = (one for one in self._counts.values() if one.products >= LEAST_PRODUCTS)
        return heapq.nlargest(most, told, key=lambda one: one.products)

    def _forget(self) -> None:
        """Half of the room is free again, so that forgetting is seldom."""
        counts = sorted(one.products for one in self._counts.values())
        rare = counts[len(counts) - self._most // 2 - 1]
        self._counts = {phrase: one for phrase, one in self._counts.items() if one.products > rare}
        self.forgotten += rare


def phrases_of(title: str) -> set[str]:
    """One to three words of a title in a row, as written, that begin and end with one that says something."""
    linking = product_lexicon().linking
    words = [word.casefold() for word in _WORD.findall(title[:LONGEST_TITLE])]
    rows = (words[at : at + size] for size in range(1, PHRASE_WORDS + 1) for at in range(len(words) - size + 1))
    told = (row for row in rows if row[0] not in linking and row[-1] not in linking)
    return {" ".join(row) for row in told if any(len(word) > 1 and not word.isdecimal() for word in row)}

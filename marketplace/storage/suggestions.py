"""What a search box proposes while somebody types: categories, phrases, products and sellers that are on the shelf."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from marketplace.search.asking import Filters
from marketplace.search.lexicon import product_lexicon
from marketplace.search.terms import folded, is_ethiopic
from marketplace.search.transliteration import romanised
from marketplace.search.typos import SHORTEST, mistakes, most_mistakes
from marketplace.storage.filtering import meeting, on_the_shelf
from marketplace.storage.tables import products, sellers, suggestions
from marketplace.storage.warehouse import Warehouse

Kind = Literal["category", "phrase", "product", "seller"]
LONGEST_TYPED = 60  # letters; what follows begins nothing
LONGEST_TEXT = 80
PHRASE_WORDS = 3
LEAST_PRODUCTS = 2  # a phrase of one product is that product's title
MOST_PHRASES = 20_000
STARTS = 4  # words of a title at which typing may begin
EXAMPLES = 5
SPARE = 4
SIMILAR = "0.3"
_SURFACE = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text to search for or a place to go, of which so many products were on the shelf."""

    text: str
    kind: Kind
    products: int


@dataclass(slots=True)
class _Draft:
    starts: set[str] = field(default_factory=set)
    products: int = 0
    examples: list[int] = field(default_factory=list)

    def add(self, product_id: int) -> None:
        self.products += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(product_id)


def suggest(warehouse: Warehouse, typed: str, *, limit: int) -> list[Suggestion]:
    """What begins as typed, in any word and either script; popular categories while nothing is typed.

    From four letters on a mistype is forgiven where nothing begins so. What left the shelf since the suggestions were
    written is not among them.
    """
    beginning = folded(typed[:LONGEST_TYPED])
    if typed.strip() and not beginning:
        return []
    with warehouse.begin() as connection:
        if not beginning:
            return _shown(connection, suggestions.c.kind == "category", limit)
        found = _shown(connection, suggestions.c.starts.startswith(beginning, autoescape=True), limit)
        if found or len(beginning) < SHORTEST:
            return found
        return _forgiven(connection, beginning, limit)


def refresh_suggestions(warehouse: Warehouse) -> int:
    """How many suggestions there are of what is on the shelf now, all written anew in one transaction."""
    shelf = on_the_shelf(products.c.product_id, products.c.title, products.c.category, sellers.c.name.label("seller"))
    with warehouse.begin() as connection:
        drafts = _drafted(connection.execute(meeting(shelf, Filters()).order_by(products.c.product_id)))
        rows = [
            (kind, text, starts, draft.products, "{" + ",".join(map(str, draft.examples)) + "}")
            for (kind, text), draft in drafts.items()
            for starts in draft.starts
        ]
        connection.execute(sa.delete(suggestions))
        _write(connection, rows)
        connection.execute(sa.text("analyze catalog.suggestions"))  # the planner has no idea of fresh rows
    return len(drafts)


def _drafted(rows: Iterable[sa.Row[Any]]) -> dict[tuple[Kind, str], _Draft]:
    drafts: dict[tuple[Kind, str], _Draft] = defaultdict(_Draft)
    phrases: Counter[str] = Counter()
    examples: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        for kind, text in _named(row):
            drafts[kind, text].add(row.product_id)
        for phrase in _phrases(row.title):
            phrases[phrase] += 1
            if len(examples[phrase]) < EXAMPLES:
                examples[phrase].append(row.product_id)
    for phrase, count in phrases.most_common(MOST_PHRASES):
        if count >= LEAST_PRODUCTS:
            drafts["phrase", phrase] = _Draft(set(), count, examples[phrase])
    for (kind, text), draft in drafts.items():
        draft.starts.update(_starts(kind, text))
    return drafts


def _named(row: sa.Row[Any]) -> Iterator[tuple[Kind, str]]:
    named: tuple[tuple[Kind, str], ...] = (("category", row.category), ("seller", row.seller), ("product", row.title))
    return ((kind, text) for kind, text in named if text.strip() and len(text) <= LONGEST_TEXT)


def _phrases(title: str) -> set[str]:
    """One to three words of a title in a row, as written, that begin and end with one that says something."""
    linking = product_lexicon().linking
    words = [word.casefold() for word in _SURFACE.findall(title[:LONGEST_TEXT])]
    rows = (words[at : at + size] for size in range(1, PHRASE_WORDS + 1) for at in range(len(words) - size + 1))
    told = (row for row in rows if row[0] not in linking and row[-1] not in linking)
    return {" ".join(row) for row in told if any(len(word) > 1 and not word.isdecimal() for word in row)}


def _starts(kind: Kind, text: str) -> set[str]:
    """Every way to begin typing it: from each of its words on, in Latin letters too, a category in every language."""
    words = folded(text).split()
    if kind == "phrase":
        words = words[: PHRASE_WORDS + 1]
    starts = {" ".join(words[at:]) for at in range(min(len(words), STARTS if kind == "product" else len(words)))}
    starts |= {" ".join(map(romanised, start.split())) for start in starts if is_ethiopic(start)}
    if kind == "category":
        lexicon = product_lexicon()
        spans = lexicon.spans(lexicon.meant(text), "en")
        entries = [lexicon.entries[concept] for span in spans for concept in span.concepts]
        starts |= {folded(form) for entry in entries for forms in entry.forms.values() for form in forms}
    return starts - {""}


def _write(connection: sa.Connection, rows: Sequence[tuple[str, str, str, int, str]]) -> None:
    if not rows:
        return
    columns = [list(column) for column in zip(*rows, strict=True)]
    kinds = (sa.Text, sa.Text, sa.Text, sa.Integer, sa.Text)
    parts: list[sa.ColumnElement[Any]] = [
        sa.func.unnest(sa.cast(column, ARRAY(kind))) for column, kind in zip(columns, kinds, strict=True)
    ]
    parts[-1] = sa.cast(parts[-1], ARRAY(sa.BigInteger))
    names = ["kind", "text", "starts", "products", "examples"]
    connection.execute(sa.insert(suggestions).from_select(names, sa.select(*parts)))


def _shown(connection: sa.Connection, condition: sa.ColumnElement[bool], limit: int) -> list[Suggestion]:
    rows = _candidates(connection, condition, limit)
    return [Suggestion(row.text, row.kind, row.products) for row in rows][:limit]


def _candidates(connection: sa.Connection, condition: sa.ColumnElement[bool], limit: int) -> Sequence[sa.Row[Any]]:
    """Suggestions that meet the condition and are on the shelf still: categories, then phrases, then the rest."""
    order = sa.case({"category": 0, "phrase": 1, "seller": 2}, value=suggestions.c.kind, else_=3)
    fullest = (
        sa.select(
            suggestions.c.kind,
            suggestions.c.text,
            suggestions.c.products,
            sa.func.min(suggestions.c.starts).label("starts"),
            sa.func.min(sa.cast(suggestions.c.examples, sa.Text)).label("examples"),
        )
        .where(condition)
        .group_by(suggestions.c.kind, suggestions.c.text, suggestions.c.products)
        .order_by(order, suggestions.c.products.desc(), sa.func.length(suggestions.c.text), suggestions.c.text)
        .limit(SPARE * limit)
        .cte("fullest")
    )
    left = products.c.product_id == sa.any_(sa.cast(fullest.c.examples, ARRAY(sa.BigInteger)))
    still = meeting(on_the_shelf(sa.literal(1)), Filters()).where(left).correlate(fullest).exists()
    return connection.execute(sa.select(fullest).where(still)).all()


def _forgiven(connection: sa.Connection, beginning: str, limit: int) -> list[Suggestion]:
    """Suggestions that would begin so if no letter had been mistyped."""
    connection.execute(sa.select(sa.func.set_config("pg_trgm.word_similarity_threshold", SIMILAR, True)))
    alike = sa.literal(beginning).op("<%")(suggestions.c.starts)
    rows = _candidates(connection, alike, SPARE * limit)
    near = [(_off(beginning, row.starts), row) for row in rows]
    kept = sorted((one for one in near if one[0] <= most_mistakes(beginning)), key=lambda one: one[0])
    return [Suggestion(row.text, row.kind, row.products) for _, row in kept][:limit]


def _off(beginning: str, starts: str) -> int:
    """By how many letters what was typed misses the beginning of the other."""
    return min(mistakes(beginning, starts[: len(beginning) + more]) for more in (-1, 0, 1))

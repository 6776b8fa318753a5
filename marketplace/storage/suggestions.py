"""What a search box proposes while somebody types: categories, phrases, products and sellers that are on the shelf."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from marketplace.search.asking import Filters
from marketplace.search.lexicon import product_lexicon
from marketplace.search.phrases import EXAMPLES, PHRASE_WORDS, PhraseCounts
from marketplace.search.terms import folded, is_ethiopic
from marketplace.search.transliteration import romanised
from marketplace.search.typos import SHORTEST, mistakes, most_mistakes
from marketplace.storage.filtering import meeting, on_the_shelf
from marketplace.storage.tables import products, sellers, suggestions
from marketplace.storage.warehouse import Warehouse

Kind = Literal["category", "phrase", "product", "seller"]
LONGEST_TYPED = 60  # letters; what follows begins nothing
LONGEST_TEXT = 80
MOST: Mapping[Kind, int] = MappingProxyType({"category": 2_000, "seller": 20_000, "product": 50_000, "phrase": 20_000})
PIECE = 2_000  # rows read or written at once
LOCK = 0x736F6B6F73756767  # one refresh at a time: two would write the same rows
STARTS = 4  # words of a title at which typing may begin
SPARE = 4
SIMILAR = "0.3"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text to search for or a place to go, of which so many products were on the shelf."""

    text: str
    kind: Kind
    products: int


class _Draft(NamedTuple):
    kind: Kind
    text: str
    products: int
    examples: Sequence[int]


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
    """How many suggestions there are of what is on the shelf now, all brought up to date in one transaction.

    However many products there are, memory is bounded: what is fullest is kept, up to `MOST` of each kind.
    """
    written = 0
    with warehouse.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        connection.execute(sa.text("create temporary table drafts (like catalog.suggestions) on commit drop"))
        drafts = _drafts(connection)
        while piece := list(islice(drafts, PIECE)):
            _copy(connection, piece)
            written += len(piece)
        _swap(connection)
    return written


def _drafts(connection: sa.Connection) -> Iterator[_Draft]:
    columns: tuple[tuple[Kind, sa.Column[str]], ...] = (
        ("category", products.c.category),
        ("seller", sellers.c.name),
        ("product", products.c.title),
    )
    for kind, column in columns:
        for row in _streamed(connection, _fullest_of(kind, column)):
            if row.text.strip():
                yield _Draft(kind, row.text, row.products, row.examples)
    counts = PhraseCounts()
    titles = meeting(on_the_shelf(products.c.product_id, products.c.title), Filters()).order_by(products.c.product_id)
    for row in _streamed(connection, titles):
        counts.add(row.product_id, row.title)
    for one in counts.fullest(MOST["phrase"]):
        yield _Draft("phrase", one.phrase, one.products, one.examples)


def _fullest_of(kind: Kind, column: sa.Column[str]) -> sa.Select[Any]:
    """The texts that most products have, of equals the newest, each with how many and some of them."""
    ids = sa.type_coerce(
        sa.func.array_agg(aggregate_order_by(products.c.product_id, products.c.product_id)), ARRAY(sa.BigInteger)
    )
    count = sa.func.count().label("products")
    shelf = meeting(on_the_shelf(column.label("text"), count, ids[1:EXAMPLES].label("examples")), Filters())
    return (
        shelf.where(sa.func.length(column) <= LONGEST_TEXT)
        .group_by(column)
        .order_by(count.desc(), sa.func.max(products.c.first_seen_at).desc(), column)
        .limit(MOST[kind])
    )


def _streamed(connection: sa.Connection, statement: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    """The rows, of which a piece at a time is fetched."""
    with connection.execute(statement, execution_options={"yield_per": PIECE}) as rows:
        yield from rows


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


def _copy(connection: sa.Connection, drafts: Iterable[_Draft]) -> None:
    """The drafts stand in the temporary table, each once for every way to begin it."""
    lines = io.StringIO()
    rows = csv.writer(lines)
    for one in drafts:
        examples = "{" + ",".join(map(str, one.examples)) + "}"
        rows.writerows((one.kind, one.text, starts, one.products, examples) for starts in _starts(one.kind, one.text))
    lines.seek(0)
    with closing(connection.connection.cursor()) as cursor:
        cursor.copy_expert("copy drafts (kind, text, starts, products, examples) from stdin (format csv)", lines)


def _swap(connection: sa.Connection) -> None:
    """The suggestions are the drafts; what stays as it was is not written."""
    for statement in (
        "analyze drafts",
        "delete from catalog.suggestions as kept where not exists (select from drafts"
        " where drafts.kind = kept.kind and drafts.text = kept.text and drafts.starts = kept.starts)",
        "insert into catalog.suggestions as kept (kind, text, starts, products, examples)"
        " select kind, text, starts, products, examples from drafts"
        " on conflict (kind, text, starts) do update set products = excluded.products, examples = excluded.examples"
        " where (kept.products, kept.examples) is distinct from (excluded.products, excluded.examples)",
        "analyze catalog.suggestions",  # the planner has no idea of fresh rows
    ):
        connection.execute(sa.text(statement))


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

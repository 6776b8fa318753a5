"""Products found by the words of a query: BM25 over the inverted index, with what the words may also mean.

Source of the score: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009. The terms
of one concept are synonyms: together they are as rare as the commonest of them, and of a product the best one counts,
as in Lucene's SynonymQuery.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, REAL

from marketplace.search.asking import Filters
from marketplace.search.lexicon import product_lexicon
from marketplace.search.terms import is_ethiopic
from marketplace.search.transliteration import LEAST_CLOSENESS, likeness, sound
from marketplace.search.typos import SHORTEST, most_mistakes, nearest
from marketplace.search.understanding import (
    CORRECTED,
    HEARD,
    MARK,
    PART,
    Concept,
    Correction,
    Understood,
    is_correctable,
    mark,
    understood,
)
from marketplace.storage.filtering import meeting, on_the_shelf
from marketplace.storage.tables import product_terms, products, search_terms
from marketplace.storage.warehouse import Warehouse
from marketplace.storage.word_index import EVERYTHING

SOFT = 0.5  # what a concept counts that is said of anything
BROADENED = 0.5
LEAST_COMMON, COMMON_SHARE = 5_000, 0.25
SPARE, LEAST_WINDOW = 4, 100  # products looked up for each one wanted, for some are sold out or their sellers away
COMPLETIONS = 5
COMPLETED = 0.6
HEARD_MOST = 50
TYPO_CANDIDATES = 200
TRIGRAMS_SHORT, TRIGRAMS_LONG = 0.18, 0.3  # least similarity for words up to six letters, and for longer ones


@dataclass(frozen=True, slots=True)
class WordHit:
    """A product, its BM25 score, and the share of the query's concepts that it holds.

    Soft concepts do not count, nor does one word of a name of several.
    """

    product_id: int
    score: float
    share: float


def read_query(warehouse: Warehouse, text: str) -> Understood:
    """The query as it is understood with the words of the catalogue: endings, other spellings and typos."""
    with warehouse.begin() as connection:
        return _completed(connection, understood(text))


def find_terms(warehouse: Warehouse, query: Understood, *, filters: Filters, limit: int) -> list[WordHit]:
    """Products on the shelf that meet the filters and hold a concept of the query, best first."""
    with warehouse.begin() as connection:
        complete = query if query.is_complete else _completed(connection, query)
        rare, common = _weighed(connection, complete.concepts)
        if not rare:
            return []
        window = SPARE * limit + LEAST_WINDOW if filters == Filters(in_stock=filters.in_stock) else None
        rows = connection.execute(_ranked(rare, common, filters, limit, window)).all()
        if window is not None and len(rows) < limit:  # too many of the best are sold out
            rows = connection.execute(_ranked(rare, common, filters, limit, None)).all()
    asked = sum(not concept.is_soft for concept in complete.concepts)
    return [WordHit(row.product_id, row.score, row.held / asked if asked else 1.0) for row in rows]


@dataclass(frozen=True, slots=True)
class _Weighed:
    term: str
    concept: int
    weight: float
    counts: bool


def _weighed(connection: sa.Connection, concepts: Sequence[Concept]) -> tuple[list[_Weighed], list[_Weighed]]:
    """Every form that products hold, weighed by how rare its concept is; those that a quarter of all hold apart.

    Common ones choose no products, they only tell apart those that rarer ones chose: their lists are as long as the
    catalogue. Where nothing else is asked, they choose.
    """
    known = _known(connection, {form for concept in concepts for form, _ in concept.forms} | {EVERYTHING})
    total = known.get(EVERYTHING, 0)
    rare: list[_Weighed] = []
    common: list[_Weighed] = []
    for number, concept in enumerate(concepts):
        held = [(form, weight) for form, weight in concept.forms if form in known]
        commonest = max((known[form] for form, _ in held), default=0)
        rarity = math.log1p(max(0.0, total - commonest + 0.5) / (commonest + 0.5))
        shared = rarity * (SOFT if concept.is_soft else 1.0)
        chosen = common if commonest > max(LEAST_COMMON, total * COMMON_SHARE) else rare
        counts = not concept.is_soft
        chosen += [_Weighed(form, number, weight * shared, counts and weight > PART) for form, weight in held]
    return (rare, common) if rare else (common, [])


def _ranked(
    rare: Sequence[_Weighed], common: Sequence[_Weighed], filters: Filters, limit: int, window: int | None
) -> sa.Select[tuple[int, float, int]]:
    """The products that hold rare terms; with a window only its best are looked up on the shelf."""
    best = _scored(_best_of(rare)).order_by(sa.literal_column("score").desc(), sa.literal_column("product_id"))
    chosen = (best.limit(window) if window is not None else best).cte("chosen").prefix_with("materialized")
    score: sa.ColumnElement[Any] = chosen.c.score
    held: sa.ColumnElement[Any] = chosen.c.held
    statement = on_the_shelf(products.c.product_id).join(chosen, chosen.c.product_id == products.c.product_id)
    if common:
        more = _scored(_best_of(common, of=chosen.c.product_id)).lateral("more")
        statement = statement.outerjoin(more, sa.true())
        score, held = score + sa.func.coalesce(more.c.score, 0.0), held + sa.func.coalesce(more.c.held, 0)
    return (
        meeting(statement.add_columns(score.label("score"), held.label("held")), filters)
        .order_by(score.desc(), products.c.image_sha256.is_(None), products.c.product_id)
        .limit(limit)
    )


def _best_of(weighed: Sequence[_Weighed], of: sa.ColumnElement[int] | None = None) -> sa.Subquery:
    """What each concept says of each product, or of one: the best of its terms."""
    columns: dict[str, type[sa.types.TypeEngine[Any]]] = {
        "term": sa.Text,
        "concept": sa.Integer,
        "weight": REAL,
        "counts": sa.Boolean,
    }
    values: list[sa.ColumnElement[Any]] = [
        sa.cast([getattr(one, name) for one in weighed], ARRAY(kind)) for name, kind in columns.items()
    ]
    rows = sa.func.unnest(*values).table_valued(*(sa.column(name, kind) for name, kind in columns.items()))
    asked = rows.render_derived("asked" if of is None else "asked_too")
    best = sa.func.max(asked.c.weight * product_terms.c.impact)
    counts = sa.func.bool_or(asked.c.counts)
    each = sa.select(product_terms.c.product_id, counts.label("counts"), best.label("score"))
    each = each.join(asked, asked.c.term == product_terms.c.term)
    each = each.group_by(product_terms.c.product_id, asked.c.concept)
    if of is None:
        return each.subquery("each")
    return each.where(product_terms.c.product_id == of).correlate(of.table).subquery("each_too")


def _scored(each: sa.Subquery) -> sa.Select[tuple[int, float, int]]:
    score, held = sa.func.sum(each.c.score), sa.func.count().filter(each.c.counts)
    return sa.select(each.c.product_id, score.label("score"), held.label("held")).group_by(each.c.product_id)


def _completed(connection: sa.Connection, query: Understood) -> Understood:
    """The query with forms that only the catalogue knows: endings of a beginning, other scripts, corrections."""
    forms = {form for concept in query.concepts for form, _ in concept.forms}
    known = _known(connection, forms)
    concepts, corrections = [], []
    for concept in query.concepts:
        whole = _with_heard(connection, concept)
        if concept.concepts and not any(form in known for form, weight in whole.forms if weight > PART):
            whole = _with(whole, _broader(concept))
        if not any(form in known for form, _ in whole.forms) and is_correctable(concept):
            whole = _with_completions(connection, whole)
            if whole.forms == concept.forms:
                whole, instead = _corrected(connection, concept)
                corrections += [Correction(concept.word, instead)] if instead else []
        concepts.append(whole)
    return replace(query, concepts=tuple(concepts), corrections=tuple(corrections), is_complete=True)


def _known(connection: sa.Connection, terms: set[str]) -> Mapping[str, int]:
    """How many products hold each of the terms that any does."""
    statement = sa.select(search_terms.c.term, search_terms.c.products).where(search_terms.c.term.in_(sorted(terms)))
    return dict(connection.execute(statement).tuples().all())


def _with_heard(connection: sa.Connection, concept: Concept) -> Concept:
    """The concept with the catalogue's words that sound like it in the other script, or in its own if unlisted."""
    if not concept.word.isalpha() or len(concept.word) < 3 - is_ethiopic(concept.word):
        return concept
    readings = [form for form, weight in concept.forms if weight >= HEARD and form.isalpha()]
    sounds = sorted({sound(one) for one in readings} - {""})
    statement = sa.select(search_terms.c.term).where(search_terms.c.sound.in_(sounds))
    rows = connection.execute(statement.order_by(search_terms.c.products.desc()).limit(HEARD_MOST)).scalars()
    heard: dict[str, float] = {}
    for term in rows:
        if is_ethiopic(term) != is_ethiopic(concept.word):
            close = max(likeness(one, term) for one in readings)
            if close >= LEAST_CLOSENESS:
                heard[term] = round(HEARD * close, 3)
    return _with(concept, heard)


def _broader(concept: Concept) -> dict[str, float]:
    """What a concept that nothing on the shelf is belongs to: for flip flops sandals, and less so shoes."""
    forms: dict[str, float] = {}
    for one in concept.concepts:
        for step, above in enumerate(product_lexicon().broader(one), start=1):
            forms[mark(above)] = max(forms.get(mark(above), 0.0), BROADENED**step)
    return forms


def _with_completions(connection: sa.Connection, concept: Concept) -> Concept:
    """The concept with the commonest words of the catalogue that begin with it."""
    if len(concept.word) < SHORTEST:
        return concept
    beginning = search_terms.c.term.startswith(concept.word, autoescape=True)
    statement = sa.select(search_terms.c.term).where(beginning, ~search_terms.c.term.contains(" "))
    rows = connection.execute(statement.order_by(search_terms.c.products.desc()).limit(COMPLETIONS)).scalars()
    return _with(concept, dict.fromkeys(rows, COMPLETED))


def _corrected(connection: sa.Connection, concept: Concept) -> tuple[Concept, str | None]:
    """The concept with what it was probably meant to be, and the likeliest of that; None if nothing is near."""
    word = concept.word
    if most_mistakes(word) == 0:
        return concept, None
    likeliest = nearest(word, _similar(connection, word).items())
    forms: dict[str, float] = {}
    for candidate, _ in likeliest:
        for form, weight in understood(candidate).concepts[0].forms:
            forms[form] = max(forms.get(form, 0.0), round(CORRECTED * weight, 3))
    return _with(concept, forms), likeliest[0][0] if likeliest else None


def _similar(connection: sa.Connection, word: str) -> dict[str, int]:
    """Words of the catalogue and of the lexicon that share trigrams with this one, and how many products hold them."""
    least = TRIGRAMS_SHORT if len(word) <= 6 else TRIGRAMS_LONG
    connection.execute(sa.select(sa.func.set_config("pg_trgm.similarity_threshold", str(least), True)))
    statement = (
        sa.select(search_terms.c.term, search_terms.c.products)
        .where(
            search_terms.c.term.op("%")(word),
            sa.func.length(search_terms.c.term).between(len(word) - 2, len(word) + 2),
            ~search_terms.c.term.startswith(MARK),
            ~search_terms.c.term.contains(" "),
        )
        .order_by(sa.func.similarity(search_terms.c.term, word).desc())
        .limit(TYPO_CANDIDATES)
    )
    found = dict(connection.execute(statement).tuples().all())
    return {**dict.fromkeys(product_lexicon().alike(word), 0), **found}


def _with(concept: Concept, more: Mapping[str, float]) -> Concept:
    weights = dict(concept.forms)
    for form, weight in more.items():
        weights[form] = max(weight, weights.get(form, 0.0))
    return replace(concept, forms=tuple(sorted(weights.items(), key=lambda form: (-form[1], form[0]))))

"""Search by words in five ways of writing: Postgres' own full text, BM25 alone, and BM25 with the lexicon.

`python -m benchmarks.word_search [--queries FILE] [--misses] [--scale N]`. The sample market of all kinds of sellers is
put into an embedded Postgres, and every labelled query is asked three times: of Postgres' full text (configuration
`simple`, words by their beginning, products that hold every word first), of the inverted index with the query's own
words and their inflections only, and of the whole. recall@10 is out of the ten that could be found where more answer.
`--scale N` times queries among N products instead, most of them copies of a fortieth.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from marketplace.catalog.products import stable_id
from marketplace.local.market import CATEGORIES, COLOURS, PATTERNS, SampleMarket, SampleProduct, draw_market
from marketplace.local.network import free_port
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.search.asking import Filters
from marketplace.search.understanding import INFLECTED, MARK, understood
from marketplace.storage.filtering import on_the_shelf
from marketplace.storage.keywords import find_terms, read_query
from marketplace.storage.suggestions import refresh_suggestions, suggest
from marketplace.storage.tables import product_quality, products, sellers
from marketplace.storage.warehouse import Warehouse
from marketplace.storage.word_index import refresh_terms

QUERIES = Path(__file__).parent / "data" / "word_queries.tsv"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEEP = 50
COPIES = 40
MOST_SUGGESTED = 50_000
# What full text reads, as a shop without a search engine would keep it.
HELD = (
    "alter table catalog.products add column words tsvector generated always as"
    " (to_tsvector('simple', title || ' ' || category || ' ' || description)) stored",
    "create index on catalog.products using gin (words)",
)
_SAME = "seller_id, title, category, description, price_minor, currency, price_kind, content_hash, first_seen_at"
_SEEN = "last_seen_at, last_hydrated_at, updated_at"
# The products again under other ids, without their being read again.
CLONE = (
    "set session_replication_role = replica",
    f"insert into catalog.products (product_id, source_ref, {_SAME}, {_SEEN})"
    f" select product_id + copy, source_ref || '-' || copy, {_SAME}, {_SEEN}"
    " from catalog.products, generate_series(1, :most) copy",
    "insert into catalog.product_quality (product_id, content_hash, verdict, reasons, rules_version, judged_at)"
    " select product_id + copy, content_hash, verdict, reasons, rules_version, judged_at"
    " from catalog.product_quality, generate_series(1, :most) copy",
    "insert into catalog.product_terms select product_id + copy, term, impact"
    " from catalog.product_terms, generate_series(1, :most) copy",
    "update catalog.search_terms set products = products * (:most + 1)",
    "set session_replication_role = origin",
)
# Kinds that answers name, by the names of the market's products.
KINDS: Mapping[str, tuple[str, ...]] = {
    "akala": ("Akala sandals",),
    "ankara": ("Ankara maxi dress", "Ankara shirt", "Ankara wax print", "Ankara headwrap"),
    "beaded": ("Maasai beaded sandals", "Viatu vya shanga", "Beaded necklace", "Mkufu wa shanga", "Beaded phone case"),
    "clay": ("Clay cooking pot", "Chungu cha udongo", "Kikombe cha udongo", "Stoneware mug"),
    "coffee": ("Jebena coffee pot", "Coffee cup"),
    "cooking": ("Clay cooking pot", "Sufuria with lid", "Chungu cha udongo"),
    "dashiki": ("Dashiki top",),
    "earrings": ("Brass earrings",),
    "enamel": ("Enamel mug",),
    "gele": ("Gele headtie",),
    "habesha": ("የሐበሻ ቀሚስ",),
    "jebena": ("Jebena coffee pot",),
    "kanga": ("Kanga pair",),
    "kiondo": ("Kiondo handbag",),
    "kitenge": (
        "Kitenge dress", "Gauni la kitenge", "Shati la kitenge", "Kitenge fabric 6 yards", "Kitambaa cha vitenge",
        "Kitenge phone cover",
    ),
    "laundry": ("Woven laundry basket",),
    "leather": ("Leather shoes", "Viatu vya ngozi", "የቆዳ ጫማ", "Leather tote bag", "Mkoba wa ngozi"),
    "linen": ("Linen shirt",),
    "maasai": ("Maasai beaded sandals", "Maasai collar"),
    "market": ("Market tote",),
    "maxi": ("Ankara maxi dress",),
    "necklace": ("Beaded necklace", "Mkufu wa shanga", "Maasai collar"),
    "print": ("Kitenge dress", "Gauni la kitenge", "Ankara maxi dress"),
    "sisal": ("Sisal basket",),
    "sneakers": ("Canvas sneakers",),
    "sufuria": ("Sufuria with lid",),
    "tote": ("Leather tote bag", "Market tote"),
    "ukindu": ("Kikapu cha ukindu",),
    "waxprint": ("Ankara wax print",),
    "wrap": ("Wrap dress",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Labelled:
    """A query, the way it is written, and the words that hold of what answers it."""

    language: str
    text: str
    answer: str

    def answers(self, product: SampleProduct) -> bool:
        """Whether the product is what was asked for."""
        return all(
            any(_holds(word, product) for word in alternatives.split("|")) for alternatives in self.answer.split()
        )


def read_queries(path: Path = QUERIES) -> list[Labelled]:
    """The labelled queries of a file, in its order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Labelled(*line.split("\t")) for line in lines if line and not line.startswith("#")]


def _holds(word: str, product: SampleProduct) -> bool:
    plain = word.replace("_", " ")
    if plain in CATEGORIES:
        return product.category == plain
    if word in COLOURS:
        return product.colour == word
    if word in PATTERNS:
        return product.pattern == word
    return product.title.partition(",")[0] in KINDS[word]


def stock(warehouse: Warehouse, market: SampleMarket) -> None:
    """The market's products on the shelf, judged fit without being looked at, and their words in the index."""
    offered = [one for one in market.products if not one.is_junk and one.in_stock]
    with warehouse.begin() as connection:
        for statement in HELD:
            connection.execute(sa.text(statement))
        connection.execute(sa.insert(sellers), [_seller_row(seller) for seller in market.sellers])
        connection.execute(sa.insert(products), [_product_row(market.product_id(one), one) for one in offered])
        connection.execute(sa.insert(product_quality), [_verdict_row(market.product_id(one)) for one in offered])
    refresh_terms(warehouse)


def _seller_row(seller: object) -> dict[str, object]:
    names = ("seller_id", "handle", "name", "phone", "city", "country", "currency", "source_kind")
    return {name: getattr(seller, name) for name in names}


def _product_row(product_id: int, product: SampleProduct) -> dict[str, object]:
    price = product.price
    return {
        "product_id": product_id,
        "seller_id": stable_id("seller", product.seller_handle),
        "source_ref": product.ref,
        "title": product.title,
        "description": product.description,
        "category": product.category,
        "price_minor": price.amount_minor if price else None,
        "currency": price.currency if price else None,
        "price_kind": "single" if price else None,
        "content_hash": product.ref,
        **dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), NOW),
    }


def _verdict_row(product_id: int) -> dict[str, object]:
    verdict = {"verdict": "approved", "reasons": [], "rules_version": "1", "judged_at": NOW, "content_hash": ""}
    return {"product_id": product_id, **verdict}


def full_text(warehouse: Warehouse, text: str) -> list[int]:
    """What Postgres' full text finds: the products that hold every word, then those that hold some."""
    words = re.findall(r"\w+", text.casefold())
    every, some = (sa.func.to_tsquery("simple", f" {sign} ".join(map(_beginning, words))) for sign in ("&", "|"))
    held: sa.ColumnElement[Any] = sa.literal_column("products.words")
    statement = (
        on_the_shelf(products.c.product_id)
        .where(held.op("@@")(some))
        .order_by(held.op("@@")(every).desc(), sa.func.ts_rank(held, some).desc(), products.c.product_id)
        .limit(DEEP)
    )
    with warehouse.reading() as connection:
        return list(connection.execute(statement).scalars())


def _beginning(word: str) -> str:
    """The word in Postgres' query language: short ones whole or with an s, longer ones by their beginning."""
    forms = [f"'{word}':*"] if len(word) > 3 else [f"'{word}'", f"'{word}s'"]
    singular = [f"'{word[:-1]}'"] if len(word) > 3 and word.endswith("s") else []
    return f"({' | '.join([*forms, *singular])})"


def words_alone(warehouse: Warehouse, text: str) -> list[int]:
    """What BM25 finds by the query's own words and their inflections."""
    query = understood(text)
    own = tuple(
        replace(concept, forms=tuple((form, weight) for form, weight in concept.forms if _is_own(form, weight)))
        for concept in query.concepts
    )
    bare = replace(query, concepts=own, is_complete=True)
    return [hit.product_id for hit in find_terms(warehouse, bare, filters=Filters(), limit=DEEP)]


def _is_own(form: str, weight: float) -> bool:
    return not form.startswith(MARK) and (weight >= INFLECTED or weight < 0.31)


def whole(warehouse: Warehouse, text: str) -> list[int]:
    """What BM25 finds with the lexicon, sounds and corrections."""
    hits = find_terms(warehouse, read_query(warehouse, text), filters=Filters(), limit=DEEP)
    return [hit.product_id for hit in hits]


WAYS: Mapping[str, Callable[[Warehouse, str], list[int]]] = {
    "full text": full_text,
    "BM25, words alone": words_alone,
    "BM25, all": whole,
}


@dataclass(frozen=True, slots=True)
class Score:
    """How well one query was answered."""

    recall: float
    deep_recall: float
    ndcg: float
    reciprocal_rank: float


def score(found: Sequence[int], right: Collection[int]) -> Score:
    """Recall among ten and fifty (of as many as fit), nDCG@10 and the reciprocal rank of the first right one."""
    hits = [product_id in right for product_id in found]
    gain = sum(hit / math.log2(rank + 1) for rank, hit in enumerate(hits[:10], 1))
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(10, len(right)) + 1))
    first = next((rank for rank, hit in enumerate(hits, 1) if hit), None)
    return Score(
        sum(hits[:10]) / min(10, len(right)),
        sum(hits[:DEEP]) / min(DEEP, len(right)),
        gain / ideal,
        1 / first if first else 0.0,
    )


def measured(warehouse: Warehouse, market: SampleMarket, queries: Sequence[Labelled]) -> dict[str, dict[str, Score]]:
    """The mean scores of every way and language, `all` being every query."""
    offered = [one for one in market.products if not one.is_junk and one.in_stock]
    table: dict[str, dict[str, Score]] = {}
    for name, way in WAYS.items():
        by_language: dict[str, list[Score]] = defaultdict(list)
        for query in queries:
            right = {market.product_id(one) for one in offered if query.answers(one)}
            if not right:
                raise SystemExit(f"nothing in the market answers {query}")
            scored = score(way(warehouse, query.text), right)
            by_language[query.language].append(scored)
            by_language["all"].append(scored)
        table[name] = {language: _mean(scores) for language, scores in by_language.items()}
    return table


def _mean(scores: Sequence[Score]) -> Score:
    return Score(
        statistics.fmean(one.recall for one in scores),
        statistics.fmean(one.deep_recall for one in scores),
        statistics.fmean(one.ndcg for one in scores),
        statistics.fmean(one.reciprocal_rank for one in scores),
    )


@contextmanager
def empty_warehouse() -> Iterator[Warehouse]:
    """A migrated warehouse in an embedded Postgres of its own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "postgres", free_port(), durable=False)
        server.start(Path(folder) / "postgres.log")
        warehouse = Warehouse(server.create_database("words"))
        try:
            warehouse.migrate()
            yield warehouse
        finally:
            warehouse.close()
            server.stop()


def grown(market: SampleMarket, count: int) -> SampleMarket:
    """A market of that many products: those of this one with other words between them, drawn from a seed."""
    generator = random.Random(7)
    names = [name for names, _ in CATEGORIES.values() for name in names]
    offered = [one for one in market.products if not one.is_junk and one.in_stock]
    syllables = [first + vowel for first in "bdfgklmnprstvwz" for vowel in "aeiou"]
    words = ["".join(generator.choices(syllables, k=3)) for _ in range(20_000)]
    drawn = []
    for number in range(count):
        one = offered[number % len(offered)]
        title = f"{generator.choice(names)} {' '.join(generator.choices(words, k=4))}"
        drawn.append(replace(one, ref=f"grown-{number}", title=title))
    return replace(market, products=tuple(drawn))


def time_queries(warehouse: Warehouse, count: int) -> None:
    """Print how long finding and suggesting take among so many products."""
    read = max(1, count // COPIES)
    began = time.perf_counter()
    stock(warehouse, grown(draw_market(kinds=True), read))
    print(f"{read:,} products read into the index in {time.perf_counter() - began:.0f} s, and copied {COPIES} times")
    with warehouse.begin() as connection:
        for statement in CLONE:
            connection.execute(sa.text(statement), {"most": COPIES - 1})
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("vacuum (analyze)"))
        size = connection.execute(sa.text("select pg_total_relation_size('catalog.product_terms')")).scalar_one()
    print(f"product_terms take {size / count:,.0f} bytes per product")
    texts = [query.text for query in read_queries()]
    _time("full text", partial(full_text, warehouse), texts)
    _time("BM25, all", partial(whole, warehouse), texts)
    if count > MOST_SUGGESTED:
        return
    began = time.perf_counter()
    print(f"{refresh_suggestions(warehouse):,} suggestions written in {time.perf_counter() - began:.0f} s")
    beginnings = sorted({text[:size] for text in texts for size in (1, 2, 3, 5, 8)})
    _time("suggestions", partial(suggest, warehouse, limit=8), beginnings)


def _time(name: str, work: Callable[[str], object], texts: Sequence[str]) -> None:
    """Print what the clock says of each text, and the processor time of both sides, which other work does not raise."""
    work(texts[0])
    taken, before = [], _processor_seconds()
    for text in texts:
        began = time.perf_counter()
        work(text)
        taken.append(1000 * (time.perf_counter() - began))
    each = 1000 * (_processor_seconds() - before) / len(texts)
    ordered = sorted(taken)
    at = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    shown = ", ".join(f"{label} {ordered[int(len(ordered) * share)]:.1f} ms" for label, share in at.items())
    print(f"{name}: {shown}; {each:.1f} ms of processor time each")


def _processor_seconds() -> float:
    """What this process and those under it, Postgres' among them, have used."""
    mine = psutil.Process()
    times = [process.cpu_times() for process in (mine, *mine.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=Path, default=QUERIES)
    parser.add_argument("--misses", action="store_true", help="show the queries that the whole answers badly")
    parser.add_argument("--scale", type=int, help="time queries among so many products instead")
    asked = parser.parse_args()
    with empty_warehouse() as warehouse:
        if asked.scale:
            time_queries(warehouse, asked.scale)
            return
        market, queries = draw_market(kinds=True), read_queries(asked.queries)
        stock(warehouse, market)
        for name, row in measured(warehouse, market, queries).items():
            print(f"\n{name:20} recall@10  recall@50  nDCG@10  MRR")
            for language, one in row.items():
                figures = f"{one.recall:9.3f}  {one.deep_recall:9.3f}  {one.ndcg:7.3f}  {one.reciprocal_rank:.3f}"
                print(f"{language:20} {figures}")
        if asked.misses:
            _show_misses(warehouse, market, queries)


def _show_misses(warehouse: Warehouse, market: SampleMarket, queries: Sequence[Labelled]) -> None:
    offered = {market.product_id(one): one for one in market.products if not one.is_junk and one.in_stock}
    for query in queries:
        right = {product_id for product_id, one in offered.items() if query.answers(one)}
        found = whole(warehouse, query.text)
        got = score(found, right)
        if got.recall < 0.9:
            shown = [offered[product_id].title for product_id in found[:3]]
            print(f"{got.recall:.2f} {query.language} {query.text!r} ({query.answer}): {shown}")


if __name__ == "__main__":
    main()

"""Queries in five ways of writing are answered, and far better than by plain full text."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.word_search import measured, read_queries, score, stock
from marketplace.local.market import draw_market
from marketplace.storage.warehouse import Warehouse

LANGUAGES = ("en", "sw", "am", "am-Latn", "mul")


def test_every_way_of_writing_has_sixty_queries_and_none_is_asked_twice() -> None:
    queries = read_queries()
    counts = Counter(query.language for query in queries)
    assert set(counts) == set(LANGUAGES)
    assert min(counts.values()) >= 60
    assert len({(query.language, query.text) for query in queries}) == len(queries)


def test_scores_are_what_their_formulas_say() -> None:
    scored = score([9, 1, 2], {1, 2, 3, 4})
    assert scored.recall == 2 / 4
    assert scored.reciprocal_rank == 1 / 2
    assert score([1, 2], {1, 2}).ndcg == pytest.approx(1)
    assert score([], {1}).reciprocal_rank == 0


def test_words_are_answered_in_every_language(warehouse: Warehouse) -> None:
    market = draw_market(kinds=True)
    stock(warehouse, market)
    table = measured(warehouse, market, read_queries())
    for language in LANGUAGES:
        assert table["BM25, all"][language].ndcg >= 0.93, language
        assert table["BM25, all"][language].ndcg >= table["full text"][language].ndcg + 0.2, language

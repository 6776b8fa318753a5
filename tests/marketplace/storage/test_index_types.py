"""Indexes are sized to their data and searched as widely as a condition needs."""

from __future__ import annotations

import pytest

from marketplace.storage.index_types import EVERY_CELL, WIDEST_LIST, breadths, nlist_for, search_params, widened


@pytest.mark.parametrize(
    ("rows", "cells"),
    [
        (0, 1),
        (1, 1),
        (9, 9),
        (100, 40),
        (2_000, 179),
        (65_536, 1024),
        (1_000_000, 1024),
        (10_000_000, 4882),
        (10**9, 8192),
    ],
)
def test_cells_grow_with_the_root_of_the_rows_then_stay_then_follow_the_rows(rows, cells):
    assert nlist_for(rows) == cells


def test_a_condition_that_few_rows_meet_is_searched_more_widely():
    assert widened("IVF_FLAT", 16, 1.0) == 16
    assert widened("IVF_FLAT", 16, 0.5) == 64
    assert widened("IVF_FLAT", 16, 0.0) == EVERY_CELL
    assert widened("HNSW", 64, 0.001) == WIDEST_LIST


def test_every_breadth_to_try_lies_within_the_index():
    assert breadths("FLAT", 0) == [0]
    assert breadths("IVF_FLAT", 1) == [1]
    assert breadths("IVF_SQ8", 20) == [1, 2, 4, 8, 12, 16, 20]
    assert min(breadths("HNSW", 0)) == 16


def test_a_graph_keeps_at_least_as_many_candidates_as_are_wanted():
    assert search_params("HNSW", 16, 100)["params"] == {"ef": 100}
    assert search_params("IVF_FLAT", 16, 100)["params"] == {"nprobe": 16}

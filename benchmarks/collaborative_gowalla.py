"""Every model on Gowalla beside the published table: full ranking, what was trained on masked, recall and nDCG at 20.

`python -m benchmarks.collaborative_gowalla FOLDER`, where FOLDER holds train.npz and test.npz of the LightGCN split.
Settings and weights are chosen on a fifth of each shopper's training items; the test is asked once, at the end.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from models.collaborative.blending import learn_blend
from models.collaborative.evaluation import Examination, judge
from models.collaborative.factors import AlsParameters, BprParameters, ScaledAlsParameters
from models.collaborative.features import Interactions
from models.collaborative.graph import GraphParameters, fit_graph
from models.collaborative.linear import EASE_MOST, ItemParameters
from models.collaborative.model import BlendModel, Recommender
from models.collaborative.training import Parameters, PopularParameters, fit

PUBLISHED = {
    "BSPM-EM": (0.1920, 0.1597),
    "SimpleX": (0.1872, 0.1557),
    "UltraGCN": (0.1862, 0.1580),
    "GF-CF": (0.1849, 0.1518),
    "LightGCN": (0.1820, 0.1547),
    "EASE": (0.1765, 0.1467),
    "ItemCF": (0.1570, 0.1214),
}
SHOPPERS = 3000  # of the validation split, whom settings are chosen on
GF_CF = GraphParameters(touched=0.5, shoppers=1.0, reached=0.5, sharpen=0.0, low_pass=0.3, tilt=0.5)


def main() -> None:
    """Print the table and what was chosen."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path, help="with train.npz and test.npz")
    asked.add_argument("--only-ours", action="store_true", help="leave out the families that are slower and worse")
    options = asked.parse_args()
    began = time.monotonic()
    train, test = (_ones(options.folder / name) for name in ("train.npz", "test.npz"))
    print(f"{platform.machine()}, {os.cpu_count()} cores; {train.shape[0]} shoppers, {train.shape[1]} items")
    exam = validation(train)
    graph = chosen_graph(exam)
    print(f"chosen on validation after {time.monotonic() - began:.0f} s: {graph}")
    blend = chosen_blend(exam, graph)
    print(f"blend: {dict(zip((part.kind for part in blend.parts), blend.weights, strict=True))}", flush=True)
    final = question(train, test)
    rows = list(_rows(final, graph, blend, only_ours=options.only_ours))
    print(f"\n{'model':<34} recall@20  ndcg@20  seconds")
    named = [(f"{name} (published)", *figures, None) for name, figures in PUBLISHED.items()]
    for name, recall, ndcg, seconds in sorted([*rows, *named], key=lambda row: -row[1]):
        print(f"{name:<34} {recall:9.4f} {ndcg:8.4f}  {'' if seconds is None else f'{seconds:7.0f}'}")
    if train.shape[1] > EASE_MOST:
        print(f"EASE of ours takes at most {EASE_MOST} items; here it would invert {train.shape[1]} squared")
    print(f"in all {(time.monotonic() - began) / 60:.1f} minutes")


def validation(train: sp.csr_matrix, *, share: float = 0.2, seed: int = 7) -> Examination:
    """A fifth of the training items of each shopper as questions, for some shoppers."""
    generator = np.random.default_rng(seed)
    order = generator.random(train.nnz)
    rows = np.repeat(np.arange(train.shape[0]), np.diff(train.indptr))
    held = np.zeros(train.nnz, dtype=bool)
    for start, end in zip(train.indptr[:-1], train.indptr[1:], strict=True):
        count = int((end - start) * share)
        held[start + np.argsort(order[start:end])[:count]] = True
    past, future = (_matrix(rows[kept], train.indices[kept], train.shape) for kept in (~held, held))
    some = np.flatnonzero(np.diff(future.indptr))
    return question(past, future, np.sort(generator.choice(some, min(SHOPPERS, len(some)), replace=False)))


def question(past: sp.csr_matrix, future: sp.csr_matrix, rows: np.ndarray | None = None) -> Examination:
    """The future of some shoppers, asked of whoever learned the past."""
    asked = np.flatnonzero(np.diff(future.indptr)) if rows is None else rows
    users = np.arange(past.shape[0]).astype(np.str_)
    interactions = Interactions(past, users, np.arange(past.shape[1], dtype=np.int64))
    nobody = np.full(past.shape[1], -1)
    return Examination(interactions, users[asked], past[asked], future[asked], nobody, "by shopper")


def chosen_graph(exam: Examination) -> GraphParameters:
    """The settings of the graph filter, one coordinate after the other; the low pass last, for it is slow to fit."""
    best = GraphParameters(touched=0.5, shoppers=0.5, reached=0.5, sharpen=0.0, low_pass=0.0)
    worth = _recall(exam, best)
    steps: list[tuple[str, tuple[float, ...]]] = [
        ("reached", (0.25, 0.35)),
        ("touched", (0.65, 0.8)),
        ("shoppers", (0.7, 0.9)),
        ("sharpen", (0.15, 0.3, 0.45, 0.6)),
        ("reached", (0.2, 0.3)),
        ("touched", (0.6, 0.7)),
        ("low_pass", (0.1, 0.2)),
    ]
    for name, values in steps:
        for value in values:
            tried = replace(best, **{name: value})
            if (found := _recall(exam, tried)) > worth:
                worth, best = found, tried
        print(f"  {name} {getattr(best, name)}: recall@20 {worth:.4f} on validation", flush=True)
    return best


def chosen_blend(exam: Examination, graph: GraphParameters) -> BlendModel:
    """The graph filter and scaled ALS, with the weights that do best on validation."""
    return learn_blend([fit_graph(exam.past, graph), fit(exam.past, FACTORS)], exam)


FACTORS = ScaledAlsParameters(factors=64, unobserved=0.01, regularization=0.01, iterations=8)


def _rows(
    exam: Examination, graph: GraphParameters, blend: BlendModel, *, only_ours: bool
) -> Iterator[tuple[str, float, float, float]]:
    yield from _judged("ours: graph filter", exam, graph)
    began = time.monotonic()
    parts = {"graph_filter": graph, "scaled_als": FACTORS}
    mixed = BlendModel(tuple(fit(exam.past, parts[part.kind]) for part in blend.parts), blend.weights)
    yield _row("ours: blend", mixed, exam, began)
    if only_ours:
        return
    others: dict[str, Parameters] = {
        "popularity": PopularParameters(),
        "GF-CF, of our filter": GF_CF,
        "item-to-item cosine": ItemParameters("cosine"),
        "item-to-item BM25": ItemParameters("bm25"),
        "item-to-item TF-IDF": ItemParameters("tfidf"),
        "ALS, 50 factors (documented)": AlsParameters(),
        "ALS, 200 factors, alpha 20": AlsParameters(200, regularization=2.0, alpha=20.0, iterations=15),
        "ALS scaled by frequency, 64": FACTORS,
        "BPR, 50 factors": BprParameters(),
    }
    for name, parameters in others.items():
        yield from _judged(name, exam, parameters)


def _judged(name: str, exam: Examination, parameters: Parameters) -> Iterator[tuple[str, float, float, float]]:
    began = time.monotonic()
    yield _row(name, fit(exam.past, parameters), exam, began)


def _row(name: str, model: Recommender, exam: Examination, began: float) -> tuple[str, float, float, float]:
    means = judge(model, exam).means()
    row = (name, means["recall_at_20"], means["ndcg_at_20"], time.monotonic() - began)
    print(f"  {row[0]}: {row[1]:.4f} {row[2]:.4f} after {row[3]:.0f} s", flush=True)
    return row


def _recall(exam: Examination, parameters: GraphParameters) -> float:
    return float(judge(fit_graph(exam.past, parameters), exam).recall_at_20.mean())


def _ones(file: Path) -> sp.csr_matrix:
    entries = sp.load_npz(file).tocoo()
    return _matrix(entries.row, entries.col, entries.shape)


def _matrix(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sp.csr_matrix:
    found = sp.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)
    found.data[:] = 1
    found.sort_indices()
    return found


if __name__ == "__main__":
    main()

"""Every model beside popularity and repeat purchase on a real shop's baskets, and on planted tastes.

`python -m benchmarks.collaborative_markets [--afrimash Transaction_Data.xlsx]`: the sample market, then the
baskets. Both are split by time, never at random; intervals are of the mean over shoppers, 95 %, by bootstrap.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

from marketplace.catalog.baskets import read_basket
from marketplace.catalog.products import stable_id
from marketplace.events.weights import WEIGHTS
from marketplace.local.history import TASTES, draw_history
from marketplace.local.market import SampleMarket, draw_market
from models.collaborative.evaluation import Examination, Judged, examination, judge, judged, listed
from models.collaborative.features import Feedback, Interactions, interaction_matrix
from models.collaborative.intervals import interval_of_mean
from models.collaborative.model import Floats, Recommender
from models.collaborative.selection import choose, cook, search
from models.collaborative.training import FLOOR, possible

BORDER = pd.Timestamp("2025-01-01", tz="UTC")
FUTURE_DAYS = 14
TRIALS = 12


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table."""

    name: str
    judged: Judged


def main() -> None:
    """Print a table for each market."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--afrimash", type=Path, help="the workbook of orders")
    options = asked.parse_args()
    sample_market()
    if options.afrimash:
        afrimash(options.afrimash)


def sample_market() -> None:
    """The tastes that were planted, and the share of an oracle's nDCG that each model reaches."""
    market = draw_market()
    history = draw_history(market, until=datetime(2026, 11, 1, tzinfo=UTC))
    events = _weighed(pd.DataFrame(history.interactions))
    exam = examination(events, future_days=FUTURE_DAYS, feedback=Feedback())
    liking = _planted(market, history.truth["taste_of"], exam)
    oracle = judged("oracle", listed(liking, exam.histories, liking.mean(axis=0)), exam)
    print(f"sample market: {len(exam.users)} shoppers, {len(exam.past.items)} products, last {FUTURE_DAYS} days")
    rows = list(_learned(events, exam))
    _table([Row("oracle, who knows the planted tastes", oracle), *rows], exam)
    best = max(rows, key=lambda row: row.judged.ndcg_at_20.mean())
    share = best.judged.ndcg_at_20.mean() / oracle.ndcg_at_20.mean()
    print(f"{best.name} reaches {share:.3f} of the oracle's nDCG at 20\n")


def afrimash(file: Path) -> None:
    """Orders of a farm shop before and from 2025 on: what is bought next, again or new, and what is bought anew."""
    events = orders(file)
    past, future = events[events["occurred_at"] < BORDER], events[events["occurred_at"] >= BORDER]
    customers, products = events["user_id"].nunique(), events["product_id"].nunique()
    print(f"Afrimash: {customers} customers, {products} products as they are named")
    print(f"  {len(past)} lines before {BORDER.date()}, {len(future)} from then on")
    known = future[future["user_id"].isin(set(past["user_id"]))]
    print(f"  {known['user_id'].nunique()} of {future['user_id'].nunique()} customers of the future had bought before")
    learned = interaction_matrix(past, Feedback(half_life_days=365), BORDER.to_pydatetime())
    again = _asked(learned, known, is_repeat=True)
    if again is not None:
        print("\nnext purchases, products bought before among them")
        _table(list(_with_repeats(learned, again)), again)
    new = _asked(learned, known, is_repeat=False)
    if new is not None:
        print("\nonly products that the customer had never bought")
        _table([Row(kind, judge(model, new)) for kind, model in _fitted(learned).items()], new)


def orders(file: Path) -> pd.DataFrame:
    """A row per order line with its product by name; orders without products or without revenue are left out."""
    sheet = pd.read_excel(file)
    sold = sheet[sheet["Product(s)"].notna() & (sheet["Revenue"] > 0)]
    rows = [
        (str(customer), stable_id("afrimash", line.title.casefold()), 1.0, at)
        for customer, at, text in zip(sold["Customer_ID"], sold["Date"], sold["Product(s)"], strict=True)
        for line in read_basket(text)
    ]
    frame = pd.DataFrame(rows, columns=["user_id", "product_id", "weight", "occurred_at"])
    frame["occurred_at"] = pd.to_datetime(frame["occurred_at"], utc=True)
    return frame


def _weighed(events: pd.DataFrame) -> pd.DataFrame:
    found = events.assign(weight=events["kind"].map(dict(WEIGHTS)))
    found["occurred_at"] = pd.to_datetime(found["occurred_at"], utc=True)
    return found


def _planted(market: SampleMarket, taste_of: Mapping[str, str], exam: Examination) -> Floats:
    """How much each shopper likes each item by the taste that was planted in them, (shoppers, items)."""
    product_of = {market.product_id(product): product for product in market.products}
    liking = {}
    for taste, (categories, colours) in TASTES.items():
        products = [product_of[item] for item in exam.past.items.tolist()]
        liking[taste] = [
            (8.0 if p.category in categories else 0.35) * (3.0 if p.colour in colours else 1.0) for p in products
        ]
    appeal = np.asarray(exam.past.matrix.sum(axis=0)).ravel()
    return np.array([liking[taste_of[user]] for user in exam.users.tolist()], dtype=np.float32) * np.sqrt(appeal + 1)


def _learned(events: pd.DataFrame, exam: Examination) -> Iterator[Row]:
    """Every family at its usual settings, and what is chosen on the two weeks before those that judge."""
    earlier = events[events["occurred_at"] <= pd.Timestamp(exam.split_at)]
    validation = examination(earlier, future_days=FUTURE_DAYS, feedback=Feedback())
    recipe, _ = choose(search(validation, trials=TRIALS), validation)
    yield Row(f"chosen: {' + '.join(recipe.kinds)}", judge(cook(recipe, exam.past), exam))
    for kind, model in _fitted(exam.past).items():
        yield Row(kind, judge(model, exam))


def _fitted(past: Interactions) -> dict[str, Recommender]:
    from models.collaborative.training import fit

    return {kind: fit(past, parameters) for kind, parameters in possible(past).items()}


def _asked(past: Interactions, future: pd.DataFrame, *, is_repeat: bool) -> Examination | None:
    """Questions of customers with a past, with or without what they had bought before."""
    rows, columns = (
        pd.Index(past.users).get_indexer(future["user_id"]),
        pd.Index(past.items).get_indexer(future["product_id"]),
    )
    known = (rows >= 0) & (columns >= 0)
    wanted = sp.csr_matrix((np.ones(known.sum(), np.float32), (rows[known], columns[known])), shape=past.matrix.shape)
    wanted.data[:] = 1
    if not is_repeat:
        touched = past.matrix.copy()
        touched.data[:] = 1
        wanted = sp.csr_matrix(wanted - wanted.multiply(touched))
        wanted.eliminate_zeros()
    asked = np.flatnonzero(np.diff(wanted.indptr))
    nobody = np.full(len(past.items), -1)
    wanted.sort_indices()
    return Examination(past, past.users[asked], past.matrix[asked], wanted[asked], nobody, str(BORDER.date()))


def _with_repeats(past: Interactions, exam: Examination) -> Iterator[Row]:
    """Lists that may hold what was bought before: models as they score, and each after what was bought before."""
    popular = np.asarray(past.matrix.sum(axis=0), dtype=np.float32).ravel()
    nothing = sp.csr_matrix(exam.histories.shape, dtype=np.float32)
    bought = exam.histories.toarray()
    beyond = bought.max() * 10
    for kind, model in _fitted(past).items():
        scores = model.scores(exam.histories)
        yield Row(kind, judged(kind, listed(scores, nothing, popular), exam))
        worth = scores / (np.abs(scores).max(axis=1, keepdims=True) + 1e-9)
        first = np.where(bought > 0, beyond + bought, worth).astype(np.float32)
        name = "repeat purchase, then " + ("popular" if kind == FLOOR else kind)
        yield Row(name, judged(kind, listed(first, nothing, popular), exam))


def _table(rows: list[Row], exam: Examination) -> None:
    floor = next(row for row in rows if row.name == FLOOR)
    print(f"{'model':<42} recall@20 [95 %]         ndcg@20 [95 %]          map@20  beside popularity, ndcg@20")
    for row in sorted(rows, key=lambda row: -row.judged.ndcg_at_20.mean()):
        cells = [_cell(getattr(row.judged, name)) for name in ("recall_at_20", "ndcg_at_20")]
        low, high = interval_of_mean(row.judged.ndcg_at_20 - floor.judged.ndcg_at_20, seed=7)
        said = "wins" if low > 0 else "loses" if high < 0 else "no difference beyond chance"
        said = "" if row is floor else f"{low:+.3f} to {high:+.3f}: {said}"
        print(f"{row.name:<42} {cells[0]}  {cells[1]}  {row.judged.map_at_20.mean():.3f}  {said}")
    print(f"{len(exam.users)} shoppers")


def _cell(values: np.ndarray) -> str:
    low, high = interval_of_mean(values, seed=7)
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()

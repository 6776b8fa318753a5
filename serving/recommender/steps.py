"""From a history to an ordered list: personal, then popular, then newest, each step filling what those above left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.collaborative.hybrid import CF_WEIGHT, weight_of
from models.collaborative.model import Floats
from models.collaborative.ranking import Pool, likeness_of, ranked
from models.collaborative.ready import calibrated_one, summed
from serving.recommender.asking import Ask, Step
from serving.recommender.snapshot import Columns, ModelView, Snapshot
from serving.recommender.tastes import History

WIDTH = 4  # candidates of a step for every place
LEAST = 80


@dataclass(frozen=True, slots=True)
class Ways:
    """How a list is made: by which model, whose weights of the hybrid, and with how much variety."""

    view: ModelView | None
    is_learned: bool
    diversity: float
    per_seller: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for every product: the parts that the model and its looks have in its score, (products,) each."""

    collaborative: Floats
    visual: Floats

    @property
    def score(self) -> Floats:
        """Both together."""
        return self.collaborative + self.visual


@dataclass(frozen=True, slots=True)
class Tier:
    """The candidates of one step, best first; `about` is the category and city that popularity is of."""

    source: Step
    columns: Columns
    relevance: Floats
    scores: Floats | None = None
    about: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A product's column, and the step that put it there."""

    column: int
    tier: Tier
    score: float | None


def eligible(snapshot: Snapshot, ask: Ask, history: History, dead: frozenset[int]) -> NDArray[np.bool_]:
    """Which products may be shown at all, (products,)."""
    shelf = snapshot.shelf
    allowed = shelf.offered.copy()
    barred = ask.exclude | history.settled | dead | ({ask.context} if ask.context is not None else frozenset())
    if barred:
        allowed[shelf.known(list(barred))] = False
    if ask.category is not None:
        code = shelf.category_codes.get(ask.category, -1 if ask.category == "" else -2)
        allowed &= shelf.categories == code
    if ask.seller_id is not None:
        allowed &= shelf.sellers == ask.seller_id
    return allowed


def evidence(snapshot: Snapshot, history: History, allowed: NDArray[np.bool_], ways: Ways) -> Evidence:
    """What the history says for each product that may be shown and was not touched."""
    fresh = allowed.copy()
    fresh[history.columns] = False
    weight = _weight(history, ways)
    visual = summed(snapshot.alike, history.columns, history.interest)
    cf = ways.view.scores(history.columns, history.interest) if ways.view is not None else np.zeros_like(visual)
    parts = [calibrated_one(np.where(fresh, scores, np.float32(0))) for scores in (cf, visual)]
    return Evidence(np.float32(weight) * parts[0], np.float32(1 - weight) * parts[1])


def tiers(
    snapshot: Snapshot, ask: Ask, history: History, allowed: NDArray[np.bool_], found: Evidence, *, is_model: bool
) -> Iterator[Tier]:
    """The steps in their order, each with more candidates than there are places."""
    most = max(LEAST, WIDTH * ask.limit)
    if ask.surface == "also_bought":
        yield _best("together", found.collaborative, most)
        yield _best("alike", found.visual, most)
    elif history.is_liking:
        yield _best("context" if not history.is_own else "personal" if is_model else "item_to_item", found.score, most)
    for about in abouts(ask, favourite(snapshot, history)):
        columns = snapshot.popular.get(about, np.zeros(0, dtype=np.intp))
        yield _in_order("popular_in_category", columns[allowed[columns]], about)
    newest = snapshot.shelf.newest
    yield _in_order("newest", newest[allowed[newest]][:most])


def reached(snapshot: Snapshot, steps: Iterable[Tier], count: int, ways: Ways) -> list[Tier]:
    """The steps that a list of so many places can come to: those after enough candidates of enough sellers are not."""
    taken: list[Tier] = []
    for step in steps:
        taken.append(step)
        _, held = np.unique(
            snapshot.shelf.sellers[np.unique(np.concatenate([one.columns for one in taken]))], return_counts=True
        )
        if np.minimum(held, ways.per_seller or count).sum() >= count:
            break
    return taken


def listed_tier(
    source: Step, snapshot: Snapshot, allowed: NDArray[np.bool_], rows: Sequence[tuple[int, float]]
) -> Tier:
    """A published list as a step."""
    columns, is_there = snapshot.shelf.columns([product_id for product_id, _ in rows])
    kept = is_there.copy()
    kept[is_there] = allowed[columns[is_there]]
    scores = np.array([score for _, score in rows], dtype=np.float32)[kept]
    return Tier(source, columns[kept], _by_place(len(scores)), scores)


def abouts(ask: Ask, liked: str | None) -> list[tuple[str, str]]:
    """The categories and cities whose popular products come in question, the nearest first."""
    category = ask.category or liked or ""
    wanted = [(category, ask.city or ""), (category, ""), ("", ask.city or ""), ("", "")]
    return list(dict.fromkeys(wanted))


def favourite(snapshot: Snapshot, history: History) -> str | None:
    """The category that drew most interest, None if none did."""
    codes = snapshot.shelf.categories[history.columns]
    liked = (codes >= 0) & (history.interest > 0)
    if not liked.any():
        return None
    best = int(np.argmax(np.bincount(codes[liked], history.interest[liked])))
    return next(name for name, code in snapshot.shelf.category_codes.items() if code == best)


def ordered(snapshot: Snapshot, steps: Sequence[Tier], count: int, ways: Ways) -> list[Place]:
    """The places of the list; a product that several steps name stands where the first put it."""
    columns = np.concatenate([step.columns for step in steps]).astype(np.intp)
    numbers = np.repeat(np.arange(len(steps)), [len(step.columns) for step in steps])
    relevance = np.concatenate([step.relevance for step in steps]).astype(np.float32)
    _, first = np.unique(columns, return_index=True)
    first.sort()
    columns, numbers, relevance = columns[first], numbers[first], relevance[first]
    shelf = snapshot.shelf
    cosines = snapshot.alike[columns][:, columns].toarray() if ways.diversity and len(columns) else None
    likeness = (
        np.zeros((len(columns), len(columns)), dtype=np.float32)
        if cosines is None
        else likeness_of(np.maximum(cosines, cosines.T), shelf.categories[columns])
    )
    pool = Pool(relevance, numbers, shelf.sellers[columns], likeness)
    chosen = ranked(pool, count, diversity=ways.diversity, per_seller=ways.per_seller)
    return [_place(steps[int(numbers[one])], int(columns[one])) for one in chosen]


def explorable(
    snapshot: Snapshot, history: History, allowed: NDArray[np.bool_], found: Evidence, taken: Sequence[int], most: int
) -> tuple[Columns, Floats]:
    """Cold products that may be tried out, and how much each is to be drawn: half by likeness, half alike."""
    waiting = allowed & snapshot.cold
    waiting[history.columns] = False
    waiting[list(taken)] = False
    candidates = np.flatnonzero(waiting)
    if not len(candidates):
        return candidates, np.zeros(0, dtype=np.float32)
    visual = found.visual[candidates]
    like = candidates[np.argsort(-visual, kind="stable")[: most // 2]]
    new = candidates[np.argsort(-snapshot.shelf.first_seen[candidates], kind="stable")[: most - len(like)]]
    pool = np.union1d(like[found.visual[like] > 0], new)
    likely = found.visual[pool]
    even = np.full(len(pool), 1 / len(pool), dtype=np.float32)
    return pool, even if likely.sum() == 0 else (0.5 * even + 0.5 * likely / likely.sum()).astype(np.float32)


def _weight(history: History, ways: Ways) -> float:
    if ways.view is None:
        return 0.0
    loaded = ways.view.loaded
    if loaded is None or not ways.is_learned:
        return CF_WEIGHT
    depth = ways.view.depth(history.columns, history.interest)
    return float(weight_of(np.array([depth]), loaded.depths, loaded.weights)[0])


def _best(source: Step, scores: Floats, most: int) -> Tier:
    known = np.flatnonzero(scores > 0)
    if len(known) > most:
        known = np.sort(known[np.argpartition(-scores[known], most)[:most]])
    columns = known[np.argsort(-scores[known], kind="stable")]
    return Tier(source, columns, scores[columns], scores[columns])


def _in_order(source: Step, columns: Columns, about: tuple[str, str] | None = None) -> Tier:
    return Tier(source, columns, _by_place(len(columns)), None, about)


def _by_place(count: int) -> Floats:
    """The relevance of the first, the second, and so on: as `calibrated`."""
    return np.asarray(1 - np.log(np.arange(1, count + 1)) / np.log(count + 1), dtype=np.float32)


def _place(tier: Tier, column: int) -> Place:
    if tier.scores is None:
        return Place(column, tier, None)
    return Place(column, tier, float(tier.scores[np.flatnonzero(tier.columns == column)[0]]))

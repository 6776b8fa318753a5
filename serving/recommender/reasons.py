"""Why a product stands in a list, in words that what put it there bears out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from serving.recommender.snapshot import Columns, ModelView, Snapshot
from serving.recommender.steps import Evidence, Place
from serving.recommender.tastes import History

DID = {
    "view": "you looked at",
    "click": "you looked at",
    "wishlist": "you saved",
    "purchase": "you bought",
    "context": "you are looking at",
}
LISTED = "From the list that was made of what you did"
TASTE = "Fits what you looked at"
NEW = "New here"
Reason = tuple[str, int | None]  # the words, and the product that speaks for it


def reasons_of(
    snapshot: Snapshot, history: History, found: Evidence, view: ModelView | None, places: Sequence[Place]
) -> dict[int, Reason]:
    """The reason of each place, by column."""
    scored = np.array([one.column for one in places if _is_of_history(one)], dtype=np.intp)
    spoken = because(snapshot, history, found, view, scored)
    return {one.column: spoken.get(one.column) or _plain(one) for one in places}


def because(
    snapshot: Snapshot, history: History, found: Evidence, view: ModelView | None, columns: Columns
) -> dict[int, Reason]:
    """What of the history speaks most for each column, by the part that weighs more in its score."""
    if not len(columns) or not len(history.columns):
        return {}
    by_model = found.collaborative[columns] >= found.visual[columns]
    shares = np.zeros((len(history.columns), len(columns)), dtype=np.float32)
    if view is not None and by_model.any():
        shares[:, by_model] = view.shares(history.columns, history.interest, columns[by_model])
    if not by_model.all():
        near = snapshot.alike[history.columns][:, columns[~by_model]].toarray()
        shares[:, ~by_model] = history.interest[:, None] * near
    shares[history.interest <= 0] = 0  # nobody is shown something because of what they refused
    spoken: dict[int, Reason] = {}
    for number, column in enumerate(columns.tolist()):
        most = int(np.argmax(shares[:, number]))
        if shares[most, number] > 0:
            spoken[column] = _spoken(snapshot, history, most, is_model=bool(by_model[number]))
    return spoken


def popular_in(about: tuple[str, str] | None) -> str:
    """Where something is popular: "Popular in Dresses in Nakuru"."""
    category, city = about or ("", "")
    where = "".join(f" in {name}" for name in (_heading(category), city) if name)
    return f"Popular{where}" if where else "Popular right now"


def summary(source: str) -> Mapping[str, str]:
    """What stands above a list of that source, and how an answer says that it is not personal."""
    return _SUMMARIES[source]


_SUMMARIES: Mapping[str, Mapping[str, str]] = {
    "personal": {"title": "From what you did"},
    "context": {"title": "Goes with what you look at"},
    "together": {"title": "Chosen together"},
    "alike": {"title": "Looks like it"},
    "item_to_item": {
        "title": "Like what you looked at",
        "lacking": "nothing personal is published for this shopper; these are like what they looked at",
    },
    "popular_in_category": {
        "title": "Popular right now",
        "lacking": "nothing is known of this shopper's taste; these are popular",
    },
    "newest": {
        "title": "New on the market",
        "lacking": "no recommendations are published yet; these are the newest",
    },
    "explored": {"title": "New on the market", "lacking": "nothing is known of this shopper's taste; these are new"},
}


def _is_of_history(place: Place) -> bool:
    return place.tier.source not in ("popular_in_category", "newest")


def _spoken(snapshot: Snapshot, history: History, number: int, *, is_model: bool) -> Reason:
    column = int(history.columns[number])
    title, did = snapshot.shelf.titles[column], DID[history.kinds[number]]
    product_id = int(snapshot.shelf.items[column])
    return (f"Because {did} {title}" if is_model else f"Like {title}, which {did}"), product_id


def _plain(place: Place) -> Reason:
    if place.tier.source == "popular_in_category":
        return popular_in(place.tier.about), None
    if place.tier.source in ("newest", "explored"):
        return NEW, None
    return (LISTED if place.tier.about == ("", "listed") else TASTE), None


def _heading(category: str) -> str:
    text = category.replace("_", " ").strip()
    return text[:1].upper() + text[1:]

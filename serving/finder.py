"""Search as the API offers it: words and vectors together, and what is left of it when a part is away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from marketplace.catalog.languages import language_of
from marketplace.errors import (
    ArtifactUnavailable,
    ConfigurationError,
    InputRejected,
    NotFound,
    NotReady,
    StoreUnreachable,
)
from marketplace.search.advice import Advice
from marketplace.search.asking import Filters, SearchQuery
from marketplace.search.candidates import Candidate, at_most_per_seller, ordered
from marketplace.search.collapse import collapsed
from marketplace.search.facets import NAMES, Facet, FacetName, facet, lifted
from marketplace.search.fusion import TUNED, FusionWeights, fuse, near
from marketplace.storage.candidates import candidates_of
from marketplace.storage.images import Images
from marketplace.storage.index_builds import model_of
from marketplace.storage.shelf import AVAILABLE, ShelfProduct, browse, on_shelf, product_of
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from serving.encoder import WarmEncoder
from serving.likeness import Likeness, Meant, Nearest, Wanted, why_without
from serving.photo_queries import Photo, PhotoQueries
from serving.search_cursors import Match, Place, Rest, SearchCursors, groups_of
from serving.words import WordHit, by_words

DEPTH = 500  # products that one search ranks at most; pages end there
# What vectors add to a list by relevance: its tail is far from what is meant, and each hit costs time.
NEAR_DEPTH = 144
NOTHING_NEAR = Nearest({}, None, is_all=True)
AWAY = (ArtifactUnavailable, StoreUnreachable, ConfigurationError)


@dataclass(frozen=True, slots=True)
class Found:
    """A product, how well it fits (0..1), its cosine where vectors found it, what found it, and who else offers it."""

    product: ShelfProduct
    similarity: float | None
    matched: tuple[Match, ...]
    score: float = 0.0
    also_at: tuple[ShelfProduct, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """Products, best first; `reason` says why the answer is degraded, None when it is whole.

    `total` counts what all pages hold, and is the least there is where `is_exact` is false. `facets` are None unless
    asked for. Versions are None for a part that was away or not needed.
    """

    items: tuple[Found, ...]
    reason: str | None
    encoder: str | None
    index: str | None
    next_cursor: str | None = None
    total: int = 0
    is_exact: bool = True
    facets: Mapping[FacetName, Facet] | None = None
    advice: tuple[Advice, ...] = ()
    language: str | None = None

    @property
    def degraded(self) -> bool:
        """Whether a part of the search was away."""
        return self.reason is not None


@dataclass(frozen=True, slots=True)
class Alike:
    """Products like another; from its category instead, with the reason, while likeness cannot be told."""

    source: Literal["likeness", "same_category"]
    items: tuple[Found, ...]
    reason: str | None
    encoder: str | None
    index: str | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query made ready: what words look for, what vectors look for, and what is not to be found again."""

    query: SearchQuery
    text: str | None
    wanted: Wanted
    exclude: tuple[int, ...]
    advice: tuple[Advice, ...]

    @property
    def depth(self) -> int:
        """How many products likeness may name: more where they are sorted, counted or left out by other things."""
        query = self.query
        is_plain = query.sort == "relevance" and not query.facets and query.per_seller is None
        return NEAR_DEPTH if is_plain else DEPTH


@dataclass(frozen=True, slots=True)
class _Gathered:
    """Candidates in order of relevance, with what found them."""

    candidates: tuple[Candidate, ...]
    scores: Mapping[int, float]
    held: Mapping[int, WordHit]
    cosines: Mapping[int, float]
    index: str | None
    is_all: bool
    reason: str | None


class Finder:
    """Finds products by words in Postgres and by vectors in Milvus."""

    def __init__(
        self,
        warehouse: Warehouse,
        vectors: Vectors,
        encoder: WarmEncoder,
        images: Images,
        *,
        seconds: float,
        cursor_key: bytes,
        weights: FusionWeights = TUNED,
    ) -> None:
        self._warehouse = warehouse
        self._images = images
        self._photos = PhotoQueries(max_pixels=images.max_pixels)
        self._likeness = Likeness(vectors, encoder, seconds=seconds)
        self._cursors = SearchCursors(cursor_key)
        self._weights = weights
        self._encoders: dict[str, str | None] = {}

    def find(self, query: SearchQuery) -> Findings:
        """The products that match, found with all that is awake.

        Raises
        ------
        InputRejected
            If nothing is searched for, the photo is none, or the cursor is of another search.
        NotFound
            If the product to search by is not known.
        NotReady
            If only likeness could answer, and it cannot now.
        """
        if query.cursor is not None:
            rest = self._cursors.rest_of(query)
            return self._page(rest, query)
        asked = self._asked(query)
        try:
            meant, reason = self._meant(asked)
        except NotFound:
            if query.product_id is None:
                raise
            asked = self._read(query, None, Wanted(), asked.exclude)  # known, but not in the index yet
            meant, reason = self._meant(asked)
        found = self._gathered(asked, meant, reason, query.filters)
        rest = self._rest(asked, found)
        facets = self._facets(asked, meant, found) if query.facets else None
        advice = (*asked.advice, *(meant.advice if meant else ()))
        language = language_of(query.text).code if query.text else None
        return replace(self._page(rest, query), facets=facets, advice=advice, language=language)

    def similar(
        self,
        product_id: int,
        *,
        limit: int,
        threshold: float,
        filters: Filters = AVAILABLE,
        collapse: bool = False,
    ) -> Alike:
        """Products like this one, most alike first.

        Raises
        ------
        NotFound
            If the product is not known.
        """
        product = product_of(self._warehouse, product_id)
        deadline = self._likeness.deadline(alone=False)
        try:
            meant = self._likeness.meant(Wanted(product_id=product_id), deadline)
            pending = self._likeness.begin(meant, filters, limit=NEAR_DEPTH, exclude=[product_id])
            nearest = self._likeness.end(pending, deadline)
        except (*AWAY, NotFound) as error:
            others = self._of_category(product, limit + 1, filters)
            near = tuple(Found(other, None, ()) for other in others if other.product_id != product_id)
            return Alike("same_category", near[:limit], why_without(error), None, None)
        cosines = {key: cosine for key, cosine in nearest.cosines.items() if cosine >= threshold}
        candidates = candidates_of(self._warehouse, list(cosines), filters)
        groups = collapsed(candidates) if collapse else [(one,) for one in candidates]
        places = [
            Place(one.product_id, max(0.0, cosines[one.product_id]), cosines[one.product_id], None, number == 0)
            for group in groups
            for number, one in enumerate(group)
        ]
        items, _ = self._shown(places, limit, filters)
        return Alike("likeness", items, None, self._encoder_of(nearest.index), nearest.index)

    def close(self) -> None:
        """Wait for nothing any more."""
        self._likeness.close()

    def _asked(self, query: SearchQuery) -> _Asked:
        """The query made ready.

        Raises
        ------
        InputRejected
            If nothing is searched for.
        """
        text = (query.text or "").strip() or None
        if (text, query.image, query.product_id) == (None, None, None) and not (query.like or query.unlike):
            raise InputRejected("a search needs text, an image, or both; or a product_id, or like")
        if query.image is not None and query.product_id is not None:
            raise InputRejected("product_id: send either an image or a product, not both")
        exclude = (*query.like, *query.unlike, *(() if query.product_id is None else (query.product_id,)))
        wanted = Wanted(like=query.like, unlike=query.unlike)
        if query.product_id is not None and text is None and query.box is None and query.image_weight is None:
            return _Asked(query, None, replace(wanted, product_id=query.product_id), exclude, ())
        return self._read(query, text, wanted, exclude)

    def _read(self, query: SearchQuery, text: str | None, wanted: Wanted, exclude: tuple[int, ...]) -> _Asked:
        """The query with the photo it brings or names, and the words that go with it."""
        photo: Photo | None = None
        if query.image is not None:
            photo = self._photos.read(query.image, query.box)
        elif query.product_id is not None:
            product = product_of(self._warehouse, query.product_id)
            text = text or product.title
            photo = self._photo_of(product, query)
        image = None if photo is None or photo.judged.is_useless else photo.jpeg
        weight = query.image_weight if query.image_weight is not None else self._weights.picture
        wanted = replace(wanted, image=image, text=text, image_weight=weight if image and text else None)
        return _Asked(query, text, wanted, exclude, photo.judged.advice if photo else ())

    def _photo_of(self, product: ShelfProduct, query: SearchQuery) -> Photo | None:
        if product.image_sha256 is None:
            return None
        return self._photos.read(self._images.read(product.image_sha256), query.box)

    def _meant(self, asked: _Asked) -> tuple[Meant | None, str | None]:
        """What is wanted as a vector; None with the reason where it cannot be told, without one where it is nothing."""
        if asked.wanted.is_nothing:
            return None, None
        deadline = self._likeness.deadline(alone=asked.text is None)
        try:
            return self._likeness.meant(asked.wanted, deadline), None
        except AWAY as error:
            return None, self._without_likeness(asked, error)

    def _gathered(self, asked: _Asked, meant: Meant | None, reason: str | None, filters: Filters) -> _Gathered:
        """The candidates under the filters, by words and by likeness at once."""
        deadline = self._likeness.deadline(alone=asked.text is None)
        nearest, pending = NOTHING_NEAR, None
        if meant is not None:
            try:
                pending = self._likeness.begin(meant, filters, limit=asked.depth, exclude=asked.exclude)
            except AWAY as error:
                reason = self._without_likeness(asked, error)
        words = by_words(self._warehouse, asked.text, filters=filters, limit=DEPTH) if asked.text else []
        if pending is not None:
            try:
                nearest = self._likeness.end(pending, deadline)
            except AWAY as error:
                reason = self._without_likeness(asked, error)
        return self._ranked(asked, meant, words, nearest, filters, reason)

    def _ranked(
        self,
        asked: _Asked,
        meant: Meant | None,
        words: Sequence[WordHit],
        nearest: Nearest,
        filters: Filters,
        reason: str | None,
    ) -> _Gathered:
        """What was found and may be shown, in order of relevance: Postgres has the last word on every filter."""
        ids = dict.fromkeys([*(one.product_id for one in words), *nearest.cosines])
        excluded = set(asked.exclude)
        known = {
            one.product_id: one
            for one in candidates_of(self._warehouse, [one for one in ids if one not in excluded], filters)
        }
        held = {one.product_id: one for one in words if one.product_id in known}
        alike = {key: cosine for key, cosine in nearest.cosines.items() if key in known}
        floor = meant.floor if meant else 0.0
        only_near = asked.wanted.is_words or asked.query.sort != "relevance"
        cosines = near(alike, floor) if only_near else alike
        order = fuse(held.values(), cosines, floor=floor, by=asked.query.fusion, weights=self._weights)
        is_all = len(words) < DEPTH and (nearest.is_all or len(cosines) < len(alike)) and len(order) <= DEPTH
        order = order[:DEPTH]
        scores = {one.product_id: one.score for one in order}
        candidates = tuple(known[one.product_id] for one in order)
        return _Gathered(candidates, scores, held, cosines, nearest.index, is_all, reason)

    def _without_likeness(self, asked: _Asked, error: Exception) -> str:
        """Why words answer alone.

        Raises
        ------
        NotReady
            If there are none.
        """
        reason = why_without(error)
        if asked.text is None:
            what = "photos" if asked.wanted.image is not None else "likeness"
            raise NotReady(f"{what} cannot be searched now: {reason}") from error
        return reason

    def _rest(self, asked: _Asked, found: _Gathered) -> Rest:
        """The whole answer, in the order in which it is shown."""
        query = asked.query
        candidates = ordered(found.candidates, query.sort, query.filters.currency)
        groups = collapsed(candidates) if query.collapse else [(one,) for one in candidates]
        if query.per_seller is not None:
            kept = {one.product_id for one in at_most_per_seller((group[0] for group in groups), query.per_seller)}
            groups = [group for group in groups if group[0].product_id in kept]
        places = tuple(
            _place(one.product_id, found, is_first=number == 0) for group in groups for number, one in enumerate(group)
        )
        encoder = self._encoder_of(found.index)
        return Rest(places, query.filters, len(groups), found.is_all, found.reason, encoder, found.index)

    def _facets(self, asked: _Asked, meant: Meant | None, found: _Gathered) -> dict[FacetName, Facet]:
        """Every facet, counted over what matches with its own filters lifted."""
        counted = {asked.query.filters: found}
        for name in NAMES:
            filters = lifted(asked.query.filters, name)
            if filters not in counted:
                counted[filters] = self._gathered(asked, meant, found.reason, filters)
        return {
            name: facet(name, one.candidates, asked.query.filters, is_exact=one.is_all)
            for name, one in ((name, counted[lifted(asked.query.filters, name)]) for name in NAMES)
        }

    def _encoder_of(self, index: str | None) -> str | None:
        """The encoder whose vectors a collection holds, looked up once for each."""
        if index is None:
            return None
        known = self._encoders.get(index) or model_of(self._warehouse, index)
        self._encoders = {index: known}
        return known

    def _page(self, rest: Rest, query: SearchQuery) -> Findings:
        """The first products of the rest, and the cursor of what follows."""
        items, left = self._shown(rest.places, query.limit, rest.filters)
        cursor = self._cursors.text_of(replace(rest, places=left), query)
        return Findings(items, rest.reason, rest.encoder, rest.index, cursor, rest.total, rest.is_exact)

    def _shown(
        self, places: Sequence[Place], limit: int, filters: Filters
    ) -> tuple[tuple[Found, ...], tuple[Place, ...]]:
        """The first groups of which something can still be bought, and the places after them."""
        groups = groups_of(places)
        items: list[Found] = []
        taken = 0
        while taken < len(groups) and len(items) < limit:
            chunk = groups[taken : taken + limit]
            ids = [place.product_id for group in chunk for place in group]
            shown = {product.product_id: product for product in on_shelf(self._warehouse, ids, filters)}
            for group in chunk:
                taken += 1
                items += _found(group, shown)
                if len(items) == limit:
                    break
        return tuple(items), tuple(place for group in groups[taken:] for place in group)

    def _of_category(self, product: ShelfProduct, limit: int, filters: Filters) -> Sequence[ShelfProduct]:
        if filters.categories and product.category not in filters.categories:
            return ()
        return browse(self._warehouse, limit=limit, category=product.category).products


def _place(product_id: int, found: _Gathered, *, is_first: bool) -> Place:
    held = found.held.get(product_id)
    words: Match | None = None if held is None else "words" if held.share >= 1 else "some_words"
    return Place(product_id, found.scores[product_id], found.cosines.get(product_id), words, is_first)


def _found(group: Iterable[Place], shown: Mapping[int, ShelfProduct]) -> list[Found]:
    """The first of the group that is on the shelf, with the others; nothing where none is."""
    awake = [place for place in group if place.product_id in shown]
    if not awake:
        return []
    first, *others = awake
    also_at = tuple(shown[place.product_id] for place in others)
    return [Found(shown[first.product_id], first.similarity, first.matched, first.score, also_at)]

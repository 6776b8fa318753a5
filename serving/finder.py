"""Search as the API offers it: words and vectors together, and what is left of it when a part is away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from marketplace.errors import NotFound
from marketplace.search.advice import Advice
from marketplace.search.asking import Filters, SearchQuery
from marketplace.search.candidates import Candidate, at_most_per_seller, ordered
from marketplace.search.collapse import collapsed
from marketplace.search.facets import NAMES, Facet, FacetName, facet, lifted
from marketplace.search.fusion import TUNED, FusionWeights
from marketplace.search.nearness import NEAR_DEPTH
from marketplace.storage.candidates import candidates_of
from marketplace.storage.images import Images
from marketplace.storage.index_versions import model_of
from marketplace.storage.shelf import AVAILABLE, ShelfProduct, browse, product_of
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from serving.asked import Asked, Questions
from serving.encoder import WarmEncoder
from serving.findings import Alike, Findings, Found, shown
from serving.gathering import AWAY, Gathered, Gatherer
from serving.likeness import Likeness, Meant, Wanted, why_without
from serving.search_cursors import Key, Place, Rest, SearchCursors


class Finder:
    """Finds products by words in Postgres and by vectors in Milvus.

    Parameters
    ----------
    seconds
        How long a search with words waits for Milvus.
    cursor_key
        What signs the cursors of pages; all who serve one market share it.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        vectors: Vectors,
        encoder: WarmEncoder,
        images: Images,
        *,
        seconds: float,
        cursor_key: Key,
        weights: FusionWeights = TUNED,
    ) -> None:
        self._warehouse = warehouse
        self._likeness = Likeness(vectors, encoder, seconds=seconds)
        self._questions = Questions(warehouse, images, weights)
        self._gatherer = Gatherer(warehouse, self._likeness, self._questions, weights)
        self._cursors = SearchCursors(cursor_key)
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
            If too many photos come at once.
        """
        if query.cursor is not None:
            return self._page(self._cursors.rest_of(query), query)
        asked, meant, reason = self._understood(query)
        begun = self._gatherer.begun(asked, meant, query.filters, reason)
        found = self._gatherer.ended(asked, begun, self._gatherer.deadline(asked))
        page = self._page(self._rest(query, found), query)
        facets = self._facets(asked, meant, found) if query.facets else None
        advice = (*asked.advice, *(meant.advice if meant else ()), *_advice_without(asked, found))
        return replace(page, facets=facets, advice=advice, words=asked.words if query.text else None)

    def similar(
        self, product_id: int, *, limit: int, threshold: float, filters: Filters = AVAILABLE, collapse: bool = False
    ) -> Alike:
        """Products like this one, most alike first.

        Raises
        ------
        NotFound
            If the product is not known.
        """
        product = product_of(self._warehouse, product_id)
        try:
            meant = self._likeness.meant(Wanted(product_id=product_id), alone=False)
            deadline = self._likeness.deadline(alone=False)
            pending = self._likeness.begin(meant, filters, limit=NEAR_DEPTH, exclude=[product_id])
            nearest = self._likeness.end(pending, deadline)
        except (*AWAY, NotFound) as error:
            return Alike("same_category", self._of_category(product, limit, filters), why_without(error), None, None)
        cosines = {key: cosine for key, cosine in nearest.cosines.items() if cosine >= threshold}
        places = [
            Place(one.product_id, max(0.0, cosines[one.product_id]), cosines[one.product_id], None, number == 0)
            for group in _groups(candidates_of(self._warehouse, list(cosines), filters), collapse=collapse)
            for number, one in enumerate(group)
        ]
        items, _ = shown(self._warehouse, places, limit, filters)
        return Alike("likeness", items, None, self._encoder_of(nearest.index), nearest.index)

    def close(self) -> None:
        """Wait for nothing any more."""
        self._likeness.close()

    def _understood(self, query: SearchQuery) -> tuple[Asked, Meant | None, str | None]:
        """The query made ready, its vector, and why it has none where it should."""
        asked = self._questions.read(query)
        try:
            return asked, *self._gatherer.meant(asked)
        except NotFound:
            if query.product_id is None:
                raise
        asked = self._questions.read_content(query)  # the product is known, but not in the index yet
        return asked, *self._gatherer.meant(asked)

    def _rest(self, query: SearchQuery, found: Gathered) -> Rest:
        """The whole answer, in the order in which it is shown."""
        groups = _groups(ordered(found.candidates, query.sort, query.filters.currency), collapse=query.collapse)
        more: dict[int, int] = {}
        if query.per_seller is not None:
            groups, more = at_most_per_seller(groups, query.per_seller)
        places = tuple(
            found.place(one.product_id, is_first=number == 0) for group in groups for number, one in enumerate(group)
        )
        encoder = self._encoder_of(found.index)
        return Rest(places, query.filters, len(groups), found.is_all, found.reason, encoder, found.index, more=more)

    def _facets(self, asked: Asked, meant: Meant | None, found: Gathered) -> dict[FacetName, Facet]:
        """Every facet, counted over what matches with its own filters lifted.

        They are asked for all at once, and wait together as long as a search does. What does not come in time is
        counted by words alone, and is not exact.
        """
        chosen = asked.query.filters
        wanted = [lifted(chosen, name) for name in NAMES]
        meant = None if found.reason else meant
        begun = [
            self._gatherer.begun(asked, meant, one, found.reason) for one in dict.fromkeys(wanted) if one != chosen
        ]
        deadline = self._likeness.deadline(alone=False)
        counted = {one.filters: self._gatherer.ended(asked, one, deadline, is_spare=True) for one in begun}
        counted[chosen] = found
        groups = {filters: _groups(one.candidates, collapse=asked.query.collapse) for filters, one in counted.items()}
        return {
            name: facet(name, groups[one], chosen, is_exact=counted[one].is_all)
            for name, one in zip(NAMES, wanted, strict=True)
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
        found, left = shown(self._warehouse, rest.places, query.limit, rest.filters)
        items = tuple(
            replace(one, more_from_seller=rest.more.get(one.product.seller.seller_id, 0)) if rest.more else one
            for one in found
        )
        cursor = self._cursors.text_of(replace(rest, places=left), query)
        return Findings(items, rest.reason, rest.encoder, rest.index, cursor, rest.total, rest.is_exact)

    def _of_category(self, product: ShelfProduct, limit: int, filters: Filters) -> tuple[Found, ...]:
        """Others of its category that can be bought; none where the filters want another category."""
        if filters.categories and product.category not in filters.categories:
            return ()
        others = browse(self._warehouse, limit=limit + 1, category=product.category).products
        return tuple(Found(other, None, ()) for other in others if other.product_id != product.product_id)[:limit]


def _groups(candidates: Sequence[Candidate], *, collapse: bool) -> list[tuple[Candidate, ...]]:
    return collapsed(candidates) if collapse else [(one,) for one in candidates]


def _advice_without(asked: Asked, found: Gathered) -> tuple[Advice, ...]:
    """What helps where a photo was sent that could not be compared."""
    return (Advice("photo_not_compared"),) if found.reason and asked.wanted.image is not None else ()

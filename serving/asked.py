"""A query made ready: what words look for, what vectors look for, and what is not to be found again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from marketplace.errors import InputRejected, NotFound
from marketplace.search.advice import Advice
from marketplace.search.asking import Filters, SearchQuery
from marketplace.search.fusion import FusionWeights
from marketplace.search.nearness import DEPTH, NEAR_DEPTH
from marketplace.search.understanding import Understood
from marketplace.storage.images import Images
from marketplace.storage.keywords import read_query
from marketplace.storage.shelf import ShelfProduct, on_shelf, product_of
from marketplace.storage.warehouse import Warehouse
from serving.likeness import Wanted
from serving.photo_queries import Photo, PhotoQueries

TITLES = 3  # of liked products that stand in for them while vectors are away
ANY_STOCK = Filters(in_stock=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """The query, its words, what is wanted of vectors, and products that it knows already.

    `phash` is of its photo, which finds the very same one where vectors cannot be asked.
    """

    query: SearchQuery
    words: Understood | None
    wanted: Wanted
    exclude: tuple[int, ...]
    advice: tuple[Advice, ...] = ()
    phash: int | None = None

    @property
    def depth(self) -> int:
        """How many products likeness may name: more where they are sorted, counted or left out by other things."""
        query = self.query
        is_plain = query.sort == "relevance" and not query.facets and query.per_seller is None
        return NEAR_DEPTH if is_plain else DEPTH

    @property
    def only_near(self) -> bool:
        """Whether what is far from the best is left out: words are near to something always, and a price is no sign."""
        return self.wanted.is_words or self.query.sort != "relevance"


class Questions:
    """Reads queries, with the photos and products that they name."""

    def __init__(self, warehouse: Warehouse, images: Images, weights: FusionWeights) -> None:
        self._warehouse = warehouse
        self._images = images
        self._photos = PhotoQueries(max_pixels=images.max_pixels)
        self._weights = weights

    def read(self, query: SearchQuery) -> Asked:
        """The query made ready; a product alone stands for its published vector.

        Raises
        ------
        InputRejected
            If nothing is searched for, or the photo is none.
        NotFound
            If the product is not known.
        """
        text = (query.text or "").strip() or None
        if (text, query.image, query.product_id) == (None, None, None) and not (query.like or query.unlike):
            raise InputRejected("a search needs text, an image, or both; or a product_id, or like")
        if query.image is not None and query.product_id is not None:
            raise InputRejected("product_id: send either an image or a product, not both")
        if query.product_id is not None and text is None and query.box is None and query.image_weight is None:
            wanted = Wanted(product_id=query.product_id, like=query.like, unlike=query.unlike)
            return Asked(query, None, wanted, _known(query))
        return self.read_content(query)

    def read_content(self, query: SearchQuery) -> Asked:
        """The query made ready, a product standing for the picture and title that it shows."""
        text = (query.text or "").strip() or None
        photo: Photo | None = None
        if query.image is not None:
            photo = self._photos.read(query.image, query.box)
        elif query.product_id is not None:
            product = product_of(self._warehouse, query.product_id)
            text = text or product.title
            photo = self._photo_of(product, query)
        image = None if photo is None or photo.judged.is_useless else photo.jpeg
        weight = query.image_weight if query.image_weight is not None else self._weights.picture
        weight_of_both = weight if image and text else None
        wanted = Wanted(image, text, weight_of_both, like=query.like, unlike=query.unlike)
        words = read_query(self._warehouse, text) if text else None
        advice, phash = (photo.judged.advice, photo.phash) if photo else ((), None)
        return Asked(query, words, wanted, _known(query), advice, phash)

    def without_vectors(self, asked: Asked) -> Asked:
        """The query as Postgres alone can answer it: where it has no words, by the titles of the products it names."""
        if asked.words is not None:
            return asked
        query = asked.query
        named = list(query.like[:TITLES]) if query.product_id is None else [query.product_id]
        titles = " ".join(one.title for one in on_shelf(self._warehouse, named, ANY_STOCK))
        return replace(asked, words=read_query(self._warehouse, titles)) if titles else asked

    def _photo_of(self, product: ShelfProduct, query: SearchQuery) -> Photo | None:
        """The product's picture, None where it has none or its file is missing."""
        if product.image_sha256 is None:
            return None
        try:
            return self._photos.read(self._images.read(product.image_sha256), query.box)
        except NotFound:
            return None


def _known(query: SearchQuery) -> tuple[int, ...]:
    return (*query.like, *query.unlike, *(() if query.product_id is None else (query.product_id,)))

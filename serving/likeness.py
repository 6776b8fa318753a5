"""The vectors' side of a search: what a query means as a vector, and the products nearest to it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from marketplace.errors import ArtifactUnavailable, ConfigurationError, NotFound, NotReady, StoreUnreachable
from marketplace.search.advice import Advice
from marketplace.search.asking import Filters
from marketplace.search.examples import moved
from marketplace.search.nearness import nearest
from marketplace.storage.vectors import Hit, Vectors
from models.embedding.vectors import Vectors as Vector
from serving.breaker import Breaker, Pending
from serving.encoder import PATIENCE_SECONDS, WarmEncoder

log = logging.getLogger(__name__)
REST_SECONDS = 5.0
ALONE_SECONDS = 3.0  # where words cannot stand in for likeness, waiting is better than nothing
THREADS = 16
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What products shall be like: a photo, words, a product as it is published, examples."""

    image: bytes | None = None
    text: str | None = None
    image_weight: float | None = None
    product_id: int | None = None
    like: tuple[int, ...] = ()
    unlike: tuple[int, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to be like."""
        return self == Wanted()

    @property
    def is_words(self) -> bool:
        """Whether it is words alone, which are always near to something, and mostly to nothing they mean."""
        return self == Wanted(text=self.text) and self.text is not None


@dataclass(frozen=True, slots=True)
class Meant:
    """What is wanted, as a vector; `encoder` made it, or the published vectors that it is made of."""

    vector: Vector
    encoder: str | None
    bare_weight: float
    floor: float
    advice: tuple[Advice, ...] = ()


@dataclass(frozen=True, slots=True)
class Nearest:
    """Cosine to what is meant, by product, nearest first; `is_all` where there are no more."""

    cosines: dict[int, float]
    index: str | None
    is_all: bool


class Likeness:
    """Finds products by vectors, within a time that shoppers have.

    Parameters
    ----------
    seconds
        How long the answer of a search may wait for the index.
    """

    def __init__(self, vectors: Vectors, encoder: WarmEncoder, *, seconds: float) -> None:
        self._vectors = vectors
        self._encoder = encoder
        self._seconds = seconds
        self._breaker = Breaker(rest_seconds=REST_SECONDS, threads=THREADS, patience=seconds)

    def deadline(self, *, alone: bool) -> float:
        """The instant until which to wait; `alone` where nothing else could answer."""
        return time.monotonic() + (max(self._seconds, ALONE_SECONDS) if alone else self._seconds)

    def meant(self, wanted: Wanted, *, alone: bool) -> Meant:
        """What is wanted, as a vector; `alone` where nothing else could answer.

        Raises
        ------
        ArtifactUnavailable
            If the encoder is not ready, or nothing is published.
        StoreUnreachable
            If published vectors are wanted, and the index does not answer in time.
        NotFound
            If nothing of what is wanted is in the index.
        """
        vector, encoder = None, None
        if wanted.image is not None or wanted.text:
            vector, encoder = self._encoder.embed(
                wanted.image,
                wanted.text,
                image_weight=wanted.image_weight,
                patience=PATIENCE_SECONDS if alone else self._seconds,
            )
        named = tuple(one for one in (wanted.product_id, *wanted.like, *wanted.unlike) if one is not None)
        read = self._ask(lambda: self._vectors.published(named), alone=alone) if named else None
        published = read.vectors if read is not None else {}
        if wanted.product_id is not None:
            if wanted.product_id not in published:
                raise NotFound(f"product {wanted.product_id} is not in the index yet")
            vector = published[wanted.product_id]
        like, unlike = ([published[one] for one in ids if one in published] for ids in (wanted.like, wanted.unlike))
        missed = len(like) + len(unlike) < len(wanted.like) + len(wanted.unlike)
        if wanted.like and not like and vector is None:
            raise NotFound("like: none of these products is in the index")
        if like or unlike:
            vector = moved(vector, like, unlike)
        held = read.model_version if read is not None else None
        if None not in (encoder, held) and encoder != held:
            raise ArtifactUnavailable(f"the index holds vectors of {held}, the query is of {encoder}")
        encoder = encoder or held
        assert vector is not None, "something is wanted"
        bare_weight = self._encoder.bare_weight if wanted.text else 1.0
        floor = self._encoder.least_likeness if wanted.is_words else 0.0
        return Meant(vector, encoder, bare_weight, floor, (Advice("example_unknown"),) if missed else ())

    def begin(self, meant: Meant, filters: Filters, *, limit: int, exclude: Sequence[int]) -> Pending[Nearest]:
        """The nearest products to come.

        Raises
        ------
        StoreUnreachable
            While the index rests.
        """

        def search() -> Nearest:
            hits, index = self._searched(meant, filters, limit, exclude)
            return Nearest({hit.product_id: hit.similarity for hit in hits}, index, len(hits) < limit)

        return self._breaker.begin(search)

    def end(self, pending: Pending[Nearest], deadline: float, *, is_spare: bool = False) -> Nearest:
        """The nearest products, if they come before the deadline.

        A `is_spare` question is asked beside others of the same search, and its lateness says nothing of the index.

        Raises
        ------
        StoreUnreachable
            If they do not.
        ArtifactUnavailable
            If nothing is published, or of another encoder.
        """
        return self._breaker.end(pending, deadline, is_spare=is_spare)

    def close(self) -> None:
        """Wait for nothing any more."""
        self._breaker.close()

    def _ask(self, question: Callable[[], T], *, alone: bool) -> T:
        return self._breaker.end(self._breaker.begin(question), self.deadline(alone=alone))

    def _searched(self, meant: Meant, filters: Filters, limit: int, exclude: Sequence[int]) -> tuple[list[Hit], str]:
        """The nearest products, and the collection that was asked; the newer where a switch came in between."""
        asked: list[str] = []

        def search(pictured: bool | None) -> list[Hit]:
            found = self._vectors.search(
                meant.vector,
                limit=limit,
                filters=filters,
                exclude=exclude,
                pictured=pictured,
                model_version=meant.encoder,
            )
            asked.append(found.collection)
            return found.hits

        return nearest(search, bare_weight=meant.bare_weight, limit=limit), asked[-1]


def why_without(error: Exception) -> str:
    """Why vectors were not asked, for the one who asked."""
    if isinstance(error, StoreUnreachable):
        log.warning("answering without vectors: %s", error)
        return "the index of pictures and meanings does not answer"
    if isinstance(error, NotReady | NotFound):
        return str(error)
    if isinstance(error, ArtifactUnavailable | ConfigurationError):
        log.warning("answering without vectors: %s", error)
    return "no index of this encoder is published; materialise product_index"

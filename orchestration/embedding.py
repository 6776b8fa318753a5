"""How the catalogue is embedded: parts that are not kept yet are made, here or by Ray, and joined to vectors."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from marketplace.errors import StoreUnreachable
from marketplace.storage import embeddings
from marketplace.storage.embeddings import Part, PendingProduct
from marketplace.storage.images import Images
from marketplace.storage.warehouse import Warehouse
from models.embedding.distributed import Cluster, pictures_by_ray, words_by_ray
from models.embedding.encoder import Encoder
from models.embedding.reading import Clock, ReadBatch, Unreadable, read_pictures
from models.embedding.vectors import Vectors

log = logging.getLogger(__name__)
PAGE = 512  # products whose parts are looked up at once
CHUNK = 32  # products whose vectors are kept at once
MISSING_LEAST = 20  # pictures that must be missing, and more than are there, before the run stops


@dataclass(slots=True)
class Done:
    """What a run made, what it found made already, and which pictures it could not read."""

    products: int = 0
    pictures_made: int = 0
    words_made: int = 0
    pictures_kept: int = 0
    words_kept: int = 0
    unread: list[Unreadable] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)

    def refuse_an_empty_shelf(self) -> None:
        """Stop while few vectors lack their picture.

        Raises
        ------
        StoreUnreachable
            If most pictures are missing, which is rather a folder that is not there.
        """
        missing = sum(one.is_missing for one in self.unread)
        if missing >= MISSING_LEAST and missing > self.pictures_made:
            raise StoreUnreachable(f"{missing} pictures are missing and {self.pictures_made} are there")


def embed_pending(
    warehouse: Warehouse,
    images: Images,
    encoder: Encoder,
    *,
    decoders: int = 0,
    cluster: Cluster | None = None,
    load: Callable[[], Encoder] | None = None,
) -> Done:
    """Give every product on offer that lacks one a vector; killed anywhere, the next run makes only the rest.

    Parameters
    ----------
    decoders
        Threads that decode pictures ahead in this process, 0 for as many as there are cores.
    cluster
        Where parts are made, None for this process; its workers decode on as many threads as they reserve cores.
    load
        What gives a worker of the cluster its encoder.
    """
    done = Done()
    waiting = embeddings.pending(warehouse, encoder.version, repeat_unread=True)
    run = _Run(warehouse, images, encoder, decoders or os.cpu_count() or 1, done)
    run.count_what_is_kept(waiting)
    if cluster is not None and load is not None:
        run.make_by_ray(waiting, cluster, load)
    run.embed(waiting)
    dropped = embeddings.drop_old_parts(warehouse, encoder.version)
    if dropped:
        log.info("dropped %d parts of encoders that no index is of", dropped)
    return done


class _Run:
    def __init__(self, warehouse: Warehouse, images: Images, encoder: Encoder, decoders: int, done: Done) -> None:
        self._warehouse = warehouse
        self._images = images
        self._encoder = encoder
        self._decoders = decoders
        self._done = done
        self._unread: set[str] = set()

    def count_what_is_kept(self, waiting: Sequence[PendingProduct]) -> None:
        """Tell how many pictures and texts need not be made; before anything is, for then all are kept."""
        pictures, texts = _pictures(waiting), _texts(waiting)
        self._done.pictures_kept = len(pictures) - len(self._lacking("picture", pictures))
        self._done.words_kept = len(texts) - len(self._lacking("words", texts))

    def make_by_ray(self, waiting: Sequence[PendingProduct], cluster: Cluster, load: Callable[[], Encoder]) -> None:
        """Make and keep every part that is lacking, on the cluster."""
        version, batch = self._encoder.version, self._encoder.batch
        keys = self._lacking("picture", _pictures(waiting))
        texts = _texts(waiting)
        lacking = self._lacking("words", texts)
        for made in pictures_by_ray(cluster, load, self._images.read, keys, version=version, batch=batch):
            self._keep_pictures(made)
            log.info("%d of %d pictures", self._done.pictures_made, len(keys))
        wanted = {key: texts[key] for key in lacking}
        for parts in words_by_ray(cluster, load, wanted, version=version, batch=batch):
            self._keep_words(parts)
            log.info("%d of %d texts", self._done.words_made, len(lacking))

    def embed(self, waiting: Sequence[PendingProduct]) -> None:
        """Make what parts the products lack, decoding ahead from the first to the last, and keep their vectors."""
        lacking = [key for key in self._lacking("picture", _pictures(waiting)) if key not in self._unread]
        made = read_pictures(self._encoder, self._images.read, lacking, decoders=self._decoders, clock=self._done.clock)
        for start in range(0, len(waiting), PAGE):
            self._embed_page(waiting[start : start + PAGE], made)
            log.info("embedded %d of %d products", self._done.products, len(waiting))

    def _embed_page(self, page: Sequence[PendingProduct], made: Iterator[ReadBatch]) -> None:
        version = self._encoder.version
        pictures = embeddings.known_parts(self._warehouse, version, "picture", _pictures(page))
        words = embeddings.known_parts(self._warehouse, version, "words", _texts(page))
        words |= self._made_words({key: text for key, text in _texts(page).items() if key not in words})
        for start in range(0, len(page), CHUNK):
            chunk = page[start : start + CHUNK]
            self._read_until(made, chunk, pictures)
            self._store(chunk, pictures, words)

    def _read_until(self, made: Iterator[ReadBatch], chunk: Sequence[PendingProduct], known: dict[str, Part]) -> None:
        wanted = _pictures(chunk)
        while any(key not in known and key not in self._unread for key in wanted):
            known |= self._keep_pictures(next(made))

    def _keep_pictures(self, made: ReadBatch) -> dict[str, Part]:
        parts = dict(zip(made.keys, made.parts, strict=True))
        self._keep("picture", parts)
        self._done.pictures_made += len(parts)
        self._done.unread += made.unreadable
        self._unread |= {one.key for one in made.unreadable}
        self._done.refuse_an_empty_shelf()
        return parts

    def _made_words(self, texts: dict[str, str]) -> dict[str, Part]:
        keys = list(texts)
        found: dict[str, Part] = {}
        for start in range(0, len(keys), self._encoder.batch):
            batch = keys[start : start + self._encoder.batch]
            made = self._encoder.words_parts([texts[key] for key in batch])
            parts: dict[str, Part] = dict(zip(batch, made, strict=True))
            self._keep_words(parts)
            found |= parts
        return found

    def _keep_words(self, parts: dict[str, Part]) -> None:
        self._keep("words", parts)
        self._done.words_made += len(parts)

    def _keep(self, kind: embeddings.Kind, parts: dict[str, Part]) -> None:
        embeddings.keep_parts(self._warehouse, self._encoder.version, kind, parts, now=datetime.now(UTC))

    def _lacking(self, kind: embeddings.Kind, keys: Iterable[str]) -> list[str]:
        wanted = list(keys)
        known = embeddings.known_hashes(self._warehouse, self._encoder.version, kind, wanted)
        return [key for key in wanted if key not in known]

    def _store(self, chunk: Sequence[PendingProduct], pictures: dict[str, Part], words: dict[str, Part]) -> None:
        """Keep vectors; not again what still lacks its picture, nor what has neither picture nor words."""
        nothing = np.zeros(self._encoder.part_width, dtype=np.float32)
        rows = [(one, pictures.get(one.image_sha256 or "", nothing), words[one.words_hash]) for one in chunk]
        sound = [row for row in rows if (row[1].any() or not row[0].is_repeat) and (row[1].any() or row[2].any())]
        if not sound:
            return
        vectors: Vectors = self._encoder.joined(
            np.stack([picture for _, picture, _ in sound]), np.stack([text for _, _, text in sound])
        )
        kept = [one for one, _, _ in sound]
        embeddings.store(
            self._warehouse, self._encoder.version, kept, vectors, now=datetime.now(UTC), unread=self._unread
        )
        self._done.products += len(kept)


def _pictures(some: Iterable[PendingProduct]) -> list[str]:
    """Names of pictures, each once, in the order of the products."""
    return list(dict.fromkeys(one.image_sha256 for one in some if one.image_sha256))


def _texts(some: Iterable[PendingProduct]) -> dict[str, str]:
    return {one.words_hash: one.text for one in some}

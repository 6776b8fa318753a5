"""Parts of pictures and texts made by many workers: the functions of one process, mapped by Ray Data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import ConfigurationError
from models.embedding.encoder import Encoder
from models.embedding.reading import ReadBatch, Unreadable, read_pictures
from models.embedding.vectors import Vectors

Batch = dict[str, NDArray[Any]]
AT_ONCE = 8  # batches of the encoder that a worker is given at once: while it encodes one it decodes the next


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where workers run: "local" starts them on this machine, "auto" or an address joins a cluster that is there.

    `workers` load an encoder each; each reserves `cpus` cores, which its threads share, and, where the encoder is to
    use one, `gpus`.
    """

    address: str
    workers: int
    cpus: float = 1.0
    gpus: float = 0.0

    @property
    def threads(self) -> int:
        """How many threads of a worker may decode, and how many encode: as many as it reserves cores."""
        return max(1, int(self.cpus))


class PicturesWorker:
    """Makes parts of pictures; Ray builds one in each worker."""

    def __init__(self, load: Callable[[], Encoder], read: Callable[[str], bytes], version: str, decoders: int) -> None:
        self._encoder = _of_version(load(), version)
        self._read = read
        self._decoders = decoders

    def __call__(self, batch: Batch) -> Batch:
        """Rows of key, part and, where there is none, the reason."""
        read = list(read_pictures(self._encoder, self._read, batch["key"].tolist(), decoders=self._decoders))
        keys = [key for one in read for key in one.keys]
        unread = [one for some in read for one in some.unreadable]
        width = self._encoder.part_width
        empty = np.zeros((len(unread), width), dtype=np.float32)
        return {
            "key": np.array([*keys, *(one.key for one in unread)], dtype=object),
            "part": np.concatenate([*(one.parts for one in read), empty]),
            "reason": np.array([*[""] * len(keys), *(one.reason for one in unread)], dtype=object),
            "is_missing": np.array([*[False] * len(keys), *(one.is_missing for one in unread)], dtype=bool),
        }


class WordsWorker:
    """Makes parts of texts; Ray builds one in each worker."""

    def __init__(self, load: Callable[[], Encoder], version: str) -> None:
        self._encoder = _of_version(load(), version)

    def __call__(self, batch: Batch) -> Batch:
        """Rows of key and part."""
        texts, size = batch["text"].tolist(), self._encoder.batch
        parts = [self._encoder.words_parts(texts[start : start + size]) for start in range(0, len(texts), size)]
        return {"key": batch["key"], "part": np.concatenate(parts)}


def pictures_by_ray(
    cluster: Cluster,
    load: Callable[[], Encoder],
    read: Callable[[str], bytes],
    keys: Sequence[str],
    *,
    version: str,
    batch: int,
) -> Iterator[ReadBatch]:
    """What `read_pictures` yields, made by the workers of a cluster, in whatever order they finish.

    Parameters
    ----------
    load, read
        An encoder, and the bytes of a picture; both must work on every machine of the cluster.
    version
        The only version of encoder whose parts are taken.
    batch
        Of the encoder; a worker is given several of them at once.

    Raises
    ------
    ConfigurationError
        If Ray is not installed, or a worker's encoder is of another version.
    """
    settings = {"load": load, "read": read, "version": version, "decoders": cluster.threads}
    for rows in _mapped(cluster, PicturesWorker, settings, [{"key": key} for key in keys], batch):
        sound = rows["reason"] == ""
        lacking = zip(rows["key"][~sound], rows["reason"][~sound], rows["is_missing"][~sound], strict=True)
        yield ReadBatch(
            rows["key"][sound].tolist(),
            np.asarray(rows["part"][sound], dtype=np.float32),
            [Unreadable(str(key), str(reason), bool(is_missing)) for key, reason, is_missing in lacking],
        )


def words_by_ray(
    cluster: Cluster, load: Callable[[], Encoder], texts: Mapping[str, str], *, version: str, batch: int
) -> Iterator[dict[str, Vectors]]:
    """Parts of texts by their keys, made by the workers of a cluster."""
    items = [{"key": key, "text": text} for key, text in texts.items()]
    for rows in _mapped(cluster, WordsWorker, {"load": load, "version": version}, items, batch):
        yield {str(key): np.asarray(part, np.float32) for key, part in zip(rows["key"], rows["part"], strict=True)}


def _mapped(
    cluster: Cluster, worker: type, settings: Mapping[str, Any], items: list[dict[str, str]], batch: int
) -> Iterator[Batch]:
    if not items:
        return
    size = AT_ONCE * batch
    with _joined(cluster) as ray:
        blocks = max(cluster.workers, -(-len(items) // size))  # so that no worker waits long for the last
        rows = ray.data.from_items(items, override_num_blocks=min(len(items), blocks)).map_batches(
            worker,
            fn_constructor_kwargs=dict(settings),
            batch_size=size,
            compute=ray.data.ActorPoolStrategy(size=cluster.workers),
            num_cpus=cluster.cpus,
            num_gpus=cluster.gpus or None,
        )
        yield from rows.iter_batches(batch_size=batch, batch_format="numpy")


@contextmanager
def _joined(cluster: Cluster) -> Iterator[Any]:
    """Ray, connected as long as the block runs; one that is connected already stays so."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigurationError(f"{error.name} is not installed; pip install 'soko[ray]'") from error
    if ray.is_initialized():
        yield ray
        return
    if cluster.address == "local":
        cores = max(1, round(cluster.workers * cluster.cpus)) + 1  # one for what Ray Data does itself
        ray.init(address="local", num_cpus=cores, include_dashboard=False, _node_ip_address="127.0.0.1")
    else:
        ray.init(address=cluster.address)
    try:
        yield ray
    finally:
        ray.shutdown()


def _of_version(encoder: Encoder, version: str) -> Encoder:
    if encoder.version != version:
        raise ConfigurationError(f"a worker's encoder is {encoder.version}, not {version}; install the same packages")
    return encoder

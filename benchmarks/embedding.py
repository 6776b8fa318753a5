"""How quickly products become vectors: `python -m benchmarks.embedding [--data FOLDER]`.

The peer is the published network in eager torch, one picture after the other on the same cores, looking at the same
views and projected alike. It runs on one thread and on all, for its threads wait for each other and one is often the
quicker; the quicker counts. It is given fewer pictures, for it takes one at a time whatever their number. It and ours
take turns, and the ratio is of the rates by the medians. Then ours from bytes to vectors
with decoding ahead, beside the network alone on pictures that are decoded already; and a catalogue embedded twice, the
second time with 2 % of its pictures changed. Pictures are those of FOLDER, or of the sample market.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from PIL import Image

from marketplace.catalog.products import Seller
from marketplace.catalog.quality import RULES_VERSION
from marketplace.local.market import draw_market
from marketplace.local.network import free_port
from marketplace.local.pictures import draw_picture
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.storage.catalog import add_seller
from marketplace.storage.images import Images
from marketplace.storage.tables import product_quality, products
from marketplace.storage.warehouse import Warehouse
from models.embedding.compact import BATCH, COLOUR_SHARE, SHAPES, CompactEncoder
from models.embedding.lite import classifier_projection, pooled_features, published_network, weights_file
from models.embedding.reading import read_pictures
from models.embedding.vectors import Vectors, normalised
from models.embedding.views import Views
from orchestration.embedding import embed_pending

PICTURES = 4 * BATCH  # in the races; with fewer batches nothing is decoded ahead
EAGER_PICTURES = 16  # which take the peer as long as all take ours
ROUNDS = 5
CATALOGUE = 200
CHANGED_SHARE = 0.02
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


class EagerPeer:
    """The network as published, one picture at a time, making the same vectors."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._network = published_network(weights_file())
        self._projection = classifier_projection(self._network.state_dict()["_fc.weight"].numpy(), SHAPES)

    def __call__(self, prepared: list[Views]) -> Vectors:
        """Parts of the pictures, (pictures, 384)."""
        import torch

        torch.set_num_threads(self._threads)
        return np.stack([self._one(one) for one in prepared])

    def _one(self, views: Views) -> NDArray[np.float32]:
        seen = [normalised(pooled_features(self._network, one[None])[0] @ self._projection) for one in views.pixels]
        shapes = normalised(np.sum(seen, axis=0))
        return np.concatenate([np.sqrt(1 - COLOUR_SHARE) * shapes, np.sqrt(COLOUR_SHARE) * views.colours])


def pictures_of(folder: Path | None, count: int) -> list[bytes]:
    """So many pictures as the store keeps them: the photos of a folder, else drawn ones."""
    if folder is None:
        market = draw_market(sellers=12, products_per_seller=24)
        return [draw_picture(one) for one in market.products if one.has_picture][:count]
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in {".jpg", ".jpeg", ".png"})
    return [file.read_bytes() for file in files[:: max(1, len(files) // count)]][:count]


def seconds_of(work: Callable[[], Any]) -> float:
    """How long the work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def race(runners: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median seconds of each, taking turns."""
    taken: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, work in runners.items():
            taken[name].append(seconds_of(work))
    return {name: float(np.median(times)) for name, times in taken.items()}


def changed_copy(picture: bytes, number: int) -> bytes:
    """The picture with a mark that makes it another."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.paste((number % 256, 255 - number % 256, 90), (0, 0, 40, 40))
    target = io.BytesIO()
    image.save(target, "JPEG", quality=88)
    return target.getvalue()


def catalogue_of(warehouse: Warehouse, names: list[str]) -> None:
    """One seller's judged products, each with a picture and a text of its own."""
    add_seller(warehouse, Seller(1, "bench", "Bench", None, "", "KE", "KES", "feed", "none"))
    seen = dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), NOW)
    judged = {"verdict": "approved", "reasons": [], "rules_version": RULES_VERSION, "judged_at": NOW}
    rows = [
        {
            "product_id": number,
            "seller_id": 1,
            "source_ref": str(number),
            "title": f"Product {number} of the bench",
            "category": "things",
            "description": "",
            "content_hash": "h",
            "image_sha256": name,
            **seen,
        }
        for number, name in enumerate(names, 1)
    ]
    with warehouse.begin() as connection:
        connection.execute(sa.insert(products), rows)
        connection.execute(
            sa.insert(product_quality),
            [{"product_id": row["product_id"], "content_hash": "h", **judged} for row in rows],
        )


def full_and_changed(encoder: CompactEncoder, pictures: list[bytes]) -> tuple[float, float]:
    """Seconds to embed a catalogue whole, and again with 2 % of its pictures changed."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        Path(scratch).chmod(0o755)  # Postgres may run as another user
        postgres = EmbeddedPostgres(Path(scratch) / "postgres", free_port(), durable=False)
        postgres.start(Path(scratch) / "postgres.log")
        stack.callback(postgres.stop)
        warehouse = Warehouse(postgres.create_database("bench"))
        stack.callback(warehouse.close)
        warehouse.migrate()
        images = Images(Path(scratch) / "images")
        catalogue_of(warehouse, [images.put(changed_copy(one, number)) for number, one in enumerate(pictures)])
        full = seconds_of(lambda: embed_pending(warehouse, images, encoder))
        for number in range(round(CHANGED_SHARE * len(pictures))):
            other = images.put(changed_copy(pictures[number], number + 128))
            change = sa.update(products).where(products.c.product_id == number + 1).values(image_sha256=other)
            with warehouse.begin() as connection:
                connection.execute(change)
        return full, seconds_of(lambda: embed_pending(warehouse, images, encoder))


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of photos; the sample market's pictures unless given")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args()
    encoder, one, all_threads = CompactEncoder(threads=options.threads), EagerPeer(1), EagerPeer(options.threads)
    pictures = pictures_of(options.data, PICTURES)
    prepared = [encoder.prepared(picture) for picture in pictures]
    few = prepared[:EAGER_PICTURES]
    cosines = (encoder.picture_parts(few) * one(few)).sum(axis=1)
    keyed = {str(number): picture for number, picture in enumerate(pictures)}

    def from_bytes() -> None:
        for _ in read_pictures(encoder, keyed.__getitem__, keyed, decoders=options.threads):
            pass

    taken = race(
        {
            "one": lambda: one(few),
            "all": lambda: all_threads(few),
            "ours": lambda: encoder.picture_parts(prepared),
            "bytes": from_bytes,
            "query": lambda: encoder.embed_query(pictures[0], None),
        }
    )
    alone, together = len(few) / taken["one"], len(few) / taken["all"]
    ours, whole = len(pictures) / taken["ours"], len(pictures) / taken["bytes"]
    print(f"{len(pictures)} pictures of two views, {options.threads} threads, {encoder.version}")
    print(f"eager torch, one thread    {alone:8.1f} pictures/s, of {len(few)}")
    print(f"eager torch, all threads   {together:8.1f} pictures/s, of {len(few)}")
    print(f"ours                       {ours:8.1f} pictures/s")
    print(f"ours / eager               {ours / max(alone, together):8.2f}  (goal 4)")
    print(f"cosine, least and mean     {cosines.min():.6f} {cosines.mean():.6f}  (goal 0.999)")
    print(f"bytes to vector / model    {whole / ours:8.2f}  (goal 0.8)")
    print(f"one photo query            {1000 * taken['query']:8.0f} ms  (goal 150)")
    full, again = full_and_changed(encoder, pictures_of(options.data, CATALOGUE))
    print(f"2 % changed / full         {again / full:8.3f}  (goal 0.05); {again:.1f} s and {full:.1f} s")


if __name__ == "__main__":
    main()

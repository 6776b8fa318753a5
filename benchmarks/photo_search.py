"""Finding a product by a shelf photo: recall over all photos, for the compact encoder and what it must beat.

`python -m benchmarks.photo_search --data FOLDER`, where FOLDER holds `catalog.json` and
`queries/queries.json`. The peers are the same network as published, at 224 pixels: its 1280
pooled features as they are, and brought to 384 by a random orthogonal projection.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.embedding.compact import CompactEncoder
from models.embedding.lite import FEATURES, pooled_features, published_network, weights_file
from models.embedding.pixels import decoded, padded
from models.embedding.vectors import normalised

CUTS = (1, 5, 10)
BATCH = 32
PEER_SIDE = 224
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Catalogue pictures, shelf photos, and the row of the product that each photo shows."""

    pictures: list[bytes]
    photos: list[bytes]
    truth: NDArray[np.intp]


def read_shelf(folder: Path) -> Shelf:
    """The catalogue and photos of a folder."""
    catalog = json.loads((folder / "catalog.json").read_text())
    photos = json.loads((folder / "queries" / "queries.json").read_text())
    row_of = {product["sku"]: row for row, product in enumerate(catalog)}
    return Shelf(
        [(folder / product["image"]).read_bytes() for product in catalog],
        [(folder / "queries" / photo["image"]).read_bytes() for photo in photos],
        np.array([row_of[photo["sku"]] for photo in photos], dtype=np.intp),
    )


def recalls(catalog: Vectors, queries: Vectors, truth: NDArray[np.intp]) -> list[float]:
    """The share of queries whose product is among the first 1, 5 and 10.

    Parameters
    ----------
    catalog : (products, dimensions)
    queries : (photos, dimensions)
    truth : (photos,)
        Row of the product that each photo shows.
    """
    order = np.argsort(-(queries @ catalog.T), axis=1, kind="stable")
    place = (order == truth[:, None]).argmax(axis=1)
    return [float((place < cut).mean()) for cut in CUTS]


def measured(shelf: Shelf, embed: Callable[[list[bytes]], Vectors]) -> tuple[list[float], float]:
    """R@1, R@5 and R@10, and the milliseconds that one picture took."""
    began = time.perf_counter()
    catalog, queries = embed(shelf.pictures), embed(shelf.photos)
    milliseconds = 1000 * (time.perf_counter() - began) / (len(catalog) + len(queries))
    return recalls(catalog, queries, shelf.truth), milliseconds


def embed_plainly(images: list[bytes]) -> Vectors:
    """Pooled features of the network as published, (images, 1280), unit length."""
    network = published_network(weights_file())
    found = []
    for start in range(0, len(images), BATCH):
        pixels = [padded(decoded(image, near=PEER_SIDE), PEER_SIDE) for image in images[start : start + BATCH]]
        found.append(pooled_features(network, np.stack(pixels)))
    return normalised(np.concatenate(found))


def embed_at_random(images: list[bytes]) -> Vectors:
    """The same brought to 384 numbers by a random orthogonal projection."""
    directions, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((FEATURES, 384)))
    return normalised(embed_plainly(images) @ directions.astype(np.float32))


def main() -> None:
    """Print R@1, R@5 and R@10 of ours and its peers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with catalog.json and queries/queries.json")
    shelf = read_shelf(parser.parse_args().data)
    encoder = CompactEncoder(threads=2)
    print(f"{len(shelf.photos)} photos against {len(shelf.pictures)} products, {encoder.version}")
    print(f"{'':34}{'R@1':>8}{'R@5':>8}{'R@10':>8}{'ms each':>10}")
    for name, embed in (
        ("ours, 384-d", lambda images: encoder.embed_products(images, [""] * len(images))),
        ("plain features, 1280-d", embed_plainly),
        ("random projection, 384-d", embed_at_random),
    ):
        found, milliseconds = measured(shelf, embed)
        print(f"{name:34}" + "".join(f"{value:8.3f}" for value in found) + f"{milliseconds:10.0f}")


if __name__ == "__main__":
    main()

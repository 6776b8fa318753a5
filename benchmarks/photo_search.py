"""Finding a product by a shelf photo: recall over all photos, for the compact encoder and its plain features.

`python -m benchmarks.photo_search --data FOLDER`, where FOLDER holds `catalog.json` and
`queries/queries.json`. The peer is the same network's 1280-d pooled features without projection.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.embedding.compact import SIDE, CompactEncoder
from models.embedding.pixels import decoded, padded
from models.embedding.vectors import normalised

CUTS = (1, 5, 10)
BATCH = 32


def recalls(catalog: NDArray[np.float32], queries: NDArray[np.float32], truth: NDArray[np.intp]) -> list[float]:
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


def plain_features(encoder: CompactEncoder, images: list[bytes]) -> NDArray[np.float32]:
    """Pooled features of the image network, (images, 1280), unit length."""
    import torch

    found = []
    for start in range(0, len(images), BATCH):
        pixels = np.stack([padded(decoded(image, near=SIDE), SIDE) for image in images[start : start + BATCH]])
        with torch.inference_mode():
            inputs = torch.from_numpy((pixels - 127) / 128).permute(0, 3, 1, 2).contiguous()
            found.append(encoder._image_network.extract_features(inputs).mean((2, 3)).numpy())
    return normalised(np.concatenate(found))


def main() -> None:
    """Print R@1, R@5 and R@10 of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data
    catalog = json.loads((folder / "catalog.json").read_text())
    photos = json.loads((folder / "queries" / "queries.json").read_text())
    row_of = {product["sku"]: row for row, product in enumerate(catalog)}
    truth = np.array([row_of[photo["sku"]] for photo in photos], dtype=np.intp)
    pictures = [(folder / product["image"]).read_bytes() for product in catalog]
    queries = [(folder / "queries" / photo["image"]).read_bytes() for photo in photos]
    encoder = CompactEncoder(threads=2)
    began = time.perf_counter()
    products = encoder.embed_products(pictures, [f"{p['title']} {p['category']}" for p in catalog])
    asked = np.stack([encoder.embed_query(query, None) for query in queries])
    seconds = time.perf_counter() - began
    print(
        f"{len(photos)} photos against {len(catalog)} products, {1000 * seconds / (len(photos) + len(catalog)):.0f} ms each"
    )
    print(f"{'':30}{'R@1':>8}{'R@5':>8}{'R@10':>8}")
    peer = recalls(plain_features(encoder, pictures), plain_features(encoder, queries), truth)
    for name, found in (("compact, 384-d (ours)", recalls(products, asked, truth)), ("plain features, 1280-d", peer)):
        print(f"{name:30}" + "".join(f"{value:8.3f}" for value in found))


if __name__ == "__main__":
    main()

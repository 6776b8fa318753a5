"""Finding a product by a shelf photo: recall over all photos, for the compact encoder and what it must beat.

`python -m benchmarks.photo_search --data FOLDER`, where FOLDER holds `catalog.json` and
`queries/queries.json`. The peers are the same network as published, at 224 pixels: its 1280
pooled features as they are, and brought to 384 by a random orthogonal projection. Then whole products, picture and
words, are asked by words alone (the kind of thing, "Juice", as the catalogue names it and a shopper would), and by
photo and words. The last row is ours as a shopper meets it: the feed imported, judged and indexed in stores of its
own, each photo sent to the API.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from fastapi import FastAPI
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from marketplace.catalog.products import Seller
from marketplace.ingestion.sync import sync_seller
from marketplace.local.milvus import EmbeddedMilvus
from marketplace.local.network import free_port
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.settings import Settings
from marketplace.storage.catalog import add_seller
from marketplace.storage.embeddings import pending, product_text, store
from marketplace.storage.images import Images
from marketplace.storage.index_state import follow_catalog
from marketplace.storage.quality import judge_products
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from models.embedding.compact import CompactEncoder
from models.embedding.lite import FEATURES, pooled_features, published_network, weights_file
from models.embedding.pixels import decoded, padded
from models.embedding.vectors import normalised
from serving.app import create_app

CUTS = (1, 5, 10)
BATCH = 32
PEER_SIDE = 224
Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Catalogue pictures, shelf photos, and the row of the product that each photo shows."""

    pictures: list[bytes]
    photos: list[bytes]
    truth: NDArray[np.intp]
    texts: list[str]
    kinds: list[str]  # of each product, as a shopper would name it


def read_shelf(folder: Path) -> Shelf:
    """The catalogue and photos of a folder."""
    catalog = json.loads((folder / "catalog.json").read_text())
    photos = json.loads((folder / "queries" / "queries.json").read_text())
    row_of = {product["sku"]: row for row, product in enumerate(catalog)}
    return Shelf(
        [(folder / product["image"]).read_bytes() for product in catalog],
        [(folder / "queries" / photo["image"]).read_bytes() for photo in photos],
        np.array([row_of[photo["sku"]] for photo in photos], dtype=np.intp),
        [product_text(product["title"], product["category"], product["description"]) for product in catalog],
        [product["category"] for product in catalog],
    )


def recalls(catalog: Rows, queries: Rows, truth: NDArray[np.intp]) -> list[float]:
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


def measured(shelf: Shelf, embed: Callable[[list[bytes]], Rows]) -> tuple[list[float], float]:
    """R@1, R@5 and R@10, and the milliseconds that one picture took."""
    began = time.perf_counter()
    catalog, queries = embed(shelf.pictures), embed(shelf.photos)
    milliseconds = 1000 * (time.perf_counter() - began) / (len(catalog) + len(queries))
    return recalls(catalog, queries, shelf.truth), milliseconds


def hybrid_recalls(shelf: Shelf, encoder: CompactEncoder) -> dict[str, list[float]]:
    """R@1, R@5 and R@10 against whole products, by what is asked with."""
    catalog = encoder.embed_products(shelf.pictures, shelf.texts)
    kinds = {kind: encoder.embed_query(None, kind) for kind in sorted(set(shelf.kinds))}
    asked = {
        "words alone, the kind of thing": [kinds[shelf.kinds[row]] for row in shelf.truth],
        "photo and words": [
            encoder.embed_query(photo, shelf.kinds[row]) for photo, row in zip(shelf.photos, shelf.truth, strict=True)
        ],
    }
    return {name: recalls(catalog, np.stack(queries), shelf.truth) for name, queries in asked.items()}


def embed_plainly(images: list[bytes]) -> Rows:
    """Pooled features of the network as published, (images, 1280), unit length."""
    network = published_network(weights_file())
    found = []
    for start in range(0, len(images), BATCH):
        pixels = [padded(decoded(image, near=PEER_SIDE), PEER_SIDE) for image in images[start : start + BATCH]]
        found.append(pooled_features(network, np.stack(pixels)))
    return normalised(np.concatenate(found))


def embed_at_random(images: list[bytes]) -> Rows:
    """The same brought to 384 numbers by a random orthogonal projection."""
    directions, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((FEATURES, 384)))
    return normalised(embed_plainly(images) @ directions.astype(np.float32))


def through_the_api(folder: Path, encoder: CompactEncoder) -> tuple[list[float], float]:
    """R@1, R@5 and R@10 of `POST /api/search`, and the milliseconds that one photo took."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        app = _market_of(folder, Path(scratch), encoder, stack)
        client = stack.enter_context(TestClient(app))
        while client.get("/health/ready").json()["parts"]["encoder"]["state"] != "ready":
            time.sleep(0.1)
        photos = json.loads((folder / "queries" / "queries.json").read_text())
        title_of = {product["sku"]: product["title"] for product in json.loads((folder / "catalog.json").read_text())}
        places = []
        began = time.perf_counter()
        for photo in photos:
            file = (folder / "queries" / photo["image"]).read_bytes()
            answer = client.post("/api/search", files={"image": file}, data={"limit": str(CUTS[-1])}).json()
            titles = [item["title"] for item in answer["items"]]
            wanted = title_of[photo["sku"]]
            places.append(titles.index(wanted) if wanted in titles else CUTS[-1])
        milliseconds = 1000 * (time.perf_counter() - began) / len(photos)
    return [float(np.mean(np.array(places) < cut)) for cut in CUTS], milliseconds


def _market_of(folder: Path, scratch: Path, encoder: CompactEncoder, stack: ExitStack) -> FastAPI:
    """The app over stores of its own that hold the folder's catalogue."""
    scratch.chmod(0o755)  # Postgres may run as another user
    postgres = EmbeddedPostgres(scratch / "postgres", free_port(), durable=False)
    postgres.start(scratch / "postgres.log")
    stack.callback(postgres.stop)
    milvus = EmbeddedMilvus(scratch / "milvus", free_port())
    milvus.start(scratch / "milvus.log")
    stack.callback(milvus.stop)
    url = postgres.create_database("shelf")
    settings = Settings(_env_file=None, rate_limit_address="", home=scratch, database_url=url, milvus_uri=milvus.uri)
    images = Images(settings.artifacts_folder / "images", max_pixels=settings.image_max_pixels)
    warehouse, now = Warehouse(url), datetime.now(UTC)
    stack.callback(warehouse.close)
    warehouse.migrate()
    seller = Seller(1, "grocer", "Grocer", None, "", "SE", "SEK", "feed", str(folder / "catalog.json"))
    add_seller(warehouse, seller)
    sync_seller(warehouse, images, settings, seller, trigger="import", now=now, brake_share=1.0)
    judge_products(warehouse, now)
    waiting = pending(warehouse, encoder.version)
    pictures = [images.read(one.image_sha256) if one.image_sha256 else None for one in waiting]
    vectors = encoder.embed_products(pictures, [one.text for one in waiting])
    store(warehouse, encoder.version, waiting, vectors, now=now)
    follow_catalog(warehouse, Vectors(milvus.uri), encoder.version, index_type=settings.index_type, now=now)
    return create_app(settings, load=lambda: encoder)


def main() -> None:
    """Print R@1, R@5 and R@10 of ours and its peers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with catalog.json and queries/queries.json")
    folder = parser.parse_args().data
    shelf = read_shelf(folder)
    encoder = CompactEncoder(threads=2)
    print(f"{len(shelf.photos)} photos against {len(shelf.pictures)} products, {encoder.version}")
    print(f"{'':34}{'R@1':>8}{'R@5':>8}{'R@10':>8}{'ms each':>10}")
    for name, embed in (
        ("ours, 384-d", lambda images: encoder.embed_products(images, [""] * len(images))),
        ("plain features, 1280-d", embed_plainly),
        ("random projection, 384-d", embed_at_random),
    ):
        show(name, *measured(shelf, embed))
    for name, found in hybrid_recalls(shelf, encoder).items():
        show(name, found, None)
    show("ours, through index and API", *through_the_api(folder, encoder))


def show(name: str, found: list[float], milliseconds: float | None) -> None:
    """Print one row."""
    last = "" if milliseconds is None else f"{milliseconds:10.0f}"
    print(f"{name:34}" + "".join(f"{value:8.3f}" for value in found) + last)


if __name__ == "__main__":
    main()

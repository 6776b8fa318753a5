"""What the API adds to a search: its time beside that of the engine and of an empty route, in one run.

`python -m benchmarks.search_api` fills an embedded Postgres and Milvus with products drawn from a seed, serves the app
over loopback, and asks in turns: the engine (encoder, index, keywords and the look-up of what they found, called
directly), a route that answers nothing, and the API. Every turn asks the same words, so that noise of the machine
meets all three alike.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import sqlalchemy as sa
import uvicorn
from sqlalchemy.dialects.postgresql import insert

from marketplace.local.market import CATEGORIES, COLOURS, PATTERNS, draw_market
from marketplace.local.milvus import EmbeddedMilvus
from marketplace.local.network import answers, free_port, wait_until
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.search.asking import Filters
from marketplace.search.nearness import DEPTH, NEAR_DEPTH
from marketplace.settings import Settings
from marketplace.storage.catalog import add_seller
from marketplace.storage.embeddings import pending, store
from marketplace.storage.index_builds import rebuild_index
from marketplace.storage.keywords import find_terms, read_query
from marketplace.storage.shelf import on_shelf
from marketplace.storage.tables import product_quality, products
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from models.embedding.vectors import EMBEDDING_DIM, normalised
from models.embedding.vectors import Vectors as Vector
from serving.app import create_app

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = [name for names, _ in CATEGORIES.values() for name in names]
SHOWN = 24


class HashedWords:
    """An encoder that costs next to nothing: each word has a direction of its own."""

    version = "hashed-words-1"
    has_shared_space = True

    def embed_products(self, images: list[bytes | None], texts: list[str]) -> Vector:
        """Unit vectors of the words, (products, 768)."""
        return np.stack([self.embed_query(None, text) for text in texts])

    def embed_query(self, image: bytes | None, text: str | None, *, image_weight: float | None = None) -> Vector:
        """Unit vector of the words, (768,)."""
        words = (text or "").casefold().replace(",", " ").split()
        seeds = [int.from_bytes(word.encode()[:7].ljust(7), "big") for word in words] or [0]
        total = np.sum([np.random.default_rng(seed).standard_normal(EMBEDDING_DIM) for seed in seeds], axis=0)
        vector: Vector = normalised(total.astype(np.float32))
        return vector


@contextlib.contextmanager
def market(count: int) -> Iterator[tuple[Settings, Warehouse, Vectors]]:
    """Stores that hold so many products, judged and indexed."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soko-search-")))
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder / "postgres", free_port(), durable=False)
        postgres.start(folder / "postgres.log")
        stack.callback(postgres.stop)
        milvus = EmbeddedMilvus(folder / "milvus", free_port())
        milvus.start(folder / "milvus.log")
        stack.callback(milvus.stop)
        settings = Settings(
            _env_file=None, home=folder, database_url=postgres.create_database("search"), milvus_uri=milvus.uri
        )
        warehouse = Warehouse(settings.database_url.get_secret_value())
        stack.callback(warehouse.close)
        warehouse.migrate()
        vectors = Vectors(milvus.uri)
        stack.callback(vectors.close)
        fill(warehouse, count)
        encoder = HashedWords()
        waiting = pending(warehouse, encoder.version)
        embedded = encoder.embed_products([None] * len(waiting), [one.text for one in waiting])
        store(warehouse, encoder.version, waiting, embedded, now=NOW)
        rebuild_index(warehouse, vectors, encoder.version, index_type="IVF_FLAT", now=NOW)
        yield settings, warehouse, vectors


def fill(warehouse: Warehouse, count: int) -> None:
    """The tables hold so many products of eight sellers afterwards."""
    rng = np.random.default_rng(7)
    sellers = draw_market(products_per_seller=1).sellers
    for seller in sellers:
        add_seller(warehouse, seller)
    rows, verdicts = [], []
    for number in range(count):
        category, (names, _) = list(CATEGORIES.items())[int(rng.integers(len(CATEGORIES)))]
        colour, pattern = str(rng.choice(list(COLOURS))), str(rng.choice(PATTERNS))
        seller = sellers[number % len(sellers)]
        rows.append(
            {
                "product_id": 10_000 + number,
                "seller_id": seller.seller_id,
                "source_ref": str(number),
                "title": f"{names[int(rng.integers(len(names)))]}, {colour} {pattern} {number}",
                "description": f"Made by hand in {colour} with {pattern}. " * 4,
                "category": category,
                "price_minor": int(rng.integers(100, 9000)) * 100,
                "currency": seller.currency,
                "content_hash": str(number),
                **dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), NOW),
            }
        )
        verdicts.append(
            {
                "product_id": 10_000 + number,
                "content_hash": str(number),
                "verdict": "approved",
                "reasons": [],
                "rules_version": "1",
                "judged_at": NOW,
            }
        )
    with warehouse.begin() as connection:
        for start in range(0, count, 1000):
            connection.execute(insert(products), rows[start : start + 1000])
            connection.execute(insert(product_quality), verdicts[start : start + 1000])
        connection.execute(sa.text("analyze"))


def serve(port: int) -> None:
    """Serve the app that the environment describes, with a route beside the API's that answers nothing."""
    app = create_app(Settings(_env_file=None, rate_limit_address=""), load=HashedWords)

    @app.post("/api/nothing")
    async def nothing() -> None:
        return None

    uvicorn.run(app, port=port, log_level="error", access_log=False)


@contextlib.contextmanager
def served(settings: Settings) -> Iterator[int]:
    """The port of the app, which runs in a process of its own."""
    port = free_port()
    found = {
        "SOKO_HOME": str(settings.home),
        "SOKO_DATABASE_URL": settings.database_url.get_secret_value(),
        "SOKO_MILVUS_URI": settings.milvus_uri,
        "SOKO_SEARCH_SECONDS": "10",  # what is slow shall be measured, and not given up
    }
    command = [sys.executable, "-m", "benchmarks.search_api", "--serve", str(port)]
    with subprocess.Popen(command, env={**os.environ, **found}) as server:
        try:
            assert wait_until(lambda: answers(port), 60)
            yield port
        finally:
            server.terminate()


def timed(question: Callable[[], object]) -> float:
    """Milliseconds that the answer took."""
    began = time.perf_counter()
    question()
    return 1000 * (time.perf_counter() - began)


def main() -> None:
    """Print the three times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=5000)
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve)
        return
    encoder = HashedWords()
    with market(chosen.products) as (settings, warehouse, vectors), served(settings) as port:
        connection = HTTPConnection("127.0.0.1", port)

        def asked(path: str, text: str) -> None:
            body = json.dumps({"text": text, "limit": SHOWN})
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == 200, said[:300]
            assert b'"degraded":true' not in said, said[-300:]

        def engine(text: str) -> None:
            hits = vectors.search(encoder.embed_query(None, text), limit=NEAR_DEPTH).hits
            held = find_terms(warehouse, read_query(warehouse, text), filters=Filters(), limit=DEPTH)
            ids = dict.fromkeys([*(one.product_id for one in held), *(hit.product_id for hit in hits)])
            on_shelf(warehouse, list(ids)[:SHOWN])

        times: dict[str, list[float]] = {"engine": [], "empty route": [], "API": []}
        colours = itertools.cycle(COLOURS)
        for turn, name in zip(range(chosen.turns + 20), itertools.cycle(NAMES), strict=False):
            text = f"{next(colours)} {name}"
            one = {
                "engine": timed(lambda text=text: engine(text)),
                "empty route": timed(lambda text=text: asked("/api/nothing", text)),
                "API": timed(lambda text=text: asked("/api/search", text)),
            }
            if turn >= 20:  # the first fill caches
                for what, took in one.items():
                    times[what].append(took)
    for what, values in times.items():
        p50, p99 = np.percentile(values, (50, 99))
        print(f"{what}: p50 {p50:.1f} ms, p99 {p99:.1f} ms over {len(values)} answers")
    for share in (50, 99):
        api, engine_, empty = (np.percentile(times[what], share) for what in ("API", "engine", "empty route"))
        print(f"p{share}: API / (engine + empty route) = {api / (engine_ + empty):.2f}")


if __name__ == "__main__":
    main()

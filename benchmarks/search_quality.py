"""What search finds for judged queries, asked through the API: by modality and language, documented and tuned weights.

`python -m benchmarks.search_quality` loads the sample market into stores of its own; `--grocery` and `--clothing` take
folders of photos instead. `--tune` tries the whole grid of weights on one half of the topics and prints the other half.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import cast

import numpy as np
from fastapi.testclient import TestClient

from marketplace.catalog.products import Seller, stable_id
from marketplace.ingestion.sync import sync_seller
from marketplace.local.golden import golden_market
from marketplace.local.golden_folders import FolderProduct, clothing, grocery
from marketplace.local.market import SampleMarket, draw_market
from marketplace.local.milvus import EmbeddedMilvus
from marketplace.local.network import free_port
from marketplace.local.pictures import draw_picture
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.search.asking import SearchQuery
from marketplace.search.fusion import TUNED, FusionWeights
from marketplace.search.golden import GoldenQuery, GoldenSet
from marketplace.settings import Settings
from marketplace.storage.catalog import add_seller
from marketplace.storage.images import Images
from marketplace.storage.index_state import follow_catalog
from marketplace.storage.quality import judge_products
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from marketplace.storage.word_index import refresh_terms
from models.embedding.encoder import Encoder
from models.embedding.loading import load_encoder
from models.embedding.vectors import IMAGE_WEIGHT, concatenated, hybrid
from models.embedding.vectors import Vectors as Rows
from models.retrieval.bootstrap import difference
from models.retrieval.evaluation import SCORE, Report, evaluate
from models.retrieval.metrics import DEPTH, graded, ndcg
from models.retrieval.tuning import Tuned, Weighing, tuned
from orchestration.embedding import embed_pending
from orchestration.judging import answered, asked_of, on_the_shelf, spanned
from orchestration.searching import Engine, Witnesses, ranked
from serving.app import create_app

DOCUMENTED = FusionWeights()
GRID = {
    "some_words": (0.0, 0.25, 0.5, 0.75, 1.0),
    "likeness": (0.25, 0.5, 1.0, 2.0, 4.0),
    "photo_likeness": (0.5, 1.0, 2.0, 4.0, 8.0),
    "picture": (0.4, 0.5, 0.6, 0.7, 0.8),
}
SHOWN = (SCORE, "recall_at_10", "mrr", "hit_at_1", "hit_at_5")


@dataclass(frozen=True, slots=True)
class Stage:
    """A catalogue in stores of its own, indexed, and what was judged of it."""

    settings: Settings
    warehouse: Warehouse
    vectors: Vectors
    encoder: Encoder
    golden: GoldenSet
    products: int


class Api:
    """Asks a running app, as a shopper's page does.

    Parameters
    ----------
    part
        What of a query is sent: all of it, its words or its photo.
    """

    def __init__(self, client: TestClient, part: str = "all") -> None:
        self._client = client
        self._part = part

    def search(self, query: SearchQuery) -> list[int]:
        """The products that match, best first."""
        fields: dict[str, object] = {"limit": query.limit, "collapse": query.collapse}
        if query.text is not None and self._part != "photo":
            fields["text"] = query.text
        if query.image is not None and self._part != "words":
            answer = self._client.post("/api/search", files={"image": query.image}, data=fields)
        else:
            answer = self._client.post("/api/search", json=fields)
        answer.raise_for_status()
        found = answer.json()
        if found["degraded"]:
            raise SystemExit(f"degraded: {found['reason']}")
        return [item["product_id"] for item in found["items"]]


@contextmanager
def staged(sellers: Sequence[tuple[Seller, Sequence[FolderProduct]]], golden: GoldenSet) -> Iterator[Stage]:
    """The products of the sellers, imported from feeds, judged, embedded and indexed."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        scratch = Path(folder)
        scratch.chmod(0o755)  # Postgres may run as another user
        postgres = EmbeddedPostgres(scratch / "postgres", free_port(), durable=False)
        postgres.start(scratch / "postgres.log")
        stack.callback(postgres.stop)
        milvus = EmbeddedMilvus(scratch / "milvus", free_port())
        milvus.start(scratch / "milvus.log")
        stack.callback(milvus.stop)
        url = postgres.create_database("judged")
        settings = Settings(
            _env_file=None,
            rate_limit_address="",
            home=scratch,
            database_url=url,
            milvus_uri=milvus.uri,
            search_seconds=60,
        )
        warehouse, vectors = Warehouse(url), Vectors(milvus.uri)
        stack.callback(warehouse.close)
        stack.callback(vectors.close)
        warehouse.migrate()
        images = Images(settings.artifacts_folder / "images", max_pixels=settings.image_max_pixels)
        for seller, offered in sellers:
            feed = written(scratch / seller.handle, offered)
            take_in(warehouse, images, settings, replace(seller, source_kind="feed", source_url=str(feed)))
        encoder = load_encoder("compact", threads=settings.encoder_threads, siglip_model="", siglip_pretrained="")
        indexed = index(warehouse, images, vectors, encoder, settings)
        yield Stage(settings, warehouse, vectors, encoder, on_the_shelf(warehouse, golden), indexed)


def written(folder: Path, products: Iterable[FolderProduct]) -> Path:
    """The feed of some products, in a folder of its own with their pictures, for a feed reads none from elsewhere."""
    folder.mkdir()
    rows = []
    for number, product in enumerate(products):
        shutil.copyfile(product.picture, folder / f"{number}.jpg")
        said = {"title": product.title, "category": product.category, "description": product.description}
        rows.append({"sku": product.ref, "image": f"{number}.jpg", "price": "1000", **said})
    feed = folder / "catalog.json"
    feed.write_text(json.dumps(rows))
    return feed


def take_in(warehouse: Warehouse, images: Images, settings: Settings, seller: Seller) -> None:
    """The seller's feed is read and judged."""
    now = datetime.now(UTC)
    add_seller(warehouse, seller)
    sync_seller(warehouse, images, settings, seller, trigger="import", now=now, brake_share=1.0)
    judge_products(warehouse, now)


def index(warehouse: Warehouse, images: Images, vectors: Vectors, encoder: Encoder, settings: Settings) -> int:
    """How many products are served, their words read, and all of them embedded with their pictures."""
    refresh_terms(warehouse)
    done = embed_pending(warehouse, images, encoder)
    if done.unread:
        raise SystemExit(f"{len(done.unread)} of {done.products} products have a picture that cannot be read")
    followed = follow_catalog(
        warehouse, vectors, encoder.version, index_type=settings.index_type, now=datetime.now(UTC)
    )
    return followed.build.products


def of_the_market(market: SampleMarket, folder: Path) -> list[tuple[Seller, list[FolderProduct]]]:
    """Every seller with what they offer; pictures are drawn into the folder."""
    sellers = []
    for seller in market.sellers:
        offered = []
        for product in market.of(seller.handle):
            if product.has_picture and product.in_stock:
                picture = folder / f"{market.product_id(product)}.jpg"
                picture.write_bytes(draw_picture(product))
                said = (product.title, product.category, product.description)
                offered.append(FolderProduct(product.ref, *said, picture))
        sellers.append((seller, offered))
    return sellers


@contextmanager
def asked_by_the_api(stage: Stage) -> Iterator[TestClient]:
    """A client of the app over the stage, its encoder ready."""
    with TestClient(create_app(stage.settings, load=lambda: stage.encoder)) as client:
        while client.get("/health/ready").json()["parts"]["encoder"]["state"] != "ready":
            time.sleep(0.1)
        yield client


def report_on(stage: Stage) -> None:
    """Print what the API finds, whole and by its parts, and how long that took."""
    with asked_by_the_api(stage) as client:
        began = time.perf_counter()
        whole = answered(Api(client), stage.golden).report
        seconds = time.perf_counter() - began
        print(
            f"{len(stage.golden.queries)} queries in {seconds:.0f} s, {1000 * seconds / len(whole.names):.0f} ms each"
        )
        show("as a shopper asks", whole)
        both = replace(stage.golden, queries=tuple(one for one in stage.golden.queries if one.text and one.photo))
        for part in ("photo", "words") if both.queries else ():
            show(f"photo and words, only the {part} sent", answered(Api(client, part), both).report, first=1)


def show(title: str, report: Report, *, first: int | None = None) -> None:
    """Print the rows of a report."""
    print(f"\n{title}\n{'':32}{'queries':>8}" + "".join(f"{name:>24}" for name in SHOWN))
    for row in report.rows[:first]:
        print(f"{row.group:32}{row.queries:8}" + "".join(f"{spanned(row.means[name]):>24}" for name in SHOWN))


def tune(stage: Stage) -> None:
    """Try the grid on the topics for tuning; print the weights, and what they do for the other topics."""
    kept = {side: [one for one in stage.golden.queries if one.is_for_tuning == side] for side in (True, False)}
    gathered = gather(stage, stage.golden.queries)
    start = asdict(DOCUMENTED)
    for fusion in ("weighted", "rrf"):
        found = tuned(partial(scored, gathered, kept[True], fusion), start, GRID)
        told(found, fusion)
        before, after = (judged(gathered, kept[False], fusion, weights) for weights in (start, found.weights))
        show(f"{fusion}, documented weights, {len(kept[False])} queries held out", before)
        show(f"{fusion}, tuned weights, the same queries", after)
        gains(kept[False], before, after)
    if DOCUMENTED != TUNED:
        show("weighted, the weights in use", judged(gathered, kept[False], "weighted", asdict(TUNED)))


class AskedOnce:
    """The encoder, asked once for each photo and each text; the two are put together anew for every weight."""

    def __init__(self, encoder: Encoder) -> None:
        self.version, self.has_shared_space = encoder.version, encoder.has_shared_space
        self.embed_products = encoder.embed_products
        self._alone = cache(encoder.embed_query)
        self._encoder = encoder
        self._is_proven = False

    def embed_query(self, image: bytes | None, text: str | None, *, image_weight: float | None = None) -> Rows:
        """The vector that the encoder itself would give."""
        if image is None or text is None:
            return self._alone(image, text)
        photo, words = self._alone(image, None), self._alone(None, text)
        weight = IMAGE_WEIGHT if image_weight is None else image_weight
        if self.has_shared_space:
            found = hybrid(photo, words, weight)
        else:
            found = concatenated(photo[: len(photo) // 2], words[len(words) // 2 :], weight)
        if not self._is_proven:
            np.testing.assert_allclose(
                found, self._encoder.embed_query(image, text, image_weight=image_weight), atol=1e-5
            )
            self._is_proven = True
        return found


Gathered = dict[tuple[str, float], Witnesses]


def gather(stage: Stage, queries: Sequence[GoldenQuery]) -> Gathered:
    """What was found for each query, by its name and the weight of its photo."""
    engine = Engine(stage.warehouse, stage.vectors, cast("Encoder", AskedOnce(stage.encoder)))
    found: Gathered = {}
    for query in queries:
        for picture in GRID["picture"]:
            if query.modality == "photo and words" or picture == GRID["picture"][0]:
                latest = engine.witnesses(query.asked(limit=DEPTH, image_weight=picture))
            found[query.name, picture] = latest
    return found


def judged(gathered: Gathered, queries: Sequence[GoldenQuery], fusion: str, weights: Weighing) -> Report:
    """What the queries are worth under some weights."""
    return evaluate([asked_of(query) for query in queries], rankings(gathered, queries, fusion, weights))


def scored(gathered: Gathered, queries: Sequence[GoldenQuery], fusion: str, weights: Weighing) -> float:
    """The mean nDCG at 10 under some weights."""
    found = rankings(gathered, queries, fusion, weights)
    return float(ndcg(graded(found, [query.grades for query in queries]), 10).mean())


def rankings(gathered: Gathered, queries: Sequence[GoldenQuery], fusion: str, weights: Weighing) -> list[list[int]]:
    """What each query finds under some weights."""
    chosen = FusionWeights(**weights)
    plain = SearchQuery(fusion="rrf" if fusion == "rrf" else "weighted", limit=DEPTH)
    with_photo = replace(plain, image=b"any")
    return [
        ranked(gathered[query.name, chosen.picture], with_photo if query.photo else plain, chosen) for query in queries
    ]


def told(found: Tuned, fusion: str) -> None:
    """Print the best weights and how many others come near them."""
    scores = np.array([score for _, score in found.tried])
    close = int((scores > found.score - 0.005).sum())
    weights = ", ".join(f"{name} {value:g}" for name, value in found.weights.items())
    print(
        f"\n{fusion}: {weights}: {found.score:.4f} where documented weights have {found.before:.4f}, on the half they"
    )
    print(f"were tuned on; {close} of {len(scores)} combinations are within 0.005 of it")


def gains(queries: Sequence[GoldenQuery], before: Report, after: Report) -> None:
    """Print how the held-out queries moved, by modality and language."""
    print("\ngain in nDCG@10 on the queries held out")
    labels: list[tuple[str, Callable[[GoldenQuery], bool]]] = [("all", lambda query: True)]
    for modality, language in sorted({(query.modality, query.language) for query in queries}):
        labels.append(
            (f"{modality} {language}", lambda query, m=modality, c=language: (query.modality, query.language) == (m, c))
        )
    for label, belongs in labels:
        places = [place for place, query in enumerate(queries) if belongs(query)]
        ours, theirs = (report.values[SCORE][places] for report in (after, before))
        gain = difference(ours, theirs, seed=0, topics=[queries[place].topic for place in places])
        print(f"{label:32}{len(places):8}   {gain.mean:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})")


def main() -> None:
    """Print the report of the catalogue that the options name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sellers", type=int, default=8, help="sellers of the sample market")
    parser.add_argument("--products", type=int, default=30, help="products of each of them")
    parser.add_argument("--grocery", type=Path, help="folder with catalog.json and queries/queries.json")
    parser.add_argument("--clothing", type=Path, help="folder with clothing/ and clothing-queries/, by kind")
    parser.add_argument("--most", type=int, default=25, help="products and photos of one kind of clothing")
    parser.add_argument("--tune", action="store_true", help="tune the weights of fusion and photo")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as pictures:
        if asked.grocery or asked.clothing:
            handle = "folder"
            seller = Seller(stable_id("seller", handle), handle, "Folder", None, "", "SE", "SEK", "feed", None)
            if asked.grocery:
                products, golden = grocery(asked.grocery, handle)
            else:
                shop, photos = (asked.clothing / name for name in ("clothing", "clothing-queries"))
                products, golden = clothing(shop, photos, handle, most=asked.most)
            sellers = [(seller, products)]
        else:
            market = draw_market(sellers=asked.sellers, products_per_seller=asked.products)
            sellers, golden = of_the_market(market, Path(pictures)), golden_market(market)
        with staged(sellers, golden) as stage:
            print(f"{golden.name} {golden.hash}: {stage.products} products, {stage.encoder.version}")
            (tune if asked.tune else report_on)(stage)


if __name__ == "__main__":
    main()

"""A small market for recommendations, written straight into the tables, and models of it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.storage.model_files import keep_model
from marketplace.storage.publications import MODEL, RecommendationSet, publish_recommendations
from marketplace.storage.tables import interactions, product_quality, products, publications, sellers
from marketplace.storage.warehouse import Warehouse
from models.collaborative.model import ItemModel, Recommender

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=200)
CITIES = ("Nairobi", "Nakuru", "Kisumu", "Kampala", "Mombasa", "Eldoret")
CATEGORIES = ("dresses", "baskets", "shoes")
FIRST = 1000


def stock(warehouse: Warehouse, *, count: int = 60, since: datetime = LONG_AGO) -> list[int]:
    """The ids of so many products of six sellers, one after another, on the shelf since then."""
    with warehouse.begin() as connection:
        connection.execute(
            insert(sellers).on_conflict_do_nothing(),
            [
                {
                    "seller_id": number,
                    "handle": f"seller-{number}",
                    "name": f"Seller {number}",
                    "source_kind": "web_shop",
                    "country": "KE",
                    "currency": "KES",
                    "city": city,
                }
                for number, city in enumerate(CITIES, 1)
            ],
        )
    ids = list(range(FIRST, FIRST + count))
    add_products(warehouse, ids, since=since)
    return ids


def add_products(warehouse: Warehouse, ids: Sequence[int], *, since: datetime, seller: int | None = None) -> None:
    """The products are on the shelf afterwards."""
    with warehouse.begin() as connection:
        connection.execute(
            insert(products),
            [
                {
                    "product_id": one,
                    "seller_id": seller or 1 + one % 6,
                    "source_ref": str(one),
                    "title": f"Thing {one}",
                    "description": "",
                    "category": CATEGORIES[one % 3],
                    "content_hash": str(one),
                    **dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), since),
                }
                for one in ids
            ],
        )
        connection.execute(
            insert(product_quality),
            [
                {
                    "product_id": one,
                    "content_hash": str(one),
                    "verdict": "approved",
                    "reasons": [],
                    "rules_version": "1",
                    "judged_at": since,
                }
                for one in ids
            ],
        )


def chain(ids: Sequence[int], *, reach: int = 3, backwards: bool = False) -> ItemModel:
    """A model in which interest in one product raises the next ones, the nearest most."""
    count = len(ids)
    offsets = [(-step if backwards else step) for step in range(1, reach + 1)]
    diagonals = [np.full(count - abs(offset), 1 / abs(offset), dtype=np.float32) for offset in offsets]
    links = sp.csr_matrix(sp.diags(diagonals, offsets, shape=(count, count), dtype=np.float32))
    return ItemModel(np.array(ids, dtype=np.int64), links, np.ones(count, dtype=np.float32), "item_cosine")


def publish_model(
    warehouse: Warehouse,
    folder: Path,
    model: Recommender | ItemModel,
    version: str,
    *,
    name: str = MODEL,
    more: Mapping[str, Any] | None = None,
    is_kept: bool = True,
) -> tuple[str, bytes]:
    """The hash and the bytes of the model, which is published, and lies in the folder if it is kept."""
    written = io.BytesIO()
    np.savez(written, **model.to_arrays(), **(more or {}))
    content = written.getvalue()
    sha256 = keep_model(folder if is_kept else folder.parent / "registry", content)
    name_model(warehouse, version, sha256, kind=model.kind, name=name)
    return sha256, content


def name_model(warehouse: Warehouse, version: str, sha256: str, *, kind: str = "", name: str = MODEL) -> None:
    """Postgres says from now on that these bytes are the model, and keeps what it said before."""
    own = {"sha256": sha256, "kind": kind, "run_id": f"run{version}"}
    with warehouse.begin() as connection:
        before = connection.execute(sa.select(publications).where(publications.c.name == name)).one_or_none()
        earlier = None if before is None else {key: kept for key, kept in before.details.items() if key != "before"}
        values = {
            "version": version,
            "previous_version": before.version if before else None,
            "details": {**own, "before": earlier} if earlier else own,
            "published_at": datetime.now(UTC),
        }
        statement = insert(publications).values(name=name, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def publish_lists(
    warehouse: Warehouse,
    popular: Sequence[tuple[str, str, int]],
    *,
    alike: Sequence[tuple[int, int, float]] = (),
    version: str = "lists-1",
) -> None:
    """The popular products by category and city, and pairs that look alike, are published."""
    ranks: dict[tuple[str, str], int] = {}
    rows = []
    for category, city, product_id in popular:
        ranks[category, city] = ranks.get((category, city), 0) + 1
        rank = ranks[category, city]
        rows.append({"category": category, "city": city, "rank": rank, "product_id": product_id, "score": 100.0 - rank})
    near: dict[int, int] = {}
    neighbours = []
    for one, other, cosine in alike:
        near[one] = near.get(one, 0) + 1
        neighbours.append(
            {"product_id": one, "kind": "alike", "rank": near[one], "neighbour_id": other, "score": cosine}
        )
    publish_recommendations(
        warehouse, version, RecommendationSet([], neighbours, rows), details={"index": "index-1"}, now=NOW
    )


def did(warehouse: Warehouse, user_id: str, *deeds: tuple[str, int], ago: timedelta = timedelta(hours=1)) -> None:
    """The shopper did these things, as if events had come from elsewhere."""
    with warehouse.begin() as connection:
        rows = [
            {
                "event_id": f"{user_id}-{kind}-{product_id}-{number}",
                "user_id": user_id,
                "product_id": product_id,
                "kind": kind,
                "occurred_at": datetime.now(UTC) - ago + timedelta(seconds=number),
            }
            for number, (kind, product_id) in enumerate(deeds)
        ]
        connection.execute(insert(interactions), rows)
        connection.execute(sa.text("select pg_notify('soko', :said)"), {"said": f"user:{user_id}"})

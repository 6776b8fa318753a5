"""What the index holds of a product, and how conditions on it are said without pasting text into a language."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import InputRejected

IndexType = Literal["IVF_FLAT", "HNSW", "FLAT"]
DIMENSIONS = 768
UNIT_TOLERANCE = 1e-3
# Milvus takes at most this many bytes, not characters, of each text.
TEXT_BYTES = {"product_name": 256, "category": 64, "currency": 3, "image_url": 2048, "model_version": 128}
NO_PRICE = -1.0


@dataclass(frozen=True, slots=True, eq=False)
class VectorRow:
    """A product as the index holds it.

    `price` is in major units and only for display and filters: the exact
    amount is in Postgres. Price and currency are None together. Instants are
    Unix seconds.
    """

    product_id: int
    embedding: NDArray[np.float32]  # (768,), unit length
    product_name: str
    category: str
    price: float | None
    currency: str | None
    seller_id: int
    image_url: str | None
    created_at: int
    last_hydrated_at: int
    model_version: str

    def entity(self) -> dict[str, Any]:
        """The row as Milvus takes it: texts cut to size, a missing price as -1 with an empty currency.

        An address too long to be kept is left empty, for half an address leads nowhere.

        Raises
        ------
        InputRejected
            If the vector is not a finite unit vector of 768 numbers.
        """
        url = clipped(self.image_url or "", "image_url")
        return {
            "product_id": self.product_id,
            "embedding": unit_vector(self.embedding, f"product {self.product_id}"),
            "product_name": clipped(self.product_name, "product_name"),
            "category": clipped(self.category, "category"),
            "price": NO_PRICE if self.price is None else float(self.price),
            "currency": self.currency or "",
            "seller_id": self.seller_id,
            "image_url": url if url == self.image_url else "",
            "created_at": self.created_at,
            "last_hydrated_at": self.last_hydrated_at,
            "model_version": self.model_version,
        }


def schema() -> Any:
    """The collection's fields, as pymilvus says them."""
    from pymilvus import DataType, MilvusClient

    fields = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    fields.add_field("product_id", DataType.INT64, is_primary=True)
    fields.add_field("embedding", DataType.FLOAT_VECTOR, dim=DIMENSIONS)
    for name, size in TEXT_BYTES.items():
        fields.add_field(name, DataType.VARCHAR, max_length=size, is_partition_key=name == "category")
    fields.add_field("price", DataType.FLOAT)
    for name in ("seller_id", "created_at", "last_hydrated_at"):
        fields.add_field(name, DataType.INT64)
    return fields


def index_of(nlist: int, index_type: IndexType) -> Any:
    """The index over the vectors, as pymilvus says it; only IVF has `nlist` cells."""
    from pymilvus import MilvusClient

    shapes: dict[IndexType, dict[str, int]] = {
        "IVF_FLAT": {"nlist": nlist},
        "HNSW": {"M": 16, "efConstruction": 200},
        "FLAT": {},
    }
    params = MilvusClient.prepare_index_params()
    params.add_index("embedding", index_type=index_type, metric_type="L2", params=shapes[index_type])
    return params


def clipped(text: str, field: str) -> str:
    """The text without control characters, cut between characters so that it fits the field."""
    clean = "".join(" " if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)
    return clean.encode()[: TEXT_BYTES[field]].decode(errors="ignore")


def unit_vector(vector: NDArray[np.float32], whose: str) -> NDArray[np.float32]:
    """The vector, checked.

    Raises
    ------
    InputRejected
        If it is not 768 finite numbers of unit length.
    """
    checked = np.asarray(vector, np.float32)
    if checked.shape != (DIMENSIONS,):
        raise InputRejected(f"the vector of {whose} has shape {checked.shape}, not ({DIMENSIONS},)")
    length = float(np.linalg.norm(checked))
    if not abs(length - 1) <= UNIT_TOLERANCE:  # also catches NaN
        raise InputRejected(f"the vector of {whose} has length {length}, not 1")
    return checked


def condition(
    *,
    category: str | None = None,
    seller_id: int | None = None,
    exclude: Collection[int] = (),
    only: Collection[int] = (),
    pictured: bool | None = None,
) -> str:
    """A Milvus expression that holds for the rows asked for; empty when all are."""
    parts = []
    if category is not None:
        parts.append(f"category == {_quoted(clipped(category, 'category'))}")
    if seller_id is not None:
        parts.append(f"seller_id == {int(seller_id)}")
    if exclude:
        parts.append(f"product_id not in {[int(product_id) for product_id in exclude]}")
    if only:
        parts.append(f"product_id in {[int(product_id) for product_id in only]}")
    if pictured is not None:
        parts.append('image_url != ""' if pictured else 'image_url == ""')
    return " and ".join(parts)


def other_models(model_version: str) -> str:
    """A Milvus expression that holds for rows of any other encoder."""
    return f"model_version != {_quoted(model_version)}"


def nlist_for(products: int) -> int:
    """How many cells an IVF index of so many products has: four times the root, as FAISS advises, at most 8192."""
    return max(1, min(round(4 * math.sqrt(products)), products, 8192))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

"""What the index holds of a product."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import InputRejected

DIMENSIONS = 768
UNIT_TOLERANCE = 1e-3
# Milvus takes at most this many bytes, not characters, of each text.
TEXT_BYTES = {
    "product_name": 256,
    "category": 64,
    "currency": 3,
    "city": 128,
    "country": 2,
    "image_url": 2048,
    "model_version": 128,
}
NO_PRICE = -1.0
# Raised when the fields change, or what a collection says of itself: one of another layout is built anew.
LAYOUT = 3
NUMBERS = ("seller_id", "created_at", "last_hydrated_at", "fingerprint")
# What every row is told apart by. When a product was last looked at changes four times a day and no search reads it.
TOLD_BY = (
    "product_id",
    *TEXT_BYTES,
    "price",
    "in_stock",
    "seller_id",
    "created_at",
)


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
    in_stock: bool
    seller_id: int
    city: str | None
    country: str
    image_url: str | None
    created_at: int
    last_hydrated_at: int
    model_version: str

    def entity(self) -> dict[str, Any]:
        """The row as Milvus takes it.

        Raises
        ------
        InputRejected
            If the vector is not a finite unit vector of 768 numbers.
        """
        unit_vector(self.embedding, f"product {self.product_id}")
        return self.unchecked()

    def unchecked(self) -> dict[str, Any]:
        """The row's fields: texts cut to size, a missing price as -1 with an empty currency.

        An address too long to be kept is left empty, for half an address leads nowhere.
        """
        entity = {
            "product_id": self.product_id,
            "embedding": np.asarray(self.embedding, np.float32),
            "product_name": clipped(self.product_name, "product_name"),
            "category": clipped(self.category, "category"),
            "price": NO_PRICE if self.price is None else float(np.float32(self.price)),
            "currency": clipped(self.currency or "", "currency"),
            "in_stock": self.in_stock,
            "seller_id": self.seller_id,
            "city": clipped(self.city or "", "city"),
            "country": clipped(self.country, "country"),
            "image_url": self.image_url if self.image_url and fits(self.image_url, "image_url") else "",
            "created_at": self.created_at,
            "last_hydrated_at": self.last_hydrated_at,
            "model_version": clipped(self.model_version, "model_version"),
        }
        return {**entity, "fingerprint": fingerprint(entity)}


def fingerprint(entity: Mapping[str, Any]) -> int:
    """Sixty-three bits of all that a row holds, save when its product was last looked at."""
    digest = hashlib.blake2b(json.dumps([entity[name] for name in TOLD_BY]).encode(), digest_size=8)
    digest.update(np.asarray(entity["embedding"], "<f4").tobytes())
    return int.from_bytes(digest.digest(), "big") >> 1


def schema() -> Any:
    """The collection's fields, as pymilvus says them."""
    from pymilvus import DataType, MilvusClient

    fields = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    fields.add_field("product_id", DataType.INT64, is_primary=True)
    fields.add_field("embedding", DataType.FLOAT_VECTOR, dim=DIMENSIONS)
    for name, size in TEXT_BYTES.items():
        fields.add_field(name, DataType.VARCHAR, max_length=size, is_partition_key=name == "category")
    fields.add_field("price", DataType.FLOAT)
    fields.add_field("in_stock", DataType.BOOL)
    for name in NUMBERS:
        fields.add_field(name, DataType.INT64)
    return fields


def clipped(text: str, field: str) -> str:
    """The text without control characters, cut between characters so that it fits the field."""
    return cleaned(text).encode()[: TEXT_BYTES[field]].decode(errors="ignore")


def fits(text: str, field: str) -> bool:
    """Whether the field takes the whole text as it is."""
    return clipped(text, field) == text


def cleaned(text: str) -> str:
    """The text with a space for each control character and half a pair."""
    if text.isprintable():
        return text
    return "".join(" " if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)


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

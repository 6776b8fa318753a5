"""Writing what a sync read: products, every field's history, and the events of change, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.changes import Change, written
from marketplace.catalog.products import Product, SourcedProduct, stable_id
from marketplace.storage.priced import price_values
from marketplace.storage.tables import product_changes, product_versions, products

STATUS = "status"


@dataclass(frozen=True, slots=True)
class Sighting:
    """Whose products a sync saw, and the two times of it: when they were shown, and when we recorded it."""

    seller_id: int
    sync_id: str
    seen_at: datetime
    known_at: datetime


@dataclass(slots=True)
class Writes:
    """What one batch of a sync adds; `write` sends it in a handful of statements."""

    sighting: Sighting
    _products: list[dict[str, Any]] = field(default_factory=list)
    _changes: list[dict[str, Any]] = field(default_factory=list)
    _versions: list[dict[str, Any]] = field(default_factory=list)
    _seen: list[int] = field(default_factory=list)

    def unchanged(self, known: Product) -> None:
        """The product was seen as it is known."""
        self._seen.append(known.product_id)

    def shown(
        self,
        product: SourcedProduct,
        image_sha256: str | None,
        known: Product | None,
        changes: Sequence[Change],
        evidence: str | None,
    ) -> None:
        """The product is new, or was shown with these changes."""
        product_id = stable_id("product", self.sighting.seller_id, product.source_ref)
        self._products.append({"product_id": product_id, **self._row(product, image_sha256)})
        self._record(product_id, changes, evidence)
        now = written(product, image_sha256)
        before = written(known, known.image_sha256) if known is not None else {}
        moved = {name: value for name, value in now.items() if known is None or before[name] != value}
        if known is None or known.is_gone:
            moved[STATUS] = "live"
        self._remember(product_id, moved, product.origins, evidence, known)

    def gone(self, known: Product, evidence: str | None = None) -> None:
        """The product is no longer offered."""
        self._record(known.product_id, [Change("gone")], evidence)
        self._remember(known.product_id, {STATUS: "gone"}, {}, evidence, known)

    def write(self, connection: sa.Connection) -> None:
        """Send everything; a repeated batch changes nothing more than it did."""
        seen_at = self.sighting.seen_at
        if self._products:
            statement = insert(products)
            kept = {"product_id", "seller_id", "source_ref", "first_seen_at"}
            moved = {name: statement.excluded[name] for name in self._products[0] if name not in kept}
            connection.execute(
                statement.on_conflict_do_update(index_elements=["product_id"], set_=moved), self._products
            )
        if self._seen:
            seen = {"last_seen_at": seen_at, "last_hydrated_at": seen_at}
            connection.execute(sa.update(products).where(products.c.product_id.in_(self._seen)).values(**seen))
        gone = [row["product_id"] for row in self._versions if row["field"] == STATUS and row["value"] == "gone"]
        if gone:
            connection.execute(
                sa.update(products).where(products.c.product_id.in_(gone)).values(is_gone=True, updated_at=seen_at)
            )
        if self._changes:
            connection.execute(sa.insert(product_changes), self._changes)
        if self._versions:
            connection.execute(sa.insert(product_versions), self._versions)

    def _row(self, product: SourcedProduct, image_sha256: str | None) -> dict[str, Any]:
        seen_at = self.sighting.seen_at
        return {
            "seller_id": self.sighting.seller_id,
            "source_ref": product.source_ref,
            "url": product.url,
            "title": product.title,
            "description": product.description,
            "category": product.category,
            **price_values(product.price),
            "image_url": product.image_url,
            "image_sha256": image_sha256,
            "in_stock": product.in_stock,
            "content_hash": product.content_hash(image_sha256),
            "is_gone": False,
            "first_seen_at": seen_at,
            "last_seen_at": seen_at,
            "last_hydrated_at": seen_at,
            "updated_at": seen_at,
        }

    def _record(self, product_id: int, changes: Sequence[Change], evidence: str | None) -> None:
        sighting = self.sighting
        self._changes += [
            {
                "product_id": product_id,
                "seller_id": sighting.seller_id,
                "sync_id": sighting.sync_id,
                "kind": change.kind,
                "field": change.field,
                "old_value": change.old,
                "new_value": change.new,
                "observed_at": sighting.seen_at,
                "evidence": evidence,
            }
            for change in changes
        ]

    def _remember(
        self,
        product_id: int,
        moved: Mapping[str, str | None],
        origins: Mapping[str, str],
        evidence: str | None,
        known: Product | None,
    ) -> None:
        sighting = self.sighting
        self._versions += [
            {
                "product_id": product_id,
                "field": name,
                "value": value,
                "origin": origins.get(name),
                "evidence": evidence,
                "sync_id": sighting.sync_id,
                "valid_from": sighting.seen_at,
                "known_from": sighting.known_at,
                "before_seen_at": known.last_seen_at if known is not None else None,
            }
            for name, value in moved.items()
        ]

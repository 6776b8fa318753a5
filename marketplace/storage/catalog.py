"""Sellers and products in Postgres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.products import Product, Seller
from marketplace.errors import NotFound
from marketplace.storage.priced import price_from
from marketplace.storage.tables import product_changes, products, sync_runs
from marketplace.storage.tables import sellers as sellers_table
from marketplace.storage.warehouse import Warehouse

SELLER_COLUMNS = [column for column in sellers_table.c if column.name != "created_at"]
SHOWN_OF_SELLER = ("name", "city")  # what a shopper sees of a seller beside a product


def sellers(warehouse: Warehouse, *, active_only: bool = True) -> list[Seller]:
    """Sellers by handle."""
    statement = sa.select(*SELLER_COLUMNS).order_by(sellers_table.c.handle)
    if active_only:
        statement = statement.where(sellers_table.c.state == "active")
    with warehouse.begin() as connection:
        return [Seller(**row) for row in connection.execute(statement).mappings()]


def sellers_due(warehouse: Warehouse, *, before: datetime) -> list[Seller]:
    """Active sellers whose catalogue can be polled and whose last good sync began before that instant, or never did.

    One whose last sync was braked is not due sooner: it waits for a person.
    """
    ended_well = sync_runs.c.status.in_(["done", "partial", "braked", "scouted"])
    last = (
        sa.select(sync_runs.c.seller_id, sa.func.max(sync_runs.c.started_at).label("started_at"))
        .where(ended_well)
        .group_by(sync_runs.c.seller_id)
        .subquery()
    )
    is_due = sa.or_(last.c.started_at.is_(None), last.c.started_at < before)
    statement = (
        sa.select(*SELLER_COLUMNS)
        .outerjoin(last, last.c.seller_id == sellers_table.c.seller_id)
        .where(sellers_table.c.state == "active", is_due)
        .order_by(last.c.started_at.nulls_first(), sellers_table.c.handle)
    )
    with warehouse.begin() as connection:
        found = [Seller(**row) for row in connection.execute(statement).mappings()]
    return [seller for seller in found if seller.is_polled]


def seller(warehouse: Warehouse, seller_id: int) -> Seller:
    """One seller.

    Raises
    ------
    NotFound
        If nobody has that id.
    """
    with warehouse.begin() as connection:
        statement = sa.select(*SELLER_COLUMNS).where(sellers_table.c.seller_id == seller_id)
        row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no seller has the id {seller_id}")
    return Seller(**row)


def add_seller(warehouse: Warehouse, added: Seller) -> None:
    """Keep a seller; one who is known is brought up to date, and another name or number is a change of each product."""
    values = asdict(added)
    changed = {name: value for name, value in values.items() if name != "seller_id"}
    statement = insert(sellers_table).values(**values)
    with warehouse.begin() as connection:
        known = connection.execute(
            sa.select(*SELLER_COLUMNS).where(sellers_table.c.seller_id == added.seller_id).with_for_update()
        ).one_or_none()
        connection.execute(statement.on_conflict_do_update(index_elements=["seller_id"], set_=changed))
        if known is not None:
            moved = {name: getattr(known, name) for name in SHOWN_OF_SELLER if getattr(known, name) != values[name]}
            _record_seller_change(connection, added, moved)


def move_source(warehouse: Warehouse, seller_id: int, source_url: str) -> None:
    """Read a seller's catalogue from another address from now on; nothing else of theirs changes."""
    with warehouse.begin() as connection:
        moved = sa.update(sellers_table).where(sellers_table.c.seller_id == seller_id).values(source_url=source_url)
        connection.execute(moved)


def _record_seller_change(connection: sa.Connection, seller: Seller, before: Mapping[str, str | None]) -> None:
    if not before:
        return
    now = datetime.now(UTC)
    live = sa.select(products.c.product_id).where(products.c.seller_id == seller.seller_id, ~products.c.is_gone)
    for name, old in before.items():
        about = {"seller_id": seller.seller_id, "kind": "seller", "field": f"seller_{name}"}
        said = {"old_value": old, "new_value": getattr(seller, name), "observed_at": now}
        row = [sa.literal(value).label(column) for column, value in {**about, **said}.items()]
        connection.execute(
            sa.insert(product_changes).from_select(["product_id", *about, *said], live.add_columns(*row))
        )


def products_of(connection: sa.Connection, seller_id: int) -> dict[str, Product]:
    """Everything a seller ever offered, gone or not, by the source's own id."""
    rows = connection.execute(sa.select(products).where(products.c.seller_id == seller_id))
    return {row.source_ref: product_from(row) for row in rows}


def live_products(warehouse: Warehouse) -> list[Product]:
    """Every product that is not gone, by id."""
    with warehouse.begin() as connection:
        rows = connection.execute(sa.select(products).where(~products.c.is_gone).order_by(products.c.product_id))
        return [product_from(row) for row in rows]


def product_from(row: sa.Row[Any]) -> Product:
    """The product of a row of the products table."""
    return Product(
        product_id=row.product_id,
        seller_id=row.seller_id,
        source_ref=row.source_ref,
        title=row.title,
        url=row.url,
        description=row.description,
        category=row.category,
        price=price_from(row),
        image_url=row.image_url,
        image_sha256=row.image_sha256,
        in_stock=row.in_stock,
        content_hash=row.content_hash,
        is_gone=row.is_gone,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        last_hydrated_at=row.last_hydrated_at,
    )

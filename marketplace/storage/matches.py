"""The same product at several sellers in Postgres: found anew from what is on offer, and read with its prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.copies import IMAGE_NUMBERS, Vector, picture_part
from marketplace.catalog.matches import Match, OfferedProduct, groups
from marketplace.storage.index_source import on_offer
from marketplace.storage.shelf import ShelfProduct, on_shelf, product_of
from marketplace.storage.tables import product_embeddings, product_matches, products
from marketplace.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class PriceSpread:
    """How far prices in one currency lie apart; `spread_rate` is (most - least) / least, None from a price of zero."""

    currency: str
    offers: int
    min_minor: int
    median_minor: float
    max_minor: int
    spread_rate: float | None


@dataclass(frozen=True, slots=True)
class Offer:
    """A product as another seller offers it, with what it is taken for the same by."""

    product: ShelfProduct
    score: float
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offers:
    """The same product elsewhere, cheapest first within a currency, and the spread of all its prices."""

    product: ShelfProduct
    elsewhere: tuple[Offer, ...]
    spreads: tuple[PriceSpread, ...]


def find_matches(warehouse: Warehouse, model_version: str, *, has_shared_space: bool, now: datetime) -> list[Match]:
    """Products on offer that several sellers have, by product; the table holds just these afterwards."""
    with warehouse.begin() as connection:
        found = groups(_offered(connection, model_version, has_shared_space=has_shared_space))
        _replace(connection, found, now)
    return found


def offers_of(warehouse: Warehouse, product_id: int) -> Offers:
    """The same product at other sellers, as far as shoppers may buy it there.

    Raises
    ------
    NotFound
        If the product was never here, or is not fit to be shown.
    """
    product = product_of(warehouse, product_id)
    group = sa.select(product_matches.c.match_id).where(product_matches.c.product_id == product_id).scalar_subquery()
    with warehouse.begin() as connection:
        rows = connection.execute(sa.select(product_matches).where(product_matches.c.match_id == group)).all()
    found = {row.product_id: row for row in rows if row.product_id != product_id}
    there = [one for one in on_shelf(warehouse, sorted(found)) if one.seller.seller_id != product.seller.seller_id]
    offers = [Offer(one, found[one.product_id].score, found[one.product_id].evidence) for one in there]
    return Offers(product, tuple(sorted(offers, key=_by_price)), spreads_of([product, *there]))


def spreads_of(offered: Sequence[ShelfProduct]) -> tuple[PriceSpread, ...]:
    """How the prices spread, one row per currency; amounts of different currencies are never compared."""
    amounts: dict[str, list[int]] = {}
    for product in offered:
        if product.price is not None:
            amounts.setdefault(product.price.currency, []).append(product.price.amount_minor)
    return tuple(_spread(currency, amounts[currency]) for currency in sorted(amounts))


def widest_spreads(warehouse: Warehouse, *, limit: int) -> list[dict[str, Any]]:
    """Groups by how far their prices lie apart, widest first. One row per group and currency."""
    least, most = sa.func.min(products.c.price_minor), sa.func.max(products.c.price_minor)
    statement = (
        sa.select(
            product_matches.c.match_id,
            sa.func.min(products.c.title).label("title"),
            products.c.currency,
            sa.func.count(products.c.seller_id.distinct()).label("sellers"),
            least.label("min_minor"),
            sa.func.percentile_cont(0.5).within_group(products.c.price_minor).label("median_minor"),
            most.label("max_minor"),
            sa.func.round(sa.cast(most - least, sa.Numeric) / sa.func.nullif(least, 0), 4).label("spread_rate"),
        )
        .join(products, products.c.product_id == product_matches.c.product_id)
        .where(products.c.price_minor.is_not(None))
        .group_by(product_matches.c.match_id, products.c.currency)
        .having(sa.func.count(products.c.seller_id.distinct()) > 1)
        .order_by(sa.desc("spread_rate").nulls_last(), product_matches.c.match_id)
        .limit(limit)
    )
    with warehouse.begin() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


def groups_of_one_seller(warehouse: Warehouse) -> int:
    """How many groups do not name two sellers, which no group should."""
    each = (
        sa.select(product_matches.c.match_id)
        .join(products, products.c.product_id == product_matches.c.product_id)
        .group_by(product_matches.c.match_id)
        .having(sa.func.count(products.c.seller_id.distinct()) < 2)
        .subquery()
    )
    with warehouse.begin() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(each)).scalar_one())


def _offered(connection: sa.Connection, model_version: str, *, has_shared_space: bool) -> list[OfferedProduct]:
    columns = (products.c.product_id, products.c.seller_id, products.c.title)
    statement = on_offer(
        model_version, *columns, product_embeddings.c.vector, product_embeddings.c.has_image, is_embedded=True
    )
    found = []
    for row in connection.execute(statement):
        vector = np.frombuffer(row.vector, "<f4")
        picture = picture_part(vector, has_shared_space=has_shared_space) if row.has_image else None
        words = None if has_shared_space else _words_part(vector)
        found.append(OfferedProduct(row.product_id, row.seller_id, row.title, picture, words))
    return found


def _words_part(vector: Vector) -> Vector | None:
    part = vector[IMAGE_NUMBERS:]
    length = float(np.linalg.norm(part))
    return part / length if length > 0 else None


def _replace(connection: sa.Connection, found: Sequence[Match], now: datetime) -> None:
    """The table holds the groups and nothing else; a row that says the same keeps its time."""
    connection.execute(sa.text("lock table catalog.product_matches in share row exclusive mode"))
    ids = [match.product_id for match in found]
    held = sa.func.unnest(sa.cast(ids, sa.ARRAY(sa.BigInteger))).column_valued("held")
    connection.execute(sa.delete(product_matches).where(product_matches.c.product_id.not_in(sa.select(held))))
    if not found:
        return
    rows = [
        {
            "product_id": match.product_id,
            "match_id": match.match_id,
            "score": match.score,
            "evidence": dict(match.evidence),
            "matched_at": now,
        }
        for match in found
    ]
    statement = insert(product_matches)
    fresh = {name: statement.excluded[name] for name in ("match_id", "score", "evidence", "matched_at")}
    differs = sa.tuple_(
        product_matches.c.match_id, product_matches.c.score, product_matches.c.evidence
    ).is_distinct_from(sa.tuple_(fresh["match_id"], fresh["score"], fresh["evidence"]))
    connection.execute(statement.on_conflict_do_update(index_elements=["product_id"], set_=fresh, where=differs), rows)


def _spread(currency: str, amounts: Sequence[int]) -> PriceSpread:
    least, most = min(amounts), max(amounts)
    rate = round((most - least) / least, 4) if least else None
    return PriceSpread(currency, len(amounts), least, median(amounts), most, rate)


def _by_price(offer: Offer) -> tuple[str, int, int]:
    price = offer.product.price
    return (price.currency if price else "~", price.amount_minor if price else 0, offer.product.product_id)

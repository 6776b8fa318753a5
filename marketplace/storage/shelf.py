"""What shoppers may see: products that are judged fit and still sold."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import psycopg2

from marketplace.catalog.products import Price, Verdict
from marketplace.errors import NotFound
from marketplace.search.asking import Filters
from marketplace.storage.filtering import meeting
from marketplace.storage.priced import PRICE, price_from
from marketplace.storage.tables import product_quality, products, sellers
from marketplace.storage.warehouse import Warehouse

_DAY = sa.func.date_trunc("day", products.c.first_seen_at)
AVAILABLE = Filters()


@dataclass(frozen=True, slots=True)
class ShelfSeller:
    """Who sells a product, as far as shoppers are told."""

    seller_id: int
    name: str
    phone: str | None
    city: str | None
    country: str


@dataclass(frozen=True, slots=True)
class ShelfProduct:
    """A product as shoppers see it; `price` is None where its seller shows none."""

    product_id: int
    title: str
    description: str
    category: str
    price: Price | None
    image_sha256: str | None
    in_stock: bool
    is_gone: bool
    verdict: Verdict
    reasons: tuple[str, ...]
    url: str | None
    first_seen_at: datetime
    updated_at: datetime
    seller: ShelfSeller


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of the shelf ends."""

    day: datetime
    product_id: int


@dataclass(frozen=True, slots=True)
class ShelfPage:
    """Some products in order, and where the next page begins; None at the end."""

    products: tuple[ShelfProduct, ...]
    next_place: Place | None


@dataclass(frozen=True, slots=True)
class Category:
    """A category and how many products shoppers find in it."""

    name: str
    products: int


def browse(
    warehouse: Warehouse,
    *,
    limit: int,
    after: Place | None = None,
    category: str | None = None,
    seller_id: int | None = None,
) -> ShelfPage:
    """A page of the shelf, newest day first.

    Within a day the order is fixed but mixed, so that a seller who brings a
    whole catalogue does not fill the page. Products that arrive later never
    move those on pages that were read.
    """
    statement = _shelf(category, seller_id).order_by(_DAY.desc(), products.c.product_id.desc()).limit(limit + 1)
    if after is not None:
        place = sa.tuple_(sa.literal(after.day, sa.DateTime(timezone=True)), sa.literal(after.product_id))
        statement = statement.where(sa.tuple_(_DAY, products.c.product_id) < place)
    with warehouse.begin() as connection:
        rows = connection.execute(statement.add_columns(_DAY.label("day"))).all()
    shown = rows[:limit]
    more = Place(shown[-1].day, shown[-1].product_id) if len(rows) > limit else None
    return ShelfPage(tuple(map(_product, shown)), more)


def product_of(warehouse: Warehouse, product_id: int) -> ShelfProduct:
    """The product, even if it is out of stock or gone, which its fields say.

    Raises
    ------
    NotFound
        If it was never here, or is not fit to be shown.
    """
    statement = _products().where(products.c.product_id == product_id)
    with warehouse.reading() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"product {product_id} is not known")
    return _product(row)


def on_shelf(warehouse: Warehouse, product_ids: Sequence[int], filters: Filters = AVAILABLE) -> list[ShelfProduct]:
    """Those of the products that shoppers may still find under the filters, in the order given."""
    if not product_ids:
        return []
    ids = sa.cast(list(product_ids), sa.ARRAY(sa.BigInteger))  # one parameter, however many they are
    statement = meeting(_products(), filters).where(products.c.product_id == sa.any_(ids))
    with warehouse.reading() as connection:
        found = {row.product_id: _product(row) for row in connection.execute(statement)}
    return [found[product_id] for product_id in dict.fromkeys(product_ids) if product_id in found]


def still_on_shelf(warehouse: Warehouse, product_ids: Sequence[int]) -> dict[int, ShelfProduct]:
    """Those of the products that can be bought at this moment.

    As `on_shelf` with its statement made once: it is asked for every list of recommendations.
    """
    if not product_ids:
        return {}
    text, parameters = _still_there()
    with warehouse.reading() as connection:
        rows = connection.exec_driver_sql(text, {**parameters, "ids": list(product_ids)})
        return {row.product_id: _product(row) for row in rows}


@cache
def _still_there() -> tuple[str, dict[str, Any]]:
    """A statement as text, and its parameters but for the ids."""
    ids = sa.bindparam("ids", type_=sa.ARRAY(sa.BigInteger))
    statement = meeting(_products(), AVAILABLE).where(products.c.product_id == sa.any_(ids))
    compiled = statement.compile(dialect=psycopg2.dialect())  # type: ignore[no-untyped-call]
    return str(compiled), dict(compiled.params)


def newest(warehouse: Warehouse, *, limit: int, exclude: Collection[int] = ()) -> list[int]:
    """The ids of the products that came last."""
    statement = _shelf().where(products.c.product_id.not_in(exclude))
    statement = statement.order_by(products.c.first_seen_at.desc(), products.c.product_id).limit(limit)
    with warehouse.begin() as connection:
        return [row.product_id for row in connection.execute(statement)]


def categories(warehouse: Warehouse, *, limit: int) -> list[Category]:
    """The fullest categories, most products first."""
    shelf = _shelf().where(products.c.category != "").subquery()
    count = sa.func.count()
    statement = sa.select(shelf.c.category, count).group_by(shelf.c.category).order_by(count.desc(), shelf.c.category)
    with warehouse.begin() as connection:
        return [Category(*row) for row in connection.execute(statement.limit(limit))]


def seller_of(warehouse: Warehouse, seller_id: int) -> ShelfSeller:
    """The seller.

    Raises
    ------
    NotFound
        If there is none of that id, or they no longer sell here.
    """
    statement = sa.select(*_SELLER).where(sellers.c.seller_id == seller_id, sellers.c.state == "active")
    with warehouse.begin() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"seller {seller_id} is not known")
    return _seller(row)


def _products() -> sa.Select[Any]:
    """Every product that was judged and not rejected, with its seller."""
    judged = products.join(product_quality, product_quality.c.product_id == products.c.product_id)
    return (
        sa.select(*_PRODUCT, product_quality.c.verdict, product_quality.c.reasons, *_SELLER)
        .select_from(judged.join(sellers, sellers.c.seller_id == products.c.seller_id))
        .where(product_quality.c.verdict != "rejected")
    )


def _shelf(category: str | None = None, seller_id: int | None = None) -> sa.Select[Any]:
    categories = () if category is None else (category,)
    return meeting(_products(), Filters(categories=categories, seller_id=seller_id))


_PRODUCT = (
    products.c.product_id,
    products.c.title,
    products.c.description,
    products.c.category,
    *PRICE,
    products.c.image_sha256,
    products.c.in_stock,
    products.c.is_gone,
    products.c.url,
    products.c.first_seen_at,
    products.c.updated_at,
)
_SELLER = (
    sellers.c.seller_id,
    sellers.c.name.label("seller_name"),
    sellers.c.phone,
    sellers.c.city,
    sellers.c.country,
)


def _product(row: sa.Row[Any]) -> ShelfProduct:
    return ShelfProduct(
        product_id=row.product_id,
        title=row.title,
        description=row.description,
        category=row.category,
        price=price_from(row),
        image_sha256=row.image_sha256,
        in_stock=row.in_stock,
        is_gone=row.is_gone,
        verdict=row.verdict,
        reasons=tuple(row.reasons),
        url=row.url,
        first_seen_at=row.first_seen_at,
        updated_at=row.updated_at,
        seller=_seller(row),
    )


def _seller(row: sa.Row[Any]) -> ShelfSeller:
    return ShelfSeller(row.seller_id, row.seller_name, row.phone, row.city, row.country)

"""What shoppers may see: products that are judged fit and still sold, and the ways to find them by words."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from marketplace.catalog.products import Price, Verdict
from marketplace.errors import NotFound
from marketplace.search.asking import Filters
from marketplace.storage.filtering import meeting
from marketplace.storage.priced import PRICE, price_from
from marketplace.storage.tables import product_quality, products, sellers
from marketplace.storage.warehouse import Warehouse

MOST_WORDS = 12
SHORTEST_BEGINNING = 4  # shorter ones begin too many words: "for" is no forest
SHORTEST_SINGULAR = 3
# Words that only join others.
ENGLISH = ("a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with")
SWAHILI = ("cha", "kwa", "la", "na", "ni", "vya", "wa", "ya", "za")
LINKING = frozenset(ENGLISH + SWAHILI)
_WORD = re.compile(r"\w+")
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


@dataclass(frozen=True, slots=True)
class WordMatches:
    """Products that hold every word of a query, and those that hold only some, best first."""

    every_word: tuple[int, ...]
    some_words: tuple[int, ...]


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


def find_words(warehouse: Warehouse, text: str, *, limit: int, filters: Filters = AVAILABLE) -> WordMatches:
    """Products that hold the query's words in title, category or description, a word being its beginning.

    No stemming but the English plural: titles come in many languages, and a beginning serves them all.
    """
    words = _WORD.findall(text.casefold())[:MOST_WORDS]
    words = [word for word in words if word not in LINKING] or words
    if not words:
        return WordMatches((), ())
    every, some = (sa.func.to_tsquery("simple", _tsquery(words, sign)) for sign in ("&", "|"))
    has_all = products.c.words.op("@@")(every)
    in_title = sa.func.to_tsvector("simple", products.c.title).op("@@")(every)
    statement = (
        meeting(_products(), filters)
        .add_columns(has_all.label("has_all"))
        .where(products.c.words.op("@@")(some))
        .order_by(
            has_all.desc(),
            in_title.desc(),
            products.c.image_sha256.is_(None),
            sa.func.ts_rank(products.c.words, some).desc(),
            products.c.product_id,
        )
        .limit(limit)
    )
    with warehouse.reading() as connection:
        rows = connection.execute(statement).all()
    every_word = tuple(row.product_id for row in rows if row.has_all)
    return WordMatches(every_word, tuple(row.product_id for row in rows if not row.has_all))


def _tsquery(words: Sequence[str], sign: str) -> str:
    return f" {sign} ".join(f"({' | '.join(_forms(word))})" for word in words)


def _forms(word: str) -> list[str]:
    """The word in Postgres' query language, as it may stand in a title: short ones whole, longer ones by beginning."""
    forms = [f"'{word}':*"] if len(word) >= SHORTEST_BEGINNING else [f"'{word}'", f"'{word}s'"]
    singular = [word.removesuffix(ending) for ending in ("s", "es") if word.endswith(ending)]
    return forms + [f"'{one}'" for one in singular if len(one) >= SHORTEST_SINGULAR]


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

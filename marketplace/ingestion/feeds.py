"""Feeds: a file or a folder of photos, imported row by row with an error that names row and column."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from marketplace.catalog.prices import currency_code, read_price
from marketplace.catalog.products import LONGEST, Seller, SourcedProduct, stable_id
from marketplace.errors import InputRejected, SourceRefused, SourceUnavailable
from marketplace.ingestion.feed_files import Row, read_rows
from marketplace.ingestion.fetching import LARGEST_IMAGE, Fetcher
from marketplace.ingestion.sources import Hydration, ProductRef, Scan, hydrated_at_once
from marketplace.settings import Settings

UNSAID = {"", "n/a", "unknown", "stock info unavailable"}  # listed, so it counts as in stock
YES = {"yes", "y", "true", "1", "in stock", "available"}
NO = {"no", "n", "false", "0", "out of stock", "sold out", "unavailable", "not available"}
MOST_NAMED = 20


class Feed:
    """One file or folder of one seller.

    Parameters
    ----------
    path
        A .csv, .json or .xlsx file, or a folder whose sub-folders are categories of photos.
    """

    def __init__(self, path: Path, seller: Seller, settings: Settings) -> None:
        self.path = path
        self.seller = seller
        self.settings = settings
        self._by_ref: dict[str, Row] = {}

    def scout(self) -> Scan:
        """Every row that can be told apart.

        The scan is complete unless a row cannot be read at all: nobody knows which product that row was.

        Raises
        ------
        FeedRejected
            If the file is missing, of another kind, broken, or has no title column.
        """
        self._by_ref = {}
        repeated: list[str] = []
        unknown: list[str] = []
        for row in read_rows(self.path):
            ref = _ref_of(row)
            if ref is None:
                unknown.append(f"{row.number}")
            first = self._by_ref.setdefault(ref or f"row:{row.number}", row)
            if first is not row:
                repeated.append(f"{row.number} (as {first.number})")
        refs = tuple(ProductRef(ref) for ref in self._by_ref)
        notes = (
            _note("rows left out because they repeat an earlier one", repeated),
            _note("nothing is taken as gone, since nobody can tell which products these rows are", unknown),
        )
        return Scan(refs, is_complete=not unknown, note="; ".join(filter(None, notes)))

    def hydrate(self, refs: Sequence[ProductRef]) -> Iterator[Hydration]:
        """Each row as a product with its picture; a row that breaks the schema is refused by name."""
        if not self._by_ref:
            self.scout()
        with contextlib.closing(Fetcher(self.settings)) as fetcher:
            yield from hydrated_at_once(
                partial(self._hydrated, fetcher), refs, threads=self.settings.hydrate_concurrency
            )

    def _hydrated(self, fetcher: Fetcher, ref: ProductRef) -> Hydration:
        row = self._by_ref.get(ref.source_ref)
        if row is None:
            return Hydration(ref, None, refusal=f"{self.path} has changed and no longer lists it")
        try:
            product = product_of(row, ref.source_ref, self.seller.currency)
        except InputRejected as error:
            return Hydration(ref, None, refusal=str(error))
        if product.image_url is None:
            return Hydration(ref, product)
        try:
            return Hydration(ref, product, image=self._picture(product.image_url, fetcher))
        except (InputRejected, SourceRefused, SourceUnavailable) as error:
            return Hydration(ref, product, image_refusal=f"row {row.number}, image: {error}")

    def _picture(self, where: str, fetcher: Fetcher) -> bytes:
        if where.lower().startswith(("http://", "https://")):
            return fetcher.image(where)
        root = (self.path if self.path.is_dir() else self.path.parent).resolve()
        try:
            file = (root / where).resolve()
            if not file.is_relative_to(root):
                raise InputRejected(f"{where!r} lies outside the feed's folder")
            if file.stat().st_size > LARGEST_IMAGE:
                raise InputRejected(f"{where!r} has more than {LARGEST_IMAGE} bytes")
            return file.read_bytes()
        except OSError as error:
            raise InputRejected(f"{where!r} cannot be read: {error.strerror}") from error


def product_of(row: Row, source_ref: str, market_currency: str) -> SourcedProduct:
    """The product of a row.

    Raises
    ------
    InputRejected
        Naming the row, the column and the value that breaks the schema.
    """
    if row.problem:
        raise InputRejected(row.problem)
    values = row.values
    image = values.get("image", "")
    named = values.get("currency", "")
    with _naming(row, "title"):
        if not values["title"]:
            raise InputRejected("is empty")
    with _naming(row, "currency"):
        currency = currency_code(named) if named else market_currency
    with _naming(row, "price"):
        price = read_price(values.get("price", ""), currency)
    with _naming(row, "in_stock"):
        in_stock = _in_stock(values.get("in_stock", ""))
    with _naming(row, "text"):
        return SourcedProduct(
            source_ref=source_ref,
            title=values["title"],
            url=values.get("url") or None,
            description=values.get("description", ""),
            category=values.get("category", ""),
            price=price,
            image_url=None if not image or image.startswith("data:") else image,
            in_stock=in_stock,
        )


@contextlib.contextmanager
def _naming(row: Row, column: str) -> Iterator[None]:
    try:
        yield
    except InputRejected as error:
        raise InputRejected(f"row {row.number}, {column}: {error}") from error


def _in_stock(said: str) -> bool:
    said = said.casefold()
    if said in NO or re.match(r"0+\b", said):
        return False
    if said in UNSAID | YES or re.fullmatch(r"\d+(?: (?:items?|units?|pieces?|pcs))?(?: (?:left|in stock))?", said):
        return True
    raise InputRejected(f"{said!r} is neither yes nor no nor a number")


def _ref_of(row: Row) -> str | None:
    values = row.values
    named = values.get("id", "")
    if named and len(named) <= LONGEST["source_ref"]:
        return named
    shown = named or values.get("url") or values.get("title")
    return f"{stable_id('feed', shown, values.get('image', ''))}" if shown else None


def _note(what: str, rows: Sequence[str]) -> str:
    if not rows:
        return ""
    more = f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
    return f"{what}: {', '.join(rows[:MOST_NAMED])}{more}"

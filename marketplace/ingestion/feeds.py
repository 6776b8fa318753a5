"""Feeds: a file, an address or a folder of photos, imported row by row with an error that names row and column."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from marketplace.catalog.prices import currency_code, read_price
from marketplace.catalog.products import LONGEST, UPLOADED, Price, Seller, SourcedProduct, stable_id
from marketplace.errors import FeedRejected, InputRejected
from marketplace.ingestion.claims import storable
from marketplace.ingestion.feed_files import LARGEST_UNPACKED, Row, read_rows, rows_of
from marketplace.ingestion.feed_kinds import kind_of_answer
from marketplace.ingestion.markup.xml import unpacked
from marketplace.ingestion.paging import named
from marketplace.ingestion.sources import ProductRef, Scan
from marketplace.ingestion.uploads import path_of_upload
from marketplace.ingestion.web import Web
from marketplace.settings import Settings

LARGEST_IMAGE = 15_000_000
UNSAID = {"", "n/a", "unknown", "stock info unavailable"}  # listed, so it counts as in stock
YES = {"yes", "y", "true", "1", "in stock", "available", "preorder", "pre order", "backorder", "limited availability"}
NO = {"no", "n", "false", "0", "out of stock", "sold out", "unavailable", "not available", "discontinued"}


class Feed:
    """One file, address or folder of one seller: `source_url` is an http(s) address or a path.

    A folder's sub-folders are categories of photos.
    """

    reader = "feed-1"
    lists_other_pages = False

    def __init__(self, seller: Seller, settings: Settings) -> None:
        self.seller = seller
        self.settings = settings
        self.where = seller.source_url or ""
        self.is_remote = self.where.lower().startswith(("http://", "https://"))
        self.is_upload = self.where.startswith(UPLOADED)
        if self.is_upload:
            self.where = str(path_of_upload(settings.uploads_folder, self.where))

    async def scout(self, web: Web) -> Scan:
        """Every row that can be told apart.

        The scan is complete unless a row cannot be read at all: nobody knows which product that row was.

        Raises
        ------
        FeedRejected
            If the feed is missing, of another kind, broken, or has no title column.
        SourceUnavailable, SourceRefused
            If its address does not answer, or must not be read.
        """
        if not self.is_remote:
            rows = await asyncio.to_thread(lambda: list(read_rows(Path(self.where))))
            return _scan_of(rows)
        answer = await web.listing(self.where)
        if answer.is_gone:
            raise FeedRejected(f"{self.where} answered {answer.status}")
        content = unpacked(answer.content, where=self.where, most=LARGEST_UNPACKED)
        kind = kind_of_answer(answer.url, answer.headers.get("content-type", ""), content)
        return _scan_of(await asyncio.to_thread(lambda: list(rows_of(content, kind, where=self.where))))

    def product_of(self, ref: ProductRef, content: bytes | None) -> SourcedProduct:
        """The product of a row.

        Raises
        ------
        InputRejected
            Naming the row, the column and the value that breaks the schema.
        """
        if ref.harvest is None:
            raise InputRejected(f"{self.where} has changed and no longer lists {ref.source_ref}")
        return _product_of(ref.harvest, ref.source_ref, self.seller.currency, self.where if self.is_remote else None)

    def picture(self, where: str) -> bytes | None:
        """The bytes of a picture beside the file, None for one that is fetched by http.

        Raises
        ------
        InputRejected
            If it lies elsewhere, is too large, or cannot be read.
        """
        if self.is_remote or where.lower().startswith(("http://", "https://")):
            return None
        if self.is_upload:
            raise InputRejected(f"{where!r} lies beside no feed: one that was uploaded names pictures by http address")
        path = Path(self.where)
        root = (path if path.is_dir() else path.parent).resolve()
        try:
            file = (root / where).resolve()
            if not file.is_relative_to(root):
                raise InputRejected(f"{where!r} lies outside the feed's folder")
            if file.stat().st_size > LARGEST_IMAGE:
                raise InputRejected(f"{where!r} has more than {LARGEST_IMAGE} bytes")
            return file.read_bytes()
        except OSError as error:
            raise InputRejected(f"{where!r} cannot be read: {error.strerror}") from error


def _scan_of(rows: Iterable[Row]) -> Scan:
    found: dict[str, Row] = {}
    repeated: list[str] = []
    unknown: list[str] = []
    for row in rows:
        ref = _ref_of(row)
        if ref is None:
            unknown.append(f"{row.number}")
        first = found.setdefault(ref or f"row:{row.number}", row)
        if first is not row:
            repeated.append(f"{row.number} (as {first.number})")
    now = datetime.now(UTC)
    refs = tuple(ProductRef(ref, harvest=_harvest_of(row, now)) for ref, row in found.items())
    notes = (
        named("rows left out because they repeat an earlier one", repeated),
        named("nothing is taken as gone, since nobody can tell which products these rows are", unknown),
    )
    return Scan(refs, is_complete=not unknown, note="; ".join(filter(None, notes)))


def _harvest_of(row: Row, now: datetime) -> dict[str, Any]:
    """What is kept of a row: each value that is there, under our name, with the feed's own name of its column.

    A sale is settled here: its price is kept while it lasts, and its dates only where they are none.
    """
    cells = {ours: [row.columns.get(ours, ours), said] for ours, said in row.values.items() if said}
    with contextlib.suppress(InputRejected):
        begins, ends = _dates(row.values.get("sale_dates", ""))
        cells.pop("sale_dates", None)
        if not begins <= now <= ends:
            cells.pop("sale_price", None)
    harvest: dict[str, Any] = storable({"row": row.number, "cells": cells, "problem": row.problem})
    return harvest


def _product_of(harvest: Mapping[str, Any], source_ref: str, market_currency: str, base: str | None) -> SourcedProduct:
    if harvest["problem"]:
        raise InputRejected(harvest["problem"])
    number, cells = harvest["row"], harvest["cells"]
    values = {ours: said for ours, (_, said) in cells.items()}
    with _naming(number, "title"):
        if "title" not in values:
            raise InputRejected("is empty")
    price, priced_by = _price_of(number, values, market_currency)
    with _naming(number, "in_stock"):
        in_stock = _in_stock(values.get("in_stock", ""))
    image, url = values.get("image", ""), values.get("url", "")
    fields = {"title": "title", "url": "url", "description": "description", "category": "category"}
    read_from = fields | {"price": priced_by, "image_url": "image", "in_stock": "in_stock"}
    with _naming(number, "text"):
        return SourcedProduct(
            source_ref=source_ref,
            title=values["title"],
            url=_joined(base, url) or None,
            description=values.get("description", ""),
            category=values.get("category", ""),
            price=price,
            image_url=None if not image or image.startswith("data:") else _joined(base, image),
            in_stock=in_stock,
            origins={name: f"feed:{cells[ours][0]}" for name, ours in read_from.items() if ours in cells},
        )


def _price_of(number: int, values: Mapping[str, str], market_currency: str) -> tuple[Price | None, str]:
    """The price that is asked, and the column it stands in: the sale's where one is on."""
    told = values.get("currency", "")
    with _naming(number, "currency"):
        currency = currency_code(told) if told else market_currency
    with _naming(number, "sale_dates"):
        _dates(values.get("sale_dates", ""))
    for column in ("sale_price", "price"):
        with _naming(number, column):
            price = read_price(values.get(column, ""), currency)
        if price is not None:
            return price, column
    return None, "price"


def _dates(said: str) -> tuple[datetime, datetime]:
    """The first and last instant of a sale, such as 2026-11-01T00:00+0300/2026-11-30T23:59+0300; always, if unsaid."""
    if not said:
        return datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    try:
        first, last = (datetime.fromisoformat(end.strip()) for end in said.split("/"))
    except ValueError as error:
        raise InputRejected(f"{said!r} is no pair of instants parted by a slash") from error
    return _in_utc(first), _in_utc(last)


def _in_utc(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _joined(base: str | None, onward: str) -> str:
    try:
        return urljoin(base, onward) if base and onward else onward
    except ValueError:
        return onward  # it is refused by name when it is fetched


@contextlib.contextmanager
def _naming(number: int, column: str) -> Iterator[None]:
    try:
        yield
    except InputRejected as error:
        raise InputRejected(f"row {number}, {column}: {error}") from error


def _in_stock(said: str) -> bool:
    said = said.casefold().replace("_", " ")
    if said in NO or re.match(r"0+\b", said):
        return False
    if said in UNSAID | YES or re.fullmatch(r"\d+(?: (?:items?|units?|pieces?|pcs))?(?: (?:left|in stock))?", said):
        return True
    raise InputRejected(f"{said!r} is neither yes nor no nor a number")


def _ref_of(row: Row) -> str | None:
    values = row.values
    told = values.get("id", "")
    if told and len(told) <= LONGEST["source_ref"]:
        return told
    shown = told or values.get("url") or values.get("title")
    return f"{stable_id('feed', shown, values.get('image', ''))}" if shown else None

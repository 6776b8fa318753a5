"""Feeds: CSV, JSON, XLSX, or a folder of photos, read row by row with an error that names row and column."""

from __future__ import annotations

import csv
import html
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from marketplace.catalog.prices import read_price
from marketplace.catalog.products import Seller, SourcedProduct, stable_id
from marketplace.errors import FeedRejected, InputRejected, SourceRefused, SourceUnavailable
from marketplace.ingestion.fetching import Fetcher
from marketplace.ingestion.sources import Hydration, ProductRef, Scan
from marketplace.settings import Settings

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "sku", "product id", "ref"),
    "title": ("title", "name", "product name", "product"),
    "description": ("description", "details"),
    "category": ("category", "type"),
    "price": ("price", "amount"),
    "currency": ("currency",),
    "image": ("image", "image url", "image_url", "image link", "photo", "picture"),
    "in_stock": ("in_stock", "in stock", "stock", "stock availability", "availability"),
    "url": ("url", "link", "product link"),
}
UNSAID = {"", "n/a", "unknown", "stock info unavailable"}  # listed, so it counts as in stock
YES = {"yes", "y", "true", "1", "in stock", "available"}
NO = {"no", "n", "false", "0", "out of stock", "sold out", "unavailable", "not available"}
PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
LARGEST_FEED = 50_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a feed by our column names; `number` is the line a person sees in the file."""

    number: int
    values: Mapping[str, str]


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
        """Every row that can be told apart; a file is read whole or not at all, so the scan is complete.

        Raises
        ------
        FeedRejected
            If the file is missing, of another kind, broken, or has no title column.
        """
        repeated = 0
        self._by_ref = {}
        for row in read_rows(self.path):
            ref = _ref_of(row)
            if ref in self._by_ref:
                repeated += 1
            else:
                self._by_ref[ref] = row
        note = f"{repeated} rows repeat an earlier one and were left out" if repeated else ""
        return Scan(tuple(ProductRef(ref) for ref in self._by_ref), is_complete=True, note=note)

    def hydrate(self, refs: Sequence[ProductRef]) -> Iterator[Hydration]:
        """Each row as a product with its picture; a row that breaks the schema is refused by name."""
        if not self._by_ref:
            self.scout()
        fetcher = Fetcher(self.settings)
        try:
            for ref in refs:
                yield self._hydrated(ref, self._by_ref[ref.source_ref], fetcher)
        finally:
            fetcher.close()

    def _hydrated(self, ref: ProductRef, row: Row, fetcher: Fetcher) -> Hydration:
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
        if urlsplit(where).scheme in {"http", "https"}:
            return fetcher.image(where)
        root = self.path if self.path.is_dir() else self.path.parent
        file = (root / where).resolve()
        if not file.is_relative_to(root.resolve()):
            raise InputRejected(f"{where!r} lies outside the feed's folder")
        try:
            return file.read_bytes()
        except OSError as error:
            raise InputRejected(f"{where!r} cannot be read: {error.strerror}") from error


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a feed, by our column names.

    Raises
    ------
    FeedRejected
        As `Feed.scout`.
    """
    if path.is_dir():
        yield from _folder_rows(path)
        return
    readers = {".csv": _csv_rows, ".json": _json_rows, ".xlsx": _xlsx_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise FeedRejected(f"{path} is no feed: expected .csv, .json, .xlsx or a folder of photos")
    try:
        size = path.stat().st_size
        if size > LARGEST_FEED:
            raise FeedRejected(f"{path} has {size} bytes, more than {LARGEST_FEED}")
        content = path.read_bytes()
    except OSError as error:
        raise FeedRejected(f"{path} cannot be read: {error.strerror}") from error
    named = None
    for number, values in reader(path, content):
        named = named or _names(path, list(values))
        chosen = {ours: values[theirs] for ours, theirs in named.items() if values.get(theirs) is not None}
        yield Row(number, {name: _cell(value) for name, value in chosen.items()})
    if named is None:
        raise FeedRejected(f"{path} holds no rows")


def product_of(row: Row, source_ref: str, market_currency: str) -> SourcedProduct:
    """The product of a row.

    Raises
    ------
    InputRejected
        Naming the row, the column and the value that breaks the schema.
    """
    title = row.values.get("title", "")
    if not title:
        raise InputRejected(f"row {row.number}, title: is empty")
    currency = row.values.get("currency", "").upper() or market_currency
    try:
        price = read_price(row.values.get("price", ""), currency)
    except InputRejected as error:
        raise InputRejected(f"row {row.number}, price: {error}") from error
    image = row.values.get("image") or None
    return SourcedProduct(
        source_ref=source_ref,
        title=title,
        url=row.values.get("url") or None,
        description=row.values.get("description", ""),
        category=row.values.get("category", ""),
        price=price,
        image_url=image if image and not image.startswith("data:") else None,
        in_stock=_in_stock(row),
    )


def _in_stock(row: Row) -> bool:
    said = row.values.get("in_stock", "").casefold()
    if said in UNSAID | YES or said.endswith(("items left", "units left", "left")):
        return not said.startswith("0 ")
    if said in NO:
        return False
    if said.isdigit():
        return int(said) > 0
    raise InputRejected(f"row {row.number}, in_stock: {said!r} is neither yes nor no nor a number")


def _ref_of(row: Row) -> str:
    named = row.values.get("id")
    return (
        named
        or f"{stable_id('feed', row.values.get('url') or row.values.get('title', ''), row.values.get('image', ''))}"
    )


def _names(path: Path, theirs: Sequence[str]) -> dict[str, str]:
    by_form = {str(name).strip().casefold(): name for name in theirs if name is not None}
    named = {
        ours: by_form[alias]
        for ours, aliases in COLUMNS.items()
        if (alias := next((alias for alias in aliases if alias in by_form), None)) is not None
    }
    if "title" not in named:
        raise FeedRejected(f"{path} has no title column; found {', '.join(map(str, theirs)) or 'none'}")
    return named


def _csv_rows(path: Path, content: bytes) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FeedRejected(f"{path} is not UTF-8 at byte {error.start}; save it as CSV UTF-8") from error
    if "\x00" in text:
        raise FeedRejected(f"{path} holds NUL bytes and is no CSV")
    reader = csv.DictReader(io.StringIO(text))
    try:
        for values in reader:
            yield reader.line_num, {name: value for name, value in values.items() if name is not None}
    except csv.Error as error:
        raise FeedRejected(f"{path}, line {reader.line_num}: {error}") from error


def _json_rows(path: Path, content: bytes) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        data = json.loads(content)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FeedRejected(f"{path} is no JSON: {error}") from error
    rows = data.get("products") if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise FeedRejected(f"{path} must be a list of products, or an object with the list under 'products'")
    names = {name: None for values in rows if isinstance(values, dict) for name in values}
    for number, values in enumerate(rows, 1):
        yield number, {**names, **values} if isinstance(values, dict) else dict(names)


def _xlsx_rows(path: Path, content: bytes) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        sheet = load_workbook(io.BytesIO(content), read_only=True, data_only=True).worksheets[0]
        lines = sheet.iter_rows(values_only=True)
        header = [str(name) if name is not None else "" for name in next(lines, ())]
        for number, values in enumerate(lines, 2):
            if any(value is not None for value in values):
                yield number, dict(zip(header, values, strict=False))
    except (zipfile.BadZipFile, InvalidFileException, KeyError, OSError) as error:
        raise FeedRejected(f"{path} is no XLSX workbook: {error}") from error


def _folder_rows(path: Path) -> Iterator[Row]:
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in PICTURES and file.is_file())
    if not files:
        raise FeedRejected(f"{path} holds no photos ({', '.join(sorted(PICTURES))})")
    for number, file in enumerate(files, 1):
        inside = file.relative_to(path)
        category = inside.parts[0] if len(inside.parts) > 1 else ""
        title = f"{category.replace('-', ' ').capitalize()} {file.stem[:8]}".strip()
        yield Row(number, {"id": inside.as_posix(), "title": title, "category": category, "image": inside.as_posix()})


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = html.unescape(str(value)) if value is not None else ""
    return " ".join(text.replace("\x00", "").split())

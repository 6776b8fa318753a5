"""The rows of a feed by our column names, whatever file or folder holds them."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from marketplace.catalog.text import fit_text
from marketplace.errors import FeedRejected

# Compared without regard to case, spaces and punctuation, so that "Product Name" and "product_name" are one.
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "id": ("id", "sku", "product id", "ref"),
        "title": ("title", "name", "product name", "product"),
        "description": ("description", "details"),
        "category": ("category", "category name", "type"),
        "price": ("price", "amount"),
        "currency": ("currency",),
        "image": ("image", "image url", "image link", "photo", "picture"),
        "in_stock": ("in stock", "stock", "stock availability", "availability"),
        "url": ("url", "link", "product link", "product url"),
    }
)
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
LARGEST_FEED = 50_000_000
LARGEST_UNPACKED = 500_000_000
DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a feed by our column names.

    `number` is the line a person sees in the file, and `problem` says why the row cannot be read at all.
    """

    number: int
    values: Mapping[str, str]
    problem: str = ""


RawRow = tuple[int, Mapping[str, Any] | str]  # a text says why there are no values


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a feed, in order.

    Raises
    ------
    FeedRejected
        If the feed is missing, of another kind, broken as a whole, or has no title column.
    """
    if path.is_dir():
        yield from _folder_rows(path)
        return
    readers = {".csv": _csv_rows, ".json": _json_rows, ".xlsx": _xlsx_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise FeedRejected(f"{path} is no feed: expected .csv, .json, .xlsx or a folder of photos")
    columns: dict[str, str] | None = None
    for number, values in reader(path, _content(path)):
        if isinstance(values, str):
            yield Row(number, {}, problem=f"row {number}: {values}")
            continue
        columns = columns or _columns(path, list(values))
        yield Row(number, {ours: _cell(values.get(theirs)) for ours, theirs in columns.items()})
    if columns is None:
        raise FeedRejected(f"{path} holds no rows")


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST_FEED:
            raise FeedRejected(f"{path} has {size} bytes, more than {LARGEST_FEED}")
        return path.read_bytes()
    except OSError as error:
        raise FeedRejected(f"{path} cannot be read: {error.strerror}") from error


def _columns(path: Path, theirs: Sequence[str]) -> dict[str, str]:
    by_form = {_form(name): name for name in reversed(theirs)}
    named = {
        ours: by_form[form]
        for ours, aliases in COLUMNS.items()
        if (form := next((form for form in map(_form, aliases) if form in by_form), None)) is not None
    }
    if "title" not in named:
        raise FeedRejected(f"{path} has no title column; found {', '.join(theirs) or 'none'}")
    return named


def _form(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _csv_rows(path: Path, content: bytes) -> Iterator[RawRow]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FeedRejected(f"{path} is not UTF-8 at byte {error.start}; save it as CSV UTF-8") from error
    if "\x00" in text:
        raise FeedRejected(f"{path} holds NUL bytes and is no CSV")
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=first.count), strict=True)
    header: list[str] | None = None
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if header is None or "expected after" not in str(error):  # an open quote has swallowed the rows behind it
                raise FeedRejected(f"{path}, line {reader.line_num}: {error}") from error
            yield reader.line_num, f"{error}"
            continue
        if header is None:
            header = cells
        elif len(cells) > len(header) and any(cells[len(header) :]):
            yield reader.line_num, f"has {len(cells)} cells under {len(header)} columns"
        elif any(cells):
            yield reader.line_num, dict(zip(header, cells, strict=False))


def _json_rows(path: Path, content: bytes) -> Iterator[RawRow]:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FeedRejected(f"{path} is no JSON: {error}") from error
    rows = data.get("products") if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise FeedRejected(f"{path} must be a list of products, or an object with the list under 'products'")
    names = dict.fromkeys(name for values in rows if isinstance(values, dict) for name in values)
    for number, values in enumerate(rows, 1):
        yield number, {**names, **values} if isinstance(values, dict) else f"{str(values)[:80]!r} is no object"


def _xlsx_rows(path: Path, content: bytes) -> Iterator[RawRow]:
    try:
        unpacked = sum(part.file_size for part in zipfile.ZipFile(io.BytesIO(content)).infolist())
        if unpacked > LARGEST_UNPACKED:
            raise FeedRejected(f"{path} unpacks to {unpacked} bytes, more than {LARGEST_UNPACKED}")
        sheet = load_workbook(io.BytesIO(content), read_only=True, data_only=True).worksheets[0]
        lines = sheet.iter_rows(values_only=True)
        header = [str(name) if name is not None else "" for name in next(lines, ())]
        for number, values in enumerate(lines, 2):
            if any(value is not None for value in values):
                yield number, dict(zip(header, values, strict=False))
    except (zipfile.BadZipFile, InvalidFileException, ParseError, LookupError, ValueError, OSError) as error:
        raise FeedRejected(f"{path} is no XLSX workbook: {error}") from error


def _folder_rows(path: Path) -> Iterator[Row]:
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in PICTURES and file.is_file())
    if not files:
        raise FeedRejected(f"{path} holds no photos ({', '.join(PICTURES)})")
    for number, file in enumerate(files, 1):
        inside = file.relative_to(path)
        category = inside.parts[0] if len(inside.parts) > 1 else ""
        title = fit_text(f"{category.replace('-', ' ').capitalize()} {file.stem[:8]}")
        values = {"id": inside.as_posix(), "title": title, "category": fit_text(category), "image": inside.as_posix()}
        yield Row(number, values)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return _cell(value[0]) if value else ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return fit_text(html.unescape(str(value))) if value is not None else ""

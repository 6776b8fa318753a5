"""The rows of a feed by our column names, whatever file, answer or folder holds them."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from marketplace.catalog.text import fit_text
from marketplace.errors import FeedRejected
from marketplace.ingestion.feed_kinds import Kind, kind_of_file
from marketplace.ingestion.markup.xml import unpacked
from marketplace.ingestion.merchant import merchant_rows

# Compared without regard to case, spaces and punctuation, so that "Product Name" and "product_name" are one.
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "id": ("id", "sku", "product id", "ref"),
        "title": ("title", "name", "product name", "product"),
        "description": ("description", "details"),
        "category": ("category", "category name", "type", "product type", "google product category"),
        "price": ("price", "amount"),
        "sale_price": ("sale price",),
        "sale_dates": ("sale dates", "sale price effective date"),
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
# What openpyxl and zipfile raise on bytes that are no workbook, or no longer.
NO_WORKBOOK = (
    zipfile.BadZipFile, zlib.error, InvalidFileException, SyntaxError, LookupError, ValueError, TypeError,
    AttributeError, OSError, EOFError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a feed by our column names.

    `number` is the line a person sees in the file, or the place among the items of JSON and XML; `columns` are the
    feed's own names of ours, and `problem` says why the row cannot be read at all.
    """

    number: int
    values: Mapping[str, str]
    columns: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


RawRow = tuple[int, Mapping[str, Any] | str]  # a text says why there are no values
Reader = Callable[[str, bytes], Iterator[RawRow]]


def read_whole(path: Path) -> None:
    """Returns for a feed that can be read as a whole, whatever its rows hold; raises as `read_rows`."""
    for _ in read_rows(path):
        pass


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file or folder, in order.

    Raises
    ------
    FeedRejected
        If the feed is missing, of another kind, broken as a whole, or has no title column.
    """
    if path.is_dir():
        yield from _folder_rows(path)
        return
    content = unpacked(_content(path), where=f"{path}", most=LARGEST_UNPACKED)
    yield from rows_of(content, kind_of_file(path, content), where=f"{path}")


def sheet_rows(path: Path) -> Iterator[RawRow]:
    """The rows of a spreadsheet under its own column names, with values as it types them; a text says what is wrong.

    Raises
    ------
    FeedRejected
        If the file is missing, no CSV, TSV or XLSX, or broken as a whole.
    """
    content = unpacked(_content(path), where=f"{path}", most=LARGEST_UNPACKED)
    kind = kind_of_file(path, content)
    readers: dict[Kind, Reader] = {"csv": _csv_rows, "tsv": _tsv_rows, "xlsx": _xlsx_rows}
    if kind not in readers:
        raise FeedRejected(f"{path} is {kind}; a table is a .csv, .tsv or .xlsx file")
    yield from readers[kind](f"{path}", content)


def rows_of(content: bytes, kind: Kind, *, where: str) -> Iterator[Row]:
    """The rows of a feed's content, in order.

    Raises
    ------
    FeedRejected
        If it is broken as a whole, or has no title column.
    """
    readers: dict[Kind, Reader] = {
        "csv": _csv_rows,
        "tsv": _tsv_rows,
        "json": _json_rows,
        "xlsx": _xlsx_rows,
        "xml": _xml_rows,
    }
    columns: dict[str, str] | None = None
    for number, values in readers[kind](where, content):
        if isinstance(values, str):
            yield Row(number, {}, problem=f"row {number}: {values}")
            continue
        columns = columns or _columns(where, list(values))
        yield Row(number, {ours: _cell(values.get(theirs)) for ours, theirs in columns.items()}, columns)
    if columns is None:
        raise FeedRejected(f"{where} holds no rows")


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST_FEED:
            raise FeedRejected(f"{path} has {size} bytes, more than {LARGEST_FEED}")
        return path.read_bytes()
    except OSError as error:
        raise FeedRejected(f"{path} cannot be read: {error.strerror}") from error


def _columns(where: str, theirs: Sequence[str]) -> dict[str, str]:
    by_form = {_form(name): name for name in reversed(theirs)}
    named = {
        ours: by_form[form]
        for ours, aliases in COLUMNS.items()
        if (form := next((form for form in map(_form, aliases) if form in by_form), None)) is not None
    }
    if "title" not in named:
        raise FeedRejected(f"{where} has no title column; found {', '.join(theirs) or 'none'}")
    return named


def _form(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _tsv_rows(where: str, content: bytes) -> Iterator[RawRow]:
    return _csv_rows(where, content, delimiters="\t")


def _csv_rows(where: str, content: bytes, *, delimiters: str = DELIMITERS) -> Iterator[RawRow]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FeedRejected(f"{where} is not UTF-8 at byte {error.start}; save it as CSV UTF-8") from error
    if "\x00" in text:
        raise FeedRejected(f"{where} holds NUL bytes and is no CSV")
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(delimiters, key=first.count), strict=True)
    header: list[str] | None = None
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if header is None or "expected after" not in str(error):  # an open quote has swallowed the rows behind it
                raise FeedRejected(f"{where}, line {reader.line_num}: {error}") from error
            yield reader.line_num, f"{error}"
            continue
        if header is None:
            header = cells
        elif len(cells) > len(header) and any(cells[len(header) :]):
            yield reader.line_num, f"has {len(cells)} cells under {len(header)} columns"
        elif any(cells):
            yield reader.line_num, dict(zip(header, cells, strict=False))


def _json_rows(where: str, content: bytes) -> Iterator[RawRow]:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FeedRejected(f"{where} is no JSON: {error}") from error
    rows = data.get("products") if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise FeedRejected(f"{where} must be a list of products, or an object with the list under 'products'")
    yield from _under_all_names(rows)


def _xml_rows(where: str, content: bytes) -> Iterator[RawRow]:
    yield from _under_all_names(list(merchant_rows(where, content)))


def _under_all_names(rows: Sequence[Any]) -> Iterator[RawRow]:
    """Each row with a place for every name that any row has, since the first row decides which columns there are."""
    names = dict.fromkeys(name for values in rows if isinstance(values, dict) for name in values)
    for number, values in enumerate(rows, 1):
        yield number, {**names, **values} if isinstance(values, dict) else f"{str(values)[:80]!r} is no object"


def _xlsx_rows(where: str, content: bytes) -> Iterator[RawRow]:
    try:
        unpacked = sum(part.file_size for part in zipfile.ZipFile(io.BytesIO(content)).infolist())
        if unpacked > LARGEST_UNPACKED:
            raise FeedRejected(f"{where} unpacks to {unpacked} bytes, more than {LARGEST_UNPACKED}")
        sheet = load_workbook(io.BytesIO(content), read_only=True, data_only=True).worksheets[0]
        lines = sheet.iter_rows(values_only=True)
        header = [str(name) if name is not None else "" for name in next(lines, ())]
        for number, values in enumerate(lines, 2):
            if any(value is not None for value in values):
                yield number, dict(zip(header, values, strict=False))
    except NO_WORKBOOK as error:
        raise FeedRejected(f"{where} is no XLSX workbook: {error}") from error


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

"""Which kind of feed a file or an answer is: by what it holds, its name and its content type."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from marketplace.errors import FeedRejected

Kind = Literal["csv", "tsv", "json", "xlsx", "xml"]
BY_ENDING: dict[str, Kind] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".xlsx": "xlsx",
    ".xml": "xml",
    ".rss": "xml",
    ".atom": "xml",
}
BY_CONTENT_TYPE: dict[str, Kind] = {
    "text/csv": "csv",
    "application/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/json": "json",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/xml": "xml",
    "text/xml": "xml",
    "application/rss+xml": "xml",
    "application/atom+xml": "xml",
}
PACKED = ".gz"


def kind_of_file(path: Path, content: bytes) -> Kind:
    """The kind that the name says; a .txt is one of tabs, as Google's are.

    Raises
    ------
    FeedRejected
        If it is none.
    """
    ending = Path(path.stem).suffix.lower() if path.suffix.lower() == PACKED else path.suffix.lower()
    if ending == ".txt" and b"\t" in content.partition(b"\n")[0]:
        return "tsv"
    if ending not in BY_ENDING:
        raise FeedRejected(f"{path} is no feed: expected .csv, .tsv, .json, .xlsx, .xml or a folder of photos")
    return BY_ENDING[ending]


def kind_of_answer(url: str, content_type: str, content: bytes) -> Kind:
    """The kind that the first bytes show where they do, or else that content type or address say.

    Raises
    ------
    FeedRejected
        If it is a web page, or none.
    """
    start = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise FeedRejected(f"{url} is a web page and no feed")
    if start.startswith(b"pk\x03\x04"):
        return "xlsx"
    if start.startswith(b"<"):
        return "xml"
    if start.startswith((b"[", b"{")):
        return "json"
    path = Path(urlsplit(url).path.removesuffix(PACKED))
    said = BY_CONTENT_TYPE.get(content_type.partition(";")[0].strip().lower()) or BY_ENDING.get(path.suffix.lower())
    if said in {"csv", "tsv"}:
        return said
    if said is None and (b"," in start.partition(b"\n")[0] or b"\t" in start.partition(b"\n")[0]):
        return "csv"
    raise FeedRejected(f"{url} is no feed: expected CSV, TSV, JSON, XLSX or XML, found {content_type or 'no type'}")

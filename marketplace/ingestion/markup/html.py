"""Web pages from outside as clean UTF-8, as trees of bounded depth, and as plain text."""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Callable
from typing import cast

from lxml import etree

from marketplace.catalog.text import fit_text
from marketplace.errors import InputRejected

DECLARED_WITHIN = 4096
MOST_TEXT = 100_000
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_HEADER_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
# Codecs that also run code points through escapes (utf-7, unicode_escape, idna) are no encodings of pages.
_PAGE_CODECS = ("iso8859", "cp125", "cp874", "koi8", "gb", "big5", "euc", "shift_jis", "iso2022_jp", "mac-", "utf-8")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_BREAKS = re.compile(r"<(?=/?(?:p|div|br|li|[uod]l|d[td]|h[1-6]|t[rdh]|table|section|article|option)\b)", re.IGNORECASE)


def charset_of(content_type: str) -> str | None:
    """The charset that a content-type header names, if it does."""
    named = _HEADER_CHARSET.search(content_type)
    return named[1] if named else None


def as_utf8(content: bytes, charset: str | None = None) -> bytes:
    """The page in UTF-8, without NUL bytes; what its encoding cannot hold becomes U+FFFD.

    A byte order mark decides, then bytes that are valid UTF-8, then `charset` (the header's), then the page's own
    declaration, then Windows-1252, which is also what browsers take Latin-1 for.
    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _encoded(content[len(mark) :].decode(encoding, errors="replace"))
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        declared = _META_CHARSET.search(content[:DECLARED_WITHIN])
        named = _page_codec(charset) or _page_codec(declared[1].decode("ascii") if declared else None) or "cp1252"
        return _encoded(content.decode(named, errors="replace"))
    return content.replace(b"\x00", b"") if b"\x00" in content else content


def tree_of(page: bytes) -> etree._Element:
    """The elements of a page that is UTF-8; what lies deeper than the parser's 256 levels is left out.

    Raises
    ------
    InputRejected
        If the bytes are no HTML.
    """
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True, remove_pis=True)
    try:
        tree: etree._Element | None = etree.fromstring(page, parser)
    except (etree.ParseError, ValueError) as error:
        raise InputRejected(f"a page of {len(page)} bytes is no HTML: {error}") from error
    if tree is None:
        raise InputRejected(f"a page of {len(page)} bytes is no HTML: it holds no element")
    for after in list(tree.itersiblings()):
        tree.append(after)  # what stands behind </html> is a root of its own to the parser, and one page to a browser
    return tree


def plain_text(markup: str) -> str:
    """What a reader sees of a piece of HTML, on one line."""
    if "<" not in markup:
        return fit_text(html.unescape(markup))
    try:
        tree = tree_of(as_utf8(_BREAKS.sub(" <", markup).encode("utf-8", errors="replace")))
    except InputRejected:
        return ""  # tags around nothing
    etree.strip_elements(tree, "script", "style", "template", with_tail=False)
    return fit_text(text_within(tree))


def elements_by(xpath: str) -> Callable[[etree._Element], list[etree._Element]]:
    """A search for the elements of a tree that an XPath names."""
    search = etree.XPath(xpath)
    return lambda tree: cast("list[etree._Element]", search(tree))


def text_within(element: etree._Element) -> str:
    """What an element says, single-spaced, cut at more characters than any product has."""
    pieces: list[str] = []
    size = 0
    for piece in element.itertext():
        pieces.append(str(piece))
        size += len(piece)
        if size > MOST_TEXT:
            break
    return " ".join("".join(pieces).split())


def _page_codec(name: str | None) -> str | None:
    try:
        codec = codecs.lookup(name or "").name
    except (LookupError, ValueError):
        return None
    if codec in {"iso8859-1", "ascii"}:
        return "cp1252"
    return codec if codec.startswith(_PAGE_CODECS) else None


def _encoded(text: str) -> bytes:
    return text.replace("\x00", "").encode("utf-8", errors="replace")

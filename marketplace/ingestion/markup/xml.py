"""XML from outside: no entities, no network, bounded in size, read element by element."""

from __future__ import annotations

import io
import zlib
from collections.abc import Collection, Iterator

from lxml import etree

from marketplace.errors import FeedRejected

GZIP = b"\x1f\x8b"


def unpacked(content: bytes, *, where: str, most: int) -> bytes:
    """The content itself, or what is packed in it by gzip.

    Raises
    ------
    FeedRejected
        If it is cut short, broken, or unpacks to more than `most` bytes.
    """
    if not content.startswith(GZIP):
        return content
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = inflater.decompress(content, most + 1)
    except zlib.error as error:
        raise FeedRejected(f"{where} is no gzip: {error}") from error
    if len(plain) > most:
        raise FeedRejected(f"{where} unpacks to more than {most} bytes")
    if not inflater.eof:
        raise FeedRejected(f"{where} is cut short")
    return plain


def elements_of(content: bytes, names: Collection[str], *, where: str) -> Iterator[etree._Element]:
    """The elements of these names, whatever their namespace, in order; each is emptied once the next is asked for.

    Raises
    ------
    FeedRejected
        If it is no XML, or declares entities or any other type of its own.
    """
    events = etree.iterparse(
        io.BytesIO(content),
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    is_first = True
    try:
        for event, element in events:
            if is_first and element.getroottree().docinfo.doctype:
                raise FeedRejected(f"{where} declares a document type, as no feed or sitemap needs")
            is_first = False
            if event == "end" and local_name(element) in names:
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise FeedRejected(f"{where} is no XML: {error}") from error


def local_name(element: etree._Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]

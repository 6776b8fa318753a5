"""Google Merchant feeds in XML, RSS 2.0 and Atom alike: one row for each item, by the names of its own elements.

Source: https://support.google.com/merchants/answer/7052112
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from marketplace.errors import FeedRejected
from marketplace.ingestion.markup.xml import elements_of, local_name

GOOGLE = "{http://base.google.com/ns/1.0}"
MOST_ITEMS = 200_000


def merchant_rows(where: str, content: bytes) -> Iterator[dict[str, str]]:
    """The elements of each item or entry, by name; Google's own before RSS's or Atom's of the same name.

    Raises
    ------
    FeedRejected
        If it is no XML, declares entities, or holds more items than any shop has.
    """
    for number, item in enumerate(elements_of(content, {"item", "entry"}, where=where), 1):
        if number > MOST_ITEMS:
            raise FeedRejected(f"{where} holds more than {MOST_ITEMS} items")
        yield _row(item)


def _row(item: etree._Element) -> dict[str, str]:
    googles: dict[str, str] = {}
    others: dict[str, str] = {}
    for child in item:
        name, said = local_name(child), _said(child)
        if said and not len(child):  # g:shipping and g:tax have prices of their own inside
            (googles if str(child.tag).startswith(GOOGLE) else others).setdefault(name, said)
    return {**others, **googles}


def _said(child: etree._Element) -> str:
    if local_name(child) == "link" and child.get("href") is not None:
        return (child.get("href") or "") if child.get("rel", "alternate") == "alternate" else ""
    return (child.text or "").strip()

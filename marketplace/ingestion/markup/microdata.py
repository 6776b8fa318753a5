"""Microdata in the shape of JSON-LD, so that one reader reads both.

Source: HTML Living Standard, section 5 (Microdata).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lxml import etree

from marketplace.ingestion.markup.html import elements_by, text_within
from marketplace.ingestion.markup.linked_data import MOST_THINGS, Thing

_ADDRESSES = {"a": "href", "area": "href", "link": "href", "object": "data"} | dict.fromkeys(
    ("audio", "embed", "iframe", "img", "source", "track", "video"), "src"
)
_MARKED = elements_by("descendant-or-self::*[@itemscope or @itemprop]")
Item = dict[str, Any]


def items_of(tree: etree._Element) -> list[Thing]:
    """The items that stand on their own, with `@type` and, under each, its properties and nested items."""
    top: list[Thing] = []
    items: dict[etree._Element, Item] = {}
    marked = _MARKED(tree)[:MOST_THINGS]
    owners = _owners(marked)
    for element in marked:
        if element.get("itemscope") is not None:
            items[element] = _new_item(element)
    for element in marked:
        names = (element.get("itemprop") or "").split()
        owner = owners(element, items)
        value = items.get(element)
        if names and owner is not None:
            for name in names:
                _add(owner, name, value if value is not None else _value_of(element))
        elif value is not None and "@type" in value:
            top.append(value)
    return top


def _new_item(element: etree._Element) -> Item:
    kinds = (element.get("itemtype") or "").split()
    named = element.get("itemid")
    return {**({"@type": kinds} if kinds else {}), **({"@id": named} if named else {})}


def _owners(
    marked: list[etree._Element],
) -> Callable[[etree._Element, dict[etree._Element, Item]], Item | None]:
    """Who owns a property: the nearest item around it, or one that names the id of something around it."""
    referred = {
        name: element for element in marked if element.get("itemref") for name in (element.get("itemref") or "").split()
    }

    def owner(element: etree._Element, items: dict[etree._Element, Item]) -> Item | None:
        for around in (element, *element.iterancestors()):
            if around is not element and around in items:
                return items[around]
            by_reference = referred.get(around.get("id") or "")
            if by_reference is not None and by_reference is not element:
                return items.get(by_reference)
        return None

    return owner


def _add(owner: Item, name: str, value: Any) -> None:
    if value is owner or value == "":
        return
    known = owner.get(name)
    if known is None:
        owner[name] = value
    elif isinstance(known, list):
        known.append(value)
    else:
        owner[name] = [known, value]


def _value_of(element: etree._Element) -> str:
    said = element.get("content")
    if said is not None:
        return said.strip()
    tag = str(element.tag)
    attribute = _ADDRESSES.get(tag) or {"data": "value", "meter": "value", "time": "datetime"}.get(tag)
    if attribute is not None and element.get(attribute) is not None:
        return (element.get(attribute) or "").strip()
    return text_within(element)

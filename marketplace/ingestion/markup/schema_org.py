"""A schema.org Product or ProductGroup, from JSON-LD or microdata alike, as a claim.

Source: https://schema.org/Product, /Offer, /AggregateOffer, /UnitPriceSpecification, /ProductGroup, /ItemList.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from marketplace.ingestion.claims import MOST_LISTED, Claim, Offer, text_of
from marketplace.ingestion.markup.html import plain_text
from marketplace.ingestion.markup.linked_data import Thing, types_of

PRODUCTS = {"Product", "ProductGroup", "IndividualProduct", "ProductModel", "SomeProducts"}
LISTS = {"ItemList", "OfferCatalog"}
OUT_OF_STOCK = ("outofstock", "soldout", "discontinued", "oos")
FORMER_PRICES = ("listprice", "strikethroughprice", "msrp", "srp")
KEPT = ("@type", "name", "description", "category", "image", "url", "offers", "hasVariant")
_MARKUP = re.compile(r"<[a-zA-Z/!]|&#?\w+;")
NOWHERE: Mapping[str, Thing] = {}


def is_product(thing: Thing) -> bool:
    """Whether an object is a product."""
    return not types_of(thing).isdisjoint(PRODUCTS)


def claim_of(thing: Thing, origin: str, *, url: str, known: Mapping[str, Thing] = NOWHERE) -> Claim:
    """What a Product or ProductGroup says; its pictures' addresses are joined to the page's.

    Parameters
    ----------
    known
        The objects of the page by `@id`, for what is only pointed to.
    """
    variants = [variant for variant in _each(thing.get("hasVariant"), known) if is_product(variant)]
    offers = list(_each(thing.get("offers"), known))
    if not any(True for _ in _amounts(offers, known)):
        offers = [offer for variant in variants for offer in _each(variant.get("offers"), known)] or offers
    image = _image(thing.get("image"), known) or next(
        (found for variant in variants if (found := _image(variant.get("image"), known))), ""
    )
    return Claim(
        origin,
        title=_shown(_said(thing.get("name"))),
        description=_shown(_said(thing.get("description"))),
        category=_shown(_category(thing.get("category"), known)),
        image_url=joined(url, image) if image else "",
        offers=tuple(_amounts(offers, known)),
        in_stock=_in_stock(offers),
    )


def address_of(thing: Thing, url: str) -> str:
    """Where the product says that it is shown, empty where it does not."""
    offer = next(_each(thing.get("offers"), NOWHERE), {})
    for said in (thing.get("url"), thing.get("@id"), offer.get("url")):
        named = _said(said)
        if named and not named.startswith(("#", "_:", "urn:")):
            return joined(url, named)
    return ""


def listed_in(things: Iterable[Thing]) -> Iterator[tuple[Thing | None, str]]:
    """What the lists of a page name, in order: a product described in full or None, and the address of its page."""
    for found in things:
        if types_of(found).isdisjoint(LISTS):
            continue
        for element in _each(found.get("itemListElement"), NOWHERE):
            item = element.get("item", element)
            thing: Thing = item if isinstance(item, dict) else {}
            address = _said(element.get("url")) or _said(item) or _said(thing.get("url", thing.get("@id")))
            if is_product(thing):
                yield thing, address
            elif types_of(thing) <= {"ListItem"}:
                yield None, address


def promised_in(things: Iterable[Thing]) -> int | None:
    """How many products the lists of a page say that there are, None where they do not."""
    said = [text_of(found.get("numberOfItems")) for found in things if not types_of(found).isdisjoint(LISTS)]
    return max((int(number) for number in said if number.isdecimal() and len(number) < 10), default=None)


def trimmed(thing: Thing) -> dict[str, Any]:
    """Only what `claim_of` reads."""
    return {name: thing[name] for name in KEPT if name in thing}


def is_available(said: str) -> bool:
    """Whether an availability, by schema.org's address or in plain words, means that the product can be had."""
    return not re.sub(r"[^a-z]", "", said.casefold()).endswith(OUT_OF_STOCK)


def joined(url: str, onward: str) -> str:
    """The address that a page at `url` means; one that is none stays, to be refused by name when it is fetched."""
    try:
        return urljoin(url, onward)
    except ValueError:
        return onward


def _each(value: Any, known: Mapping[str, Thing]) -> Iterator[Thing]:
    for found in (value if isinstance(value, list) else [value])[:MOST_LISTED]:
        if isinstance(found, dict):
            yield known.get(str(found["@id"]), found) if found.keys() == {"@id"} else found


def _amounts(offers: Iterable[Thing], known: Mapping[str, Thing]) -> Iterator[Offer]:
    for offer in offers:
        named = _said(offer.get("priceCurrency"))
        low, high = _said(offer.get("price", offer.get("lowPrice"))), _said(offer.get("highPrice"))
        if low:
            yield Offer(low, high, named)
            continue
        within = [inner for inner in _each(offer.get("offers"), known) if _said(inner.get("price"))]
        for part in within or list(_current(_each(offer.get("priceSpecification"), known)))[:1]:
            low = _said(part.get("price", part.get("minPrice")))
            if low:
                yield Offer(low, _said(part.get("maxPrice")), _said(part.get("priceCurrency")) or named)


def _current(specifications: Iterable[Thing]) -> Iterator[Thing]:
    for specification in specifications:
        kind = re.split(r"[/#]", _said(specification.get("priceType")))[-1].casefold()
        if kind not in FORMER_PRICES:
            yield specification


def _in_stock(offers: Iterable[Thing]) -> bool | None:
    nested = [inner for offer in offers for inner in (offer, *_each(offer.get("offers"), NOWHERE))]
    said = [text for offer in nested if (text := _said(offer.get("availability")))]
    return any(map(is_available, said)) if said else None


def _category(value: Any, known: Mapping[str, Thing]) -> str:
    named = _said(value)
    return named or next((_said(found.get("name")) for found in _each(value, known)), "")


def _image(value: Any, known: Mapping[str, Thing]) -> str:
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, dict):
        found = next(_each(first, known), {})
        return _said(found.get("url")) or _said(found.get("contentUrl"))
    return _said(first)


def _shown(said: str) -> str:
    return plain_text(said) if _MARKUP.search(said) else said  # plugins escape, and mark up, what JSON needs bare


def _said(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, dict):
        value = value.get("@value", "")
    return text_of(value)

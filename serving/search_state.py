"""A search as the address of its page says it: read with leave, and written without what goes without saying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from pydantic import ValidationError

from marketplace.catalog.prices import format_price
from marketplace.catalog.products import Price
from marketplace.search.asking import Filters
from serving.rendering import country_of, label
from serving.search_schemas import MOST_EXAMPLES, Facets, FacetValue, SearchAsked

FIELDS = {
    "text": "the words",
    "price_min": "the lowest price",
    "price_max": "the highest price",
    "currency": "the currency",
    "box": "the marked part of the photo",
    "image_weight": "the weight of the photo",
}
PRICE = ("price_min", "price_max")
MOVES = ("like", "unlike")
Pairs = list[tuple[str, str]]


class Chip(NamedTuple):
    """Something that a search asks for, what the search is without it, and how many products that would find."""

    label: str
    query: str
    products: int | None = None


def asked_in(fields: Mapping[str, Any]) -> tuple[SearchAsked, tuple[str, ...]]:
    """The search in an address or a form, and what of it made no sense and was passed over.

    Names that are no part of a search are those of others, who mark the links that are shared with them. Of more
    examples than a search takes the last are kept: each "more like this" adds one.
    """
    known = {name: value for name, value in fields.items() if name in SearchAsked.model_fields}
    known |= {name: _last(known[name]) for name in MOVES if name in known}
    if not any(name in known for name in PRICE):
        known.pop("currency", None)  # the form always names one
    try:
        asked, wrong = SearchAsked.model_validate(known), set[str]()
    except ValidationError as error:
        wrong = {str(part["loc"][0]) for part in error.errors()}
        asked = SearchAsked.model_validate({name: value for name, value in known.items() if name not in wrong})
    return _upright(asked), tuple(FIELDS.get(name, name.replace("_", " ")) for name in sorted(wrong))


def _last(examples: Sequence[str]) -> list[str]:
    """The last examples, each once, where it was named last."""
    return list(dict.fromkeys(reversed(examples)))[:MOST_EXAMPLES][::-1]


def _upright(asked: SearchAsked) -> SearchAsked:
    """The search with its price range from low to high: who asks for 5,000 to 500 means 500 to 5,000."""
    low, high = asked.price_min, asked.price_max
    if low is None or high is None or low <= high:
        return asked
    return asked.model_copy(update={"price_min": high, "price_max": low})


def pairs_of(asked: SearchAsked) -> Pairs:
    """The search as names and values of an address, nothing that is as always."""
    said = asked.model_dump(mode="json", exclude_defaults=True, exclude={"cursor", "facets", "category", "categories"})
    pairs = [("q", said.pop("text"))] if "text" in said else []
    named = [asked.category] if asked.category is not None else []
    pairs += [("categories", one) for one in dict.fromkeys([*named, *asked.categories])]
    for name, value in said.items():
        if name == "box":
            pairs.append((name, ",".join(map(str, value))))
        else:
            pairs += [(name, _text(one)) for one in (value if isinstance(value, list) else [value])]
    return pairs


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def without(pairs: Pairs, *names: str, value: str | None = None) -> str:
    """The address' query without the names, or only without the pairs of that value."""
    return urlencode([pair for pair in pairs if pair[0] not in names or value not in (None, pair[1])])


def chips(asked: SearchAsked, filters: Filters, facets: Facets | None, sellers: Mapping[int, str]) -> list[Chip]:
    """The filters of the search, each of which can be taken away."""
    pairs = pairs_of(asked)
    counted = _counts(facets)
    found = [
        Chip(label(one), without(pairs, "categories", value=one), counted.get("categories"))
        for one in filters.categories
    ]
    if filters.least_minor is not None or filters.most_minor is not None:
        found.append(Chip(price_range(filters), without(pairs, *PRICE, "currency"), counted.get("prices")))
    if filters.city is not None:
        found.append(Chip(filters.city, without(pairs, "city"), counted.get("cities")))
    if filters.country is not None:
        found.append(Chip(country_of(filters.country), without(pairs, "country")))
    if filters.seller_id is not None:
        name = sellers.get(filters.seller_id, "One shop")
        found.append(Chip(name, without(pairs, "seller_id"), counted.get("sellers")))
    if not filters.in_stock:
        found.append(Chip("Sold out as well", without(pairs, "in_stock")))
    return found


def examples(asked: SearchAsked, titles: Mapping[int, str]) -> list[Chip]:
    """The products that the search moves towards and away from, each of which can be taken away."""
    pairs = pairs_of(asked)
    return [
        Chip(f"{said}: {titles.get(one, 'a product')}", without(pairs, name, value=str(one)))
        for name, said, ids in (("like", "More like", asked.like), ("unlike", "Less like", asked.unlike))
        for one in dict.fromkeys(ids)
    ]


def price_range(filters: Filters) -> str:
    """The filters' price range for a reader: "KSh 500 - 3,000", "from KSh 500", "up to KSh 3,000"."""
    currency = filters.currency or ""
    if filters.least_minor is None:
        return f"up to {format_price(Price(filters.most_minor or 0, currency))}"
    if filters.most_minor is None:
        return format_price(Price(filters.least_minor, currency, kind="from"))
    return format_price(Price(filters.least_minor, currency, filters.most_minor, kind="range"))


def _counts(facets: Facets | None) -> dict[str, int]:
    """How many products each facet counted, its own filter being lifted."""
    if facets is None:
        return {}
    valued: dict[str, Sequence[FacetValue]] = {
        "categories": facets.categories.values,
        "cities": facets.cities.values,
        "sellers": facets.sellers.values,
    }
    counts = {name: sum(one.products for one in values) for name, values in valued.items()}
    return {**counts, "prices": sum(band.products for band in facets.prices.bands)}

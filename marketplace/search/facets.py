"""What was found, counted by category, seller, city, stock and price."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from marketplace.search.asking import Filters
from marketplace.search.candidates import Candidate, usual_currency

FacetName = Literal["categories", "sellers", "cities", "in_stock", "prices"]
NAMES: tuple[FacetName, ...] = ("categories", "sellers", "cities", "in_stock", "prices")
MOST_VALUES = 20
BANDS = 5
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Value:
    """A choice that a shopper may make, and how many products it would leave; `label` is for people."""

    value: str | int | bool
    label: str
    products: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Band:
    """A range of prices in minor units, both ends included as in `Filters`; None at the top for no end."""

    currency: str
    least_minor: int
    most_minor: int | None
    products: int


@dataclass(frozen=True, slots=True)
class Facet:
    """The choices, fullest first; bands of prices from low to high.

    `is_exact` says that everything that matches was counted, and not only the best placed.
    """

    values: tuple[Value, ...] = ()
    bands: tuple[Band, ...] = ()
    is_exact: bool = True


def lifted(filters: Filters, name: FacetName) -> Filters:
    """The filters without those that the facet itself offers: who chose one category still sees the others."""
    if name == "categories":
        return replace(filters, categories=())
    if name == "sellers":
        return replace(filters, seller_id=None)
    if name == "cities":
        return replace(filters, city=None)
    if name == "in_stock":
        return replace(filters, in_stock=False)
    return replace(filters, least_minor=None, most_minor=None)


def facet(name: FacetName, groups: Sequence[Sequence[Candidate]], filters: Filters, *, is_exact: bool) -> Facet:
    """What was found with the facet's own filters lifted, counted by it; a group of near-duplicates is one product."""
    if name == "prices":
        return Facet(bands=price_bands(groups, filters.currency), is_exact=is_exact)
    key, label, chosen = _READ[name]
    counts = Counter(value for group in groups for value in {key(one) for one in group} - {None, ""})
    labels = {key(one): label(one) for group in groups for one in group}
    wanted = chosen(filters)
    order = sorted(counts, key=lambda value: (value not in wanted, -counts[value], str(labels[value])))[:MOST_VALUES]
    values = [Value(value, labels[value], counts[value], value in wanted) for value in order if value is not None]
    return Facet(values=tuple(sorted(values, key=lambda value: -value.products)), is_exact=is_exact)


def price_bands(groups: Sequence[Sequence[Candidate]], currency: str | None = None) -> tuple[Band, ...]:
    """At most five ranges with round ends that hold about as many products each, of one currency.

    Without a currency it is that of most products. Products of another currency are in no band.
    """
    money = currency or usual_currency(one for group in groups for one in group)
    priced = [
        {one.price_minor for one in group if one.currency == money and one.price_minor is not None} for group in groups
    ]
    amounts = sorted(amount for group in priced for amount in group)
    if money is None or not amounts:
        return ()
    cuts = [amounts[len(amounts) * part // BANDS] for part in range(1, BANDS)]
    ends = sorted({end for end in map(_rounded, cuts) if amounts[0] < end <= amounts[-1]})
    ranges = zip([0, *ends], [*(end - 1 for end in ends), None], strict=True)
    return tuple(
        Band(money, least, most, sum(_has_within(group, least, most) for group in priced)) for least, most in ranges
    )


def _has_within(amounts: Iterable[int], least: int, most: int | None) -> bool:
    return any(least <= amount and (most is None or amount <= most) for amount in amounts)


def _rounded(amount: int) -> int:
    """The nearest of 1, 2 and 5 times a power of ten."""
    if amount <= 0:
        return 0
    power = int(10 ** int(math.log10(amount)))
    return min((step * scale for scale in (power, 10 * power) for step in _STEPS), key=lambda one: abs(one - amount))


_Key = Callable[[Candidate], str | int | bool | None]
_READ: Mapping[FacetName, tuple[_Key, Callable[[Candidate], str], Callable[[Filters], Sequence[object]]]] = {
    "categories": (lambda one: one.category, lambda one: one.category, lambda filters: filters.categories),
    "sellers": (lambda one: one.seller_id, lambda one: one.seller, lambda filters: (filters.seller_id,)),
    "cities": (lambda one: one.city, lambda one: one.city or "", lambda filters: (filters.city,)),
    "in_stock": (
        lambda one: one.in_stock,
        lambda one: "In stock" if one.in_stock else "Sold out",
        lambda filters: (True,) if filters.in_stock else (),
    ),
}

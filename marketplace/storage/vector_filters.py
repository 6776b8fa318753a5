"""Conditions on the index: parameters with a type, written by one function that no text can break out of.

Milvus knows filter templates from 2.5 on. Milvus Lite 3.2 and servers of 2.3 refuse them ("unexpected character '{'"),
and one way for all is safer than two, so `literal` writes every value: numbers as numbers, texts between quotes with
both characters escaped that mean something there. Texts lose their control characters first, as the index's own did.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from marketplace.catalog.prices import minor_digits
from marketplace.search.asking import Filters
from marketplace.storage.vector_rows import cleaned, clipped

EVERYTHING = Filters(in_stock=False)


def condition(
    filters: Filters = EVERYTHING,
    *,
    exclude: Collection[int] = (),
    only: Collection[int] = (),
    pictured: bool | None = None,
) -> str:
    """A Milvus expression that holds for the rows asked for; empty when all are.

    It never holds for fewer products than the filters mean: prices are kept as 32-bit floats and texts are cut to
    size, so that a row on the border may be found though the catalogue, which is asked afterwards, says otherwise.
    """
    parts = [*_places(filters), *_prices(filters)]
    if filters.in_stock:
        parts.append("in_stock == true")
    if exclude:
        parts.append(f"product_id not in {literal(sorted(exclude))}")
    if only:
        parts.append(f"product_id in {literal(list(only))}")
    if pictured is not None:
        parts.append('image_url != ""' if pictured else 'image_url == ""')
    return " and ".join(parts)


def other_models(model_version: str) -> str:
    """A Milvus expression that holds for rows of any other encoder."""
    return f"model_version != {literal(clipped(model_version, 'model_version'))}"


def literal(value: str | float | Sequence[str] | Sequence[int]) -> str:
    """The value as Milvus reads it: a text, a number, or a list of either.

    Raises
    ------
    TypeError
        If it is anything else, a text in a list of numbers included.
    """
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bool):
        raise TypeError("a truth is written as a condition of its own, not as a literal")
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, float):
        return repr(value)
    if len({isinstance(one, str) for one in value}) > 1:
        raise TypeError(f"a list is of texts or of numbers, not of both: {value!r:.80}")
    return f"[{', '.join(literal(one) for one in value)}]"


def _places(filters: Filters) -> list[str]:
    parts = []
    if len(filters.categories) == 1:
        parts.append(f"category == {literal(clipped(filters.categories[0], 'category'))}")
    elif filters.categories:
        parts.append(f"category in {literal([clipped(name, 'category') for name in filters.categories])}")
    if filters.seller_id is not None:
        parts.append(f"seller_id == {_whole(filters.seller_id)}")
    if filters.country is not None:
        parts.append(f"country == {literal(cleaned(filters.country))}")
    if filters.city is not None:
        parts.append(f"city == {literal(clipped(filters.city, 'city'))}")
    return parts


def _prices(filters: Filters) -> list[str]:
    if filters.currency is None:
        return []
    parts = [f"currency == {literal(cleaned(filters.currency))}"]
    if filters.least_minor is not None:
        parts.append(f"price >= {literal(_major(filters.least_minor, filters.currency))}")
    if filters.most_minor is not None:
        parts.append(f"price <= {literal(_major(filters.most_minor, filters.currency))}")
    return parts


def _major(minor: int, currency: str) -> float:
    """The amount rounded as the index rounds prices: rounding keeps order, so no price within the range is lost."""
    return float(np.float32(_whole(minor) / 10 ** minor_digits(currency)))


def _whole(number: int) -> int:
    if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
        raise TypeError(f"an id or amount is a whole number, not {number!r:.80}")
    return int(number)

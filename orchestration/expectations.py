"""What must hold of the live products, as a Great Expectations suite that runs inside Postgres."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from babel.numbers import list_currencies
from sqlalchemy.engine import URL

CURRENCIES = sorted(list_currencies())  # what prices may be read in


@dataclass(frozen=True, slots=True)
class Expected:
    """One expectation: the check's name, whether it blocks, and what Great Expectations evaluates."""

    check: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    blocking: bool = False


PRODUCT_SUITE = (
    Expected("the_catalog_is_not_empty", "ExpectTableRowCountToBeBetween", {"min_value": 1}, blocking=True),
    Expected("product_ids_are_unique", "ExpectColumnValuesToBeUnique", {"column": "product_id"}, blocking=True),
    Expected("titles_are_present", "ExpectColumnValueLengthsToBeBetween", {"column": "title", "min_value": 1}, True),
    Expected(
        "prices_are_plausible",
        "ExpectColumnValuesToBeBetween",
        {"column": "price_minor", "min_value": 1, "max_value": 100_000_000_000, "mostly": 0.99},
    ),
    Expected(
        "currencies_are_known", "ExpectColumnValuesToBeInSet", {"column": "currency", "value_set": CURRENCIES}, True
    ),
    Expected("most_products_have_a_price", "ExpectColumnValuesToNotBeNull", {"column": "price_minor", "mostly": 0.8}),
    Expected(
        "most_products_have_a_picture", "ExpectColumnValuesToNotBeNull", {"column": "image_sha256", "mostly": 0.8}
    ),
    Expected(
        "pictures_are_named_by_their_hash",
        "ExpectColumnValuesToMatchRegex",
        {"column": "image_sha256", "regex": "^[0-9a-f]{64}$"},
        blocking=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one expectation: passed or not, and what was observed."""

    expected: Expected
    passed: bool
    observed: dict[str, Any]


def judge_query(url: URL, query: str, suite: tuple[Expected, ...]) -> list[Outcome]:
    """One outcome per expectation, in the suite's order, evaluated by SQL in the database.

    Parameters
    ----------
    url
        Address of the database.
    query
        A select whose rows are judged.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import great_expectations.expectations as gxe

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_postgres("warehouse", connection_string=url.render_as_string(hide_password=False))
    batch = source.add_query_asset("judged", query=query).add_batch_definition_whole_table("all")
    expectations = [getattr(gxe, expected.kind)(**expected.arguments) for expected in suite]
    report = batch.get_batch().validate(gx.ExpectationSuite("judged", expectations=expectations))
    by_expectation = {(r.expectation_config.type, r.expectation_config.kwargs.get("column")): r for r in report.results}
    outcomes = []
    for expected, made in zip(suite, expectations, strict=True):
        result = by_expectation[made.expectation_type, expected.arguments.get("column")]
        outcomes.append(Outcome(expected, bool(result.success), dict(result.result)))
    return outcomes

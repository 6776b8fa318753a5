"""What must hold of the live products, as found and as judged: Great Expectations suites that run inside Postgres."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from babel.numbers import list_currencies
from sqlalchemy.engine import URL

from marketplace.catalog.languages import AMHARIC, LANGUAGES, MIXED, UNDETERMINED
from marketplace.catalog.quality import REJECTING

CURRENCIES = sorted(list_currencies())  # what prices may be read in
FAILING_ROWS = 20  # that a check shows
NAMED = ["product_id", "title"]  # the columns by which a failing row is known
OF_ROWS = "UnexpectedRowsExpectation"  # one that names whole rows by a condition


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


def _no_rows(condition: str) -> dict[str, str]:
    # The condition is one of the texts below, never a value from outside.
    return {"unexpected_rows_query": f"select * from {{batch}} where {condition}"}  # noqa: S608


_REJECTING = ", ".join(f"'{reason}'" for reason in sorted(REJECTING))
CLEAN_SUITE = (
    Expected(
        "verdicts_are_known",
        "ExpectColumnValuesToBeInSet",
        {"column": "verdict", "value_set": ["approved", "flagged", "rejected"]},
        blocking=True,
    ),
    Expected(
        "confidences_are_shares",
        "ExpectColumnValuesToBeBetween",
        {"column": "confidence", "min_value": 0, "max_value": 1},
        blocking=True,
    ),
    Expected(
        "what_must_be_rejected_is_not_shown",
        OF_ROWS,
        _no_rows(f"verdict <> 'rejected' and judged_by <> 'reviewer' and reasons && array[{_REJECTING}]"),
        blocking=True,
    ),
    Expected(
        "flagged_and_rejected_products_say_why",
        OF_ROWS,
        _no_rows("verdict <> 'approved' and judged_by <> 'reviewer' and cardinality(reasons) = 0"),
    ),
    Expected("verdicts_are_of_the_content_shown", OF_ROWS, _no_rows("content_hash <> judged_hash")),
    Expected(
        "clean_titles_are_present",
        OF_ROWS,
        _no_rows("verdict <> 'rejected' and coalesce(clean_title, '') = ''"),
    ),
    Expected(
        "clean_titles_hold_no_number_to_call",
        "ExpectColumnValuesToNotMatchRegex",
        {"column": "clean_title", "regex": r"(^|\s)(\+|00|0)[0-9]([ -]?[0-9]){8,}"},
    ),
    Expected(
        "prices_are_in_the_sellers_currency",
        OF_ROWS,
        _no_rows("verdict = 'approved' and judged_by = 'rules' and currency <> market_currency"),
    ),
    Expected(
        "languages_are_known",
        "ExpectColumnValuesToBeInSet",
        {"column": "language", "value_set": sorted([*LANGUAGES, AMHARIC, MIXED, UNDETERMINED])},
    ),
    Expected(
        "most_products_are_not_rejected",
        "ExpectColumnValuesToNotBeInSet",
        {"column": "verdict", "value_set": ["rejected"], "mostly": 0.8},
    ),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one expectation: passed or not, what was observed, and some rows that failed it."""

    expected: Expected
    passed: bool
    observed: dict[str, Any]
    failing: tuple[Mapping[str, Any], ...] = ()


def judge_query(url: URL, query: str, suite: tuple[Expected, ...]) -> list[Outcome]:
    """One outcome per expectation, in the suite's order, evaluated by SQL in the database.

    Parameters
    ----------
    url
        Address of the database.
    query
        A select whose rows are judged; it has the columns `product_id` and `title`.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import great_expectations.expectations as gxe

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_postgres("warehouse", connection_string=url.render_as_string(hide_password=False))
    batch = source.add_query_asset("judged", query=query).add_batch_definition_whole_table("all")
    by_check: dict[str, Any] = {}
    for form, is_of_rows in (("SUMMARY", False), ("COMPLETE", True)):  # rows of a query come only with the second
        made = [
            getattr(gxe, one.kind)(**one.arguments, meta={"check": one.check})
            for one in suite
            if (one.kind == OF_ROWS) == is_of_rows
        ]
        shown = {
            "result_format": form,
            "partial_unexpected_count": FAILING_ROWS,
            "unexpected_index_column_names": NAMED,
        }
        if made:
            report = batch.get_batch().validate(gx.ExpectationSuite(form, expectations=made), result_format=shown)
            by_check |= {result.expectation_config.meta["check"]: result for result in report.results}
    return [_outcome(expected, by_check[expected.check]) for expected in suite]


def _outcome(expected: Expected, result: Any) -> Outcome:
    observed = dict(result.result)
    passed = bool(result.success)
    return Outcome(expected, passed, observed, () if passed else _failing(expected, observed))


def _failing(expected: Expected, observed: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Rows that failed: id, title and, where the expectation is about one column, the value there."""
    whole = (observed.get("details") or {}).get("unexpected_rows")
    rows = whole if whole is not None else observed.get("partial_unexpected_index_list") or []
    column = expected.arguments.get("column")
    shown = list(dict.fromkeys([*NAMED, *([column] if column else ["verdict", "reasons"])]))
    return tuple({name: row.get(name) for name in shown if name in row} for row in rows[:FAILING_ROWS])

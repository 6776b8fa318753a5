"""What the warehouse takes from the domain by convention: weights of interactions and the way prices are written."""

from __future__ import annotations

import csv
from datetime import UTC, datetime

from marketplace.catalog.changes import changes_between
from marketplace.catalog.products import Price, Product, SourcedProduct
from marketplace.events.weights import REFUSALS, WEIGHTS
from tests.warehouse.dbt_command import PROJECT
from tests.warehouse.world import CHANGES

SEEN = datetime(2026, 2, 1, tzinfo=UTC)


def test_the_seed_holds_the_weights_of_the_domain() -> None:
    with (PROJECT / "seeds" / "interaction_weights.csv").open(newline="") as rows:
        seed = {row["kind"]: float(row["weight"]) for row in csv.DictReader(rows)}
    assert seed == {**WEIGHTS, **dict.fromkeys(REFUSALS, 0.0)}


def repriced(before: Price | None, after: Price | None) -> dict[str, str | None]:
    """The one change that ingestion writes for a product whose price alone differs."""
    shown = SourcedProduct("1", "Basket", price=after)
    known = Product(
        product_id=1,
        seller_id=10,
        source_ref="1",
        title="Basket",
        url=None,
        description="",
        category="",
        price=before,
        image_url=None,
        image_sha256=None,
        in_stock=True,
        content_hash="",
        is_gone=False,
        **dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at"), SEEN),
    )
    (change,) = changes_between(known, shown, None)
    return {"kind": change.kind, "field": change.field, "old_value": change.old, "new_value": change.new}


def test_prices_in_the_small_world_are_written_as_ingestion_writes_them() -> None:
    change = repriced(Price(200000, "KES"), Price(250000, "KES"))
    assert change.items() <= CHANGES[1].items()


def test_ranges_and_missing_prices_are_written_as_the_unit_test_has_them() -> None:
    ranged = repriced(Price(80000, "KES", up_to_minor=90000), None)
    assert (ranged["old_value"], ranged["new_value"]) == ("80000-90000 KES", None)

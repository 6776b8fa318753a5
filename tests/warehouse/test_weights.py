"""The weights of the warehouse are those of the domain."""

from __future__ import annotations

import csv

from marketplace.events.weights import WEIGHTS
from tests.warehouse.dbt_command import PROJECT


def test_the_seed_holds_the_weights_of_the_domain() -> None:
    with (PROJECT / "seeds" / "interaction_weights.csv").open(newline="") as rows:
        seed = {row["kind"]: float(row["weight"]) for row in csv.DictReader(rows)}
    assert seed == dict(WEIGHTS)

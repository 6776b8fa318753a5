"""Every kind of shop with every fault, read by `soko sync --all`: nothing lost, doubled, invented or deleted."""

from __future__ import annotations

import pytest

from marketplace.local.rehearsal import staged
from marketplace.local.shops.truth import PlantedTruth


@pytest.mark.browser
@pytest.mark.timeout(900)
def test_after_a_day_with_every_fault_the_catalogue_is_exactly_the_planted_truth():
    with staged(products_per_seller=14) as stage:
        stage.read_all()
        clean = stage.compare()
        assert clean.is_exact, clean.differences
        before = PlantedTruth.of(stage.shop.shelves)
        stage.shop.switch_faults()
        said = stage.read_all()
        faulty = stage.compare(before)
        assert faulty.is_exact, f"{faulty.differences}\n{said}"

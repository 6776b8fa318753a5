"""An experiment's report, from exposures and events through dbt to what a person reads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from marketplace.cli import app
from marketplace.events.interactions import Interaction
from marketplace.experiments.assignment import Experiment, Variant, variant_of
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.storage import experiments
from marketplace.storage.events import record_interactions
from marketplace.storage.exposure_reports import exposure_days, seller_exposures
from marketplace.storage.exposures import Exposure, record_exposures
from marketplace.storage.warehouse import Warehouse
from tests.warehouse import world
from tests.warehouse.dbt_command import Dbt

PLAIN = (Variant("control", 0.5), Variant("treatment", 0.5, {"weights": "documented"}))
SHOPPERS = 1000
MINUTE = timedelta(minutes=1)
LATER = world.NOON + timedelta(days=3)


def shown(experiment: Experiment, number: int, at: datetime) -> list[Exposure]:
    """What one shopper was shown: always the basket first, and Kofi's shoes only in the control."""
    user = f"shopper-{number}"
    variant = variant_of(experiment, user)
    assert variant is not None
    second = (world.SHOES, world.KOFI) if variant.name == "control" else (world.MAT, world.AMINA)
    teams = ("control", "treatment") if experiment.is_interleaved else (None, None)
    return [
        Exposure(
            *(f"{experiment.name}-{number}", rank, user, product, seller, "for_you", "personal", 1.0, "1"),
            *(experiment.name, variant.name, teams[rank - 1], 0.010, at),
        )
        for rank, (product, seller) in enumerate([(world.BASKET, world.AMINA), second], 1)
    ]


def clicked(experiment: str, number: int, at: datetime) -> Interaction:
    """A click on the basket."""
    return Interaction(f"click-{experiment}-{number}", f"shopper-{number}", world.BASKET, "click", None, None, at)


@pytest.fixture(scope="module")
def market(postgres: EmbeddedPostgres, scratch: Path) -> Iterator[Warehouse]:
    """A market after two experiments: "blend" with a treatment that sells better but less evenly, "mix" interleaved."""
    warehouse = Warehouse(postgres.create_database("experiments", template="template_soko"))
    world.insert(warehouse, world.tables.sellers, world.SELLERS)
    world.insert(warehouse, world.tables.products, world.PRODUCTS)
    for name, is_interleaved, at in (("blend", False, world.NOON), ("mix", True, LATER)):
        begun = experiments.start(warehouse, Experiment(name, "salt", PLAIN, is_interleaved=is_interleaved), now=at)
        record_exposures(warehouse, [each for number in range(SHOPPERS) for each in shown(begun, number, at)])
        drawn = [variant_of(begun, f"shopper-{number}") for number in range(SHOPPERS)]
        often = [2 if one == PLAIN[1] and not is_interleaved else 10 for one in drawn]
        clicks = [clicked(name, number, at + MINUTE) for number in range(SHOPPERS) if number % often[number] == 0]
        record_interactions(warehouse, clicks)
        experiments.end(warehouse, name, now=at)
    url = warehouse.url.set(drivername="postgresql").render_as_string(hide_password=False)
    Dbt(url, scratch / "dbt-experiments")("build", "--resource-type", "seed", "--resource-type", "model")
    yield warehouse
    warehouse.close()


def test_a_better_variant_that_shows_sellers_unevenly_is_stopped(market: Warehouse) -> None:
    report = experiments.read_report(market, experiments.experiment_named(market, "blend"))
    assert sum(one.shoppers for one in report.variants) == SHOPPERS
    assert report.mismatch > 0.001
    (compared,) = report.comparisons
    assert compared.intervals["clicked"].verdict == 1
    # Of two sellers one was shown alone.
    assert [(one.name, one.value) for one in compared.broken] == [("seller exposure Gini", 0.5)]
    assert report.verdict == "Stop treatment: it breaks the bound of seller exposure Gini."


def test_an_interleaved_answer_credits_the_team_that_was_clicked(market: Warehouse) -> None:
    report = experiments.read_report(market, experiments.experiment_named(market, "mix"))
    assert report.preference is not None
    found = (report.preference.first, report.preference.second, report.preference.neither)
    assert found == (SHOPPERS // 10, 0, SHOPPERS - SHOPPERS // 10)
    assert report.verdict.startswith("Shoppers prefer control")


def test_the_day_and_its_sellers_are_told(market: Warehouse) -> None:
    later, day = exposure_days(market, days=7)
    assert later.served_on > day.served_on
    assert (day.impressions, day.sellers, day.sellers_shown) == (SHOPPERS * 2, 2, 2)
    sellers = {one.name: one for one in seller_exposures(market, days=7)}
    assert sellers["Amina"].share == pytest.approx(1 - sellers["Kofi"].impressions / (SHOPPERS * 4))
    # Both were shown a hundred times at once, at noon a day after their products came.
    assert sellers["Kofi"].hours_to_100_impressions == 24


def test_the_command_prints_the_report(market: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    url = market.url.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv("SOKO_DATABASE_URL", url)
    monkeypatch.setenv("COLUMNS", "200")
    printed = CliRunner().invoke(app, ["experiment", "report", "mix"])
    assert printed.exit_code == 0, printed.output
    assert "Shoppers prefer control" in printed.output
    assert "sample ratio" in CliRunner().invoke(app, ["experiment", "report", "blend"]).output

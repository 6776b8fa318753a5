"""What is found of what is planted in the sample market, and whether its pay-days and its holiday alarm.

`python -m benchmarks.anomalies_sample` draws the market, its shoppers' ninety days and its trade for each seed as the
demo does, writes them into an embedded Postgres, builds with dbt what the asset `anomalies` reads, and judges every day
as that asset judges the last seven. The first 28 days teach and are not judged.

An alarm is right where something planted explains it: more views, and what follows from views, of the seller whose
views were planted and of the market; fewer WhatsApp starts of the seller without chats and of the market; more orders
and revenue of the seller who sold much and of the market; each on the planted days or the one after, for the day of
the history is not the seller's. Every other alarm is false. What is planted is found if the seller's own figure alarms.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from marketplace.catalog.products import stable_id
from marketplace.local.history import draw_history, seed_sample_market
from marketplace.local.market import SampleMarket, draw_market
from marketplace.local.network import free_port
from marketplace.local.orders_history import draw_trade
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.storage.tables import products
from marketplace.storage.warehouse import Warehouse
from orchestration.warehouse_marts import FOLDER, dbt_environment
from orchestration.watching import watch

UNTIL = datetime(2026, 11, 22, tzinfo=UTC)
DAYS = 90
BUILT = ("+fct_metrics_daily", "+dim_market_days")
FROM_VIEWS = frozenset({"views", "clicks", "leads", "whatsapp_starts", "orders", "revenue_minor", "revenue_usd"})
CHATS = frozenset({"whatsapp_starts"})
FROM_ORDERS = frozenset({"orders", "revenue_minor", "revenue_usd"})


@dataclass(frozen=True, slots=True)
class Alarm:
    """One figure that was odd; the whole market is seller 0."""

    metric: str
    seller_id: int
    day: date
    direction: int
    value: float
    expected: float
    score: float


@dataclass(frozen=True, slots=True)
class Planted:
    """Something wrong in the drawn history: which figures it explains, and which of them shows that it was found."""

    name: str
    metrics: frozenset[str]
    seller_id: int
    days: tuple[date, ...]
    direction: int
    shows: frozenset[str]

    def explains(self, alarm: Alarm) -> bool:
        """Whether the alarm is of this."""
        is_theirs = alarm.seller_id in (0, self.seller_id) and alarm.metric in self.metrics
        is_then = self.days[0] <= alarm.day <= self.days[-1] + timedelta(days=1)
        return is_theirs and is_then and alarm.direction == self.direction

    def is_found(self, alarms: Sequence[Alarm]) -> bool:
        """Whether the figure of the seller itself alarmed."""
        return any(one.metric in self.shows and one.seller_id and self.explains(one) for one in alarms)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one drawn market."""

    planted: tuple[Planted, ...]
    alarms: tuple[Alarm, ...]
    peaks: frozenset[date]
    judged: int

    @property
    def false(self) -> list[Alarm]:
        """Alarms that nothing planted explains."""
        return [alarm for alarm in self.alarms if not any(one.explains(alarm) for one in self.planted)]

    @property
    def on_peaks(self) -> list[Alarm]:
        """False alarms on pay-days, the two days after, and the planted holiday."""
        return [alarm for alarm in self.false if alarm.day in self.peaks]

    @property
    def found(self) -> list[str]:
        """What of the planted things alarmed."""
        return [one.name for one in self.planted if one.is_found(self.alarms)]

    @property
    def precision(self) -> float:
        """The share of alarms that something planted explains."""
        return 1 - len(self.false) / max(len(self.alarms), 1)

    @property
    def recall(self) -> float:
        """The share of planted things that alarmed."""
        return len(self.found) / len(self.planted)


def settle(warehouse: Warehouse, market: SampleMarket, until: datetime = UNTIL) -> None:
    """The sample market as after its first load: sellers, their products, ninety days of shoppers and orders."""
    seed_sample_market(warehouse, "http://127.0.0.1", now=until, market=market)
    rows = list(_product_rows(market, until - timedelta(days=DAYS + 1)))
    with warehouse.begin() as connection:
        connection.execute(sa.insert(products), rows)


def judged(warehouse: Warehouse, market: SampleMarket, until: datetime = UNTIL) -> Outcome:
    """Every day of the built market judged, beside what was planted in it."""
    watched = watch(warehouse, until)
    alarms = [
        Alarm(
            one.panel.metric,
            one.panel.sellers[series],
            one.panel.days[day].date(),
            int(one.verdicts.odd[day, series]),
            float(one.panel.values[day, series]),
            float(one.verdicts.expected[day, series]),
            float(one.verdicts.score[day, series]),
        )
        for one in watched
        for day, series in zip(*(one.verdicts.odd * one.panel.is_over).nonzero(), strict=True)
    ]
    history = draw_history(market, until=until)
    trade = draw_trade(market, history.interactions, history.leads, until=until)
    truth = {**history.truth, **trade.truth}
    peaks = {date.fromisoformat(day) for day in (*truth["pay_day_peaks"], truth["holiday_peak"]["day"])}
    figures = sum(int((one.verdicts.score == one.verdicts.score).sum()) for one in watched)
    return Outcome(tuple(_planted(truth)), tuple(alarms), frozenset(peaks), figures)


def _planted(truth: Mapping[str, Any]) -> Iterator[Planted]:
    told = (
        ("view_spike", FROM_VIEWS, 1, frozenset({"views"})),
        ("whatsapp_collapse", CHATS, -1, CHATS),
        ("revenue_spike", FROM_ORDERS, 1, FROM_ORDERS),
    )
    for name, metrics, direction, shows in told:
        days = truth[name].get("days") or [truth[name]["day"]]
        seller_id = stable_id("seller", truth[name]["seller"])
        yield Planted(name, metrics, seller_id, tuple(map(date.fromisoformat, days)), direction, shows)


def _product_rows(market: SampleMarket, at: datetime) -> Iterator[dict[str, Any]]:
    seen = dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), at)
    for one in market.products:
        yield {
            "product_id": market.product_id(one),
            "seller_id": stable_id("seller", one.seller_handle),
            "source_ref": one.ref,
            "title": one.title,
            "category": one.category,
            "price_minor": one.price.amount_minor if one.price else None,
            "currency": one.price.currency if one.price else None,
            "content_hash": one.ref,
            **seen,
        }


def build(database_url: str, folder: Path) -> None:
    """Build with dbt what is judged; ends the process with what dbt said if that fails."""
    told = {"DBT_TARGET_PATH": str(folder), "DBT_LOG_PATH": str(folder)}
    where = ["--project-dir", str(FOLDER), "--profiles-dir", str(FOLDER)]
    chosen = ["build", "--select", *BUILT, "--exclude-resource-type", "test", "unit_test"]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", *chosen, *where],
        env={**os.environ, **dbt_environment(database_url), **told},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stdout[-4000:])


@contextmanager
def _server() -> Iterator[tuple[EmbeddedPostgres, Path]]:
    with tempfile.TemporaryDirectory(prefix="anomalies-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder / "data", free_port(), durable=False)
        server.start(folder / "log")
        try:
            yield server, folder / "dbt"
        finally:
            server.stop()


def main() -> None:
    """Print what was found and what alarmed falsely, for each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 1, 2, 3, 4])
    parser.add_argument("--until", type=lambda day: datetime.fromisoformat(day).replace(tzinfo=UTC), default=UNTIL)
    chosen = parser.parse_args()
    with _server() as (server, folder):
        for seed in chosen.seeds:
            url, market = server.create_database(f"seed_{seed}"), draw_market(seed)
            warehouse = Warehouse(url)
            warehouse.migrate()
            settle(warehouse, market, chosen.until)
            build(url, folder)
            told(seed, judged(warehouse, market, chosen.until))
            warehouse.close()


def told(seed: int, outcome: Outcome) -> None:
    """Print one market's outcome, every false alarm with it."""
    figures = f"precision {outcome.precision:.3f}, recall {outcome.recall:.3f}"
    counted = f"{len(outcome.alarms)} alarms of {outcome.judged} figures, {len(outcome.false)} false"
    print(f"seed {seed}: {figures}; {counted}, {len(outcome.on_peaks)} on pay-days and the holiday")
    print(f"  found: {', '.join(outcome.found) or 'nothing'}")
    for one in outcome.false:
        figures = f"{one.value:g}, not {one.expected:.4g}; z {one.score:.1f}"
        print(f"  false: {one.metric} of {one.seller_id} on {one.day}: {figures}")


if __name__ == "__main__":
    main()

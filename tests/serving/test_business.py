"""What Prometheus is told of the business, and the Grafana dashboard that shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from marketplace.local.network import free_port
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from serving.business import GAUGES, Business
from tests.serving import mart_world
from tests.serving.mart_world import TODAY
from tests.serving.mart_world import Business as MarketInBusiness

GRAFANA = Path(__file__).resolve().parents[2] / "docs" / "grafana" / "soko.json"


@pytest.fixture(scope="module")
def market(postgres: EmbeddedPostgres, scratch: Path, encoder: Encoder) -> Iterator[MarketInBusiness]:
    with mart_world.opened(postgres, scratch / "watched", "watched", encoder) as opened:
        yield opened


def figures(business: Business) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(business)
    list(business.collect())
    business.wait(20)
    return {one.name: one.samples[0].value for one in registry.collect() if one.samples}


def test_the_newest_day_is_told_as_the_marts_have_it(market: MarketInBusiness) -> None:
    told = figures(Business(market.warehouse))
    assert told["soko_business_up"] == 1
    for name in ("views", "clicks", "whatsapp_starts", "impressions", "orders"):
        assert told[f"soko_business_{name}"] == market.made.sum("fct_funnel_daily", name, funnel_on=TODAY)
    usd = market.made.sum("fct_seller_daily", "revenue_usd", day_on=TODAY)
    assert told["soko_business_revenue_usd"] == pytest.approx(usd)
    assert told["soko_business_leads_waiting"] == 24
    assert told["soko_business_alerts_new"] == 3
    assert set(told) == {"soko_business_up", *(f"soko_business_{name}" for name in GAUGES)}


def test_marts_are_read_once_a_minute_however_often_they_are_asked_for(market: MarketInBusiness) -> None:
    business = Business(market.warehouse)
    first = figures(business)
    market.client.post("/api/crm/leads", json={"seller_id": market.sellers[1], "event_id": "late-lead-1"})
    assert figures(business) == first
    assert figures(Business(market.warehouse))["soko_business_leads_waiting"] == 25


def test_while_postgres_is_away_there_are_no_figures_and_no_error() -> None:
    away = Warehouse(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    assert figures(Business(away)) == {"soko_business_up": 0}


def test_before_the_first_build_there_are_no_figures(fresh: TestClient) -> None:
    fresh.get("/metrics")
    text = fresh.get("/metrics").text
    assert "soko_business_up 0.0" in text
    assert "soko_business_orders " not in text.replace("# HELP soko_business_orders ", "").replace(
        "# TYPE soko_business_orders ", ""
    )


def test_every_metric_of_the_grafana_dashboard_is_told(fresh: TestClient) -> None:
    panels = json.loads(GRAFANA.read_text(encoding="utf-8"))["panels"]
    asked = {
        name
        for panel in panels
        for target in panel["targets"]
        for name in re.findall(r"\bsoko_[a-z_]+", target["expr"])
    }
    fresh.get("/health/live")
    told: set[str] = set()
    for family in text_string_to_metric_families(fresh.get("/metrics").text):
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        told |= {family.name + suffix for suffix in suffixes}
    assert len(asked) > 12
    assert asked <= told
    assert len({panel["id"] for panel in panels}) == len(panels)

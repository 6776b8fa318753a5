"""What is planted in the sample market is found in its marts as dbt builds them, and its peaks are no news."""

from __future__ import annotations

from benchmarks.anomalies_sample import build, judged, settle, told
from marketplace.local.market import draw_market


def test_planted_anomalies_of_the_sample_market_alarm_and_its_pay_days_and_holiday_do_not(
    database_url, warehouse, scratch, capsys
):
    market = draw_market()
    settle(warehouse, market)
    build(database_url, scratch / "dbt-sample")
    outcome = judged(warehouse, market)
    with capsys.disabled():
        told(market.seed, outcome)
    assert {"view_spike", "revenue_spike"} <= set(outcome.found)
    assert outcome.on_peaks == []
    assert len(outcome.false) <= 1
    assert outcome.precision >= 0.75

"""Days that were not as expected, and telling people of them."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from marketplace.alerting.delivering import Delivered
from marketplace.storage import alert_outbox
from marketplace.storage.alerts import Observed, keep_alerts, list_alerts
from marketplace.storage.catalog import sellers
from marketplace.storage.metrics import MARKET_ZONE, zones_of
from marketplace.storage.warehouse import Warehouse
from orchestration.assets.people import SCIENTISTS
from orchestration.failures import failing_by_class
from orchestration.pictures import expected_band, shown, table
from orchestration.resources import AlertingParam, WarehouseParam
from orchestration.watching import HISTORY, JUDGED_DAYS, WATCHED, Watched, watch

FEW = "alarms_are_few"
MOST_SHARE = 0.02  # of what is judged: more than that is a broken measure or a broken expectation, not a bad day
DRAWN_DAYS = 90


@dg.asset(
    deps=["fct_metrics_daily", "dim_market_days"],
    group_name="insights",
    kinds={"python"},
    owners=SCIENTISTS,
    check_specs=[dg.AssetCheckSpec(FEW, asset="anomalies", description="At most 2 % of the judged figures are odd.")],
)
@failing_by_class
def anomalies(warehouse: WarehouseParam, alerting: AlertingParam) -> dg.MaterializeResult:
    """Days that were not as expected, kept as alerts. One row per metric, seller, day and direction."""
    started, now = time.monotonic(), datetime.now(UTC)
    # The first time, all that is known is looked at: a market begins with its past.
    days = JUDGED_DAYS if list_alerts(warehouse, with_withdrawn=True, limit=1) else HISTORY.days
    watched = watch(warehouse, now, days=days)
    found = [one for metric in watched for one in metric.odd()]
    judged = sum(metric.judged for metric in watched)
    metadata: dict[str, Any] = {"metrics": len(watched), "judged": judged, "odd": len(found)}
    if watched:
        due_at = _due_at(warehouse, alerting, now)
        kept = keep_alerts(
            warehouse,
            found,
            (watched[0].first, now.date() + timedelta(days=1)),
            channels=alerting.names,
            due_at=due_at,
            now=now,
        )
        told = {"raised": kept.raised, "withdrawn": kept.withdrawn, "waiting_to_be_told": kept.to_tell}
        metadata |= told | {
            "false_alarms_a_day_by_chance": round(judged / min(days, len(watched[0].panel.days)) * _chance(), 3)
        }
    metadata |= _shown(watched, found)
    metadata["seconds"] = round(time.monotonic() - started, 1)
    return dg.MaterializeResult(metadata=metadata, check_results=[alarms_are_few(len(found), judged)])


@dg.asset(deps=["anomalies"], group_name="insights", kinds={"python"}, owners=SCIENTISTS)
@failing_by_class
def alert_deliveries(warehouse: WarehouseParam, alerting: AlertingParam) -> dg.MaterializeResult:
    """Alerts told through the channels of the settings, once. One row per alert and channel."""
    return dg.MaterializeResult(metadata=delivery_metadata(warehouse, alerting.deliver(warehouse)))


def delivery_metadata(warehouse: Warehouse, done: Delivered) -> dict[str, Any]:
    """What a look at the outbox did, and how far it is behind."""
    behind = alert_outbox.lag(warehouse, now=datetime.now(UTC))
    return {
        "told": done.told,
        "messages": done.messages,
        "tried_again_later": done.put_back,
        "given_up": done.given_up,
        "waiting": behind.waiting,
        "lag_seconds": round(behind.oldest_seconds),
        "errors": "; ".join(done.errors) or "none",
    }


def alarms_are_few(odd: int, judged: int) -> dg.AssetCheckResult:
    """Whether so few figures are odd that each may be looked at; a warning otherwise."""
    share = odd / judged if judged else 0.0
    return dg.AssetCheckResult(
        check_name=FEW,
        passed=odd <= max(5, MOST_SHARE * judged),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"odd": odd, "judged": judged, "share": round(share, 4)},
    )


def _chance() -> float:
    """The chance that a figure which is as expected is odd, were what is expected known and chance normal."""
    from math import erfc, sqrt

    limit = next(iter(WATCHED.values())).limit
    return erfc(limit / sqrt(2))


def _due_at(warehouse: Warehouse, alerting: AlertingParam, now: datetime) -> Any:
    zones = zones_of(warehouse)
    zone_of = {one.seller_id: zones.get(one.country, MARKET_ZONE) for one in sellers(warehouse, active_only=False)}
    return lambda seller_id: alerting.due_at(now, zone_of.get(seller_id, MARKET_ZONE))


def _shown(watched: Sequence[Watched], found: Sequence[Observed]) -> dict[str, Any]:
    """The worst days as a table, and the worst of them drawn with its band."""
    worst = sorted(found, key=lambda one: -abs(one.score))
    rows = [
        {
            "metric": one.metric,
            "seller_id": one.seller_id,
            "day": one.observed_on.isoformat(),
            "value": one.value,
            "expected": round(one.expected, 2),
            "band": f"{one.low:,.4g} to {one.high:,.4g}",
            "z": round(one.score, 1),
            "why": "; ".join(one.reasons),
        }
        for one in worst
    ]
    if not rows:
        return {}
    return {"worst_days": table(rows), "worst": shown(_drawn(watched, worst[0]))}


def _drawn(watched: Sequence[Watched], worst: Observed) -> bytes:
    metric = next(one for one in watched if one.panel.metric == worst.metric)
    series, found = metric.panel.sellers.index(worst.seller_id), metric.verdicts
    last = slice(-DRAWN_DAYS, None)
    return expected_band(
        f"{worst.metric} of {f'seller {worst.seller_id}' if worst.seller_id else 'the market'}",
        [day.date() for day in metric.panel.days[last]],
        metric.panel.values[last, series].tolist(),
        found.expected[last, series].tolist(),
        found.low[last, series].tolist(),
        found.high[last, series].tolist(),
        worst.observed_on,
    )

"""A dashboard as its page shows it: tiles, bars, boxes, and the figures that charts are drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from marketplace.catalog.prices import minor_digits
from marketplace.storage.dashboards.funnel import Steps
from marketplace.storage.dashboards.insights import Alert, Forecast
from marketplace.storage.dashboards.people import Segment
from marketplace.storage.dashboards.reading import Dashboard
from serving.dashboard_schemas import in_dollars
from serving.dashboard_words import SEGMENTS, change, dollars, duration, metric_name, metric_value, money, share
from serving.treemap import Box, squarified

FUNNEL = (
    ("impressions", "Recommended", "places in recommendations; what lists and searches show is not counted"),
    ("views", "Viewed", "cards that were looked at"),
    ("clicks", "Clicked", "product pages that were opened"),
    ("whatsapp_starts", "WhatsApp chats", "chats that were begun"),
    ("orders", "Orders", "orders that were placed"),
)
USD = "USD"
LETTER, ROOM = 7.8, 14.0  # pixels that a letter of the treemap takes, and what stands around a word
WIDE, NARROW = 520.0, 300.0  # pixels that the treemap has, at least, on a desk and on a phone
LOWEST = 15.0  # percent of the treemap's height under which a box has no words


@dataclass(frozen=True, slots=True)
class Tile:
    """One number at the top, and how it changed."""

    name: str
    value: str
    note: str = ""
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """One step of the funnel; `width` is a percentage of the widest."""

    name: str
    meaning: str
    count: int
    width: float
    rate: str


@dataclass(frozen=True, slots=True)
class SegmentBox:
    """One RFM segment in the treemap, places in percent."""

    segment: str
    meaning: str
    tone: str
    customers: int
    share: str
    amounts: str
    box: Box
    is_labelled: bool
    is_labelled_on_phones: bool


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One alert in words."""

    alert: Alert
    name: str
    value: str
    expected: str


@dataclass(frozen=True, slots=True)
class RevenueRow:
    """One day or week of the revenue chart: what was, None while it is not over, or what is expected."""

    on: date
    actual: float | None
    forecast: tuple[float, float, float] | None = None  # mean, low80, high80


@dataclass(frozen=True, slots=True)
class View:
    """Everything of the page that is not the dashboard as it was read."""

    title: str
    tiles: list[Tile]
    funnel: list[Bar]
    attributed: list[tuple[str, str, int, float]]
    unit: str
    revenue: list[RevenueRow]
    running: date | None  # the last day, where it is not over
    segments: list[SegmentBox]
    alerts: list[AlertLine]
    charts: dict[str, Any] = field(default_factory=dict)


def view_of(found: Dashboard, today: date) -> View:
    """The page's parts; figures of a day that is not over are in no line, which would fall there."""
    unit = _unit(found)
    running = _running(found, today)
    revenue = _revenue(found, unit, running)
    return View(
        title=found.seller_name or "The whole market",
        tiles=_tiles(found),
        funnel=_bars(found.funnel.totals),
        attributed=_attributed(found.funnel.totals),
        unit=unit,
        revenue=revenue,
        running=running,
        segments=_boxes(found.segments or []),
        alerts=[_alert_line(one) for one in found.alerts],
        charts={"revenue": _revenue_chart(revenue, found, unit), "funnel": _funnel_chart(found, running)},
    )


def _unit(found: Dashboard) -> str:
    """The currency of the revenue chart: dollars for the market, a seller's own otherwise."""
    if found.scope.seller_id is None:
        return USD
    return found.seller_currency or USD


def _tiles(found: Dashboard) -> list[Tile]:
    now, before, takings = found.funnel.totals, found.funnel.before, found.money
    orders, orders_before = (sum(one.orders for one in some) for some in (takings.totals, takings.before))
    tiles = [_revenue_tile(found), Tile("Orders", f"{orders:,}", change(orders, orders_before))]
    chats = change(now.whatsapp_starts, before.whatsapp_starts)
    tiles.append(Tile("WhatsApp chats", f"{now.whatsapp_starts:,}", chats))
    tiles.append(Tile("Views", f"{now.views:,}", change(now.views, before.views)))
    tiles.append(Tile("Views that became orders", share(now.orders, now.views)))
    if found.answers.response_seconds is not None:
        answered = f"{share(found.answers.leads_answered, found.answers.leads)} answered"
        tiles.append(Tile("Usual time to answer", duration(found.answers.response_seconds), answered))
    if found.inbox is not None:
        tiles.append(Tile("Leads waiting", f"{found.inbox.waiting:,}", is_warning=found.inbox.waiting > 0))
    fresh = sum(one.state == "new" for one in found.alerts)
    tiles.append(Tile("New alerts", f"{fresh:,}", is_warning=fresh > 0))
    return tiles


def _revenue_tile(found: Dashboard) -> Tile:
    totals = found.money.totals
    unit = _unit(found)
    if found.scope.seller_id is not None and all(one.currency == unit for one in totals):
        now, before = (sum(one.revenue_minor for one in some) for some in (totals, found.money.before))
        return Tile("Revenue", money(now, unit), change(now, before))
    usd = in_dollars(totals)
    note = change(usd or 0, in_dollars(found.money.before) or 0)
    if not all(one.is_converted for one in totals):
        note = "without what has no exchange rate"
    return Tile("Revenue", dollars(usd or 0), note)


def _bars(steps: Steps) -> list[Bar]:
    """The steps, widest first; views are no share of recommendations, since most of them come by lists and searches."""
    counted = [(name, said, meaning, getattr(steps, name)) for name, said, meaning in FUNNEL]
    if not steps.impressions:
        counted = counted[1:]
    widest = max(count for *_, count in counted) or 1
    bars, before = list[Bar](), 0
    for name, said, meaning, count in counted:
        is_share = before > 0 and name != "views"
        bars.append(Bar(said, meaning, count, 100 * count / widest, share(count, before) if is_share else ""))
        before = count
    return bars


def _attributed(steps: Steps) -> list[tuple[str, str, int, float]]:
    """How sure it is which chat led to an order: name, meaning, count, and percentage of all orders."""
    kinds = (
        ("matched", "the chat's code came with the order", steps.orders_matched),
        ("probable", "the same shopper chatted shortly before", steps.orders_probable),
        ("unknown", "no chat is known that led to it", steps.orders_unknown),
    )
    whole = sum(count for _, _, count in kinds)
    return [(name, said, count, 100 * count / whole) for name, said, count in kinds] if whole else []


def _running(found: Dashboard, today: date) -> date | None:
    """The last day, if it is today or still forecast; marts that were not built since end with a day that had begun."""
    until = found.scope.until
    return until if until >= today or until in _expected(found.forecast) else None


def _revenue(found: Dashboard, unit: str, running: date | None) -> list[RevenueRow]:
    forecast, scope = found.forecast, found.scope
    if forecast is not None and forecast.currency not in (None, unit):
        forecast = None
    is_weekly = forecast is not None and forecast.grain == "week"
    sums: dict[date, float] = {}
    for ago in range(scope.days):
        sums.setdefault(_begin(scope.since + timedelta(days=ago), is_weekly=is_weekly), 0.0)
    is_market = scope.seller_id is None
    for one in found.money.days:
        if is_market or one.currency == unit:
            amount = (one.revenue_usd or 0.0) * 100 if is_market else one.revenue_minor
            sums[_begin(one.day_on, is_weekly=is_weekly)] += amount
    expected = _expected(forecast)
    begun = _begin(scope.until, is_weekly=is_weekly)
    actual: dict[date, float | None] = {**sums, begun: None} if running or begun in expected else {**sums}
    return [RevenueRow(on, actual.get(on), expected.get(on)) for on in sorted({*actual, *expected})]


def _expected(forecast: Forecast | None) -> dict[date, tuple[float, float, float]]:
    return {one.made_for: (one.mean, one.low80, one.high80) for one in forecast.days} if forecast else {}


def _begin(day: date, *, is_weekly: bool) -> date:
    return day - timedelta(days=day.weekday()) if is_weekly else day


def _revenue_chart(rows: list[RevenueRow], found: Dashboard, unit: str) -> dict[str, Any]:
    scale = 10 ** minor_digits(unit)
    forecasts = [one.forecast or (None, None, None) for one in rows]
    return {
        "unit": unit,
        "days": [one.on.isoformat() for one in rows],
        "actual": [_scaled(one.actual, scale) for one in rows],
        "mean": [_scaled(one[0], scale) for one in forecasts],
        "low": [_scaled(one[1], scale) for one in forecasts],
        "high": [_scaled(one[2], scale) for one in forecasts],
        "alerts": [_mark(one, scale) for one in _of_subject(found) if one.metric.startswith("revenue")],
    }


def _funnel_chart(found: Dashboard, running: date | None) -> dict[str, Any]:
    steps = {one.day_on: one for one in found.funnel.days}
    days = [found.scope.since + timedelta(days=ago) for ago in range(found.scope.days)]
    lines = [
        {
            "name": name,
            "label": said,
            "values": [None if day == running else getattr(steps.get(day), name, 0) for day in days],
        }
        for name, said, _ in FUNNEL[1:]
    ]
    drawn = {name for name, _, _ in FUNNEL[1:]}
    marks = [{**_mark(one, 1), "metric": one.metric} for one in _of_subject(found) if one.metric in drawn]
    return {"days": [day.isoformat() for day in days], "lines": lines, "alerts": marks}


def _of_subject(found: Dashboard) -> list[Alert]:
    """The alerts of whom the charts show: not those of single sellers of the market."""
    return [one for one in found.alerts if one.seller_id == (found.scope.seller_id or 0)]


def _mark(alert: Alert, scale: float) -> dict[str, Any]:
    if alert.metric == "revenue_usd":
        scale = 1
    values = {name: _scaled(getattr(alert, name), scale) for name in ("value", "low", "high")}
    return {"day": alert.observed_on.isoformat(), **values}


def _scaled(amount: float | None, scale: float) -> float | None:
    return None if amount is None else round(amount / scale, 2)


def _alert_line(alert: Alert) -> AlertLine:
    unit = alert.currency or USD
    value, low, high = (metric_value(alert.metric, one, unit) for one in (alert.value, alert.low, alert.high))
    return AlertLine(alert, metric_name(alert.metric), value, f"{low} to {high}")


def _boxes(segments: list[Segment]) -> list[SegmentBox]:
    names = sorted({one.segment for one in segments})
    customers = {name: sum(one.customers for one in segments if one.segment == name) for name in names}
    ordered = sorted(names, key=lambda name: (-customers[name], name))
    whole = sum(customers.values())
    made = []
    for name, box in zip(ordered, squarified([customers[one] for one in ordered], 100, 50), strict=True):
        tone, meaning = SEGMENTS.get(name, ("grow", ""))
        amounts = " + ".join(money(one.monetary_minor, one.currency) for one in segments if one.segment == name)
        place = Box(box.x, 2 * box.y, box.width, 2 * box.height)
        needed = LETTER * len(name) + ROOM if place.height >= LOWEST else float("inf")
        fits = (needed <= WIDE * place.width / 100, needed <= NARROW * place.width / 100)
        said = (customers[name], share(customers[name], whole), amounts)
        made.append(SegmentBox(name, meaning, tone, *said, place, *fits))
    return made

"""How dashboards say things: amounts, changes, durations, metrics, segments and models."""

from __future__ import annotations

from marketplace.catalog.prices import minor_digits

SHORT_FROM = 10_000_000  # whole units; beyond that nobody reads the last digits
MINUTE, HOUR, DAY = 60, 3_600, 86_400
METRICS = {
    "impressions": "Times recommended",
    "views": "Views",
    "clicks": "Clicks",
    "whatsapp_starts": "WhatsApp chats",
    "orders": "Orders",
    "leads": "Leads",
    "units": "Units sold",
    "revenue_minor": "Revenue",
    "revenue_usd": "Revenue in US dollars",
    "new_products": "New products",
    "gone_products": "Products gone",
    "price_changes": "Price changes",
    "failed_syncs": "Failed syncs",
    "sync_seconds": "Seconds a sync took",
    "click_rate": "Views that became clicks",
    "failed_products": "Products that could not be read",
}
SEGMENTS = {
    "Champions": ("good", "Bought lately, often and much. Thank them first."),
    "Loyal": ("good", "Come back again and again."),
    "Potential loyalists": ("grow", "Bought lately and more than once. One more good order and they stay."),
    "New": ("grow", "Bought for the first time not long ago."),
    "Promising": ("grow", "Bought lately, but only once so far."),
    "Need attention": ("risk", "Middling in everything, and slowly drifting away."),
    "About to sleep": ("risk", "Have not bought for a while, and not much before."),
    "At risk": ("risk", "Bought often or much, but long ago. Write to them."),
    "Cannot lose them": ("risk", "Once your best customers, long silent."),
    "Hibernating": ("gone", "Bought little, and long ago."),
    "Lost": ("gone", "Bought once, long ago, and little."),
}
FORECASTERS = {
    "seasonal_naive": "a simple repeat of the past",
    "window_average": "an average of the past",
    "ets": "exponential smoothing",
    "theta": "the Theta method",
    "croston_sba": "Croston's method, for what sells rarely",
    "tsb": "the TSB method, for what sells rarely",
    "adida": "the ADIDA method, for what sells rarely",
}
ORIGINS = {
    "whatsapp": "WhatsApp",
    "facebook": "Facebook",
    "instagram": "Instagram",
    "tiktok": "TikTok",
    "sms": "SMS",
    "email": "E-mail",
    "unknown": "Not known",
    "direct": "Directly",
    "referral": "Other sites",
}


def money(minor: float, currency: str) -> str:
    """An amount for a reader: "KES 12,400", "USD 8.50", "KES -450", "UGX 12.4 million"."""
    amount = minor / 10 ** minor_digits(currency)
    size = abs(amount)
    if size >= SHORT_FROM:
        return f"{currency} {amount / 1e6:,.1f} million"
    return f"{currency} {amount:,.2f}" if size < 100 and amount != round(amount) else f"{currency} {amount:,.0f}"


def dollars(amount: float) -> str:
    """An amount of US dollars for a reader."""
    return money(amount * 100, "USD")


def change(now: float, before: float) -> str:
    """How much more than before: "+12 %", "-3 %", "" where there was nothing before."""
    return f"{(now - before) / abs(before):+.0%}".replace("%", " %") if before else ""


def duration(seconds: float) -> str:
    """How long: "40 s", "12 min", "3.5 h", "2 days"."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.1f} h" if seconds < 2 * DAY else f"{seconds / DAY:.0f} days"


def share(part: float, whole: float) -> str:
    """A share for a reader: "12 %", "0.4 %", "–" of nothing."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.1f} %"


def origin(name: str) -> str:
    """What a source or a device is called."""
    return ORIGINS.get(name, name.replace("_", " ").capitalize())


def forecaster(model: str) -> str:
    """What a model that forecasts is called."""
    return FORECASTERS.get(model, model)


def metric_name(metric: str) -> str:
    """What a metric is called."""
    return METRICS.get(metric, metric.replace("_", " ").capitalize())


def metric_value(metric: str, value: float, currency: str | None) -> str:
    """A value of it for a reader."""
    if metric.endswith("_usd"):
        return dollars(value)
    if metric.endswith("_minor") and currency:
        return money(value, currency)
    if metric.endswith("_rate"):
        return share(value, 1)
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:,.1f}"

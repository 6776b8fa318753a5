"""What the API records: the events that marts and models are built from."""

from datetime import timedelta

import dagster as dg

_EVENTS_ARRIVE = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=7), warn_window=timedelta(days=2))

interactions = dg.AssetSpec(
    ["raw", "interactions"],
    description="Views, clicks, wishes, purchases and refusals of shoppers, as the API got them. One row per event.",
    group_name="events",
    kinds={"fastapi", "postgres"},
    owners=["team:data-engineering"],
    freshness_policy=_EVENTS_ARRIVE,
)
leads = dg.AssetSpec(
    ["raw", "leads"],
    description="Shoppers who started a chat with a seller. One row per lead.",
    group_name="events",
    kinds={"fastapi", "postgres"},
    owners=["team:data-engineering"],
    freshness_policy=_EVENTS_ARRIVE,
)
exposures = dg.AssetSpec(
    ["raw", "exposures"],
    description="What recommendations showed, as the API logged it. One row per answer and rank.",
    group_name="events",
    kinds={"fastapi", "postgres"},
    owners=["team:data-engineering"],
)
whatsapp_starts = dg.AssetSpec(
    ["raw", "whatsapp_starts"],
    description="Chats that shoppers began by a link of ours. One row per start.",
    group_name="events",
    kinds={"fastapi", "postgres"},
    owners=["team:data-engineering"],
)
orders = dg.AssetSpec(
    ["raw", "orders"],
    description="What was bought, from sellers and from books that were imported. One row per order.",
    group_name="events",
    kinds={"fastapi", "postgres"},
    owners=["team:data-engineering"],
)
order_lines = dg.AssetSpec(
    ["raw", "order_lines"],
    deps=[orders],
    description="The products of orders. One row per order and line.",
    group_name="events",
    kinds={"fastapi", "postgres"},
    owners=["team:data-engineering"],
)
exchange_rates = dg.AssetSpec(
    ["raw", "exchange_rates"],
    description="What currencies were worth in US dollars. One row per currency and day.",
    group_name="events",
    kinds={"postgres"},
    owners=["team:data-engineering"],
)
lead_events = dg.AssetSpec(
    ["crm", "lead_events"],
    deps=[leads],
    description="What sellers did with their leads: states and notes. One row per state or note.",
    group_name="events",
    kinds={"fastapi", "postgres"},
    owners=["team:data-engineering"],
)

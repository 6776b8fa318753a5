"""What the API records: the events that marts and models are built from."""

from collections.abc import Iterable, Set
from datetime import timedelta

import dagster as dg

_EVENTS_ARRIVE = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=7), warn_window=timedelta(days=2))
_BY_API = frozenset({"fastapi", "postgres"})


def _recorded(
    schema: str,
    table: str,
    description: str,
    *,
    deps: Iterable[dg.AssetSpec] = (),
    kinds: Set[str] = _BY_API,
    freshness: dg.FreshnessPolicy | None = None,
) -> dg.AssetSpec:
    """A table that no asset of ours fills."""
    return dg.AssetSpec(
        [schema, table],
        deps=deps,
        description=description,
        group_name="events",
        kinds=set(kinds),
        owners=["team:data-engineering"],
        freshness_policy=freshness,
    )


interactions = _recorded(
    "raw",
    "interactions",
    "Views, clicks, wishes, purchases and refusals of shoppers, as the API got them. One row per event.",
    freshness=_EVENTS_ARRIVE,
)
leads = _recorded(
    "raw", "leads", "Shoppers who started a chat with a seller. One row per lead.", freshness=_EVENTS_ARRIVE
)
exposures = _recorded(
    "raw", "exposures", "What recommendations showed, as the API logged it. One row per answer and rank."
)
whatsapp_starts = _recorded("raw", "whatsapp_starts", "Chats that shoppers began by a link of ours. One row per start.")
orders = _recorded(
    "raw", "orders", "What was bought, from sellers and from books that were imported. One row per order."
)
order_lines = _recorded("raw", "order_lines", "The products of orders. One row per order and line.", deps=[orders])
exchange_rates = _recorded(
    "raw",
    "exchange_rates",
    "What currencies were worth in US dollars. One row per currency and day.",
    kinds={"postgres"},
)
lead_events = _recorded(
    "crm",
    "lead_events",
    "What sellers did with their leads: states and notes. One row per state or note.",
    deps=[leads],
)
experiments = _recorded(
    "serving", "experiments", "Experiments on recommendations, and what they compare. One row per experiment."
)

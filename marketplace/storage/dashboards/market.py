"""The market's funnel and takings of the newest days, for those who want no whole dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from marketplace.errors import ArtifactUnavailable
from marketplace.storage.dashboards.funnel import Funnel, read_funnel
from marketplace.storage.dashboards.money import Money, read_money
from marketplace.storage.dashboards.reading import CORE, refuse_without
from marketplace.storage.dashboards.scope import Scope, missing, newest_day
from marketplace.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class MarketFigures:
    """What happened in the market on the newest local days, and on the equally many days before."""

    funnel: Funnel
    money: Money


def read_market(warehouse: Warehouse, *, days: int) -> MarketFigures:
    """The funnel and takings of the newest days.

    Raises
    ------
    ArtifactUnavailable
        If a mart behind it was not built yet, or knows no day.
    """
    with warehouse.reading() as connection:
        refuse_without(missing(connection, CORE), CORE)
        newest = newest_day(connection)
        if newest is None:
            raise ArtifactUnavailable("marts.mart_platform_metrics_daily knows no day yet")
        scope = Scope(None, newest - timedelta(days=days - 1), newest)
        return MarketFigures(read_funnel(connection, scope), read_money(connection, scope))

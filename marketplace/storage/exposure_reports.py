"""Who recommendations show, by the marts: sellers by day, how evenly, and how long new ones wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from marketplace.storage.marts import built
from marketplace.storage.warehouse import Warehouse

_DAYS = """
    select served_on, impressions, sellers, sellers_shown, exposure_gini
    from marts.mart_exposure_daily order by served_on desc limit :days
"""
_SELLERS = """
    select exposure.seller_id, sellers.name, exposure.first_product_at, exposure.first_impression_at,
        exposure.impressions, exposure.clicks, coalesce(lately.impressions, 0), lately.share,
        exposure.hours_to_100_impressions
    from marts.mart_seller_exposure as exposure
    join marts.dim_sellers as sellers on sellers.seller_id = exposure.seller_id
    left join (
        select seller_id, sum(impressions) as impressions,
            sum(impressions)::double precision / nullif(sum(sum(impressions)) over (), 0) as share
        from marts.fct_seller_exposure_daily
        where served_on > (select max(served_on) from marts.fct_seller_exposure_daily) - cast(:days as integer)
        group by seller_id
    ) as lately on lately.seller_id = exposure.seller_id
    order by coalesce(lately.impressions, 0) desc, exposure.seller_id
"""


@dataclass(frozen=True, slots=True)
class ExposureDay:
    """How evenly sellers were shown on one local day; `exposure_gini` is None where none of them was."""

    served_on: date
    impressions: int
    sellers: int
    sellers_shown: int
    exposure_gini: float | None


@dataclass(frozen=True, slots=True)
class SellerExposure:
    """How often one seller was shown, over all time and in the last days with their share of everything shown.

    `hours_to_100_impressions` is from the first product, None while there are fewer.
    """

    seller_id: int
    name: str
    first_product_at: datetime
    first_impression_at: datetime | None
    impressions: int
    clicks: int
    lately: int
    share: float | None
    hours_to_100_impressions: float | None


def exposure_days(warehouse: Warehouse, *, days: int) -> list[ExposureDay]:
    """The newest local days on which anything was shown, newest first.

    Raises
    ------
    ArtifactUnavailable
        If the mart was not built yet.
    """
    with built(warehouse, "marts.mart_exposure_daily") as connection:
        return [ExposureDay(*row) for row in connection.execute(sa.text(_DAYS), {"days": days})]


def seller_exposures(warehouse: Warehouse, *, days: int) -> list[SellerExposure]:
    """Every seller who ever had a product, those first who were shown most in the newest days.

    Raises
    ------
    ArtifactUnavailable
        If the mart was not built yet.
    """
    with built(warehouse, "marts.mart_seller_exposure") as connection:
        return [SellerExposure(*row) for row in connection.execute(sa.text(_SELLERS), {"days": days})]

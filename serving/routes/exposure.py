"""Who recommendations show, for programs and as a page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from marketplace.errors import ArtifactUnavailable
from marketplace.storage.exposure_reports import exposure_days, seller_exposures
from serving.dependencies import Shop, ShopDep
from serving.experiment_schemas import ExposureDayShown, ExposureShown, SellerExposureShown
from serving.rendering import render

router = APIRouter(tags=["analytics"])
DAYS = 30
Days = Annotated[int, Query(ge=1, le=366, description="local days, newest first")]


@router.get("/api/analytics/exposure")
def read_exposure(shop: ShopDep, days: Days = DAYS) -> ExposureShown:
    """How evenly sellers are shown, by local day, and how long each waited. One row per day, one per seller."""
    return exposure(shop, days)


@router.get("/fairness", include_in_schema=False, response_class=HTMLResponse)
def show_fairness(request: Request, shop: ShopDep) -> Response:
    """The same as a page."""
    return render(request, "fairness.html", shown=exposure(shop, DAYS))


def exposure(shop: Shop, days: int) -> ExposureShown:
    """As the route says."""
    try:
        return ExposureShown(
            days=[ExposureDayShown.model_validate(one) for one in exposure_days(shop.warehouse, days=days)],
            sellers=[SellerExposureShown.model_validate(one) for one in seller_exposures(shop.warehouse, days=days)],
        )
    except ArtifactUnavailable as error:
        return ExposureShown(days=[], sellers=[], degraded=True, reason=str(error))

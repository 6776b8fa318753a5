"""Experiments as a page: what runs, what it shows, and whether to trust it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from marketplace.errors import ArtifactUnavailable
from marketplace.experiments.assignment import Experiment
from marketplace.experiments.report import METRICS, ExperimentReport
from marketplace.experiments.sequential import Interval
from marketplace.storage.experiments import list_experiments, read_report
from serving.dependencies import NowDep, Shop, ShopDep
from serving.rendering import render

router = APIRouter(prefix="/experiments", include_in_schema=False, default_response_class=HTMLResponse)
MOST_SHOWN = 10
WIDTH = 300  # of the picture, in its own units


@dataclass(frozen=True, slots=True)
class Drawn:
    """An interval's place in a picture that is as wide as the widest of its experiment, zero in the middle."""

    variant: str
    metric: str
    interval: Interval
    left: float
    middle: float
    right: float


@dataclass(frozen=True, slots=True)
class Shown:
    """An experiment, its report where the marts have one, and its intervals as drawn."""

    experiment: Experiment
    report: ExperimentReport | None
    intervals: tuple[Drawn, ...]
    reason: str = ""


@router.get("")
def show_experiments(request: Request, shop: ShopDep, now: NowDep) -> Response:
    """The newest experiments, each with its figures, intervals, sample ratio and guardrails."""
    found = list_experiments(shop.warehouse)
    shown = [_shown(shop, one) for one in found[:MOST_SHOWN]]
    return render(request, "experiments.html", now=now, shown=shown, more=len(found) - len(shown), width=WIDTH)


def _shown(shop: Shop, experiment: Experiment) -> Shown:
    try:
        report = read_report(shop.warehouse, experiment)
    except ArtifactUnavailable as error:
        return Shown(experiment, None, (), str(error))
    return Shown(experiment, report, tuple(_drawn(report)))


def _drawn(report: ExperimentReport) -> Iterable[Drawn]:
    for name, said in METRICS.items():
        named = [(one.variant, one.intervals[name]) for one in report.comparisons]
        known = [interval for _, interval in named if isfinite(interval.low)]
        reach = 1.1 * max((max(abs(one.low), abs(one.high)) for one in known), default=1) or 1
        for variant, interval in named:
            ends = (interval.low, interval.difference, interval.high)
            left, middle, right = (WIDTH / 2 * (1 + max(-1.0, min(1.0, end / reach))) for end in ends)
            yield Drawn(variant, said, interval, left, middle, right)

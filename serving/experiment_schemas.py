"""Experiments and fairness as the API tells them."""

from __future__ import annotations

from datetime import date, datetime
from math import isfinite
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from marketplace.experiments.assignment import Experiment, Status
from marketplace.experiments.report import METRICS, ExperimentReport, Preference, VariantFigures
from marketplace.experiments.sequential import Interval


class VariantShown(BaseModel):
    """One variant of an experiment; the first is the control."""

    name: str
    share: float
    settings: dict[str, Any]


class ExperimentShown(BaseModel):
    """An experiment on recommendations."""

    name: str
    hypothesis: str
    status: Status
    is_interleaved: bool
    is_same_throughout: bool = Field(description="all variants are the same: an A/A experiment")
    traffic: float
    variants: list[VariantShown]
    started_at: datetime | None
    ended_at: datetime | None


class IntervalShown(BaseModel):
    """Treatment less control, true at every look; the ends are null while there are too few shoppers."""

    difference: float
    low: float | None
    high: float | None


class FiguresShown(BaseModel):
    """One variant's figures."""

    name: str
    shoppers: int
    clicked: float = Field(description="share of shoppers who clicked what they were shown")
    purchases: float = Field(description="purchases of what they were shown, for each shopper")
    answers: int
    p95_seconds: float


class GuardrailShown(BaseModel):
    """A bound that may not be broken; `passed` is null while too little is known."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    value: float | None
    bound: float
    passed: bool | None
    sentence: str


class ComparisonShown(BaseModel):
    """A variant beside the control."""

    variant: str
    intervals: dict[str, IntervalShown]
    guardrails: list[GuardrailShown]


class PreferenceShown(BaseModel):
    """For how many shoppers each of two interleaved rankings was better, by their clicks."""

    first: int
    second: int
    neither: int
    p_value: float
    p_sequential: float = Field(description="true at every look")


class ExperimentResult(BaseModel):
    """What an experiment shows, by the marts as they were built last."""

    experiment: ExperimentShown
    variants: list[FiguresShown]
    comparisons: list[ComparisonShown]
    preference: PreferenceShown | None
    sample_ratio_p_value: float
    is_sample_ratio_mismatched: bool
    verdict: str


class ExposureDayShown(BaseModel):
    """How evenly sellers were shown on one local day."""

    model_config = ConfigDict(from_attributes=True)

    served_on: date
    impressions: int
    sellers: int
    sellers_shown: int
    exposure_gini: float | None


class SellerExposureShown(BaseModel):
    """How often a seller was shown, and how long the first hundred times took."""

    model_config = ConfigDict(from_attributes=True)

    seller_id: int
    name: str
    first_product_at: datetime
    first_impression_at: datetime | None
    impressions: int
    clicks: int
    lately: int = Field(description="impressions in the days asked for")
    share: float | None = Field(description="of all impressions in those days")
    hours_to_100_impressions: float | None


class ExposureShown(BaseModel):
    """Who recommendations show; without figures while the marts were not built."""

    days: list[ExposureDayShown]
    sellers: list[SellerExposureShown]
    degraded: bool = False
    reason: str | None = None


def experiment_shown(one: Experiment) -> ExperimentShown:
    """The experiment without its salt, which is nobody's business."""
    variants = [VariantShown(name=v.name, share=v.share, settings=dict(v.settings)) for v in one.variants]
    return ExperimentShown(
        name=one.name,
        hypothesis=one.hypothesis,
        status=one.status,
        is_interleaved=one.is_interleaved,
        is_same_throughout=one.is_same_throughout,
        traffic=one.traffic,
        variants=variants,
        started_at=one.started_at,
        ended_at=one.ended_at,
    )


def result_shown(report: ExperimentReport) -> ExperimentResult:
    """The report as JSON can hold it."""
    comparisons = [
        ComparisonShown(
            variant=one.variant,
            intervals={name: interval_shown(one.intervals[name]) for name in METRICS},
            guardrails=[GuardrailShown.model_validate(rail) for rail in one.guardrails],
        )
        for one in report.comparisons
    ]
    return ExperimentResult(
        experiment=experiment_shown(report.experiment),
        variants=[_figures(one) for one in report.variants],
        comparisons=comparisons,
        preference=_preference(report.preference),
        sample_ratio_p_value=report.mismatch,
        is_sample_ratio_mismatched=report.is_mismatched,
        verdict=report.verdict,
    )


def interval_shown(one: Interval) -> IntervalShown:
    """The interval; JSON has no infinity."""
    low, high = (end if isfinite(end) else None for end in (one.low, one.high))
    return IntervalShown(difference=one.difference, low=low, high=high)


def _figures(one: VariantFigures) -> FiguresShown:
    means = {name: one.metrics[name].mean for name in METRICS}
    waited = {"answers": one.waiting.answers, "p95_seconds": one.waiting.p95_seconds}
    return FiguresShown(name=one.name, shoppers=one.shoppers, **means, **waited)


def _preference(one: Preference | None) -> PreferenceShown | None:
    if one is None:
        return None
    counts = {"first": one.first, "second": one.second, "neither": one.neither}
    return PreferenceShown(**counts, p_value=one.p_value, p_sequential=one.p_sequential)

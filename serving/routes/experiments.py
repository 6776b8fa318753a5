"""Experiments on recommendations, for programs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from marketplace.storage.experiments import experiment_named, list_experiments, read_report
from serving.dependencies import TEXT, ShopDep
from serving.experiment_schemas import ExperimentResult, ExperimentShown, experiment_shown, result_shown
from serving.schemas import Problem

router = APIRouter(prefix="/api/experiments", tags=["experiments"])
Name = Annotated[str, Path(max_length=100, pattern=TEXT)]


@router.get("")
def read_experiments(shop: ShopDep) -> list[ExperimentShown]:
    """Every experiment there was, the newest first. One row per experiment."""
    return [experiment_shown(one) for one in list_experiments(shop.warehouse)]


@router.get("/{name}", responses={404: {"model": Problem}, 503: {"model": Problem}})
def read_experiment(name: Name, shop: ShopDep) -> ExperimentResult:
    """What an experiment shows so far, with intervals that hold at every look. 503 before the marts were built."""
    return result_shown(read_report(shop.warehouse, experiment_named(shop.warehouse, name)))

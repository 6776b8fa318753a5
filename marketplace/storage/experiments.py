"""Experiments as they are kept, and their figures as dbt built them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from marketplace.errors import Conflict, NotFound
from marketplace.experiments.assignment import Experiment, Variant
from marketplace.experiments.guardrails import Waiting
from marketplace.experiments.report import ExperimentReport, Preference, VariantFigures, report_on
from marketplace.experiments.sequential import Moments
from marketplace.storage.marts import built
from marketplace.storage.tables import experiments
from marketplace.storage.warehouse import Warehouse

_METRICS = """
    select variant,
        count(*), count(*) filter (where clicks > 0),
        coalesce(sum(purchases), 0), coalesce(sum(purchases * purchases), 0)
    from marts.fct_experiment_outcomes where experiment = :name and variant = any(:variants) group by variant
"""
_WAITING = """
    select variant, count(*), percentile_disc(0.95) within group (order by seconds)
    from (
        select variant, answer_id, max(answer_seconds) as seconds
        from marts.fct_recommendation_exposure where experiment = :name and variant = any(:variants)
        group by variant, answer_id
    ) as answers
    group by variant
"""
_IMPRESSIONS = """
    select variant, seller_id, count(*)
    from marts.fct_recommendation_exposure where experiment = :name and variant = any(:variants)
    group by variant, seller_id
"""
_PREFERENCE = """
    select
        count(*) filter (where first > second), count(*) filter (where second > first),
        count(*) filter (where first = second)
    from (
        select user_id,
            count(*) filter (where is_clicked and team = :first) as first,
            count(*) filter (where is_clicked and team = :second) as second
        from marts.fct_recommendation_exposure
        where experiment = :name and team is not null and user_id is not null
        group by user_id
    ) as shoppers
"""


def start(warehouse: Warehouse, experiment: Experiment, *, now: datetime) -> Experiment:
    """The experiment as it runs from now on; whoever serves hears of it.

    Raises
    ------
    Conflict
        If another one runs, or one of this name did.
    """
    row = {
        "name": experiment.name,
        "salt": experiment.salt,
        "variants": [
            {"name": one.name, "share": one.share, "settings": dict(one.settings)} for one in experiment.variants
        ],
        "traffic": experiment.traffic,
        "is_interleaved": experiment.is_interleaved,
        "hypothesis": experiment.hypothesis,
        "status": "running",
        "started_at": now,
    }
    with warehouse.begin() as connection:
        # Two that start at once would each see no other.
        connection.execute(sa.text("lock table serving.experiments in share row exclusive mode"))
        for one in _read(connection, sa.or_(experiments.c.status == "running", experiments.c.name == experiment.name)):
            if one.name == experiment.name:
                raise Conflict(
                    f"there was an experiment {one.name} already; its shoppers must not be mixed with others"
                )
            raise Conflict(f"experiment {one.name} is running; end it first: soko experiment end {one.name}")
        connection.execute(experiments.insert().values(row))
        return _read(connection, experiments.c.name == experiment.name)[0]


def end(warehouse: Warehouse, name: str, *, now: datetime) -> Experiment:
    """The experiment, which takes in nobody from now on; one that ended before stays as it is.

    Raises
    ------
    NotFound
        If there is none of this name.
    """
    with warehouse.begin() as connection:
        ended = experiments.update().where(experiments.c.name == name, experiments.c.status == "running")
        connection.execute(ended.values(status="ended", ended_at=now))
        return _named(connection, name)


def experiment_named(warehouse: Warehouse, name: str) -> Experiment:
    """The experiment of this name.

    Raises
    ------
    NotFound
        If there is none.
    """
    with warehouse.begin() as connection:
        return _named(connection, name)


def list_experiments(warehouse: Warehouse) -> list[Experiment]:
    """Every experiment there was, the newest first."""
    with warehouse.begin() as connection:
        return _read(connection, sa.true())


def running_experiment(warehouse: Warehouse) -> Experiment | None:
    """The one that runs, None if none does."""
    with warehouse.begin() as connection:
        return next(iter(_read(connection, experiments.c.status == "running")), None)


def read_report(warehouse: Warehouse, experiment: Experiment) -> ExperimentReport:
    """What the experiment shows, by the marts as they were built last.

    Raises
    ------
    ArtifactUnavailable
        If the marts were not built yet.
    """
    names = [variant.name for variant in experiment.variants]
    asked = {"name": experiment.name, "variants": names}
    with built(warehouse, "marts.fct_experiment_outcomes") as connection:
        metrics = {row[0]: _moments(row[1:]) for row in connection.execute(sa.text(_METRICS), asked)}
        waiting = {row[0]: Waiting(*row[1:]) for row in connection.execute(sa.text(_WAITING), asked)}
        impressions: dict[str, dict[int, int]] = {name: {} for name in names}
        for name, seller_id, count in connection.execute(sa.text(_IMPRESSIONS), asked):
            impressions[name][seller_id] = count
        teams = {"name": experiment.name, "first": names[0], "second": names[1]}
        preference = Preference(*connection.execute(sa.text(_PREFERENCE), teams).one())
    figures = {
        name: VariantFigures(name, metrics[name], waiting.get(name, Waiting()), impressions[name]) for name in metrics
    }
    return report_on(experiment, figures, preference if experiment.is_interleaved else None)


def _moments(row: Sequence[Any]) -> Mapping[str, Moments]:
    shoppers, clicked, bought, squares = (int(value) for value in row)
    return {"clicked": Moments(shoppers, clicked, clicked), "purchases": Moments(shoppers, bought, squares)}


def _named(connection: sa.Connection, name: str) -> Experiment:
    found = _read(connection, experiments.c.name == name)
    if not found:
        raise NotFound(f"experiment {name} is not known")
    return found[0]


def _read(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[Experiment]:
    statement = sa.select(experiments).where(which).order_by(experiments.c.started_at.desc(), experiments.c.name)
    return [_experiment(row) for row in connection.execute(statement).mappings()]


def _experiment(row: Mapping[Any, Any]) -> Experiment:
    values = {name: row[name] for name in ("name", "salt", "traffic", "is_interleaved", "hypothesis", "status")}
    variants = tuple(Variant(one["name"], one["share"], one["settings"]) for one in row["variants"])
    return Experiment(**values, variants=variants, started_at=row["started_at"], ended_at=row["ended_at"])

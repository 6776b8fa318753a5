"""What search was worth over time, and which evaluation later ones are compared with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.errors import Conflict, InputRejected, NotFound
from marketplace.storage.tables import search_evaluations
from marketplace.storage.warehouse import Warehouse

Status = Literal["accepted", "refused"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What was judged, by which queries, and how well it did.

    Parameters
    ----------
    score
        Mean nDCG at 10.
    means
        Mean, low and high by group and metric.
    scores
        nDCG at 10 by query.
    """

    golden: str
    golden_hash: str
    encoder: str
    collection: str
    weights: Mapping[str, float]
    score: float
    means: Mapping[str, Mapping[str, list[float]]]
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation as it is kept; `decided_by` is the person who accepted it, None where the gate did."""

    evaluation_id: int
    judged: Judged
    status: Status
    compared_with: int | None
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    evaluated_at: datetime


def record(
    warehouse: Warehouse, judged: Judged, *, run_id: str, status: Status, compared_with: int | None, now: datetime
) -> Evaluation:
    """The evaluation, kept; a run that judges the same queries once more replaces its own, unless a person decided."""
    values = {
        "golden_hash": judged.golden_hash,
        "encoder": judged.encoder,
        "collection": judged.collection,
        "weights": dict(judged.weights),
        "queries": len(judged.scores),
        "score": judged.score,
        "means": {group: dict(means) for group, means in judged.means.items()},
        "scores": dict(judged.scores),
        "status": status,
        "compared_with": compared_with,
        "evaluated_at": now,
    }
    statement = insert(search_evaluations).values(run_id=run_id, golden=judged.golden, **values)
    statement = statement.on_conflict_do_update(
        index_elements=["run_id", "golden"], set_=values, where=search_evaluations.c.decided_by.is_(None)
    )
    kept = sa.select(search_evaluations).where(
        search_evaluations.c.run_id == run_id, search_evaluations.c.golden == judged.golden
    )
    with warehouse.begin() as connection:
        connection.execute(statement)
        return _evaluation(connection.execute(kept).one())


def baseline(
    warehouse: Warehouse, golden_hash: str, *, queries: Collection[str], not_of: str = ""
) -> Evaluation | None:
    """What these queries are held to: the best accepted evaluation since a person last accepted one, if there is any.

    Held to the last one, search could fall a little at a time, each fall within what is allowed. Evaluations that
    share fewer than half of the queries come after those that share more, and those that share none are left out.

    Parameters
    ----------
    queries
        Names of those that are asked now.
    not_of
        A run whose own evaluation does not count.
    """
    table = search_evaluations.c
    accepted = sa.and_(table.golden_hash == golden_hash, table.status == "accepted", table.run_id != not_of)
    by_a_person = sa.select(sa.func.max(table.evaluation_id)).where(accepted, table.decided_by.is_not(None))
    name = sa.func.jsonb_object_keys(table.scores).table_valued("name").render_derived()
    shared = (
        sa.select(sa.func.count())
        .select_from(name)
        .where(name.c.name.in_(sorted(queries)))
        .correlate(search_evaluations)
        .scalar_subquery()
    )
    statement = (
        sa.select(search_evaluations)
        .where(accepted, table.evaluation_id >= sa.func.coalesce(by_a_person.scalar_subquery(), 0), shared > 0)
        .order_by((2 * shared >= len(queries)).desc(), table.score.desc(), table.evaluation_id.desc())
        .limit(1)
    )
    return _first(warehouse, statement)


def evaluation_of(warehouse: Warehouse, evaluation_id: int) -> Evaluation | None:
    """The evaluation of this number."""
    return _first(warehouse, sa.select(search_evaluations).where(search_evaluations.c.evaluation_id == evaluation_id))


def newest(warehouse: Warehouse, golden_hash: str) -> Evaluation | None:
    """The last evaluation of these queries, accepted or not."""
    statement = sa.select(search_evaluations).where(search_evaluations.c.golden_hash == golden_hash)
    return _first(warehouse, statement.order_by(search_evaluations.c.evaluation_id.desc()).limit(1))


def history(warehouse: Warehouse, *, limit: int, golden: str | None = None) -> list[Evaluation]:
    """The last evaluations, newest first."""
    statement = sa.select(search_evaluations).order_by(search_evaluations.c.evaluation_id.desc()).limit(limit)
    if golden is not None:
        statement = statement.where(search_evaluations.c.golden == golden)
    with warehouse.begin() as connection:
        return [_evaluation(row) for row in connection.execute(statement)]


def accept(warehouse: Warehouse, evaluation_id: int, *, by: str, note: str, now: datetime) -> Evaluation:
    """The evaluation, from which later ones are held to the best, although it is worse than what was before.

    Raises
    ------
    InputRejected
        If nobody is named who decided.
    NotFound
        If there is no such evaluation.
    Conflict
        If it is accepted already, or a later one of the same queries is.
    """
    if not by.strip():
        raise InputRejected("an evaluation is accepted by somebody; name who")
    one = search_evaluations.c.evaluation_id == evaluation_id
    with warehouse.begin() as connection:
        row = connection.execute(sa.select(search_evaluations).where(one).with_for_update()).one_or_none()
        if row is None:
            raise NotFound(f"evaluation {evaluation_id} is not known")
        if row.status == "accepted":
            raise Conflict(f"evaluation {evaluation_id} is accepted already")
        later = sa.select(sa.func.max(search_evaluations.c.evaluation_id)).where(
            search_evaluations.c.golden_hash == row.golden_hash,
            search_evaluations.c.status == "accepted",
            search_evaluations.c.evaluation_id > evaluation_id,
        )
        if (newer := connection.execute(later).scalar_one()) is not None:
            raise Conflict(f"evaluation {newer}, which is later than {evaluation_id}, is accepted already")
        decided = {"decided_by": by.strip(), "decided_at": now, "note": note.strip() or None}
        connection.execute(sa.update(search_evaluations).where(one).values(status="accepted", **decided))
        return _evaluation(connection.execute(sa.select(search_evaluations).where(one)).one())


def _first(warehouse: Warehouse, statement: sa.Select[Any]) -> Evaluation | None:
    with warehouse.begin() as connection:
        row = connection.execute(statement).one_or_none()
    return None if row is None else _evaluation(row)


def _evaluation(row: sa.Row[Any]) -> Evaluation:
    judged = Judged(
        row.golden, row.golden_hash, row.encoder, row.collection, row.weights, row.score, row.means, row.scores
    )
    decided = (row.decided_by, row.decided_at, row.note)
    return Evaluation(row.evaluation_id, judged, row.status, row.compared_with, *decided, row.evaluated_at)

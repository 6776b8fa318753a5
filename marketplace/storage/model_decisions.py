"""Why each model was or was not put before shoppers, with all that was known then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from marketplace.errors import NotFound
from marketplace.storage.tables import model_decisions
from marketplace.storage.warehouse import Warehouse

Kind = Literal["gate", "promotion", "rollback"]
Verdict = Literal["promoted", "refused"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was decided about a version, by whom and on what grounds.

    Parameters
    ----------
    model
        Its name in the registry.
    champion
        The version it was judged against, None for the first.
    kind
        `gate` where rules decided, `promotion` and `rollback` where a person did.
    reasons
        rule, passed, sentence, value and bound of each.
    evidence
        All that the rules were given; empty where a person decided without.
    """

    model: str
    challenger: str
    champion: str | None
    kind: Kind
    verdict: Verdict
    reasons: Sequence[Mapping[str, Any]]
    evidence: Mapping[str, Any]
    rules_version: str
    data_version: str = ""
    run_id: str | None = None
    decided_by: str = "gate"


@dataclass(frozen=True, slots=True)
class KeptRuling:
    """A ruling with its number and instant."""

    decision_id: int
    ruling: Ruling
    decided_at: datetime


def keep_decision(warehouse: Warehouse, ruling: Ruling, *, now: datetime) -> KeptRuling:
    """The ruling with its number, kept."""
    values = {**asdict(ruling), "reasons": list(ruling.reasons), "evidence": dict(ruling.evidence), "decided_at": now}
    statement = sa.insert(model_decisions).values(**values).returning(model_decisions.c.decision_id)
    with warehouse.begin() as connection:
        return KeptRuling(int(connection.execute(statement).scalar_one()), ruling, now)


def decision(warehouse: Warehouse, decision_id: int) -> KeptRuling:
    """The ruling of that number.

    Raises
    ------
    NotFound
        If there is none.
    """
    statement = sa.select(model_decisions).where(model_decisions.c.decision_id == decision_id)
    with warehouse.begin() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"decision {decision_id} is not known; soko model decisions lists those that are")
    return _kept(row)


def decisions(warehouse: Warehouse, *, limit: int, challenger: str | None = None) -> list[KeptRuling]:
    """The last rulings, newest first, without what they were given; of one version if it is named."""
    bare = [column for column in model_decisions.c if column.name != "evidence"]  # a megabyte each
    empty = sa.literal({}, type_=model_decisions.c.evidence.type).label("evidence")
    statement = sa.select(*bare, empty).order_by(model_decisions.c.decision_id.desc()).limit(limit)
    if challenger is not None:
        statement = statement.where(model_decisions.c.challenger == challenger)
    with warehouse.begin() as connection:
        return [_kept(row) for row in connection.execute(statement)]


def gate_decision_of(warehouse: Warehouse, model: str, challenger: str) -> KeptRuling | None:
    """The last ruling of the gate about a version, None if it never judged it."""
    table = model_decisions.c
    of_gate = sa.and_(table.model == model, table.challenger == challenger, table.kind == "gate")
    statement = sa.select(model_decisions).where(of_gate).order_by(table.decision_id.desc()).limit(1)
    with warehouse.begin() as connection:
        row = connection.execute(statement).one_or_none()
    return None if row is None else _kept(row)


def _kept(row: sa.Row[Any]) -> KeptRuling:
    told = dict(row._mapping)
    number, decided_at = told.pop("decision_id"), told.pop("decided_at")
    return KeptRuling(number, Ruling(**told), decided_at)

"""Putting a model before shoppers, and taking it back: the file, then the row in Postgres, then the alias in MLflow.

Postgres is the truth. What stops between two of these steps leaves the model before it in place or the alias behind,
and the next run or command mends the alias.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import datetime

from marketplace.errors import ArtifactUnavailable, Conflict, InputRejected, PublicationRefused
from marketplace.storage.model_decisions import KeptRuling, Ruling, gate_decision_of, keep_decision
from marketplace.storage.model_files import ModelCache, arrays_of
from marketplace.storage.publications import (
    MODEL,
    Publication,
    publish_model,
    published,
    published_before,
    roll_back_model,
)
from marketplace.storage.warehouse import Warehouse
from models.collaborative.evidence import Evidence
from models.collaborative.gate import RULES_VERSION, Decision, Rules, decide
from orchestration.registry import CF_MODEL, CHAMPION, ModelRegistry

SHA256 = "sha256"  # of the arrays that a ruling is about
RECIPE = "recipe"  # the tag of a version: its kind and parameters, so that it can be trained again


def put_before_shoppers(
    warehouse: Warehouse, registry: ModelRegistry, cache: ModelCache, version: str, *, now: datetime
) -> Publication:
    """The publication of a registered version, once its file was read and lies in the cache.

    Raises
    ------
    NotFound
        If the register has no such version.
    ArtifactUnavailable
        If its file was changed, is not the one that the gate judged, or cannot be read; what is served stays.
    """
    from models.collaborative.model import read_model

    known = registry.version(CF_MODEL, version)
    if RECIPE not in known.tags:
        raise ArtifactUnavailable(f"version {version} of {CF_MODEL} does not say how it was trained")
    content = registry.content(CF_MODEL, version)
    judged = gate_decision_of(warehouse, CF_MODEL, version)
    if judged is not None and judged.ruling.evidence.get(SHA256) != hashlib.sha256(content).hexdigest():
        raise ArtifactUnavailable(f"the arrays of version {version} of {CF_MODEL} are not those that the gate judged")
    try:
        model = read_model(arrays_of(content))
    except InputRejected as error:
        raise ArtifactUnavailable(f"version {version} of {CF_MODEL} cannot be read: {error}") from error
    details = {
        "sha256": cache.keep(content),
        "kind": model.kind,
        "run_id": known.run_id,
        "data_version": known.tags.get("data_version", ""),
        "recipe": json.loads(known.tags[RECIPE]),
    }
    done = publish_model(warehouse, version, details=details, now=now)
    mend_alias(warehouse, registry)
    return done


def promote_by_hand(
    warehouse: Warehouse,
    registry: ModelRegistry,
    cache: ModelCache,
    version: str,
    *,
    by: str,
    because: str,
    force: bool,
    now: datetime,
) -> Publication:
    """The publication of a version that the gate let pass; with `force` of any, for a reason that is kept.

    Raises
    ------
    Conflict
        If the gate refused the version, or never judged it, and nobody forces it.
    InputRejected
        If it is forced without a reason.
    """
    judged = gate_decision_of(warehouse, CF_MODEL, version)
    if force and not because.strip():
        raise InputRejected("a promotion against the gate needs a reason: --because TEXT")
    if not force and (judged is None or judged.ruling.verdict != "promoted"):
        raise Conflict(f"{what_the_gate_said(version, judged)}; to promote it all the same: --force --because TEXT")
    before = published(warehouse, MODEL)
    done = put_before_shoppers(warehouse, registry, cache, version, now=now)
    keep_decision(warehouse, _by_hand("promotion", done, before, by, because), now=now)
    return done


def roll_back(
    warehouse: Warehouse, registry: ModelRegistry, cache: ModelCache, *, by: str, because: str, now: datetime
) -> Publication:
    """The publication of the version before, whose file is known to be whole; MLflow is asked only if it is not here.

    Raises
    ------
    PublicationRefused
        If no earlier version is kept.
    ArtifactUnavailable
        If its file is neither here nor in the register as it was published; what is served stays.
    """
    now_served, earlier = published(warehouse, MODEL), published_before(warehouse, MODEL)
    if earlier is None:
        raise PublicationRefused("no earlier version of cf_model is kept, so there is nothing to go back to")
    digest = str(earlier.details.get("sha256", ""))
    if not cache.holds(digest) and cache.keep(registry.content(CF_MODEL, earlier.version)) != digest:
        raise ArtifactUnavailable(f"the arrays of version {earlier.version} are not those that were published")
    done = roll_back_model(warehouse, now=now)
    keep_decision(warehouse, _by_hand("rollback", done, now_served, by, because), now=now)
    return done


def mend_alias(warehouse: Warehouse, registry: ModelRegistry) -> str | None:
    """The version that is served, which carries the alias `champion` now; None if nothing is served."""
    served = published(warehouse, MODEL)
    if served is None:
        return None
    if registry.aliased(CF_MODEL, CHAMPION) != served.version:
        registry.promote(CF_MODEL, served.version)
    return served.version


def ruled(
    evidence: Evidence,
    decision: Decision,
    rules: Rules,
    *,
    version: str,
    sha256: str,
    champion: str | None,
    run_id: str | None,
) -> Ruling:
    """The gate's decision as it is kept, with all that it was given, and the hash of the arrays it was about."""
    return Ruling(
        CF_MODEL,
        version,
        champion,
        "gate",
        decision.verdict,
        [reason.as_json() for reason in decision.reasons],
        {"evidence": evidence.as_json(), "rules": asdict(rules), SHA256: sha256},
        decision.rules_version,
        evidence.data_version,
        run_id,
    )


def replayed(kept: KeptRuling) -> Decision:
    """What the rules of today's code say of the evidence and bounds of a kept decision.

    Raises
    ------
    Conflict
        If a person decided, so that there is nothing to replay.
    """
    if kept.ruling.kind != "gate":
        raise Conflict(
            f"decision {kept.decision_id} is a {kept.ruling.kind} by {kept.ruling.decided_by}, not the gate's"
        )
    evidence = Evidence.from_json(kept.ruling.evidence["evidence"])
    return decide(evidence, Rules.from_json(kept.ruling.evidence["rules"]))


def is_same(kept: KeptRuling, again: Decision) -> bool:
    """Whether a decision came out as it is kept, with every reason."""
    reasons = [reason.as_json() for reason in again.reasons]
    return again.verdict == kept.ruling.verdict and reasons == [dict(reason) for reason in kept.ruling.reasons]


def _by_hand(kind: str, done: Publication, before: Publication | None, by: str, because: str) -> Ruling:
    reason = {"rule": "a_person_decided", "passed": True, "sentence": because.strip() or "no reason given"}
    return Ruling(
        CF_MODEL,
        done.version,
        before.version if before else None,
        "rollback" if kind == "rollback" else "promotion",
        "promoted",
        [{**reason, "value": 1.0, "bound": 1.0}],
        {},
        RULES_VERSION,
        str(done.details.get("data_version", "")),
        None,
        by,
    )


def what_the_gate_said(version: str, judged: KeptRuling | None) -> str:
    """Why a version may not be promoted, in words."""
    if judged is None:
        return f"the gate never judged version {version}"
    against = [reason["sentence"] for reason in judged.ruling.reasons if not reason["passed"]]
    return f"the gate refused version {version} (decision {judged.decision_id}): {'; '.join(against)}"

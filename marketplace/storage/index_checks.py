"""A look at the live index: whether it holds what Postgres says and finds what it holds; differences are mended."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from marketplace.errors import ArtifactUnavailable
from marketplace.storage.index_builds import live_build, verified_against_catalogue
from marketplace.storage.index_records import one_at_a_time, record_check
from marketplace.storage.upkeep import Carried, Differences, catch_up, differences, mend
from marketplace.storage.vectors import Vectors
from marketplace.storage.verification import Report
from marketplace.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Checked:
    """What differed between Postgres and the index, what was done about it, and what verification found then."""

    differences: Differences
    mended: Carried
    report: Report

    @property
    def passed(self) -> bool:
        """Whether the index may go on serving."""
        return self.report.passed

    def as_json(self) -> dict[str, Any]:
        """What was found, for a JSON column or page; of products that differed, how many."""
        counted = {name: len(getattr(self.differences, name)) for name in ("missing", "stale", "strangers")}
        mended = {name: value for name, value in asdict(self.mended).items() if name != "refused"}
        sums = {"wanted": self.differences.wanted, "found": self.differences.found, "agreed": self.differences.agree}
        return {**self.report.as_json(), "differences": {**sums, **counted}, "mended": mended}


def check_index(warehouse: Warehouse, vectors: Vectors, *, now: datetime) -> Checked:
    """The live index, compared with Postgres by count and checksum, mended where they differ, and verified.

    Raises
    ------
    ArtifactUnavailable
        If nothing is served.
    """
    with one_at_a_time(warehouse):
        live = live_build(warehouse, vectors, now)
        if live is None:
            raise ArtifactUnavailable("no index is served, so there is nothing to verify; run: soko index rebuild")
        catch_up(warehouse, vectors, live)
        found = differences(warehouse, vectors, live)
        mended = mend(warehouse, vectors, live, found)
        checked = Checked(found, mended, verified_against_catalogue(warehouse, vectors, live))
        record_check(warehouse, live.collection, checked.as_json(), now)
    return checked

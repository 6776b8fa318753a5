"""What one sync did, as its audit row and events tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from marketplace.ingestion.hydrating import Refusal
from marketplace.ingestion.politeness import Tally


@dataclass(slots=True)
class SyncAudit:
    """What one sync did; `status` is done, partial, braked or failed."""

    sync_id: str
    seller_id: int
    status: str = "done"
    note: str = ""
    scouted: int = 0
    hydrated: int = 0
    failed: int = 0
    new: int = 0
    gone: int = 0
    back: int = 0
    price_changed: int = 0
    other_changed: int = 0
    unchanged: int = 0
    passed_over: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    cost: Tally = field(default_factory=Tally)

    @property
    def refusals(self) -> list[dict[str, Any]]:
        """The products and pictures that were refused, with the reason."""
        return [event for event in self.events if event["kind"] in {"refused", "picture_refused"}]

    def refuse(self, source_ref: str, refusal: Refusal) -> None:
        """Keep why a product or its picture was refused."""
        kind = "picture_refused" if refusal.stage == "picture" else "refused"
        self.note_event(kind, refusal.reason[:500], source_ref, refusal.error)
        self.errors[refusal.error] += 1

    def note_event(self, kind: str, reason: str, source_ref: str | None = None, error: str | None = None) -> None:
        """Keep something that went otherwise than planned."""
        self.events.append({"kind": kind, "source_ref": source_ref, "error": error, "reason": reason})

    def count(self, products: Mapping[str, int], changed: int) -> None:
        """Take over how many products are recorded with each kind of change, and how many of those read with any."""
        self.new = products.get("new", 0)
        self.gone = products.get("gone", 0)
        self.back = products.get("back", 0)
        self.price_changed = products.get("price", 0)
        self.other_changed = products.get("other", 0)
        self.unchanged = self.hydrated - changed

    def conclude(self, is_complete: bool) -> None:
        """Say how far it came, unless it was braked."""
        if self.status == "braked":
            return
        first = self.refusals[0]["reason"] if self.refusals else ""
        if self.failed and not self.hydrated:
            self.status = "failed"
            self.note = f"none of {self.scouted} products could be read; the first: {first}"
        elif self.failed > self.hydrated:
            self.status = "failed"
            self.note = f"only {self.hydrated} of {self.scouted} products could be read; the first refused: {first}"
        elif not is_complete or any(name in self.errors for name in ("SourceUnavailable", "Busy", "LeftToNextRun")):
            self.status = "partial"
        if self.passed_over:
            self.note = "; ".join(filter(None, [self.note, f"{self.passed_over} pages show no product"]))

    def outcome(self) -> dict[str, Any]:
        """The columns of the audit row."""
        left_out = {"sync_id", "seller_id", "scouted", "passed_over", "events", "cost"}
        counted = {name: value for name, value in asdict(self).items() if name not in left_out}
        return {**counted, **asdict(self.cost), "errors": dict(self.errors)}

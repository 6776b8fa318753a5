"""What an experiment may not make worse, however well it sells: waiting, and how evenly sellers are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SLOWEST = 1.10  # of the control's 95th percentile
MOST_UNEVEN = 0.02  # of Gini, more than the control's
FEWEST_ANSWERS = 100  # of each variant; with fewer a percentile says nothing


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One bound, the value it was asked of, and whether it holds; None while too little is known."""

    name: str
    value: float | None
    bound: float
    passed: bool | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many answers a variant gave, and the seconds within which 95 of 100 came."""

    answers: int = 0
    p95_seconds: float = 0.0


def latency(control: Waiting, treatment: Waiting) -> Guardrail:
    """Whether the treatment's answers take hardly longer, by the 95th percentile of their seconds."""
    name = "latency p95"
    if min(control.answers, treatment.answers) < FEWEST_ANSWERS:
        return Guardrail(name, None, SLOWEST, None, f"fewer than {FEWEST_ANSWERS} answers of a variant")
    ratio = treatment.p95_seconds / control.p95_seconds if control.p95_seconds > 0 else 1.0
    within = f"within {treatment.p95_seconds * 1000:.1f} ms, the control's within {control.p95_seconds * 1000:.1f} ms"
    return Guardrail(name, ratio, SLOWEST, ratio <= SLOWEST, f"95 of 100 answers {within}")


def seller_exposure(control: Sequence[int], treatment: Sequence[int]) -> Guardrail:
    """Whether the treatment shows sellers hardly less evenly; given is how often each of the same sellers was shown."""
    name = "seller exposure Gini"
    if sum(control) < FEWEST_ANSWERS or sum(treatment) < FEWEST_ANSWERS:
        return Guardrail(name, None, MOST_UNEVEN, None, f"fewer than {FEWEST_ANSWERS} impressions of a variant")
    before, after = gini(control), gini(treatment)
    sentence = f"Gini over {len(control)} sellers {after:.3f}, the control's {before:.3f}"
    return Guardrail(name, after - before, MOST_UNEVEN, after - before <= MOST_UNEVEN, sentence)


def gini(counts: Sequence[float]) -> float:
    """How unevenly the counts are spread: 0 if all are alike, near 1 if one has everything; 0 where there is nothing.

    Source: Sen, "On Economic Inequality", 1973, in the form over ordered values.
    """
    ordered, total = sorted(counts), sum(counts)
    if total == 0:
        return 0.0
    weighted = sum(place * value for place, value in enumerate(ordered, 1))
    return 2 * weighted / (len(ordered) * total) - (len(ordered) + 1) / len(ordered)

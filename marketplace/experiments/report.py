"""What an experiment shows so far, and in one sentence what to make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketplace.errors import InputRejected
from marketplace.experiments.assignment import Experiment
from marketplace.experiments.guardrails import Guardrail, Waiting, latency, seller_exposure
from marketplace.experiments.interleaving import sequential_sign_test, sign_test
from marketplace.experiments.ratio import SUSPECT, mismatch
from marketplace.experiments.sequential import Interval, Moments, difference

ALPHA = 0.05
METRICS: Mapping[str, str] = {"clicked": "shoppers who clicked", "purchases": "purchases per shopper"}


@dataclass(frozen=True, slots=True)
class VariantFigures:
    """What is known of one variant.

    `metrics` has for each metric its moments over shoppers, `impressions` how often each seller was shown.
    """

    name: str
    metrics: Mapping[str, Moments]
    waiting: Waiting
    impressions: Mapping[int, int]

    @property
    def shoppers(self) -> int:
        """Who were shown anything."""
        return self.metrics["clicked"].count


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variant beside the control: each metric's difference, and the guardrails."""

    variant: str
    intervals: Mapping[str, Interval]
    guardrails: tuple[Guardrail, ...]

    @property
    def broken(self) -> tuple[Guardrail, ...]:
        """The bounds that do not hold."""
        return tuple(one for one in self.guardrails if one.passed is False)


@dataclass(frozen=True, slots=True)
class Preference:
    """By their clicks, for how many shoppers the first ranking was better, the second, or neither."""

    first: int
    second: int
    neither: int

    @property
    def p_value(self) -> float:
        """For one look at the end."""
        return sign_test(self.first, self.second)

    @property
    def p_sequential(self) -> float:
        """For as many looks as one likes."""
        return sequential_sign_test(self.first, self.second)


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """An experiment's figures and what follows from them."""

    experiment: Experiment
    variants: tuple[VariantFigures, ...]
    mismatch: float
    comparisons: tuple[Comparison, ...]
    preference: Preference | None
    verdict: str

    @property
    def is_mismatched(self) -> bool:
        """Whether shoppers did not come to the variants as they were meant to."""
        return self.mismatch < SUSPECT

    @property
    def is_same_throughout(self) -> bool:
        """Whether it is an A/A experiment."""
        return self.experiment.is_same_throughout


def report_on(
    experiment: Experiment, figures: Mapping[str, VariantFigures], preference: Preference | None = None
) -> ExperimentReport:
    """The report over all variants; one that nobody saw yet counts as nobody.

    Raises
    ------
    InputRejected
        If there are figures of a variant that the experiment does not have.
    """
    names = [variant.name for variant in experiment.variants]
    if strangers := figures.keys() - set(names):
        raise InputRejected(f"experiment {experiment.name} has no variant {', '.join(sorted(strangers))}")
    found = tuple(figures.get(name) or _nobody(name) for name in names)
    chance = 1.0
    if not experiment.is_interleaved:
        chance = mismatch([one.shoppers for one in found], [variant.share for variant in experiment.variants])
    comparisons = () if experiment.is_interleaved else tuple(_compared(found[0], one, len(found)) for one in found[1:])
    return ExperimentReport(
        experiment, found, chance, comparisons, preference, _verdict(experiment, chance, comparisons, preference)
    )


def _nobody(name: str) -> VariantFigures:
    return VariantFigures(name, {metric: Moments(0, 0.0, 0.0) for metric in METRICS}, Waiting(), {})


def _compared(control: VariantFigures, treatment: VariantFigures, variants: int) -> Comparison:
    alpha = ALPHA / (variants - 1)  # so that all comparisons together are wrong as rarely as one
    sellers = sorted(control.impressions.keys() | treatment.impressions.keys())
    guardrails = (
        latency(control.waiting, treatment.waiting),
        seller_exposure(
            [control.impressions.get(one, 0) for one in sellers], [treatment.impressions.get(one, 0) for one in sellers]
        ),
    )
    intervals = {name: difference(control.metrics[name], treatment.metrics[name], alpha=alpha) for name in METRICS}
    return Comparison(treatment.name, intervals, guardrails)


def _verdict(
    experiment: Experiment, chance: float, comparisons: Sequence[Comparison], preference: Preference | None
) -> str:
    if chance < SUSPECT:
        return f"Do not trust it: shoppers did not come to the variants as meant (p = {chance:.2g})."
    if experiment.is_interleaved:
        return _preferred(experiment, preference or Preference(0, 0, 0))
    if experiment.is_same_throughout:
        told = [one.variant for one in comparisons if any(each.verdict for each in one.intervals.values())]
        if told:
            return (
                f"Something is wrong with the experiment: {', '.join(told)} differs, though all variants are the same."
            )
        return "As it should be: variants that are the same show no difference."
    return " ".join(_judged(one) for one in comparisons)


def _judged(one: Comparison) -> str:
    if one.broken:
        return f"Stop {one.variant}: it breaks the bound of {' and '.join(rail.name for rail in one.broken)}."
    verdicts = {METRICS[name]: interval.verdict for name, interval in one.intervals.items()}
    if worse := [name for name, verdict in verdicts.items() if verdict < 0]:
        return f"Stop {one.variant}: fewer {' and '.join(worse)} than the control."
    if better := [name for name, verdict in verdicts.items() if verdict > 0]:
        return f"{one.variant} is better: more {' and '.join(better)} than the control."
    if not any(interval.is_known for interval in one.intervals.values()):
        return f"Too few shoppers yet to say anything of {one.variant}."
    return f"No difference between {one.variant} and the control is certain yet."


def _preferred(experiment: Experiment, found: Preference) -> str:
    if found.p_sequential >= ALPHA:
        return "Neither ranking is certainly preferred yet."
    better = experiment.variants[0 if found.first > found.second else 1].name
    return f"Shoppers prefer {better}: {found.first} to {found.second}, p = {found.p_sequential:.2g} at any look."

"""Which model may meet shoppers: rules over what was measured, and why each of them held or not.

A decision is a function of its evidence and its rules alone, so that any of them can be asked again later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.collaborative.evidence import GAINS, Contender, Evidence
from models.collaborative.intervals import interval_of_mean

RULES_VERSION = "1"

Rule = Literal[
    "enough_to_judge",
    "beats_popularity",
    "not_worse_than_the_champion",
    "harms_no_segment",
    "covers_the_catalog",
    "fair_to_sellers",
    "fast_enough",
]
CHECKS: Mapping[Rule, str] = {
    "enough_to_judge": "Enough shoppers with a future were judged, and somebody's future was foreseen.",
    "beats_popularity": "The gain in nDCG@20 over popularity is above zero beyond chance.",
    "not_worse_than_the_champion": "Recall@20 and nDCG@20 are not inferior to the champion's: neither the "
    "mean nor its interval fell further than it may, nor did it fall beyond chance.",
    "harms_no_segment": "In no segment with enough shoppers nDCG@20 fell further than it may and beyond chance.",
    "covers_the_catalog": "Coverage and novelty kept most of what the champion has.",
    "fair_to_sellers": "Exposure is not much more unequal between sellers than before.",
    "fast_enough": "One shopper's scores take no longer than they may.",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """How far a challenger may fall behind; shares are of the champion's value, or of popularity's where there is none.

    Parameters
    ----------
    worst_fall, worst_fall_of_segment
        Shares of the mean.
    margin
        Share of the mean below which the interval must not reach: what may be much worse is not promoted.
    least_of_segment
        Shoppers below which a segment decides nothing: what ten of them did is noise.
    least_coverage, least_novelty
        Shares that must be kept; held against a champion only, since popularity covers next to nothing.
    more_inequality, fair_enough
        What the Gini coefficient of exposure over sellers may rise by, and up to where it may whatever it was before.
    """

    least_shoppers: int = 20
    worst_fall: float = 0.02
    margin: float = 0.10
    worst_fall_of_segment: float = 0.10
    least_of_segment: int = 50
    least_coverage: float = 0.75
    least_novelty: float = 0.85
    more_inequality: float = 0.05
    fair_enough: float = 0.25
    latency_p99_ms: float = 100.0

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Rules:
        """The rules that `asdict` took apart; those that were not known then have today's values."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in kept.items() if name in known})


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule applied once: whether it held, in words, and the value beside its bound."""

    rule: Rule
    passed: bool
    sentence: str
    value: float
    bound: float

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Decision:
    """Promoted if every reason held, refused otherwise."""

    verdict: Literal["promoted", "refused"]
    reasons: tuple[Reason, ...]
    rules_version: str = RULES_VERSION

    @property
    def against(self) -> tuple[Reason, ...]:
        """The reasons that did not hold."""
        return tuple(reason for reason in self.reasons if not reason.passed)

    def of(self, rule: str) -> tuple[Reason, ...]:
        """What was found under one rule."""
        return tuple(reason for reason in self.reasons if reason.rule == rule)


def decide(evidence: Evidence, rules: Rules | None = None) -> Decision:
    """Whether the challenger may meet shoppers, with every reason for and against.

    Non-inferiority by the paired percentile bootstrap over shoppers: the same shoppers are drawn for both models.
    Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993, section 13.3.
    """
    held_to = rules or Rules()
    reasons = tuple(reason for rule in RULES for reason in rule(evidence, held_to))
    return Decision("promoted" if all(reason.passed for reason in reasons) else "refused", reasons)


def _enough_to_judge(evidence: Evidence, rules: Rules) -> Iterator[Reason]:
    count = len(evidence.shoppers)
    sentence = f"{count} shoppers with something new in the future were judged; {rules.least_shoppers} are needed"
    yield Reason("enough_to_judge", count >= rules.least_shoppers, sentence, count, rules.least_shoppers)
    foreseen = sum(gain > 0 for gain in evidence.challenger.recall_at_20)
    sentence = f"for {foreseen} of them something was foreseen; a model that foresees nothing learned nothing"
    yield Reason("enough_to_judge", foreseen > 0, sentence, foreseen, 1)


def _beats_popularity(evidence: Evidence, rules: Rules) -> Iterator[Reason]:
    gains = _gains(evidence, "ndcg_at_20", evidence.popularity)
    low, high = interval_of_mean(gains, seed=evidence.seed)
    mean = float(gains.mean()) if len(gains) else 0.0
    sentence = f"nDCG@20 {mean:+.4f} ({low:+.4f} to {high:+.4f}) beside popularity; the least must be above 0"
    yield Reason("beats_popularity", low > 0, sentence, low, 0.0)


def _not_worse_than_the_champion(evidence: Evidence, rules: Rules) -> Iterator[Reason]:
    champion = evidence.champion
    if champion is None:
        yield Reason("not_worse_than_the_champion", True, "there is no champion yet", 0.0, 0.0)
        return
    for metric, name in GAINS.items():
        gains = _gains(evidence, metric, champion)
        low, high = interval_of_mean(gains, seed=evidence.seed)
        mean, held = _mean(gains), _mean(champion.per_shopper(metric))
        bound, margin = -rules.worst_fall * held, -rules.margin * held
        sentence = (
            f"{name} {mean:+.4f} ({low:+.4f} to {high:+.4f}) beside the champion's {held:.4f}; the mean may be "
            f"{bound:+.4f} at the worst, the interval may not reach below {margin:+.4f} nor lie below 0"
        )
        passed = mean >= bound and low >= margin and high >= 0
        yield Reason("not_worse_than_the_champion", passed, sentence, mean, bound)


def _harms_no_segment(evidence: Evidence, rules: Rules) -> Iterator[Reason]:
    before = evidence.champion or evidence.popularity
    gains = _gains(evidence, "ndcg_at_20", before)
    held = np.array(before.ndcg_at_20, dtype=np.float64)
    judged = 0
    # Intervals are not widened for many segments: a refusal by chance costs a night, a harm let through costs shoppers.
    for name, members in evidence.members():
        if len(members) < rules.least_of_segment:
            continue
        judged += 1
        low, high = interval_of_mean(gains[members], seed=evidence.seed)
        mean, bound = _mean(gains[members]), -rules.worst_fall_of_segment * _mean(held[members])
        sentence = (
            f"{name}: nDCG@20 {mean:+.4f} ({low:+.4f} to {high:+.4f}) over {len(members)} shoppers, beside "
            f"{_mean(held[members]):.4f} of {before.name}; refused below {bound:+.4f} if that is beyond chance"
        )
        yield Reason("harms_no_segment", mean >= bound or high >= 0, sentence, mean, bound)
    if not judged:
        sentence = f"no segment has {rules.least_of_segment} shoppers, so none can be told from chance"
        yield Reason("harms_no_segment", True, sentence, 0.0, 0.0)


def _covers_the_catalog(evidence: Evidence, rules: Rules) -> Iterator[Reason]:
    shares = {"coverage": rules.least_coverage, "novelty": rules.least_novelty}
    for metric, share in shares.items():
        value = evidence.challenger.means[metric]
        bound = share * evidence.champion.means[metric] if evidence.champion else 0.0
        beside = "of the champion's" if evidence.champion else "without a champion, so anything above 0"
        sentence = f"{metric} is {value:.4f}; at least {bound:.4f}, {beside}"
        yield Reason("covers_the_catalog", value >= bound and value > 0, sentence, value, bound)


def _fair_to_sellers(evidence: Evidence, rules: Rules) -> Iterator[Reason]:
    before = evidence.champion or evidence.popularity
    value = evidence.challenger.means["seller_gini"]
    bound = max(before.means["seller_gini"] + rules.more_inequality, rules.fair_enough)
    sentence = f"exposure over sellers has a Gini coefficient of {value:.3f}; at most {bound:.3f}"
    sentence += f", beside {before.means['seller_gini']:.3f} of {before.name}"
    yield Reason("fair_to_sellers", value <= bound, sentence, value, bound)


def _fast_enough(evidence: Evidence, rules: Rules) -> Iterator[Reason]:
    value = evidence.challenger.latency_p99_ms
    sentence = f"one shopper's scores take {value:.1f} ms at the 99th percentile; at most {rules.latency_p99_ms:g} ms"
    yield Reason("fast_enough", 0 <= value <= rules.latency_p99_ms, sentence, value, rules.latency_p99_ms)


RULES: tuple[Callable[[Evidence, Rules], Iterator[Reason]], ...] = (
    _enough_to_judge,
    _beats_popularity,
    _not_worse_than_the_champion,
    _harms_no_segment,
    _covers_the_catalog,
    _fair_to_sellers,
    _fast_enough,
)


def _gains(evidence: Evidence, metric: str, other: Contender) -> NDArray[np.float64]:
    mine = np.array(evidence.challenger.per_shopper(metric), dtype=np.float64)
    return mine - np.array(other.per_shopper(metric), dtype=np.float64)


def _mean(values: Any) -> float:
    return float(np.mean(values)) if len(values) else 0.0

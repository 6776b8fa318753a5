"""Who takes part in an experiment, and in which variant: the same answer wherever and whenever it is asked."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from marketplace.errors import InputRejected

Status = Literal["running", "ended"]
_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"model": ("champion", "challenger"), "weights": ("learned", "documented")}
)


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to answer, and the share of those who take part that gets it.

    `settings` may say `model` (champion or challenger), `weights` (learned or documented) and `diversity` (0 to 1).
    """

    name: str
    share: float
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name or len(self.name) > 64 or not self.name.replace("-", "").replace("_", "").isalnum():
            raise InputRejected(f"variant {self.name!r}: a name is letters, digits, - and _, at most 64")
        if not 0 < self.share <= 1:
            raise InputRejected(f"variant {self.name}: share {self.share} is not between 0 and 1")
        for key, value in self.settings.items():
            _require_setting(self.name, key, value)


@dataclass(frozen=True, slots=True)
class Experiment:
    """Variants beside each other, the control first; two that are interleaved come to each shopper in one answer."""

    name: str
    salt: str
    variants: tuple[Variant, ...]
    traffic: float = 1.0
    is_interleaved: bool = False
    hypothesis: str = ""
    status: Status = "running"
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        names = [variant.name for variant in self.variants]
        if not self.name or len(self.name) > 100:
            raise InputRejected(f"experiment {self.name!r}: a name has 1 to 100 characters")
        if len(names) < 2 or len(set(names)) < len(names):
            raise InputRejected(f"experiment {self.name}: it takes two variants or more, each with its own name")
        if not math.isclose(total := sum(variant.share for variant in self.variants), 1, abs_tol=1e-6):
            raise InputRejected(f"experiment {self.name}: the shares add up to {total:g}, not 1")
        if not 0 < self.traffic <= 1:
            raise InputRejected(f"experiment {self.name}: traffic {self.traffic} is not between 0 and 1")
        if self.is_interleaved and len(names) != 2:
            raise InputRejected(f"experiment {self.name}: two variants are interleaved, not {len(names)}")

    @property
    def is_same_throughout(self) -> bool:
        """Whether all variants are the same, so that a difference between them would be a fault of the experiment."""
        return all(dict(variant.settings) == dict(self.variants[0].settings) for variant in self.variants)


def variant_of(experiment: Experiment, user_id: str) -> Variant | None:
    """The shopper's variant, None outside of the experiment's traffic.

    Whether somebody takes part and what they get are two draws: more traffic adds shoppers and moves none. In an
    interleaved experiment the variant only says who takes part; both are in each answer.
    """
    if _draw(experiment, "traffic", user_id) >= experiment.traffic:
        return None
    draw, reached = _draw(experiment, "variant", user_id), 0.0
    for variant in experiment.variants:
        reached += variant.share
        if draw < reached:
            return variant
    return experiment.variants[-1]  # shares that add up to a hair less than one


def _draw(experiment: Experiment, purpose: str, user_id: str) -> float:
    """A number in [0, 1) that looks random and is always the same for the same shopper."""
    digest = hashlib.sha256(f"{experiment.salt}\0{purpose}\0{user_id}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


def _require_setting(variant: str, key: str, value: Any) -> None:
    if key == "diversity":
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise InputRejected(f"variant {variant}: diversity {value!r} is not between 0 and 1")
    elif key not in _WORDS:
        raise InputRejected(f"variant {variant}: {key!r} is no setting; there are model, weights and diversity")
    elif value not in _WORDS[key]:
        raise InputRejected(f"variant {variant}: {key} is {' or '.join(_WORDS[key])}, not {value!r}")

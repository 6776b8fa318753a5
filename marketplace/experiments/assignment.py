"""Who sees which variant of an experiment, by nothing but their id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to answer, and the share of those who take part that get it."""

    name: str
    share: float
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Experiment:
    """Variants that are compared; the first is the control."""

    name: str
    salt: str
    variants: tuple[Variant, ...]
    traffic: float = 1.0
    is_interleaved: bool = False


def variant_of(experiment: Experiment, user_id: str) -> Variant | None:
    """The shopper's variant, the same every time; None for who does not take part."""
    if _share(experiment.salt, "traffic", user_id) >= experiment.traffic:
        return None
    place = _share(experiment.salt, "variant", user_id) * sum(variant.share for variant in experiment.variants)
    for variant in experiment.variants:
        place -= variant.share
        if place < 0:
            return variant
    return experiment.variants[-1]


def _share(*parts: str) -> float:
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return int.from_bytes(digest[:7], "big") / (1 << 56)

"""How much interest each kind of interaction shows; the one place that says so in Python."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

InteractionKind = Literal["view", "click", "wishlist", "purchase", "hide", "report"]

WEIGHTS: Mapping[InteractionKind, float] = MappingProxyType(
    {"view": 1.0, "click": 2.0, "wishlist": 2.5, "purchase": 3.0}
)
REFUSALS: frozenset[InteractionKind] = frozenset({"hide", "report"})  # what a shopper asks not to be shown again

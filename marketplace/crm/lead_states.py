"""What becomes of a lead."""

from __future__ import annotations

from typing import Literal

LeadState = Literal["new", "contacted", "interested", "ordered", "lost", "spam"]
FIRST: LeadState = "new"

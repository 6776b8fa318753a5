"""Ids of requests and answers: 32 hexadecimal digits that no other process and no other moment has."""

from __future__ import annotations

import itertools
import os

_counted = itertools.count(int.from_bytes(os.urandom(7), "big"))
_process = os.urandom(8).hex()


def new_id() -> str:
    """A new id: eight random bytes of this process, and a number that only goes up.

    Every request needs one, and asking the system for randomness each time takes longer than all the rest of it.
    """
    return f"{_process}{next(_counted) & 0xFFFFFFFFFFFFFFFF:016x}"


def _forked() -> None:
    """A process that was split off draws its own bytes."""
    global _process  # noqa: PLW0603
    _process = os.urandom(8).hex()


os.register_at_fork(after_in_child=_forked)

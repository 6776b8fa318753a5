"""Our errors, said to Dagster: whether a retry may help is a property of the class.

Two retry mechanisms reach a step. An asset's `retry_policy` runs the step again inside
the run, unless the failure says `allow_retries=False`; `run_retries` in `dagster.yaml`
starts the run again when its process died. A class with `retryable = False` ends both.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import dagster as dg

from marketplace.errors import MarketplaceError

P = ParamSpec("P")
R = TypeVar("R")

PATIENT = dg.RetryPolicy(max_retries=3, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def failure_of(error: MarketplaceError) -> dg.Failure:
    """The failure that shows the error in the run's page and stops useless retries."""
    name = type(error).__name__
    return dg.Failure(
        description=f"{name}: {error}",
        metadata={"error": name, "retryable": error.retryable},
        allow_retries=error.retryable,
    )


def failing_by_class(body: Callable[P, R]) -> Callable[P, R]:
    """The asset body, whose errors of ours become failures that know if a retry may help."""

    @functools.wraps(body)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return body(*args, **kwargs)
        except MarketplaceError as error:
            raise failure_of(error) from error

    return guarded

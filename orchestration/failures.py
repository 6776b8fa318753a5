"""Our errors, said to Dagster: whether a retry may help is a property of the class.

A retryable error asks for the step again inside the run; any other of ours ends it. What we did not
foresee is not retried within the run. `run_retries` in `dagster.yaml` starts the run again when its process died.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import dagster as dg

from marketplace.errors import MarketplaceError

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = 3
SECONDS_BETWEEN = 5


def failure_of(error: MarketplaceError) -> dg.Failure:
    """The failure that shows the error in the run's page and allows no retry."""
    name = type(error).__name__
    return dg.Failure(
        description=f"{name}: {error}", metadata={"error": name, "retryable": error.retryable}, allow_retries=False
    )


def failing_by_class(body: Callable[P, R]) -> Callable[P, R]:
    """The asset body, whose errors of ours become a request to try again or a failure, by their class."""

    @functools.wraps(body)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return body(*args, **kwargs)
        except MarketplaceError as error:
            if error.retryable:
                raise dg.RetryRequested(RETRIES, SECONDS_BETWEEN) from error
            raise failure_of(error) from error

    return guarded

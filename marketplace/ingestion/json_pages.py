"""Answers that should be JSON: the catalogue endpoints of shop systems."""

from __future__ import annotations

import json
from typing import Any

from marketplace.errors import FeedRejected, LoginWall
from marketplace.ingestion.web import Answer


def json_of(answer: Answer, *, system: str) -> Any:
    """The value that an endpoint answered; numbers with a point stay as they are written.

    Raises
    ------
    FeedRejected
        If it is not there, or no JSON.
    LoginWall
        If a page that wants a password stands in its place.
    """
    if answer.is_gone:
        raise FeedRejected(f"{answer.url} answered {answer.status}: this is no {system}, or its catalogue is closed")
    try:
        return json.loads(answer.content, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        if b'type="password"' in answer.content:
            raise LoginWall(f"{answer.url} answers with a login wall") from error
        raise FeedRejected(f"{answer.url} is no JSON: {error}") from error

"""Numbers of people in logs: masked in every record, whoever writes it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

# With a plus in any spelling; or digits in a row that are too many for a count and too few for an id of ours.
_PHONE = re.compile(
    r"\+\d[\d ().-]{6,18}\d|(?<![\w.+-])0\d{2,3}[ -]\d{3}[ -]?\d{3,4}(?!\w)|(?<![\w.])\d{9,13}(?![\w.])"
)
MASK = "[number]"


def masked(text: str) -> str:
    """The text without what may be somebody's number."""
    return _PHONE.sub(MASK, text)


class MaskedRecords:
    """Makes the records that another factory makes, without the numbers in them, tracebacks included."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        """A record that holds no number."""
        record = self._make(*args, **kwargs)
        record.msg = _masked(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(_masked(one) for one in record.args)
        elif isinstance(record.args, dict):
            record.args = {name: _masked(one) for name, one in record.args.items()}
        if record.exc_info:
            record.exc_text = masked(logging.Formatter().formatException(record.exc_info))
        return record


def mask_logs() -> None:
    """From now on no record of this process holds a number."""
    make = logging.getLogRecordFactory()
    if not isinstance(make, MaskedRecords):
        logging.setLogRecordFactory(MaskedRecords(make))


def _masked(value: Any) -> Any:
    """The value as it was, unless it shows a number."""
    if isinstance(value, (int, float)):
        return value
    text = str(value)
    return masked(text) if _PHONE.search(text) else value

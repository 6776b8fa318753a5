"""Rows as a spreadsheet reads them, in which no cell is a formula.

Source: RFC 4180; OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

BOM = "\ufeff"
# Signs that begin a formula, in any width; some programs pass over spaces and unseen characters before them.
_FORMULA = re.compile("^[\\s\ufeff\u200b-\u200f\u2060-\u2064\u00ad]*[=+@\t\r\n|\u2212-]")
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def cell(value: object) -> str:
    """The value as text that every program shows as text; an apostrophe stands before what would begin a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = _UNSEEN.sub("", str(value))
    is_formula = _FORMULA.match(text) or _FORMULA.match(unicodedata.normalize("NFKC", text[:64]))
    return f"'{text}" if is_formula and not isinstance(value, (int, float)) else text


def lines(header: Sequence[str], rows: Iterable[Sequence[object]], *, with_bom: bool) -> Iterator[bytes]:
    """The rows as CSV in UTF-8, with CRLF at the end of each, one piece at a time."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\r\n")
    written.write(BOM if with_bom else "")
    writer.writerow(header)
    for row in rows:
        writer.writerow([cell(value) for value in row])
        if written.tell() > 1 << 15:
            yield _taken(written)
    yield _taken(written)


def _taken(written: io.StringIO) -> bytes:
    piece = written.getvalue().encode("utf-8", "replace")
    written.seek(0)
    written.truncate()
    return piece

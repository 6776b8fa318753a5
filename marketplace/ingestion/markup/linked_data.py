"""JSON-LD as shops write it: scripts that almost parse are mended where only one reading is possible."""

from __future__ import annotations

import html
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Thing = Mapping[str, Any]
MOST_THINGS = 5_000
_OPENINGS = ("<!--", "//<![CDATA[", "// <![CDATA[", "/*<![CDATA[*/", "/* <![CDATA[ */", "<![CDATA[")
_CLOSINGS = ("//-->", "-->", "//]]>", "// ]]>", "/*]]>*/", "/* ]]> */", "]]>", ";")
_ESCAPED = re.compile(r"[\[{][\s\[{]*+&(?:quot|#34|#x22);", re.IGNORECASE)
# Strings and comments that never close run to the end, so that each character is looked at once.
_STRING = r'"(?:[^"\\]|\\(?:.|\Z))*+(?:"|\Z)'
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*+|/\*.*?(?:\*/|\Z)", re.DOTALL)
_TRAILING_COMMA = re.compile(rf"({_STRING})|,(?=\s*[\]}}])", re.DOTALL)


def things_in(script: str) -> list[Thing]:
    """Every object that a script describes on its own: its top, its lists, `@graph` and `mainEntity`.

    Numbers with a point stay as they are written, so that no price passes through binary fractions.

    Raises
    ------
    ValueError
        If the script is no JSON, even without wrappers, comments and trailing commas; one that is cut short is not
        completed.
    """
    return list(_flattened(parsed(script)))


def parsed(script: str) -> Any:
    """The value that a script holds.

    Raises
    ------
    ValueError
        As `things_in`.
    """
    try:
        return _loaded(script)
    except ValueError:
        return _loaded(_mended(script))


def types_of(thing: Thing) -> set[str]:
    """The schema.org types of an object, without their address."""
    kinds = thing.get("@type", ())
    named = kinds if isinstance(kinds, list) else [kinds]
    return {re.split(r"[/#:]", kind)[-1] for kind in named if isinstance(kind, str)}


def by_id(things: Iterable[Thing]) -> dict[str, Thing]:
    """The objects that others on the page may point to by `@id`."""
    return {thing["@id"]: thing for thing in things if isinstance(thing.get("@id"), str) and len(thing) > 1}


def _loaded(script: str) -> Any:
    try:
        return json.loads(script, strict=False, parse_float=str, parse_constant=str)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _mended(script: str) -> str:
    bare = _unwrapped(script.strip().removeprefix("\ufeff"))
    if _ESCAPED.match(bare):
        bare = html.unescape(bare)
    bare = _COMMENT.sub(lambda found: found[1] or " ", bare)
    return _TRAILING_COMMA.sub(lambda found: found[1] or "", bare)


def _unwrapped(bare: str) -> str:
    for _ in range(len(_OPENINGS) + len(_CLOSINGS)):
        before = bare
        for opening in _OPENINGS:
            bare = bare.removeprefix(opening)
        for closing in _CLOSINGS:
            bare = bare.removesuffix(closing)
        bare = bare.strip()
        if bare == before:
            break
    return bare


def _flattened(data: Any) -> Iterator[Thing]:
    waiting = deque([data])
    for _ in range(MOST_THINGS):
        if not waiting:
            return
        found = waiting.popleft()
        if isinstance(found, list):
            waiting.extendleft(reversed(found))
        elif isinstance(found, dict):
            if found.keys() - {"@context", "@graph"}:
                yield found
            waiting.extendleft(inner for name in ("mainEntity", "@graph") if (inner := found.get(name)))

"""Whether a reader has an answer already, by its tag or by its date."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from email.utils import parsedate_to_datetime

from marketplace.local.shops.answers import Prepared


def has_not_changed(prepared: Prepared, headers: Message | Mapping[str, str]) -> bool:
    """Whether what the reader names is what there is; a tag decides where both are named.

    Source: RFC 9110, section 13.2.2.
    """
    tags = headers.get("if-none-match")
    if tags is not None:
        known = {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}
        return bool(known & {"*", prepared.tag, f"{prepared.tag}-gz"})
    since, modified = headers.get("if-modified-since"), prepared.answer.modified
    if since is None or modified is None:
        return False
    try:
        return parsedate_to_datetime(since).timestamp() >= modified
    except (ValueError, TypeError, OverflowError):
        return False

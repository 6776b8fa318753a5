"""Feeds that a seller hands over: checked as a whole, kept in a folder, and read like any other feed."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from marketplace.catalog.products import UPLOADED
from marketplace.errors import ConfigurationError
from marketplace.ingestion.feed_files import rows_of
from marketplace.ingestion.feed_kinds import kind_of_answer

_NAME = re.compile(r"\d+\.[a-z]+")


def keep_upload(folder: Path, seller_id: int, content: bytes, content_type: str) -> str:
    """Where the seller's feed is read from now on; the one before is replaced.

    Parameters
    ----------
    folder
        Of all uploaded feeds.

    Raises
    ------
    FeedRejected
        If it is of no kind we read, or broken as a whole; the one before then stays.
    """
    kind = kind_of_answer("upload", content_type, content)
    for _ in rows_of(content, kind, where="the upload"):
        pass
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{seller_id}.{kind}"
    descriptor, draft = tempfile.mkstemp(dir=folder, suffix=".draft")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(draft).chmod(0o644)
    Path(draft).replace(folder / name)
    return f"{UPLOADED}{name}"


def path_of_upload(folder: Path, source_url: str) -> Path:
    """The file of an uploaded feed.

    Raises
    ------
    ConfigurationError
        If the address names none.
    """
    name = source_url.removeprefix(UPLOADED)
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{source_url!r} names no uploaded feed")
    return folder / name

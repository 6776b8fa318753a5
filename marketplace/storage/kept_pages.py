"""The last body of each listing page, so that a host need not send again what has not changed."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path


class KeptPages:
    """A folder with one packed file per address.

    It is a cache: whatever is missing, cut or of another content is read from its host again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, url: str, content: bytes, headers: Mapping[str, str]) -> None:
        """Keep a body and the headers that say how to read it, in place of those before."""
        target = self._path(url)
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=target.parent, suffix=".draft")
        with os.fdopen(descriptor, "wb") as file:
            file.write(zlib.compress(json.dumps(dict(headers)).encode() + b"\n" + content, 1))
        Path(draft).replace(target)

    def get(self, url: str, content_sha256: str) -> tuple[bytes, dict[str, str]] | None:
        """The body of the address and its headers, None unless the body is the one of that hash."""
        try:
            head, _, content = zlib.decompress(self._path(url).read_bytes()).partition(b"\n")
            headers: dict[str, str] = json.loads(head)
        except (OSError, zlib.error, ValueError):
            return None
        return (content, headers) if hashlib.sha256(content).hexdigest() == content_sha256 else None

    def _path(self, url: str) -> Path:
        name = hashlib.sha256(url.encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.zz"

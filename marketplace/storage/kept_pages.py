"""The last body of each listing page, so that a host need not send again what has not changed."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path


class KeptPages:
    """A folder with one packed file per address.

    It is a cache: whatever is missing, cut or of another content is read from its host again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, url: str, content: bytes) -> None:
        """Keep a body in place of the one before."""
        target = self._path(url)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(".draft")
        draft.write_bytes(zlib.compress(content, 1))
        draft.replace(target)

    def get(self, url: str, content_sha256: str) -> bytes | None:
        """The body of the address, None unless it is the one of that hash."""
        try:
            content = zlib.decompress(self._path(url).read_bytes())
        except (OSError, zlib.error):
            return None
        return content if hashlib.sha256(content).hexdigest() == content_sha256 else None

    def _path(self, url: str) -> Path:
        name = hashlib.sha256(url.encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.zz"

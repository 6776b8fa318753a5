"""Model files by their content: what was promoted lies here before anybody is told of it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


def keep_model_file(folder: Path, content: bytes) -> str:
    """The SHA-256 of the content, which lies in the folder as `<sha256>.npz` from now on, whole or not at all."""
    digest = hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{digest}.npz"
    with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{digest[:12]}-", delete=False) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial = Path(file.name)
    partial.chmod(0o644)  # who serves may be another user
    partial.replace(target)
    return digest


class ModelCache:
    """The folder of model files that this machine has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, content: bytes) -> str:
        """The SHA-256 of the content, under which it can be read from now on."""
        return keep_model_file(self.folder, content)

    def holds(self, digest: str) -> bool:
        """Whether the file of that hash is here and is what its name says."""
        file = self.folder / f"{digest}.npz"
        return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == digest

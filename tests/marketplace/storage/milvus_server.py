"""A real standalone Milvus, started for tests by an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from marketplace.local.network import LOOPBACK, free_port

ROOT = Path(__file__).resolve().parents[3]
VARIABLE = "SOKO_TEST_MILVUS_PYTHON"


def milvus_python() -> Path | None:
    """The interpreter that has the package `milvus`: the variable's, or that of .venv-milvus; None without either."""
    named = Path(os.environ.get(VARIABLE) or ROOT / ".venv-milvus" / "bin" / "python")
    return named if named.is_file() else None


class StandaloneMilvus:
    """A server over one folder. It listens on every interface, for its configuration knows no address to bind.

    A locked one asks for a name and a password, at first root:Milvus.
    """

    def __init__(self, python: Path, folder: Path, *, is_locked: bool = False) -> None:
        self.python = python
        self.is_locked = is_locked
        self.folder = folder
        self.uri = ""
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Return once the server is ready; it ends with this process, whose pipe it reads."""
        script = Path(__file__).with_name("serve_milvus.py")
        options = ["locked"] if self.is_locked else []
        self.process = subprocess.Popen(
            [str(self.python), str(script), str(self.folder), str(free_port()), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        port = self.process.stdout.readline().strip()
        assert port, f"Milvus did not start; see {self.folder}/logs"
        self.uri = f"http://{LOOPBACK}:{port}"

    def stop(self) -> None:
        """End the server and wait for it."""
        if self.process is not None:
            self.process.communicate(timeout=60)

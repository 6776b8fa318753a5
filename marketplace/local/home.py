"""The one folder that holds everything a local market writes, and where each thing lies in it."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from marketplace.errors import ConfigurationError

MARK = ".soko-home"
CONTENTS = {MARK, "artifacts", "dagster", "lock", "logs", "milvus", "mlflow", "postgres", "shop.json", "state.json"}


@dataclass(frozen=True, slots=True)
class Home:
    """Where a local market keeps its data, logs and state."""

    folder: Path

    @property
    def state(self) -> Path:
        """The file of ports and processes."""
        return self.folder / "state.json"

    @property
    def logs(self) -> Path:
        """The folder of one log per service."""
        return self.folder / "logs"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME."""
        return self.folder / "dagster"

    def log(self, name: str) -> Path:
        """The log of one service."""
        return self.logs / f"{name}.log"

    def is_ours(self) -> bool:
        """Whether a market made this folder."""
        return (self.folder / MARK).is_file()

    def make(self) -> None:
        """Make the folder and mark it as ours; a folder with other things in it is refused."""
        strangers = sorted({entry.name for entry in self.folder.glob("*")} - CONTENTS)
        if strangers and not self.is_ours():
            raise ConfigurationError(
                f"{self.folder} holds other things ({', '.join(strangers[:3])}); set SOKO_HOME to a folder of its own"
            )
        for folder in (self.folder, self.logs, self.dagster):
            folder.mkdir(parents=True, exist_ok=True)
        (self.folder / MARK).write_text("Everything here was written by soko; `soko reset` removes it.\n")

    def remove(self) -> None:
        """Delete the folder and all in it.

        Raises
        ------
        ConfigurationError
            If a market did not make it.
        """
        if not self.is_ours():
            raise ConfigurationError(f"{self.folder} was not made by soko (no {MARK} in it), so it stays")
        shutil.rmtree(self.folder)

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """True while this process alone may run the market, False if another one does."""
        with (self.folder / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


def home_at(folder: Path) -> Home:
    """The home in that folder, whether it exists or not."""
    return Home(folder.expanduser().resolve())

"""What a person sees while the market starts: moving lines on a terminal, plain ones anywhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table


class Journal:
    """Steps that began, with their seconds, until they are done or failed."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began: dict[str, float] = {}
        self._start = time.monotonic()
        self._live = Live(get_renderable=self._moving, console=console, transient=True, refresh_per_second=4)

    def __enter__(self) -> Journal:
        """Begin to draw, on a terminal only."""
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop drawing."""
        self._live.stop()

    def say(self, text: str, *, style: str = "") -> None:
        """One line that stays, with the seconds since the start."""
        elapsed = time.monotonic() - self._start
        self.console.print(f"{elapsed:6.1f} s  {text}", style=style, markup=False, highlight=False, soft_wrap=True)

    def began(self, what: str) -> None:
        """A step is under way."""
        self._began[what] = time.monotonic()
        if not self.console.is_terminal:
            self.say(f"{what} ...")

    def done(self, what: str, note: str = "") -> None:
        """The step is over and went well."""
        self.say(f"{what}: {note or 'done'}, {self._seconds(what):.1f} s", style="green")

    def failed(self, what: str, why: str) -> None:
        """The step is over and did not go well."""
        self.say(f"{what}: {why} (after {self._seconds(what):.1f} s)", style="red")

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """A step that lasts as long as the block."""
        self.began(what)
        try:
            yield
        except BaseException:
            self.failed(what, "failed")
            raise
        self.done(what)

    def _seconds(self, what: str) -> float:
        return time.monotonic() - self._began.pop(what, time.monotonic())

    def _moving(self) -> Table:
        table = Table.grid(padding=(0, 1))
        now = time.monotonic()
        for what, began in self._began.items():
            table.add_row(Spinner("dots"), what, f"{now - began:.0f} s")
        return table

"""Starts child processes, watches them, starts the dead again, and ends them all in reverse order."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGTERM, Signals

import psutil

from marketplace.errors import ConfigurationError
from marketplace.local.home import Home
from marketplace.local.journal import Journal
from marketplace.local.processes import ProcessRecord, end_rest, family_of, remember
from marketplace.local.state import State, save_state

LOOK_SECONDS = 0.2
STEADY_SECONDS = 60.0
LONGEST_PAUSE = 30.0
ATTEMPTS_TO_START = 4
LOG_BYTES = 20_000_000


class StopRequested(Exception):
    """Someone asked the market to stop."""


@dataclass(frozen=True, slots=True)
class Service:
    """A program the market needs, how to start it and how to know that it is well.

    Parameters
    ----------
    stage
        Services end stage by stage, the highest first.
    is_ready
        True once the service answers; it must return within a second or two.
    is_task
        A program that ends by itself and is not started again.
    user
        Whom to become; None to stay who we are.
    """

    name: str
    command: tuple[str, ...]
    stage: int
    is_ready: Callable[[], bool]
    port: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    stop_signal: Signals = SIGTERM
    patience_seconds: float = 90.0
    is_task: bool = False
    user: int | None = None


@dataclass(slots=True)
class _Child:
    service: Service
    process: subprocess.Popen[bytes]
    started: float
    ready: bool = False
    failures: int = 0
    resumes: float | None = None
    probed: float = 0.0
    exit_code: int | None = None

    @property
    def is_buried(self) -> bool:
        """Whether it ended, was seen to end, and nothing is left of it."""
        return self.resumes is not None or self.exit_code is not None


class Supervisor:
    """Children of this process, in the order they were started.

    Every start and end is written to the state file at once, so that a
    successor finds what this process leaves behind when it is killed.
    """

    def __init__(self, home: Home, state: State, journal: Journal) -> None:
        self.home = home
        self.state = state
        self.journal = journal
        self.stop_requested = False
        self._children: dict[str, _Child] = {}

    def launch(self, services: Iterable[Service]) -> None:
        """Start the services without waiting for them."""
        for service in services:
            self.journal.began(service.name)
            process = self._spawn(service)
            self._children[service.name] = _Child(service, process, time.monotonic(), ready=service.is_task)

    def wait(self, names: Sequence[str]) -> None:
        """Return once all of them are ready.

        Raises
        ------
        ConfigurationError
            If one keeps ending, or is not ready in its time; the message ends with its log.
        StopRequested
            If someone asked to stop meanwhile.
        """
        children = [self._children[name] for name in names]
        while not all(child.ready for child in children):
            self.watch()
            for child in children:
                self._lose_patience(child)

    def start(self, services: Sequence[Service]) -> None:
        """Start the services at once and wait for all."""
        self.launch(services)
        self.wait([service.name for service in services])

    def watch(self) -> None:
        """One look at every child: say who became ready, start again who died. Takes a fifth of a second.

        Raises
        ------
        StopRequested
            If someone asked to stop.
        """
        if self.stop_requested:
            raise StopRequested
        for child in self._children.values():
            self._look_at(child)
        time.sleep(LOOK_SECONDS)

    def run_until_stopped(self) -> None:
        """Watch until someone asks to stop."""
        try:
            while True:
                self.watch()
        except StopRequested:
            return

    def exit_code(self, name: str) -> int | None:
        """How a task ended; None while it runs."""
        return self._children[name].exit_code

    def stop(self) -> None:
        """End every child, the highest stage first, each with all it started."""
        for stage in sorted({child.service.stage for child in self._children.values()}, reverse=True):
            members = [child for child in self._children.values() if child.service.stage == stage]
            families = [_ask_to_end(child) for child in members]
            for child, family in zip(members, families, strict=True):
                if not child.is_buried:
                    _await_end(child.process)
                    end_rest(child.process.pid, family)
                self.state.processes.pop(child.service.name, None)
            save_state(self.home.state, self.state)
        self._children.clear()

    def _spawn(self, service: Service) -> subprocess.Popen[bytes]:
        log = self.home.log(service.name)
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            process = subprocess.Popen(
                service.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=service.folder,
                env={**os.environ, **service.environment},
                user=service.user,
                start_new_session=True,
            )
        before = self.state.processes.get(service.name)
        record = remember(process.pid, service.command, stop_signal=service.stop_signal)
        self._record(service.name, record.model_copy(update=_history(before)))
        return process

    def _record(self, name: str, record: ProcessRecord) -> None:
        self.state.processes[name] = record
        save_state(self.home.state, self.state)

    def _look_at(self, child: _Child) -> None:
        now = time.monotonic()
        if child.resumes is not None:
            if now >= child.resumes:
                child.process, child.started, child.resumes = self._spawn(child.service), now, None
        elif child.exit_code is None and child.process.poll() is not None:
            self._bury(child, now)
        elif child.exit_code is None and not child.ready and now - child.probed > 2 * LOOK_SECONDS:
            child.probed = now
            if child.service.is_ready():
                child.ready = True
                port = f" on port {child.service.port}" if child.service.port else ""
                self.journal.done(child.service.name, f"ready{port}")

    def _bury(self, child: _Child, now: float) -> None:
        service, code = child.service, child.process.returncode
        end_rest(child.process.pid, [])
        if service.is_task:
            child.exit_code = code
            self.state.processes.pop(service.name, None)
            save_state(self.home.state, self.state)
            return
        child.failures = 1 if now - child.started > STEADY_SECONDS else child.failures + 1
        pause = min(LONGEST_PAUSE, 0.5 * 2 ** (child.failures - 1))
        child.resumes, was_ready, child.ready = now + pause, child.ready, False
        how = describe_exit(code)
        record = self.state.processes[service.name]
        when = datetime.now(UTC).isoformat(timespec="seconds")
        update = {"restarts": record.restarts + 1, "last_exit": f"{how} at {when}"}
        self._record(service.name, record.model_copy(update=update))
        self.journal.say(f"{service.name}: {how}; starting it again in {pause:.1f} s", style="yellow")
        if was_ready:
            self.journal.began(service.name)

    def _lose_patience(self, child: _Child) -> None:
        late = time.monotonic() - child.started > child.service.patience_seconds
        if child.ready or not (late or child.failures >= ATTEMPTS_TO_START):
            return
        why = "is not ready in time" if late else f"ended {child.failures} times"
        self.journal.failed(child.service.name, why)
        log = self.home.log(child.service.name)
        raise ConfigurationError(f"{child.service.name} {why}; the end of {log}:\n{tail(log)}")


def describe_exit(code: int) -> str:
    """How a process ended, in words."""
    return f"killed by {Signals(-code).name}" if code < 0 else f"ended with status {code}"


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _history(before: ProcessRecord | None) -> dict[str, int | str]:
    return {"restarts": before.restarts, "last_exit": before.last_exit} if before else {}


def _ask_to_end(child: _Child) -> list[psutil.Process]:
    """Everyone the child started, listed before it is asked to end."""
    if child.process.poll() is not None:
        return []
    family = family_of(psutil.Process(child.process.pid))
    child.process.send_signal(child.service.stop_signal)
    return family


def _await_end(process: subprocess.Popen[bytes], grace: float = 20.0) -> None:
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

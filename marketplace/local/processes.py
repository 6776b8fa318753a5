"""Processes known by pid and birth, so that nobody else's process is ever mistaken for ours."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence

import psutil
from pydantic import BaseModel, ConfigDict

BIRTH_TOLERANCE = 2.0  # seconds; the system clock may be set while a process lives


class ProcessRecord(BaseModel):
    """What is remembered about a process we started."""

    model_config = ConfigDict(frozen=True)

    pid: int
    created: float
    command: tuple[str, ...]
    stop_signal: int = int(signal.SIGTERM)
    restarts: int = 0
    last_exit: str = ""


def remember(pid: int, command: Sequence[str], *, stop_signal: int = signal.SIGTERM) -> ProcessRecord:
    """The record of a process that was just started."""
    try:
        created = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        created = 0.0  # it is over already: a record that matches nothing
    return ProcessRecord(pid=pid, created=created, command=tuple(command), stop_signal=int(stop_signal))


def alive(record: ProcessRecord) -> psutil.Process | None:
    """The recorded process if it still lives, None if it ended or its pid belongs to another one.

    Birth must agree, and the end of the command line too: the beginning changes
    when a launcher or an interpreter takes over.
    """
    try:
        process = psutil.Process(record.pid)
        if process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - record.created) > BIRTH_TOLERANCE:
            return None
        same = process.cmdline()[-2:] == list(record.command[-2:])
    except psutil.Error:
        return None
    return process if same else None


def group_of(pid: int) -> list[psutil.Process]:
    """Every living process in the process group that `pid` leads or led."""
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == pid and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def family_of(process: psutil.Process) -> list[psutil.Process]:
    """The process and all its descendants; empty if it is gone."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def end(record: ProcessRecord, *, grace: float = 20.0) -> bool:
    """End a recorded process with all it started; False if there was nothing to end."""
    leader = alive(record)
    if leader is None:
        return False
    family = family_of(leader)
    with contextlib.suppress(psutil.NoSuchProcess):
        leader.send_signal(record.stop_signal)
    _wait_for([leader], grace)
    end_rest(record.pid, family)
    return True


def end_rest(pid: int, family: Sequence[psutil.Process], *, grace: float = 3.0) -> None:
    """End what is left of a group and family whose leader was asked to end: first kindly, then by force."""
    rest = {process.pid: process for process in [*group_of(pid), *family]}
    for ask in (psutil.Process.terminate, psutil.Process.kill):
        living = [process for process in rest.values() if _lives(process)]
        for process in living:
            with contextlib.suppress(psutil.NoSuchProcess):
                ask(process)
        _wait_for(living, grace)


def memory_of(record: ProcessRecord) -> int:
    """Bytes of memory that the process and its descendants hold, shared pages counted once; 0 if it is gone."""
    process = alive(record)
    total = 0
    for member in family_of(process) if process else []:
        with contextlib.suppress(psutil.Error):
            full = member.memory_full_info()
            total += getattr(full, "pss", full.rss)
    return total


def _wait_for(processes: Sequence[psutil.Process], seconds: float) -> None:
    """Return when all have ended; a zombie has, though an idle init may never collect it."""
    deadline = time.monotonic() + seconds
    while any(_lives(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False

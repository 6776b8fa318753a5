"""The first load: the sample market through the real pipeline, with every step shown."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from marketplace.errors import MarketplaceError
from marketplace.local.home import Home
from marketplace.local.journal import Journal
from marketplace.local.services import Plan, job_service
from marketplace.local.supervisor import LOOK_SECONDS, Supervisor, describe_exit, tail
from marketplace.storage.publications import published
from marketplace.storage.warehouse import Warehouse

JOB = "refresh_market"
SHOWS_PRODUCTS = "product_quality"
STEP = re.compile(r" - (?P<step>[\w.\[\]]+) - STEP_(?P<event>START|SUCCESS|FAILURE|SKIPPED|UP_FOR_RETRY) - ")
OUTCOMES = {"FAILURE": "failed", "SKIPPED": "skipped", "UP_FOR_RETRY": "failed, will be tried again"}


class LoadFailed(MarketplaceError):
    """The first load did not come to its end; the servers run, and the next `soko up` tries again."""


class StepReader:
    """Reads the log of a running job and tells the journal which steps began and ended."""

    def __init__(self, log: Path, journal: Journal) -> None:
        self.log = log
        self.journal = journal
        self.succeeded: list[str] = []
        self._offset = log.stat().st_size if log.exists() else 0

    def read(self) -> None:
        """Tell what the log says since the last time."""
        for step, event in self._events():
            if event == "START":
                self.journal.began(step)
            elif event == "SUCCESS":
                self.succeeded.append(step)
                self.journal.done(step)
                if step == SHOWS_PRODUCTS:
                    self.journal.say("the storefront has products now")
            else:
                self.journal.failed(step, OUTCOMES[event])

    def _events(self) -> Iterator[tuple[str, str]]:
        if not self.log.exists():
            return
        with self.log.open("rb") as log:
            log.seek(self._offset)
            content = log.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        for match in STEP.finditer(whole.decode(errors="replace")):
            yield match["step"], match["event"]


def is_loaded(warehouse: Warehouse) -> bool:
    """Whether the market was carried to its end once: recommendations are published."""
    return published(warehouse) is not None


def load_sample_market(supervisor: Supervisor, plan: Plan, warehouse: Warehouse, shop_url: str) -> None:
    """Seed the sample market and run the whole graph over it.

    Raises
    ------
    LoadFailed
        If the job fails; the message ends with its log.
    """
    from marketplace.local.history import seed_sample_market

    with supervisor.journal.step("sellers, shoppers and 90 days of events"):
        seed_sample_market(warehouse, shop_url, now=datetime.now(UTC))
    run_supervised_job(supervisor, plan, JOB)


def run_supervised_job(supervisor: Supervisor, plan: Plan, job: str) -> None:
    """Run a Dagster job to its end while the supervisor goes on watching.

    Raises
    ------
    LoadFailed
        If the job fails; the message ends with its log.
    """
    service = job_service(job, plan.environment)
    log = supervisor.home.log(service.name)
    reader = StepReader(log, supervisor.journal)
    supervisor.launch([service])
    while (code := supervisor.exit_code(service.name)) is None:
        supervisor.watch()
        reader.read()
    reader.read()
    if code:
        supervisor.journal.failed(service.name, describe_exit(code))
        raise LoadFailed(f"{service.name} {describe_exit(code)} after {_steps(reader.succeeded)}; {log}:\n{tail(log)}")
    supervisor.journal.done(service.name, _steps(reader.succeeded))


def run_job(job: str, home: Home, journal: Journal) -> int:
    """The exit status of a Dagster job that runs to its end in the foreground, with every step shown."""
    service = job_service(job, {})
    home.logs.mkdir(parents=True, exist_ok=True)
    log = home.log(service.name)
    reader = StepReader(log, journal)
    journal.began(service.name)
    with log.open("ab") as output:
        process = subprocess.Popen(service.command, stdout=output, stderr=output, cwd=service.folder)
    while process.poll() is None:
        reader.read()
        time.sleep(LOOK_SECONDS)
    reader.read()
    if process.returncode:
        journal.failed(service.name, describe_exit(process.returncode))
        journal.say(tail(log))
    else:
        journal.done(service.name, _steps(reader.succeeded))
    return process.returncode


def _steps(names: Sequence[str]) -> str:
    return f"{len(names)} steps"

"""`soko up`: every store and server of the market on this machine, in the foreground, until told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from types import FrameType

import psutil
from rich.console import Console
from rich.table import Table

from marketplace.errors import ConfigurationError, MarketplaceError
from marketplace.local.first_load import LoadFailed, is_loaded, load_sample_market
from marketplace.local.home import Home
from marketplace.local.journal import Journal
from marketplace.local.network import LOOPBACK
from marketplace.local.processes import alive, end, remember
from marketplace.local.services import (
    DATABASES,
    FRONT,
    GRAPH,
    STORES,
    Plan,
    market_environment,
    plan_services,
    prepare_dagster,
)
from marketplace.local.state import choose_ports, load_state, save_state
from marketplace.local.supervisor import StopRequested, Supervisor
from marketplace.settings import Settings
from marketplace.storage.warehouse import Warehouse


def run_market(settings: Settings, home: Home, console: Console, *, sample: bool, reload: bool) -> int:
    """The exit status, once the market was stopped: 0 if all went well, 1 if it could not start.

    A market that runs already stays as it is.
    """
    if settings.environment == "production":
        raise ConfigurationError("soko up is a market for one machine; for production see docker-compose.yml")
    home.make()
    with home.locked() as is_ours:
        if not is_ours:
            return _already_running(settings, home, console)
        state = load_state(home.state)
        with Journal(console) as journal:
            if orphans := state.orphans():
                with journal.step(f"ending what a killed supervisor left behind: {', '.join(orphans)}"):
                    state.end_orphans()
            state.ports = choose_ports(state.ports)
            state.sample, state.ready_at, state.load_error = sample, None, ""
            state.supervisor = remember(os.getpid(), _own_command())
            save_state(home.state, state)
            supervisor = Supervisor(home, state, journal)
            stop_on_signals(supervisor)
            return _serve(supervisor, settings, reload=reload)


def run_detached(home: Home, console: Console, arguments: list[str]) -> int:
    """Start the market in the background and return once it is complete, or could not start."""
    home.make()
    log = home.log("soko")
    offset = log.stat().st_size if log.exists() else 0
    command = [sys.executable, "-m", "marketplace.cli", "up", *arguments]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    while True:
        code = process.poll()
        state = load_state(home.state)
        with log.open("rb") as written:
            written.seek(offset)
            text = written.read()
        offset += len(text)
        if text:
            console.out(text.decode(errors="replace"), end="", highlight=False)
        if code is not None:
            return code
        if state.supervisor and state.supervisor.pid == process.pid and state.ready_at and not text:
            return 1 if state.load_error else 0
        time.sleep(0.2)


def stop_market(home: Home, journal: Journal) -> list[str]:
    """The names of what was running and is stopped now; nothing else is touched."""
    state = load_state(home.state)
    running = [name for name, record in state.processes.items() if alive(record)]
    if state.is_running() and state.supervisor:
        with journal.step("stopping"):
            end(state.supervisor, grace=90)
    left = load_state(home.state)
    if orphans := left.orphans():
        with journal.step(f"ending what a killed supervisor left behind: {', '.join(orphans)}"):
            left.end_orphans()
    left.supervisor = left.ready_at = None
    if home.is_ours():
        save_state(home.state, left)
    return running


def addresses(environment: Mapping[str, str], ports: Mapping[str, int]) -> dict[str, str]:
    """Where a person finds what, by title."""
    return {
        "storefront": environment["SOKO_PUBLIC_URL"],
        "API docs": f"{environment['SOKO_PUBLIC_URL']}/docs",
        "Dagster": f"http://{LOOPBACK}:{ports['dagster']}",
        "MLflow": environment["SOKO_MLFLOW_TRACKING_URI"],
        "shop server": f"http://{LOOPBACK}:{ports['shop']}",
        "Postgres": environment["SOKO_DATABASE_URL"],
        "Milvus": environment["SOKO_MILVUS_URI"],
    }


def print_addresses(console: Console, found: Mapping[str, str], home: Home) -> None:
    """The table a person copies addresses from."""
    table = Table(title="The market is open", show_header=False, title_justify="left")
    for title, address in found.items():
        table.add_row(title, address)
    table.add_row("data and logs", str(home.folder))
    console.print(table, highlight=False)


def _serve(supervisor: Supervisor, settings: Settings, *, reload: bool) -> int:
    try:
        _open_market(supervisor, settings, reload=reload)
        supervisor.run_until_stopped()
    except StopRequested:
        pass
    except MarketplaceError as error:
        if supervisor.stop_requested:  # what failed was interrupted
            return 0
        supervisor.journal.say(f"the market could not start: {error}", style="red")
        return 1
    finally:
        supervisor.journal.say("stopping every service")
        supervisor.stop()
        supervisor.state.supervisor = supervisor.state.ready_at = None
        save_state(supervisor.home.state, supervisor.state)
        supervisor.journal.say("stopped")
    return 0


def _open_market(supervisor: Supervisor, settings: Settings, *, reload: bool) -> None:
    home, state = supervisor.home, supervisor.state
    plan = plan_services(settings, home, state.ports, reload=reload)
    prepare_dagster(home, state.ports)
    warehouse = _open_stores(supervisor, plan)
    try:
        supervisor.launch(plan.of_stage(FRONT))
        if state.sample and not is_loaded(warehouse):
            _load(supervisor, plan, warehouse)
    finally:
        warehouse.close()
    supervisor.launch(plan.of_stage(GRAPH))
    supervisor.wait(list(plan.services))
    state.ready_at = datetime.now(UTC)
    save_state(home.state, state)
    print_addresses(supervisor.journal.console, addresses(plan.environment, state.ports), home)
    if state.load_error:
        supervisor.journal.say(f"the sample market is incomplete: {state.load_error}", style="red")
    if os.isatty(0):
        supervisor.journal.say("Ctrl-C stops everything")


def _open_stores(supervisor: Supervisor, plan: Plan) -> Warehouse:
    stores = [service for service in plan.of_stage(STORES) if service.name != "postgres"]
    supervisor.launch(stores)
    if plan.postgres:
        plan.postgres.prepare()
        supervisor.start([plan.services["postgres"]])
        for database in DATABASES:
            plan.postgres.create_database(database)
    warehouse = Warehouse(plan.environment["SOKO_DATABASE_URL"])
    with supervisor.journal.step("migrations"):
        warehouse.migrate()
    supervisor.wait([service.name for service in stores])
    return warehouse


def _load(supervisor: Supervisor, plan: Plan, warehouse: Warehouse) -> None:
    shop_url = f"http://{LOOPBACK}:{supervisor.state.ports['shop']}"
    try:
        load_sample_market(supervisor, plan, warehouse, shop_url)
    except LoadFailed as error:
        supervisor.state.load_error = str(error)
        supervisor.journal.say(str(error), style="red")


def _already_running(settings: Settings, home: Home, console: Console) -> int:
    state = load_state(home.state)
    if state.ready_at is None:
        console.print("another soko up is at work here; `soko status` shows how far it is")
        return 1
    print_addresses(console, addresses(market_environment(settings, home, state.ports), state.ports), home)
    return 0


def stop_on_signals(supervisor: Supervisor) -> None:
    """From now on Ctrl-C, SIGTERM and a closed terminal ask the supervisor to stop."""

    def stop(number: int, frame: FrameType | None) -> None:
        supervisor.stop_requested = True

    for number in (signal.SIGINT, signal.SIGTERM):  # even where it was ignored: children then start with the default
        signal.signal(number, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means it
        signal.signal(signal.SIGHUP, stop)


def _own_command() -> list[str]:
    return psutil.Process().cmdline()

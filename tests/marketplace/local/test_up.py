"""`soko up` and its companions as a person uses them: real services on a folder of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from marketplace.errors import ConfigurationError
from marketplace.local.home import Home
from marketplace.local.network import answers, wait_until
from marketplace.local.services import plan_services
from marketplace.local.state import PREFERRED_PORTS, load_state
from marketplace.local.up import run_market
from marketplace.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
SERVICES = {"postgres", "milvus", "shop", "api", "code-server", "dagster", "daemon"}


def soko(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SOKO_")}
    environment |= {"SOKO_HOME": str(home.folder), "SOKO_MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "COLUMNS": "200"}
    command = [sys.executable, "-m", "marketplace.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def runs(process: psutil.Process) -> bool:
    """Whether it still works; one that ended and was not yet collected by its parent does not."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def listens_on(process: psutil.Process) -> list[str]:
    """Addresses it listens on; none when it has ended meanwhile, as helpers of a service do."""
    try:
        return [one.laddr.ip for one in process.net_connections(kind="inet") if one.status == psutil.CONN_LISTEN]
    except psutil.NoSuchProcess:
        return []


@pytest.fixture(scope="module")
def occupied():
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", PREFERRED_PORTS["dagster"]))
        except OSError:  # somebody else occupies it for us
            yield PREFERRED_PORTS["dagster"]
            return
        listener.listen()
        yield PREFERRED_PORTS["dagster"]


@pytest.fixture(scope="module")
def market(scratch, occupied):
    home = Home(scratch / "market")
    started = soko(home, "up", "--detach", "--no-sample")
    assert started.returncode == 0, started.stdout + started.stderr
    yield home
    soko(home, "down")


def test_every_service_is_started_but_one_whose_address_was_given(market):
    assert load_state(market.state).processes.keys() == SERVICES


def test_an_occupied_port_is_left_alone(market, occupied):
    ports = load_state(market.state).ports
    assert ports["dagster"] != occupied
    assert answers(ports["dagster"])


def test_every_service_is_well_and_listens_on_loopback_only(market):
    shown = soko(market, "status")
    assert shown.returncode == 0, shown.stdout
    pids = {record.pid for record in load_state(market.state).processes.values()}
    family = [member for pid in pids for member in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]]
    listening = {address.removeprefix("::ffff:") for process in family for address in listens_on(process)}
    assert listening == {"127.0.0.1"}


def test_starting_it_again_shows_the_same_addresses_and_starts_nothing(market):
    before = load_state(market.state)
    again = soko(market, "up", "--no-sample")
    assert again.returncode == 0
    assert f"http://127.0.0.1:{before.ports['api']}" in again.stdout
    assert load_state(market.state) == before


def test_commands_find_the_running_market(market):
    done = soko(market, "migrate")
    assert f"127.0.0.1:{load_state(market.state).ports['postgres']}/soko is at the newest revision" in done.stdout


def test_the_doctor_names_what_is_missing_and_what_to_do(market):
    seen = soko(market, "doctor")
    assert "MLflow at http://127.0.0.1:9 does not answer" in seen.stdout
    assert "none published yet" in seen.stdout
    assert "-> soko run retrain_recommendations" in seen.stdout
    assert "broken" not in seen.stdout, seen.stdout
    assert seen.returncode == 0


def test_a_killed_service_is_reported_and_comes_back(market):
    first = load_state(market.state).processes["shop"].pid
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: load_state(market.state).processes["shop"].pid != first, 20)
    assert "restarted 1 times; last: killed by SIGKILL" in soko(market, "status").stdout
    assert wait_until(lambda: answers(load_state(market.state).ports["shop"]), 20)


def test_down_ends_every_process_and_a_reset_removes_the_folder(market):
    state = load_state(market.state)
    family = [psutil.Process(record.pid) for record in state.processes.values()]
    family += [child for process in family for child in process.children(recursive=True)]
    assert soko(market, "down").returncode == 0
    assert [process for process in family if runs(process)] == []
    assert not any(answers(state.ports[name]) for name in ("postgres", "milvus", "api", "code-server"))
    assert soko(market, "status").returncode == 1
    assert soko(market, "doctor").returncode == 1
    assert soko(market, "reset", "--yes").returncode == 0
    assert not market.folder.exists()


def test_a_reset_of_a_foreign_folder_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    refused = soko(Home(tmp_path), "reset", "--yes")
    assert refused.returncode == 1
    assert "was not made by soko" in refused.stderr
    assert (tmp_path / "thesis.txt").exists()


def test_a_wrong_setting_is_named_in_one_line(tmp_path):
    environment = {**os.environ, "SOKO_HYDRATE_CONCURRENCY": "many"}
    command = [sys.executable, "-m", "marketplace.cli", "status"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: SOKO_HYDRATE_CONCURRENCY: ")
    assert "Traceback" not in done.stderr


def test_production_is_for_servers(tmp_path):
    settings = Settings(
        _env_file=None,
        environment="production",
        database_url="postgresql://soko:secret@db/soko",
        dagster_database_url="postgresql://soko:secret@db/dagster",
        pii_key="p" * 40,
    )
    with pytest.raises(ConfigurationError, match=r"docker-compose\.yml"):
        run_market(settings, Home(tmp_path / "home"), Console(quiet=True), sample=False, reload=False)


def test_a_store_whose_address_is_given_is_used_and_not_started(tmp_path):
    given = Settings(
        _env_file=None,
        database_url="postgresql://soko:secret@db/soko",
        dagster_database_url="postgresql://soko:secret@db/dagster",
        mlflow_tracking_uri="http://mlflow:5000",
        milvus_uri="http://milvus:19530",
    )
    plan = plan_services(given, Home(tmp_path), PREFERRED_PORTS)
    assert plan.postgres is None
    assert plan.services.keys() == {"shop", "api", "code-server", "dagster", "daemon"}
    assert plan.environment["SOKO_DATABASE_URL"] == "postgresql://soko:secret@db/soko"
    assert plan.environment["SOKO_DBT_PASSWORD"] == "secret"
    assert plan.environment["SOKO_MILVUS_URI"] == "http://milvus:19530"


def test_children_of_a_background_shell_can_be_interrupted(tmp_path):
    code = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from pathlib import Path
from rich.console import Console
from marketplace.local.home import Home
from marketplace.local.journal import Journal
from marketplace.local.state import State
from marketplace.local.supervisor import Service, Supervisor
from marketplace.local.up import stop_on_signals
home = Home(Path({str(tmp_path / "home")!r}))
home.make()
supervisor = Supervisor(home, State(), Journal(Console(quiet=True)))
stop_on_signals(supervisor)
child = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
supervisor.launch([Service("child", (sys.executable, "-c", child), 0, lambda: True, is_task=True)])
while supervisor.exit_code("child") is None:
    supervisor.watch()
print(home.log("child").read_text())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]

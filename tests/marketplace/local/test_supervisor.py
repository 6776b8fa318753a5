"""The supervisor with real children: small programs that listen, die, fork or refuse to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from marketplace.errors import ConfigurationError
from marketplace.local.home import Home
from marketplace.local.journal import Journal
from marketplace.local.network import answers, free_port, wait_until
from marketplace.local.processes import alive, end, remember
from marketplace.local.state import State, load_state
from marketplace.local.supervisor import Service, StopRequested, Supervisor

LISTEN = """
import http.server, sys
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.BaseHTTPRequestHandler).serve_forever()
"""
FORK_AND_IGNORE = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "home")
    made.make()
    return made


@pytest.fixture
def supervisor(home):
    made = Supervisor(home, State(), Journal(Console(quiet=True)))
    yield made
    made.stop()


def program(name: str, code: str, *arguments: str, stage: int = 0, port: int | None = None, **rest) -> Service:
    command = (sys.executable, "-c", code, *arguments)
    ready = (lambda: answers(port)) if port else (lambda: True)
    return Service(name, command, stage, ready, port=port, **rest)


def listener(name: str = "listener", stage: int = 0) -> Service:
    port = free_port()
    return program(name, LISTEN, str(port), stage=stage, port=port)


def stranger_lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def watch_until(supervisor: Supervisor, condition) -> bool:
    def look() -> bool:
        supervisor.watch()
        return condition()

    return wait_until(look, 20, pause=0)


def test_a_started_service_answers_and_a_stopped_one_does_not(supervisor, home):
    service = listener()
    supervisor.start([service])
    record = load_state(home.state).processes["listener"]
    assert answers(service.port)
    assert alive(record).pid == record.pid

    supervisor.stop()

    assert not answers(service.port)
    assert alive(record) is None
    assert load_state(home.state).processes == {}


def test_a_killed_child_is_started_again_and_its_end_is_remembered(supervisor, home):
    service = listener()
    supervisor.start([service])
    first = load_state(home.state).processes["listener"]
    os.kill(first.pid, signal.SIGKILL)

    assert watch_until(supervisor, lambda: supervisor.state.processes["listener"].pid != first.pid)
    supervisor.wait(["listener"])

    second = load_state(home.state).processes["listener"]
    assert second.restarts == 1
    assert second.last_exit.startswith("killed by SIGKILL at ")
    assert answers(service.port)


def test_services_end_stage_by_stage_the_highest_first(supervisor, tmp_path):
    order = tmp_path / "order"
    last_words = """
        import signal, sys, time
        def leave(*_):
            open(sys.argv[2], "a").write(sys.argv[1] + " ")
            sys.exit()
        signal.signal(signal.SIGTERM, leave)
        open(sys.argv[2] + sys.argv[1], "w")
        time.sleep(600)
    """
    code = textwrap.dedent(last_words)
    names = ("store", "api", "graph")
    supervisor.start([program(name, code, name, str(order), stage=stage) for stage, name in enumerate(names)])
    assert wait_until(lambda: all(Path(f"{order}{name}").exists() for name in names), 20)

    supervisor.stop()

    assert order.read_text().split() == ["graph", "api", "store"]


def test_what_a_child_started_ends_with_it_even_if_the_child_is_killed(supervisor, tmp_path):
    note = tmp_path / "grandchild"
    supervisor.start([program("parent", FORK_AND_IGNORE, str(note))])
    assert wait_until(lambda: note.exists() and note.read_text() != "", 20)
    grandchild = psutil.Process(int(note.read_text()))
    os.kill(supervisor.state.processes["parent"].pid, signal.SIGKILL)

    assert watch_until(supervisor, lambda: supervisor.state.processes["parent"].restarts == 1)

    assert wait_until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE, 10)


def test_a_child_that_keeps_ending_stops_the_start_with_its_last_words(supervisor):
    broken = program("broken", "raise SystemExit('no such database')", port=free_port())
    with pytest.raises(ConfigurationError, match=r"broken ended 4 times.*(?s:.*)no such database"):
        supervisor.start([broken])


def test_a_task_that_ends_is_not_started_again(supervisor, home):
    supervisor.launch([program("task", "raise SystemExit(3)", is_task=True)])
    assert watch_until(supervisor, lambda: supervisor.exit_code("task") is not None)
    assert supervisor.exit_code("task") == 3
    assert load_state(home.state).processes == {}


def test_a_request_to_stop_interrupts_waiting(supervisor):
    supervisor.launch([program("slow", "import time; time.sleep(600)", port=free_port())])
    supervisor.stop_requested = True
    with pytest.raises(StopRequested):
        supervisor.wait(["slow"])


def test_a_recorded_pid_that_now_belongs_to_another_program_is_left_alone():
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        assert wait_until(lambda: alive(remember(stranger.pid, stranger.args)) is not None, 10)
        ours = remember(stranger.pid, ["soko", "store", "--port", "5432"])
        born_earlier = remember(stranger.pid, stranger.args).model_copy(update={"created": time.time() - 3600})
        assert not end(ours)
        assert not end(born_earlier)
        assert stranger.poll() is None
        assert end(remember(stranger.pid, stranger.args))
        assert not stranger_lives(stranger.pid)
    finally:
        stranger.kill()
        stranger.wait()


def test_the_children_of_a_killed_supervisor_are_found_and_ended(home):
    port = free_port()
    code = f"""
        import sys, time
        sys.path[:0] = {sys.path!r}
        from tests.marketplace.local.test_supervisor import orphan_maker
        orphan_maker({str(home.folder)!r}, {port})
    """
    killed = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=Path(__file__).parents[3])
    assert wait_until(lambda: answers(port), 20)
    killed.kill()
    killed.wait()
    state = load_state(home.state)
    assert answers(port)
    assert state.orphans() == ["listener"]
    state.end_orphans()
    assert wait_until(lambda: not answers(port), 5)


def orphan_maker(folder: str, port: int) -> None:
    """Start one listener under a supervisor and wait to be killed."""
    supervisor = Supervisor(Home(Path(folder)), State(), Journal(Console(quiet=True)))
    supervisor.start([program("listener", LISTEN, str(port), port=port)])
    supervisor.run_until_stopped()

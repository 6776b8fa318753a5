"""Ports and processes that a market remembers."""

from __future__ import annotations

import socket

import pytest

from marketplace.errors import ConfigurationError
from marketplace.local.home import MARK, Home
from marketplace.local.state import PREFERRED_PORTS, State, choose_ports, load_state, save_state


@pytest.fixture
def occupied():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_an_occupied_port_is_replaced_and_the_replacement_remembered(tmp_path, occupied):
    first = choose_ports({"api": occupied})
    assert first["api"] != occupied
    save_state(tmp_path / "state.json", State(ports=first))
    assert choose_ports(load_state(tmp_path / "state.json").ports) == first


def test_every_service_gets_a_port_of_its_own(occupied):
    same = dict.fromkeys(PREFERRED_PORTS, occupied + 1)
    chosen = choose_ports(same)
    assert chosen.keys() == PREFERRED_PORTS.keys()
    assert len(set(chosen.values())) == len(chosen)


def test_a_missing_state_is_empty_and_a_damaged_one_an_error(tmp_path):
    assert load_state(tmp_path / "state.json") == State()
    (tmp_path / "state.json").write_text('{"ports": ')
    with pytest.raises(ConfigurationError, match=r"state\.json is damaged"):
        load_state(tmp_path / "state.json")


def test_a_folder_with_other_things_is_neither_taken_nor_removed(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    home = Home(tmp_path)
    with pytest.raises(ConfigurationError, match=r"holds other things \(thesis\.txt\)"):
        home.make()
    with pytest.raises(ConfigurationError, match="was not made by soko"):
        home.remove()
    assert (tmp_path / "thesis.txt").exists()


def test_a_home_is_made_marked_and_removed(tmp_path):
    home = Home(tmp_path / "home")
    (home.folder / "artifacts").mkdir(parents=True)
    home.make()
    assert (home.folder / MARK).exists()
    home.remove()
    assert not home.folder.exists()


def test_only_one_process_runs_a_home(tmp_path):
    home = Home(tmp_path / "home")
    home.make()
    with home.locked() as first, home.locked() as second:
        assert first
        assert not second
    with home.locked() as again:
        assert again

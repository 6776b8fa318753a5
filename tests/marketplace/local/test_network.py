"""Ports for servers of this machine."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from marketplace.local.network import LASTING_PORTS, answers, free_port

LENT = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.fixture
def listener():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", free_port()))
        opened.listen()
        yield opened


def test_a_port_is_given_as_wished_unless_somebody_listens_on_it(listener):
    occupied = listener.getsockname()[1]
    assert answers(occupied)
    assert free_port(occupied) != occupied
    listener.close()
    assert free_port(occupied) == occupied


@pytest.mark.skipif(not LENT.exists(), reason="only Linux says which ports it lends")
def test_no_port_is_chosen_that_an_outgoing_connection_may_be_lent():
    lowest, highest = map(int, LENT.read_text().split())
    assert not set(LASTING_PORTS) & set(range(lowest, highest + 1))
    assert {free_port() for _ in range(20)} <= set(LASTING_PORTS)

"""Who serves one market signs with one secret."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from marketplace.storage.shared_secrets import BYTES, shared_secret
from marketplace.storage.warehouse import Warehouse


def test_all_who_ask_at_once_get_the_same_secret(warehouse: Warehouse) -> None:
    start = Barrier(4)

    def asks(_: int) -> bytes:
        start.wait(30)
        return shared_secret(warehouse, "cursors")

    with ThreadPoolExecutor(4) as servers:
        found = set(servers.map(asks, range(4)))
    assert found == {shared_secret(warehouse, "cursors")}
    assert len(found.pop()) == BYTES


def test_each_purpose_has_a_secret_of_its_own(warehouse: Warehouse) -> None:
    assert shared_secret(warehouse, "cursors") != shared_secret(warehouse, "letters")

"""Word of changes as Postgres sends it: one connection that listens."""

from __future__ import annotations

import select
from types import TracebackType
from typing import Any, Self

import psycopg2

from marketplace.errors import StoreUnreachable
from marketplace.storage.warehouse import Warehouse

CHANNEL = "soko"  # those who serve listen there


class Notices:
    """What is said on the channel from the moment this is opened.

    Raises
    ------
    StoreUnreachable
        If Postgres does not answer.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        address = warehouse.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._where = warehouse.where
        try:
            self._connection: Any = psycopg2.connect(address, connect_timeout=5, application_name="soko-listener")
            self._connection.autocommit = True
            with self._connection.cursor() as cursor:
                cursor.execute(f"listen {CHANNEL}")
        except psycopg2.Error as error:
            raise StoreUnreachable(f"Postgres at {self._where}: {str(error).strip()[:200]}") from error

    def wait(self, seconds: float) -> list[str]:
        """What was said, in order, at the latest after so many seconds; each text once.

        Raises
        ------
        StoreUnreachable
            If the connection was lost, so that word may have been missed.
        """
        try:
            if not self._connection.notifies:
                select.select([self._connection], [], [], seconds)
            self._connection.poll()
            said = [notice.payload for notice in self._connection.notifies]
            self._connection.notifies.clear()
        except (psycopg2.Error, OSError, ValueError) as error:
            raise StoreUnreachable(f"Postgres at {self._where} hung up on its listener") from error
        return list(dict.fromkeys(said))

    def check(self) -> None:
        """Returns when the other end is still there.

        Raises
        ------
        StoreUnreachable
            If it is not.
        """
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("select 1")
        except psycopg2.Error as error:
            raise StoreUnreachable(f"Postgres at {self._where} hung up on its listener") from error

    def close(self) -> None:
        """Listen no more."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

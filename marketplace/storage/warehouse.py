"""Postgres: connections, migrations, and errors said in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from marketplace.errors import ConfigurationError, StoreUnreachable

CANCELLED = "57014"  # what Postgres says of a statement that took too long


class Warehouse:
    """A bounded pool of connections to the database that holds truth and marts.

    Parameters
    ----------
    statement_seconds
        After which Postgres gives up a statement, waits for locks included; None for jobs that take what they need.
    """

    def __init__(self, url: str, *, pool_size: int = 5, statement_seconds: float | None = None) -> None:
        try:
            parsed = make_url(url)
        except (sa.exc.ArgumentError, ValueError) as error:
            raise ConfigurationError(
                "SOKO_DATABASE_URL is no database URL; expected postgresql://user@host/name"
            ) from error
        if parsed.get_backend_name() != "postgresql":
            raise ConfigurationError(f"SOKO_DATABASE_URL must start with postgresql://, not {parsed.drivername}://")
        self.url = parsed.set(drivername="postgresql+psycopg2")
        self._statement_seconds = statement_seconds
        connect = _connect(statement_seconds)
        self.engine = sa.create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=5,
            pool_timeout=10,
            pool_pre_ping=True,
            hide_parameters=True,  # they name shoppers, and an error is logged
            connect_args=connect,
        )
        # A pool of its own: a connection that is set to transactions and back again makes trips to the server for it.
        self._alone = sa.create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=5,
            pool_timeout=10,
            pool_pre_ping=True,
            pool_reset_on_return=None,
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",
            connect_args=connect,
        )
        # A lock lasts as long as the work beneath it, and that work takes its connections from the pool.
        self._locks = sa.create_engine(self.url, poolclass=sa.NullPool, hide_parameters=True, connect_args=connect)

    @property
    def where(self) -> str:
        """The database's address without its password, for messages."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A connection in one transaction, committed at the end of the block.

        Raises
        ------
        StoreUnreachable
            If Postgres does not answer, drops the connection, or takes too long for a statement.
        """
        with self._in_our_words(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read with, each statement by itself: half the trips to the server that a transaction takes.

        Raises
        ------
        StoreUnreachable
            As `begin`.
        """
        with self._in_our_words(), self._alone.connect() as connection:
            yield connection

    @contextmanager
    def held(self, key: int) -> Iterator[bool]:
        """Whether the advisory lock of this key was free; if so it is ours to the end of the block.

        Postgres frees it with the session, so a process that was killed holds nothing. The session is the lock's own:
        however many are held at once, the pool stays free for the work beneath them.

        Raises
        ------
        StoreUnreachable
            As `begin`.
        """
        with self._in_our_words(), self._locks.connect() as connection:
            is_ours = bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar_one())
            connection.commit()
            try:
                yield is_ours
            finally:
                if is_ours:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))
                    connection.commit()

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
            raise StoreUnreachable(f"Postgres at {self.where}: {self._reason(error)}") from error

    def _reason(self, error: sa.exc.SQLAlchemyError) -> str:
        orig = getattr(error, "orig", error)
        if self._statement_seconds is not None and getattr(orig, "pgcode", None) == CANCELLED:
            return f"a statement took longer than {self._statement_seconds:g} s"
        return (str(orig).strip() or str(error)).splitlines()[0]

    def ping(self) -> None:
        """Returns when Postgres answers, raises StoreUnreachable otherwise."""
        with self.begin() as connection:
            connection.execute(sa.text("select 1"))

    def migrate(self) -> None:
        """Bring the schema to the newest revision, all in one transaction."""
        with self.begin() as connection:
            config = _alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def is_migrated(self) -> bool:
        """Whether the schema is at the newest revision."""
        with self.begin() as connection:
            current = MigrationContext.configure(
                connection, opts={"version_table_schema": "public"}
            ).get_current_revision()
        return current == ScriptDirectory.from_config(_alembic_config()).get_current_head()

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()
        self._alone.dispose()


def open_migrated(url: str) -> Warehouse:
    """A warehouse whose schema is at the newest revision.

    Raises
    ------
    ConfigurationError
        If it is not, with what to do.
    """
    warehouse = Warehouse(url)
    if not warehouse.is_migrated():
        raise ConfigurationError(f"the tables at {warehouse.where} are missing or old; run: soko migrate")
    return warehouse


def _connect(statement_seconds: float | None) -> dict[str, object]:
    bound = "" if statement_seconds is None else f" -c statement_timeout={max(1, round(statement_seconds * 1000))}"
    return {"connect_timeout": 5, "options": f"-c timezone=utc{bound}"}


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config

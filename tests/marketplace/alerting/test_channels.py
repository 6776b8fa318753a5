"""Messages reach a webhook signed and a mail server whole; what does not reach anybody says so."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from marketplace.alerting.channels import (
    SIGNATURE,
    EmailChannel,
    LogChannel,
    WebhookChannel,
    channels_from,
    signature,
)
from marketplace.alerting.messages import Message
from marketplace.errors import ConfigurationError, DeliveryFailed
from marketplace.local.network import LOOPBACK, ServerThread, free_port
from marketplace.settings import Settings

MESSAGE = Message(
    "delivery-7", "views of Amina on 3 May: 12, below 85 to 210", "views\n  expected 140\n", {"alerts": [1]}
)


class Hook(BaseHTTPRequestHandler):
    """Keeps what it is sent, and answers with what the path names."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, dict(self.headers), body))
        status = int(self.path.rpartition("/")[2])
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def hook() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer((LOOPBACK, 0), Hook)
    server.received = []
    with ServerThread(server):
        yield server


def webhook(server: ThreadingHTTPServer, status: int, **others) -> WebhookChannel:
    address = f"http://{LOOPBACK}:{server.server_address[1]}/alerts/{status}"
    return WebhookChannel(address, "a secret", **{"allow_private": True, **others})


def test_a_webhook_is_sent_json_that_its_owner_can_verify_and_recognise(hook):
    webhook(hook, 200).send(MESSAGE)
    [(path, headers, body)] = hook.received
    assert (path, json.loads(body)) == ("/alerts/200", {"alerts": [1]})
    assert headers["Idempotency-Key"] == "delivery-7"
    at, _, given = headers[SIGNATURE].partition(",")
    expected = hmac.new(b"a secret", at.removeprefix("t=").encode() + b"." + body, hashlib.sha256).hexdigest()
    assert given == f"v1={expected}"


def test_another_body_instant_or_secret_has_another_signature():
    signed = {signature(secret, body, at) for secret in ("a", "b") for body in (b"x", b"y") for at in (1, 2)}
    assert len(signed) == 8


@pytest.mark.parametrize("status", [302, 400, 500])
def test_a_webhook_that_redirects_or_refuses_took_nothing(hook, status):
    with pytest.raises(DeliveryFailed, match=f"answered {status}"):
        webhook(hook, status).send(MESSAGE)
    assert len(hook.received) == 1  # no redirect was followed


def test_a_webhook_that_is_not_there_or_leads_into_this_network_takes_nothing(hook):
    gone = WebhookChannel(f"http://{LOOPBACK}:{free_port()}/", "a secret", allow_private=True)
    with pytest.raises(DeliveryFailed, match=LOOPBACK):
        gone.send(MESSAGE)
    with pytest.raises(DeliveryFailed, match="only 80 and 443"):
        webhook(hook, 200, allow_private=False).send(MESSAGE)
    with pytest.raises(DeliveryFailed, match="not a public address"):
        WebhookChannel("http://169.254.169.254/latest", "a secret", allow_private=False).send(MESSAGE)
    assert hook.received == []


def test_a_webhook_that_does_not_answer_is_left_in_time():
    import socket

    with socket.create_server((LOOPBACK, 0)) as silent:
        address = f"http://{LOOPBACK}:{silent.getsockname()[1]}/"
        with pytest.raises(DeliveryFailed, match="timed out"):
            WebhookChannel(address, "a secret", allow_private=True, seconds=0.2).send(MESSAGE)


class MailServer:
    """As much of SMTP as a client needs, in an event loop of its own."""

    def __init__(self, refused: str = "") -> None:
        self.refused, self.mails, self.port = refused, [], 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode().strip():
            if line.upper() == "DATA":
                writer.write(b"354 go on\r\n")
                self.mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                writer.write(b"250 taken\r\n")
            elif line.upper() == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"550 nobody\r\n" if self.refused and self.refused in line else b"250 fine\r\n")
        writer.close()

    def __enter__(self) -> MailServer:
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._talk, LOOPBACK, 0), self._loop)
        self._server = started.result(5)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


def email(port: int) -> EmailChannel:
    return EmailChannel(LOOPBACK, port, "", "", "soko@example.org", ["amina@example.org", "kofi@example.org"], False)


def test_a_mail_says_what_is_odd_to_everybody_named_and_is_known_by_its_key():
    with MailServer() as server:
        email(server.port).send(MESSAGE)
    [mail] = server.mails
    assert "Subject: views of Amina on 3 May: 12, below 85 to 210" in mail
    assert "To: amina@example.org, kofi@example.org" in mail
    assert "Message-ID: <delivery-7@example.org>" in mail
    assert "expected 140" in mail


def test_a_mail_that_somebody_does_not_get_was_not_delivered():
    with MailServer(refused="kofi") as server, pytest.raises(DeliveryFailed, match=r"refused kofi@example\.org"):
        email(server.port).send(MESSAGE)
    with pytest.raises(DeliveryFailed, match="refused"):
        email(free_port()).send(MESSAGE)


def test_the_log_holds_the_words(caplog):
    with caplog.at_level(logging.WARNING):
        LogChannel().send(MESSAGE)
    assert "alert delivery-7: views" in caplog.text


def test_channels_are_those_of_the_settings_and_each_needs_its_own():
    def named(**settings):
        return [channel.name for channel in channels_from(Settings(_env_file=None, **settings))]

    assert named() == ["log"]
    assert named(alert_channels="") == []
    webhook = {"alert_webhook_url": "https://example.org/hook", "alert_webhook_secret": "s"}
    mail = {"smtp_host": "mail.example.org", "smtp_from": "a@example.org", "alert_email_to": "b@example.org"}
    assert named(alert_channels="log, webhook,email,log", **webhook, **mail) == ["log", "webhook", "email"]
    with pytest.raises(ConfigurationError, match="SOKO_ALERT_WEBHOOK_SECRET"):
        named(alert_channels="webhook", alert_webhook_url="https://example.org/hook")
    with pytest.raises(ConfigurationError, match="SOKO_SMTP_HOST"):
        named(alert_channels="email")
    with pytest.raises(ConfigurationError, match="'pigeon'"):
        named(alert_channels="pigeon")

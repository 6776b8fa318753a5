"""Ways to tell people: the log, a webhook, e-mail. Whatever has a name and can send is one."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import logging
import smtplib
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import urlsplit

from marketplace.alerting.messages import Message
from marketplace.errors import ConfigurationError, DeliveryFailed, SourceRefused, SourceUnavailable
from marketplace.ingestion.addresses import connected
from marketplace.settings import Settings

log = logging.getLogger(__name__)
SECONDS = 10.0
SIGNATURE = "X-Soko-Signature"


class Channel(Protocol):
    """Somewhere that messages go to."""

    @property
    def name(self) -> str:
        """What the outbox calls it."""
        ...

    def send(self, message: Message) -> None:
        """Returns when somebody took the message.

        Raises
        ------
        DeliveryFailed
            If nobody did.
        """
        ...


@dataclass(frozen=True, slots=True)
class LogChannel:
    """The log of this process."""

    name: str = "log"

    def send(self, message: Message) -> None:
        """Returns when the message is written."""
        log.warning("alert %s: %s", message.key, message.text.strip())


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """An address that takes JSON by POST, signed with a secret that its owner knows.

    Its host is looked up once and must be public; what was checked is dialled. Redirects are not followed.
    """

    url: str
    secret: str
    allow_private: bool
    seconds: float = SECONDS
    name: str = "webhook"

    def send(self, message: Message) -> None:
        """Returns when the address answers with a status of success.

        Raises
        ------
        DeliveryFailed
            If it does not, or leads where nothing may be sent.
        """
        parts = urlsplit(self.url)
        body = json.dumps(message.body, separators=(",", ":")).encode()
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message.key,
            SIGNATURE: signature(self.secret, body, int(time.time())),
            "User-Agent": "Soko-alerts",
        }
        try:
            status = self._status(parts.hostname or "", parts.port, parts.scheme, path, body, headers)
        except (OSError, http.client.HTTPException, SourceRefused, SourceUnavailable) as error:
            raise DeliveryFailed(f"the webhook at {parts.hostname}: {error or type(error).__name__}") from error
        if not 200 <= status < 300:
            raise DeliveryFailed(f"the webhook at {parts.hostname} answered {status}")

    def _status(self, host: str, port: int | None, scheme: str, path: str, body: bytes, headers: dict[str, str]) -> int:
        connection = http.client.HTTPConnection(host, port or (443 if scheme == "https" else 80), timeout=self.seconds)
        socket = connected(self.url, allow_private=self.allow_private, seconds=self.seconds)
        try:
            socket.settimeout(self.seconds)
            is_secret = scheme == "https"
            connection.sock = (
                ssl.create_default_context().wrap_socket(socket, server_hostname=host) if is_secret else socket
            )
            connection.request("POST", path, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()
            socket.close()


@dataclass(frozen=True, slots=True)
class EmailChannel:
    """A mail server that carries messages to addresses of the operator's choosing."""

    host: str
    port: int
    user: str
    password: str
    sender: str
    receivers: Sequence[str]
    starttls: bool
    seconds: float = SECONDS
    name: str = "email"

    def send(self, message: Message) -> None:
        """Returns when the server took the message for every receiver.

        Raises
        ------
        DeliveryFailed
            If it did not.
        """
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.sender, ", ".join(self.receivers), message.subject
        mail["Message-ID"] = f"<{message.key}@{self.sender.rpartition('@')[2]}>"
        mail.set_content(message.text)
        try:
            with smtplib.SMTP(self.host, self.port, timeout=self.seconds) as server:
                if self.starttls:
                    server.starttls(context=ssl.create_default_context())
                if self.user:
                    server.login(self.user, self.password)
                refused = server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryFailed(f"the mail server {self.host}: {error or type(error).__name__}") from error
        if refused:
            raise DeliveryFailed(f"the mail server {self.host} refused {', '.join(sorted(refused))}")


def signature(secret: str, body: bytes, at: int) -> str:
    """What proves that a body was ours at an instant: `t=<seconds>,v1=<HMAC-SHA256 of "seconds.body" in hex>`."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def channels_from(settings: Settings) -> list[Channel]:
    """The channels of the settings, in their order.

    Raises
    ------
    ConfigurationError
        If one is not known, or lacks what it needs.
    """
    names = list(dict.fromkeys(filter(None, map(str.strip, settings.alert_channels.split(",")))))
    return [_channel(name, settings) for name in names]


def _channel(name: str, settings: Settings) -> Channel:
    if name == "log":
        return LogChannel()
    if name == "webhook":
        secret = settings.alert_webhook_secret.get_secret_value()
        if not settings.alert_webhook_url or not secret:
            raise ConfigurationError("the channel webhook needs SOKO_ALERT_WEBHOOK_URL and SOKO_ALERT_WEBHOOK_SECRET")
        return WebhookChannel(settings.alert_webhook_url, secret, settings.allow_private_hosts)
    if name == "email":
        receivers = [one.strip() for one in settings.alert_email_to.split(",") if one.strip()]
        if not settings.smtp_host or not settings.smtp_from or not receivers:
            raise ConfigurationError("the channel email needs SOKO_SMTP_HOST, SOKO_SMTP_FROM and SOKO_ALERT_EMAIL_TO")
        password = settings.smtp_key.get_secret_value()
        account = (settings.smtp_host, settings.smtp_port, settings.smtp_user, password)
        return EmailChannel(*account, settings.smtp_from, receivers, settings.smtp_starttls)
    raise ConfigurationError(f"SOKO_ALERT_CHANNELS names {name!r}; there are log, webhook and email")

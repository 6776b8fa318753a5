"""How often one key or one address may ask; counted in the memory of this process."""

from __future__ import annotations

import math
import re
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketplace.settings import Settings
from serving.problems import problem

LEADS_PATH = "/api/crm/leads"
SIGN_IN_PATHS = ("/api/auth/token", "/sign-in")
_LINK = re.compile(r"/r/[^/]*")
_SAID = "You asked too often; ask again in {} s."


class RateLimits:
    """Moving windows: by key, by address, and tighter ones for what invites guessing and flooding.

    Each process counts for itself, so four processes let through four times as much.
    """

    def __init__(self, settings: Settings) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self.by_key = _rate(settings.rate_limit)
        self.by_address = _rate(settings.rate_limit_address)
        self.sign_in = _rate(settings.rate_limit_sign_in)
        self.leads = _rate(settings.rate_limit_leads)
        self.links = _rate(settings.rate_limit_links)

    def wait(self, rate: RateLimitItem | None, kind: str, who: str) -> int:
        """Seconds until they may ask again; 0 if they may now, which is counted."""
        if rate is None or self._limiter.hit(rate, kind, who):
            return 0
        return max(1, math.ceil(self._limiter.get_window_stats(rate, kind, who).reset_time - time.time()))

    def count(self, rate: RateLimitItem | None, kind: str, who: str) -> None:
        """Returns when they may ask.

        Raises
        ------
        HTTPException
            429 with `Retry-After`.
        """
        if seconds := self.wait(rate, kind, who):
            raise HTTPException(429, _SAID.format(seconds), {"Retry-After": str(seconds)})

    def of_path(self, method: str, path: str) -> tuple[RateLimitItem | None, str]:
        """The tighter limit that a request falls under, None if there is none."""
        if method == "POST" and path == LEADS_PATH:
            return self.leads, "leads"
        if method == "POST" and path in SIGN_IN_PATHS:
            return self.sign_in, "sign-in"
        return (self.links, "links") if _LINK.fullmatch(path) else (None, "")


class LimitByAddress:
    """Refuses an address that asks too often; what comes from memory is answered before, and is not counted."""

    def __init__(self, app: ASGIApp, limits: RateLimits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on while there are not too many."""
        if scope["type"] != "http" or scope["path"].startswith(("/static/", "/health/")):
            await self.app(scope, receive, send)
            return
        address = address_of(scope)
        rate, kind = self.limits.of_path(scope["method"], scope["path"])
        seconds = self.limits.wait(self.limits.by_address, "address", address)
        seconds = seconds or self.limits.wait(rate, kind, address)
        if seconds:
            answer = problem(Request(scope), 429, _SAID.format(seconds), headers={"Retry-After": str(seconds)})
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)


class SayOpen:
    """Says in every answer with figures or people that everybody may read it, as SOKO_AUTH=open has it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_saying(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-soko-auth", b"open")]
            await send(message)

        is_public = scope["type"] != "http" or not scope["path"].startswith(("/api/crm", "/api/analytics"))
        await self.app(scope, receive, send if is_public else send_saying)


def address_of(scope: Scope) -> str:
    """The address of who asks, as the server knows it; behind a proxy it must be told which to trust."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def browser_of(scope: Scope) -> str:
    """What the browser calls itself."""
    return Headers(scope=scope).get("user-agent", "")[:400]


def _rate(text: str) -> RateLimitItem | None:
    return parse(text) if text else None

"""One Chromium for a run, a fresh context for each catalogue, and no way out but the checking proxy."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from marketplace.errors import ConfigurationError, SourceRefused, SourceUnavailable
from marketplace.ingestion.addresses import connected, refuse_malformed
from marketplace.ingestion.egress import EgressProxy
from marketplace.settings import Settings

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, Route

log = logging.getLogger(__name__)
UNNEEDED = {"image", "font", "media", "stylesheet"}
PAGES_AT_ONCE = 2  # each takes some 100 MB
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


class Chromium:
    """The browser of one run, started when a page is first wanted and started again when it has died.

    Open for the block of an `async with`.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._stack = AsyncExitStack()
        self._browser: Browser | None = None
        self._starting = asyncio.Lock()
        self._places = asyncio.Semaphore(PAGES_AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """A page in a context of its own, without pictures, fonts and style sheets; it is thrown away afterwards."""
        async with self._places:
            browser = await self._started()
            context = await browser.new_context(user_agent=self.settings.user_agent, service_workers="block")
            try:
                page = await context.new_page()
                await page.route("**/*", self._let_through)
                yield page
            finally:
                if browser.is_connected():
                    await context.close()

    async def _started(self) -> Browser:
        async with self._starting:
            if self._browser is None or not self._browser.is_connected():
                await self._stack.aclose()
                self._browser = await self._start()
            return self._browser

    async def _start(self) -> Browser:
        from playwright.async_api import async_playwright

        way_out = self._stack.enter_context(EgressProxy(self._connect))
        playwright = await self._stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=chromium(self.settings.chromium_path),
            args=list(FLAGS),
            proxy={"server": way_out.url, "bypass": "<-loopback>"},  # nothing goes around it
        )
        self._stack.push_async_callback(browser.close)
        return browser

    def _connect(self, url: str) -> socket.socket:
        return connected(url, allow_private=self.settings.allow_private_hosts)

    async def _let_through(self, route: Route) -> None:
        try:
            refuse_malformed(route.request.url, allow_private=self.settings.allow_private_hosts)
        except (SourceRefused, SourceUnavailable):
            await route.abort()
            return
        if route.request.resource_type in UNNEEDED:
            await route.abort()
        else:
            await route.continue_()


def chromium(path: str) -> str:
    """The Chromium to drive: the one that is set, or the first on PATH.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    if path and os.access(path, os.X_OK):
        return path
    names = (path,) if path else ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next((where for name in names if (where := shutil.which(name))), None)
    if found is None:
        raise ConfigurationError(
            "no Chromium was found to scout catalogue pages; install the system's package (apt-get install chromium) "
            "or set SOKO_CHROMIUM_PATH"
        )
    return found

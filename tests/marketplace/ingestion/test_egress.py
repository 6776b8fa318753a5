"""The browser reaches what may be read and nothing else, whatever a page's script, redirect or socket tries."""

from __future__ import annotations

import socket
from functools import partial
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Error, sync_playwright

from marketplace.errors import SourceRefused, SourceUnavailable
from marketplace.ingestion.addresses import connected
from marketplace.ingestion.browser import FLAGS, chromium
from marketplace.ingestion.egress import EgressProxy

from .web import Web


@pytest.fixture
def secret():
    """A server behind the wall."""
    with Web() as server:
        server.page("/secret", "the password", headers={"access-control-allow-origin": "*"})
        yield server


@pytest.fixture
def way_out(web):
    """A proxy for which the shop is the whole internet."""

    def connect(url):
        if urlsplit(url).netloc != urlsplit(web.url).netloc:
            raise SourceRefused(f"{url} is private")
        return connected(url, allow_private=True)

    with EgressProxy(connect) as proxy:
        yield proxy


def through(proxy, url, **how):
    return requests.get(url, proxies={"http": proxy.url, "https": proxy.url}, timeout=5, **how)


def test_a_page_comes_through_whole(web, way_out):
    content = "kikapu " * 100_000
    answer = through(way_out, web.page("/p", content), params={"q": "a b"})
    assert answer.text == content


PRIVATE = """http://127.0.0.1/ http://localhost/ http://[::1]/ http://2130706433/ http://[::ffff:10.0.0.1]/
    http://169.254.169.254/latest http://100.64.0.1/ http://0.0.0.0/"""


@pytest.mark.parametrize("url", PRIVATE.split())
def test_private_addresses_are_refused_before_anything_is_sent(url):
    with EgressProxy(partial(connected, allow_private=False)) as proxy:
        assert through(proxy, url).status_code == 403


def test_a_name_with_one_private_address_is_refused_and_what_was_checked_is_dialled(monkeypatch):
    answers = iter([["93.184.216.34", "10.0.0.7"], ["93.184.216.34"], ["127.0.0.1"]])
    dialled = []

    def dial(address, timeout):
        dialled.append(address)
        raise OSError("no network here")

    monkeypatch.setattr("marketplace.ingestion.addresses._addresses_of", lambda host, port: next(answers))
    monkeypatch.setattr(socket, "create_connection", dial)
    with pytest.raises(SourceRefused, match=r"10\.0\.0\.7"):
        connected("https://shop.example/", allow_private=False)
    with pytest.raises(SourceUnavailable):
        connected("https://shop.example/", allow_private=False)
    assert dialled == [("93.184.216.34", 443)]  # looked up once, so a second answer is never asked for


@pytest.mark.browser
def test_neither_redirect_script_frame_nor_socket_leads_the_browser_behind_the_wall(web, way_out, secret):
    there = f"{secret.url}/secret"
    web.page("/onward", status=307, headers={"location": there})
    page_url = web.page(
        "/c/1",
        f"""<iframe src="{there}"></iframe><img src="{there}"><script>
        window.tried = Promise.allSettled([
          fetch('/onward'), fetch('{there}'), fetch('{there}', {{method: 'POST', body: 'x', mode: 'no-cors'}}),
          new Promise((open, shut) => {{
            const line = new WebSocket('{there.replace("http", "ws")}'); line.onopen = open; line.onerror = shut }}),
        ]).then(all => all.map(one => one.status))</script>""",
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(""), args=list(FLAGS), proxy={"server": way_out.url, "bypass": "<-loopback>"}
        )
        page = browser.new_page()
        page.goto(page_url)
        tried = page.evaluate("window.tried")
        with pytest.raises(Error):
            page.goto(f"{web.url}/onward", timeout=5000)
        browser.close()
    assert tried[3] == "rejected"
    assert web.requests["/onward"] >= 1
    assert not secret.requests

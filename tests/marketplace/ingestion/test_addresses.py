"""Only public addresses are read."""

from __future__ import annotations

import pytest
import requests

from marketplace.errors import SourceRefused, SourceUnavailable
from marketplace.ingestion.addresses import CheckedAdapter, is_public, refuse_unsafe


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/a",
        "javascript:alert(1)",
        "//example.com/a",
        "http://",
        "http://[::1",
        "http://example.com:99999/",
        "http://example.com:5432/",
        "http://user:secret@example.com/",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://localhost/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:10.0.0.1]/",
        f"http://{'a' * 70}.com/",
    ],
)
def test_an_unsafe_address_is_refused_and_no_password_is_repeated(url):
    with pytest.raises(SourceRefused) as refusal:
        refuse_unsafe(url, allow_private=False)
    assert "secret" not in str(refusal.value)


def test_private_addresses_are_read_where_that_is_allowed():
    refuse_unsafe("http://127.0.0.1:8090/c/254700000001", allow_private=True)
    with pytest.raises(SourceRefused):
        refuse_unsafe("file:///etc/passwd", allow_private=True)


def test_a_public_address_is_read():
    refuse_unsafe("https://8.8.8.8/", allow_private=False)


def test_a_host_without_an_address_may_have_one_tomorrow():
    with pytest.raises(SourceUnavailable, match=r"no-such-host\.invalid has no address"):
        refuse_unsafe("http://no-such-host.invalid/", allow_private=False)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("192.168.0.1", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_an_address_is_public_or_not_however_it_is_written(address, expected):
    assert is_public(address) is expected


def test_a_connection_that_ends_at_a_private_peer_is_closed_before_anything_is_sent(web):
    web.page("/", "inside")
    with requests.Session() as session:
        session.mount("http://", CheckedAdapter())
        with pytest.raises(requests.ConnectionError, match=r"leads to 127\.0\.0\.1, which is not a public address"):
            session.get(web.url, timeout=5)
    assert not web.requests

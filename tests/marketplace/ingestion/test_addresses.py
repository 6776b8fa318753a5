"""Only public addresses are read."""

from __future__ import annotations

import asyncio

import pytest

from marketplace.errors import SourceRefused, SourceUnavailable
from marketplace.ingestion import addresses
from marketplace.ingestion.addresses import CheckedResolver, connected, is_public, refuse_malformed, refuse_unsafe


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
        ("fec0::1", False),
        ("64:ff9b:1::7f00:1", False),
    ],
)
def test_an_address_is_public_or_not_however_it_is_written(address, expected):
    assert is_public(address) is expected


def resolver_of(answers, monkeypatch):
    """Names that lead where a test says: at the first question, at the second, and so on."""
    asked = []

    def addresses_of(host, port):
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    monkeypatch.setattr(addresses, "_addresses_of", addresses_of)
    return asked


def test_the_client_is_given_only_addresses_that_were_checked(monkeypatch):
    resolver_of([["8.8.8.8", "2001:4860:4860::8888"]], monkeypatch)
    found = asyncio.run(CheckedResolver().resolve("shop.example", 80))
    assert [one["host"] for one in found] == ["8.8.8.8", "2001:4860:4860::8888"]


@pytest.mark.parametrize("private", ["10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::a00:1"])
def test_a_host_with_public_and_private_addresses_is_refused(monkeypatch, private):
    resolver_of([["8.8.8.8", private]], monkeypatch)
    with pytest.raises(SourceRefused, match="which is not a public address"):
        asyncio.run(CheckedResolver().resolve("shop.example", 80))


def test_a_name_that_leads_elsewhere_the_second_time_is_asked_once_and_the_checked_address_is_dialled(monkeypatch):
    asked = resolver_of([["192.0.2.1"], ["127.0.0.1"]], monkeypatch)  # TEST-NET-1 is nobody's, and not public either
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "192.0.2.1")
    dialled = []

    def dial(where, timeout):
        dialled.append(where[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(addresses.socket, "create_connection", dial)
    with pytest.raises(SourceUnavailable):
        connected("http://shop.example/", allow_private=False)
    assert (asked, dialled) == (["shop.example"], ["192.0.2.1"])


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1]/",
        "http://0.0.0.0/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.0.0.1.:80/",
        "http://[::ffff:7f00:1]/",
        "http://[fe80::1%eth0]/",
        "http://[fe80::1%25lo]/",
        "http://[fec0::1]/",
        "http://[64:ff9b:1::7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "gopher://example.com/",
        "data:text/html,hello",
        "http://example.com:6379/",
        "http://example.com/\r\nHost: inside",
        "http://example.com\\@127.0.0.1/",
    ],
)
def test_an_address_is_refused_by_its_form_before_anything_is_looked_up_elsewhere(url):
    with pytest.raises(SourceRefused):
        refuse_malformed(url, allow_private=False)


def test_a_name_of_hexadecimal_letters_is_a_name(monkeypatch):
    asked = resolver_of([["8.8.8.8"]], monkeypatch)
    refuse_malformed("https://cafe.cc/", allow_private=False)
    assert asked == []  # it is looked up as it is dialled

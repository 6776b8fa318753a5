"""Fetching is polite, bounded and patient, and knows when to give up."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from marketplace.errors import SourceRefused, SourceUnavailable
from marketplace.ingestion import addresses
from marketplace.ingestion.fetching import LARGEST_IMAGE, LARGEST_PAGE, LARGEST_ROBOTS, Errand, Fetcher
from marketplace.ingestion.politeness import LeftToNextRun, Patience, Tally
from marketplace.ingestion.web import Validators
from marketplace.settings import Settings

SETTINGS = Settings(_env_file=None, allow_private_hosts=True, fetch_timeout_seconds=0.5, per_host_concurrency=3)
ROBOTS = "User-agent: *\nDisallow: /private/\n"


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tally():
    return Tally()


@pytest.fixture
def fetch(clock, tally):
    """Pages in one run, several at once if several are asked for; errors come back as what they are."""

    def run(*urls, known=None, cap=LARGEST_PAGE, settings=SETTINGS, one_by_one=False, **patience):
        async def main():
            patient = Patience(sleep=clock.sleep, clock=clock, **patience)
            async with Fetcher(settings, patient) as fetcher:
                errands = [fetcher.get(Errand(url, cap, tally, known)) for url in urls]
                if not one_by_one:
                    return await asyncio.gather(*errands, return_exceptions=True)
                return [(await asyncio.gather(one, return_exceptions=True))[0] for one in errands]

        return asyncio.run(main())

    return run


@pytest.fixture
def page(fetch):
    """One page, or the error that was raised instead."""

    def one(url, **how):
        [answer] = fetch(url, **how)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return one


def test_a_page_is_read_whole_with_its_status(web, page):
    answer = page(web.page("/p", "kikapu"))
    assert (answer.status, answer.content) == (200, b"kikapu")
    assert page(web.page("/gone", status=410)).is_gone
    assert page(f"{web.url}/never").is_gone


@pytest.mark.parametrize("status", [401, 403, 418, 204])
def test_another_answer_is_refused_without_asking_again(web, page, status):
    with pytest.raises(SourceRefused, match=f"/p answered {status}"):
        page(web.page("/p", status=status))
    assert web.requests["/p"] == 1


def test_what_was_asked_and_came_is_counted(web, page, tally):
    page(web.page("/p", gzip.compress(b"kikapu" * 1000), headers={"content-encoding": "gzip"}, first=[503]))
    assert tally.requests == 3  # robots, and the page twice
    assert 0 < tally.bytes_received < 1000  # as it travelled
    assert tally.polite_seconds > 0


def test_a_busy_host_is_asked_again(web, page):
    assert page(web.page("/p", "kikapu", first=[503, 500])).content == b"kikapu"
    assert web.requests["/p"] == 3


def test_a_host_that_names_its_pause_is_left_alone_for_that_long_by_everyone(web, fetch, clock, tally):
    urls = [web.page(f"/{number}", "kikapu") for number in range(12)]
    web.answers["/0"].first = [429]
    web.answers["/0"].headers["retry-after"] = "120"
    answers = fetch(*urls)
    assert all(answer.status == 200 for answer in answers)
    assert 120 <= clock.now < 130
    assert tally.requests == 1 + 12 + 1  # nobody asked again while it wanted quiet


def test_another_host_is_not_kept_waiting(web, fetch, clock):
    busy = web.page("/p", "kikapu", status=503, headers={"retry-after": "3600"})
    web.page("/another", "kikapu")
    other = web.url.replace("127.0.0.1", "localhost")
    answers = fetch(busy, f"{other}/another", one_by_one=True)
    assert isinstance(answers[0], LeftToNextRun)
    assert answers[1].status == 200
    assert clock.now == 0


def test_a_host_that_asks_for_longer_than_it_is_given_is_left_to_the_next_run(web, page):
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    with pytest.raises(LeftToNextRun, match="more than is left of its 900"):
        page(web.page("/p", status=503, headers={"retry-after": later}))
    assert web.requests["/p"] == 1


@pytest.mark.parametrize("named", ["soon", "-5", ""])
def test_a_pause_that_is_none_is_not_waited_for(web, page, clock, named):
    page(web.page("/p", "kikapu", first=[429], headers={"retry-after": named}))
    assert max(clock.slept) < 2


def test_a_host_that_keeps_failing_is_asked_ever_less_and_then_given_up(web, fetch, clock):
    urls = [web.page(f"/{number}", status=500) for number in range(60)]
    answers = fetch(*urls, one_by_one=True, attempts=1)
    assert all(isinstance(answer, SourceUnavailable) for answer in answers)
    assert (
        sum(count for path, count in web.requests.items() if path != "/robots.txt") == 5 + 4
    )  # five, then one each time
    assert clock.now == 5 + 10 + 20 + 40  # the breaker's pauses, twice as long each time


def test_a_host_that_flaps_is_read_to_the_end(web, fetch):
    urls = [web.page(f"/{number}", "kikapu", first=[500] * (number % 2)) for number in range(40)]
    answers = fetch(*urls)
    assert [answer.status for answer in answers] == [200] * 40


def test_one_request_goes_first_when_a_host_may_be_awake_again(web, fetch):
    urls = [web.page(f"/{number}", "kikapu", first=[503] * 2, seconds=0.02) for number in range(9)]
    fetch(*urls)
    assert web.most_at_once <= 3


def test_an_overloaded_host_is_asked_more_slowly_and_faster_again_once_it_answers(web, fetch, clock):
    slow = web.page("/slow", "kikapu", first=[503, 503])
    fetch(slow, *[web.page(f"/{number}", "kikapu") for number in range(30)], one_by_one=True)
    assert 0.05 < sum(clock.slept) < 10
    assert clock.slept[-1] < max(clock.slept)


def test_a_crawl_delay_is_kept(web, fetch, clock):
    web.page("/robots.txt", "User-agent: *\nCrawl-delay: 2\n", kind="text/plain")
    fetch(*[web.page(f"/{number}", "kikapu") for number in range(6)])
    assert clock.now == pytest.approx(10)


def test_a_page_that_drips_is_cut_off(web, page):
    with pytest.raises(SourceUnavailable, match="too slow"):
        page(web.page("/drip", "x" * 1000, drips=True), attempts=1)


def test_a_body_that_ends_early_is_not_taken_for_whole(web, page):
    with pytest.raises(SourceUnavailable, match="did not answer: ClientPayloadError"):
        page(web.page("/short", "half", promised=1000), attempts=1)


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)], ids=["gzip", "deflate"]
)
def test_a_body_is_never_larger_than_the_cap_however_well_it_is_packed(web, page, encoding, pack):
    with pytest.raises(SourceRefused, match="larger than 5000000 bytes"):
        page(web.page("/bomb", pack(bytes(LARGEST_PAGE + 1)), headers={"content-encoding": encoding}))


@pytest.mark.parametrize("encoding", ["br", "zstd", ", ".join(["gzip"] * 50)])
def test_a_packing_that_was_not_asked_for_is_refused(web, page, encoding):
    with pytest.raises(SourceRefused, match="packed as"):
        page(web.page("/p", b"kikapu", headers={"content-encoding": encoding}))


def test_a_body_that_cannot_be_unpacked_is_refused(web, page):
    with pytest.raises(SourceRefused, match="cannot be unpacked"):
        page(web.page("/p", b"kikapu", headers={"content-encoding": "gzip"}))


def test_a_page_that_has_not_changed_is_neither_sent_nor_given_again(web, page, tally):
    etag = {"etag": '"1"'}
    first = page(web.page("/p", "kikapu", headers=etag))
    assert first.validators == Validators('"1"', None, hashlib.sha256(b"kikapu").hexdigest())
    again = page(f"{web.url}/p", known=first.validators)
    assert (again.is_unchanged, again.content, again.validators) == (True, b"", first.validators)
    web.page("/p", "kikapu", headers={"etag": '"2"'})  # sent again, and the same
    assert page(f"{web.url}/p", known=first.validators).is_unchanged
    web.page("/p", "kiondo", headers=etag | {"etag": '"3"'})
    assert page(f"{web.url}/p", known=first.validators).content == b"kiondo"
    assert tally.not_modified == 2


def test_redirects_are_followed_and_each_hop_is_checked(web, page):
    web.page("/here", "kikapu")
    assert page(web.page("/onward", status=302, headers={"location": "/here"})).url == f"{web.url}/here"
    nowhere = ["file:///etc/passwd", "http://u:p@127.0.0.1/", "http://[", "gopher://127.0.0.1/", "/loop4"]
    for number, there in enumerate(nowhere):
        with pytest.raises(SourceRefused):
            page(web.page(f"/loop{number}", status=301, headers={"location": there}))
    assert web.requests["/loop4"] == 6


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_into_a_private_network_is_refused_at_that_hop(web, page, monkeypatch, status):
    """The first host counts as public here, as it would be on the internet; where it sends us does not."""
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")
    monkeypatch.setattr(addresses, "READ_PORTS", {None, int(web.url.rpartition(":")[2])})
    inside = web.page("/onward", status=status, headers={"location": "http://169.254.169.254/latest/meta-data/"})
    with pytest.raises(SourceRefused, match=r"leads to 169\.254\.169\.254"):
        page(inside, settings=SETTINGS.model_copy(update={"allow_private_hosts": False}))


def test_the_body_of_a_redirect_is_not_read(web, page):
    web.page("/here", "kikapu")
    onward = web.page("/onward", "x" * 200, status=302, headers={"location": "/here"}, drips=True)
    assert page(onward).content == b"kikapu"  # read whole it would take ten seconds, and no redirect


def test_private_hosts_are_refused_unless_allowed(web, page):
    with pytest.raises(SourceRefused, match="only 80 and 443"):
        page(web.page("/p"), settings=Settings(_env_file=None))
    with pytest.raises(SourceRefused, match="which is not a public address"):
        page("http://localhost/p", settings=Settings(_env_file=None))
    assert not web.requests


def test_robots_are_asked_once_and_obeyed(web, fetch):
    web.page("/robots.txt", ROBOTS, kind="text/plain", seconds=0.05)
    answers = fetch(*[f"{web.url}/p{number}" for number in range(8)], f"{web.url}/private/p")
    assert [answer.status for answer in answers[:8]] == [404] * 8
    assert "robots.txt forbids" in str(answers[8])
    assert (web.requests["/robots.txt"], web.requests["/private/p"]) == (1, 0)


def test_robots_hold_for_every_hop_and_for_pictures(web, page):
    web.page("/robots.txt", ROBOTS, kind="text/plain")
    onward = web.page("/onward", status=302, headers={"location": "/private/p"})
    for cap in (LARGEST_PAGE, LARGEST_IMAGE):
        for url in (onward, f"{web.url}/private/p"):
            with pytest.raises(SourceRefused, match=r"robots\.txt forbids"):
                page(url, cap=cap)
    assert web.requests["/private/p"] == 0


def test_no_robots_allow_all_and_unreachable_ones_allow_nothing(web, page):
    web.page("/robots.txt", status=403)
    assert page(web.page("/p", "kikapu")).status == 200
    web.page("/robots.txt", status=503)
    with pytest.raises(SourceUnavailable, match=r"robots\.txt answered 503"):
        page(f"{web.url}/p", attempts=1)
    assert web.requests["/p"] == 1


def test_of_huge_robots_the_first_half_megabyte_holds(web, page):
    rest = "# x\n" * (LARGEST_ROBOTS // 4) + "Disallow: /p\n"
    web.page("/robots.txt", ROBOTS + rest, kind="text/plain")
    assert page(web.page("/p", "kikapu")).status == 200
    with pytest.raises(SourceRefused, match=r"robots\.txt forbids"):
        page(f"{web.url}/private/p")


def test_no_more_than_the_limit_are_asked_of_one_host_at_once(web, fetch):
    web.page("/p", "kikapu", seconds=0.05)
    fetch(*[f"{web.url}/p"] * 24, settings=SETTINGS.model_copy(update={"fetch_timeout_seconds": 60.0}))
    assert web.most_at_once == 3


def test_attempts_are_bounded(web, page):
    with pytest.raises(SourceUnavailable, match="answered 500"):
        page(web.page("/p", status=500))
    assert web.requests["/p"] == Patience().attempts


@pytest.mark.parametrize("status", [501, 520, 522, 599])
def test_any_server_error_may_be_over_tomorrow(web, page, status):
    with pytest.raises(SourceUnavailable, match=f"answered {status}"):
        page(web.page("/p", status=status), attempts=1)


def test_a_packed_body_that_was_cut_is_not_taken_for_whole(web, page):
    packed = gzip.compress(b"kikapu" * 1000)
    with pytest.raises(SourceUnavailable, match="was cut short"):
        page(web.page("/cut", packed[:-12], headers={"content-encoding": "gzip"}), attempts=1)


def test_a_body_packed_in_several_members_is_read_to_its_end(web, page):
    packed = gzip.compress(b"kikapu ") + gzip.compress(b"kiondo")
    assert page(web.page("/two", packed, headers={"content-encoding": "gzip"})).content == b"kikapu kiondo"


def test_what_is_known_of_a_page_says_nothing_of_where_it_redirects(web, page):
    first = page(web.page("/p", "kikapu", headers={"etag": '"1"'}))
    web.page("/sold-out", "sold out", headers={"etag": '"1"'})
    web.page("/p", status=302, headers={"location": "/sold-out"})
    assert page(f"{web.url}/p", known=first.validators).content == b"sold out"


def test_a_header_that_cannot_be_kept_is_left_out(web, page):
    assert page(web.page("/p", "kikapu", headers={"etag": '"caf\xe9"'})).validators.etag is None

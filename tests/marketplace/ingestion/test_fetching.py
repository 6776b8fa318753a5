"""Fetching is polite, bounded and patient, and knows when to give up."""

from __future__ import annotations

import gzip
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from marketplace.errors import SourceRefused, SourceUnavailable
from marketplace.ingestion.fetching import LARGEST_PAGE, Fetcher, Patience
from marketplace.settings import Settings

SETTINGS = Settings(_env_file=None, allow_private_hosts=True, fetch_timeout_seconds=0.5, per_host_concurrency=3)
ONCE = Patience(attempts=1)


@pytest.fixture
def slept():
    return []


@pytest.fixture
def fetcher(slept):
    with closing(Fetcher(SETTINGS, Patience(sleep=slept.append))) as opened:
        yield opened


@pytest.fixture
def impatient():
    with closing(Fetcher(SETTINGS, ONCE)) as opened:
        yield opened


def test_a_page_is_read_whole_with_its_status(web, fetcher):
    answer = fetcher.page(web.page("/p", "kikapu"))
    assert (answer.status, answer.content) == (200, b"kikapu")
    assert fetcher.page(web.page("/gone", status=410)).status == 410
    assert fetcher.page(f"{web.url}/never").status == 404


@pytest.mark.parametrize("status", [401, 403, 418, 204])
def test_another_answer_is_refused_without_asking_again(web, fetcher, status):
    with pytest.raises(SourceRefused, match=f"/p answered {status}"):
        fetcher.page(web.page("/p", status=status))
    assert web.requests["/p"] == 1


def test_a_busy_host_is_asked_again(web, fetcher):
    assert fetcher.page(web.page("/p", "kikapu", first=[503, 500])).content == b"kikapu"
    assert web.requests["/p"] == 3


def test_a_host_that_names_its_pause_is_left_alone_for_that_long(web, fetcher, slept):
    fetcher.page(web.page("/p", "kikapu", first=[429], headers={"retry-after": "7"}))
    assert max(slept) == 7
    fetcher.page(web.page("/another", "kikapu"))
    assert 6 < slept[-1] <= 7  # no thread asks the host for anything before its time


def test_a_host_that_asks_for_an_hour_is_left_to_the_next_run(web, fetcher):
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    with pytest.raises(SourceUnavailable, match="answered 503"):
        fetcher.page(web.page("/p", status=503, headers={"retry-after": later}))
    assert web.requests["/p"] == 1


@pytest.mark.parametrize("named", ["soon", "-5", ""])
def test_a_pause_that_is_none_is_not_waited_for(web, fetcher, slept, named):
    fetcher.page(web.page("/p", "kikapu", first=[429], headers={"retry-after": named}))
    assert max(slept) < 2


def test_a_host_that_never_answers_is_given_up(web, impatient):
    impatient.robots(f"{web.url}/p")
    for number in range(ONCE.give_up_after + 3):
        with pytest.raises(SourceUnavailable):
            impatient.page(web.page(f"/{number}", seconds=0.7))
    assert sum(count for path, count in web.requests.items() if path != "/robots.txt") == ONCE.give_up_after


def test_a_page_that_drips_is_cut_off(web, impatient):
    with pytest.raises(SourceUnavailable, match="too slow"):
        impatient.page(web.page("/drip", "x" * 1000, drips=True))


def test_a_body_that_ends_early_is_not_taken_for_whole(web, impatient):
    with pytest.raises(SourceUnavailable, match="did not answer: ProtocolError"):
        impatient.page(web.page("/short", "half", promised=1000))


def test_a_body_is_never_larger_than_the_cap_however_well_it_is_packed(web, fetcher):
    packed = gzip.compress(bytes(LARGEST_PAGE + 1))
    with pytest.raises(SourceRefused, match="larger than 5000000 bytes"):
        fetcher.page(web.page("/bomb", packed, headers={"content-encoding": "gzip"}))


def test_redirects_are_followed_and_each_hop_is_checked(web, fetcher):
    web.page("/here", "kikapu")
    onward = web.page("/onward", status=302, headers={"location": "/here"})
    assert fetcher.page(onward).url == f"{web.url}/here"
    for number, there in enumerate(["file:///etc/passwd", "http://u:p@127.0.0.1/", "http://[", "/loop3"]):
        with pytest.raises(SourceRefused):
            fetcher.page(web.page(f"/loop{number}", status=301, headers={"location": there}))


def test_the_body_of_a_redirect_is_not_read(web, fetcher):
    web.page("/here", "kikapu")
    onward = web.page("/onward", "x" * 200, status=302, headers={"location": "/here"}, drips=True)
    assert fetcher.page(onward).content == b"kikapu"  # read whole it would take ten seconds, and no redirect


def test_private_hosts_are_refused_unless_allowed(web):
    with pytest.raises(SourceRefused, match="only 80 and 443"):
        Fetcher(Settings(_env_file=None)).page(web.page("/p"))
    assert not web.requests


def test_robots_are_asked_once_and_obeyed(web, fetcher):
    web.page("/robots.txt", "User-agent: *\nDisallow: /private/\n", kind="text/plain", seconds=0.05)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: fetcher.page(f"{web.url}/p{n}").status, range(8)))
    assert answers == [404] * 8
    assert web.requests["/robots.txt"] == 1
    with pytest.raises(SourceRefused, match=r"robots\.txt forbids"):
        fetcher.page(f"{web.url}/private/p")
    assert web.requests["/private/p"] == 0


def test_robots_hold_for_every_hop_and_for_pictures(web, fetcher):
    web.page("/robots.txt", "User-agent: *\nDisallow: /private/\n", kind="text/plain")
    onward = web.page("/onward", status=302, headers={"location": "/private/p"})
    for read in (fetcher.page, fetcher.image):
        for url in (onward, f"{web.url}/private/p"):
            with pytest.raises(SourceRefused, match=r"robots\.txt forbids"):
                read(url)
    assert web.requests["/private/p"] == 0


def test_no_robots_allow_all_and_unreachable_ones_allow_nothing(web, fetcher, impatient):
    web.page("/robots.txt", status=403)
    assert fetcher.page(web.page("/p", "kikapu")).status == 200
    web.page("/robots.txt", status=503)
    with pytest.raises(SourceUnavailable, match=r"robots\.txt answered 503"):
        impatient.page(f"{web.url}/p")


def test_no_more_than_the_limit_are_asked_of_one_host_at_once(web):
    web.page("/p", "kikapu", seconds=0.05)
    patient = Fetcher(
        SETTINGS.model_copy(update={"fetch_timeout_seconds": 60.0})
    )  # one given up is still being answered
    with closing(patient), ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: patient.page(f"{web.url}/p"), range(24)))
    assert web.most_at_once == 3


def test_attempts_are_bounded(web, fetcher):
    with pytest.raises(SourceUnavailable, match="answered 500"):
        fetcher.page(web.page("/p", status=500))
    assert web.requests["/p"] == Patience().attempts

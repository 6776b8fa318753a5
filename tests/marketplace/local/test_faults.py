"""Faults as a reader meets them: each is seen over HTTP, strikes as often as it says, and can be switched off."""

from __future__ import annotations

import gzip
import io
import json
import socket
import struct
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest
import requests
from lxml import etree
from lxml.html import HTMLParser, document_fromstring

from marketplace.local.market import draw_market
from marketplace.local.shop_server import ShopServer
from marketplace.local.shops.bombs import PIXELS
from marketplace.local.shops.fault_kinds import FAULTS, Fault, fault
from marketplace.local.shops.faults import Faults
from marketplace.local.shops.markup import picture_path
from marketplace.local.shops.paths import catalogue_path, page_path

MARKET = draw_market(sellers=2, products_per_seller=14, kinds=True)
PRODUCT = MARKET.products[0]
PAGE = page_path(MARKET, PRODUCT)
PICTURE = picture_path(PRODUCT)


@pytest.fixture
def shop():
    with ShopServer(MARKET) as opened:
        yield opened


@pytest.fixture
def struck(shop):
    """Switches one fault on at an address, and asks for it without following redirects."""

    def ask(name, path=PAGE, **particulars):
        shop.switch_faults(Faults((fault(name, path, **particulars),)))
        return got(shop, path)

    return ask


def got(shop, path, **headers):
    return requests.get(shop.url + path, headers=headers, timeout=10, allow_redirects=False)


def script(page):
    [text] = document_fromstring(page.content).xpath("//script[@type='application/ld+json']/text()")
    return text


def graph_title(page):
    parser = HTMLParser(encoding="utf-8")
    return document_fromstring(page.content, parser=parser).xpath("string(//meta[@property='og:title']/@content)")


def test_every_fault_says_in_words_what_it_does_and_where():
    for name, kind in FAULTS.items():
        assert kind.says, name
        assert name == name.lower()


def test_a_fault_that_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(KeyError, match="no fault flood; there are too_many_requests"):
        fault("flood", PAGE)
    with pytest.raises(KeyError, match="no fault flood"):
        Faults.everything(MARKET, names=["flood"])


def test_too_many_requests_names_the_seconds_and_then_lets_through(shop, struck):
    first = struck("too_many_requests", seconds=3)
    assert (first.status_code, first.headers["retry-after"]) == (429, "3")
    assert got(shop, PAGE).status_code == 200
    assert got(shop, PAGE + "?again").status_code == 429, "another address is struck for itself"


def test_a_storm_lasts_as_long_as_it_says(shop, struck):
    answers = [struck("too_many_requests", times=4)] + [got(shop, PAGE) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429] * 4 + [200]


def test_too_many_requests_can_name_a_date(struck):
    answer = struck("too_many_requests_until", seconds=60)
    ahead = parsedate_to_datetime(answer.headers["retry-after"]) - datetime.now(UTC)
    assert answer.status_code == 429
    assert 0 < ahead.total_seconds() <= 61


def test_a_flapping_page_fails_every_other_time_with_either_error(shop, struck):
    statuses = [struck("flapping").status_code] + [got(shop, PAGE).status_code for _ in range(5)]
    assert statuses == [500, 200, 503, 200, 500, 200]


@pytest.mark.parametrize("name", ["slow_body", "stalled"])
def test_a_slow_body_comes_whole_in_the_end(shop, struck, name):
    whole = got(shop, PAGE).content
    assert struck(name, seconds=0.2).content == whole


def test_a_stalled_body_says_nothing_while_a_reader_waits(shop):
    shop.switch_faults(Faults((fault("stalled", PAGE, seconds=30),)))
    with pytest.raises(requests.ConnectionError, match="timed out"):
        requests.get(shop.url + PAGE, timeout=0.3)


@pytest.mark.parametrize("name", ["connection_reset", "wrong_length"])
def test_a_body_that_breaks_off_is_seen_and_comes_whole_the_second_time(shop, struck, name):
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        struck(name)
    assert got(shop, PAGE).status_code == 200


def test_a_reset_is_a_reset_and_not_an_orderly_end(shop):
    shop.switch_faults(Faults((fault("connection_reset", PAGE),)))
    at = urlsplit(shop.url)
    with socket.create_connection((at.hostname, at.port), timeout=5) as peer:
        peer.sendall(f"GET {PAGE} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: peer.recv(65_536), b""))


@pytest.mark.parametrize("status", ["301", "302", "307", "308"])
def test_a_moved_page_leads_to_the_same_page(shop, struck, status):
    whole = got(shop, PAGE).content
    answer = struck("moved_page", detail=status)
    assert answer.status_code == int(status)
    assert got(shop, answer.headers["location"]).content == whole


def test_a_moved_catalogue_keeps_its_question(shop):
    path = catalogue_path(MARKET, "cape-clay")
    whole = got(shop, f"{path}?limit=3&page=2").json()
    shop.switch_faults(Faults((fault("moved_page", path),)))
    answer = got(shop, f"{path}?limit=3&page=2")
    assert got(shop, answer.headers["location"]).json() == whole


def test_a_redirect_loop_never_ends(shop, struck):
    struck("redirect_loop")
    with pytest.raises(requests.TooManyRedirects):
        requests.get(shop.url + PAGE, timeout=10)


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("redirect_private", ("http://169.254.", "http://10.", "http://[::", "http://192.168.", "http://2852039166")),
        ("redirect_scheme", ("file:", "gopher:", "ftp:", "http://root:")),
    ],
)
def test_redirects_lead_where_no_reader_may_follow(struck, name, beginning):
    answer = struck(name)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(beginning)
    assert struck(name, detail=f"{beginning[0]}x").headers["location"] == f"{beginning[0]}x"


def test_walls_answer_as_if_all_were_well(shop, struck):
    login, lost, led_away = (struck(name) for name in ("login_wall", "soft_404", "login_redirect"))
    assert (login.status_code, lost.status_code, led_away.status_code) == (200, 200, 302)
    assert 'type="password"' in login.text
    assert "not found" in lost.text
    assert 'type="password"' in got(shop, led_away.headers["location"]).text
    assert PRODUCT.title not in login.text + lost.text


def test_truncated_data_cannot_be_parsed_though_the_page_seems_whole(struck):
    page = struck("truncated_page")
    assert int(page.headers["content-length"]) > 0
    assert "</html>" not in page.text
    assert graph_title(page) == PRODUCT.title


@pytest.mark.parametrize("name", ["trailing_commas", "commented_json", "raw_newlines"])
def test_malformed_data_does_not_parse_and_open_graph_still_tells(struck, name):
    page = struck(name)
    with pytest.raises(json.JSONDecodeError):
        json.loads(script(page))
    assert graph_title(page) == PRODUCT.title


def test_entities_in_data_are_valid_and_must_be_decoded(struck):
    page = struck("html_entities")
    said = json.loads(script(page))["name"]
    assert said == PRODUCT.title.replace(",", "&#44;")
    assert said != PRODUCT.title
    assert graph_title(page) == ""


def test_a_bad_script_stands_before_the_good_one(struck):
    page = document_fromstring(struck("bad_script_beside").content)
    broken, good = page.xpath("//script[@type='application/ld+json']/text()")
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken)
    assert json.loads(good)["name"] == PRODUCT.title


def test_the_product_is_a_node_among_others(struck):
    data = json.loads(script(struck("at_graph")))
    assert [node["@type"] for node in data["@graph"]] == ["WebSite", "BreadcrumbList", "Product"]
    assert data["@graph"][2]["name"] == PRODUCT.title


def test_bytes_that_are_not_what_they_are_called(struck):
    assert struck("wrong_charset").headers["content-type"] == "text/html; charset=iso-8859-1"
    with pytest.raises(UnicodeDecodeError):
        struck("mixed_encodings").content.decode()
    assert b"\x00" in struck("nul_bytes").content


def test_what_is_huge_is_huge(struck):
    assert len(struck("huge_page").content) > 29_000_000
    assert struck("deep_nesting").content.count(b"<div>") == 1_000_000
    assert len(struck("huge_robots", "/robots.txt").content) > 2_000_000


def test_a_gzip_bomb_is_small_on_the_wire_and_a_gigabyte_behind_it(shop):
    shop.switch_faults(Faults((fault("gzip_bomb", PAGE),)))
    with requests.get(shop.url + PAGE, stream=True, timeout=10) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        packed = answer.raw.read(decode_content=False)
    assert len(packed) < 2_000_000
    with gzip.open(io.BytesIO(packed)) as body:
        unpacked = sum(len(part) for part in iter(lambda: body.read(1 << 24), b""))
    assert unpacked == 1 << 30


def test_a_bomb_in_a_feed_is_refused_by_a_parser_with_bounds(shop):
    handle = "lusaka-chitenge"
    path = catalogue_path(MARKET, handle)
    shop.switch_faults(Faults((fault("xml_bomb", path, seller=handle),)))
    content = got(shop, path).content
    assert b'<!ENTITY file SYSTEM "file:///etc/passwd">' in content
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(content)


@pytest.mark.parametrize(
    ("name", "kind", "beginning"),
    [
        ("html_as_picture", "image/jpeg", b"<!doctype html>"),
        ("svg_as_picture", "image/jpeg", b"<svg"),
        ("gif_polyglot", "image/jpeg", b"GIF89a/*"),
        ("picture_bomb", "image/png", b"\x89PNG"),
        ("picture_header_bomb", "image/png", b"\x89PNG"),
    ],
)
def test_pictures_lie_about_what_they_are(struck, name, kind, beginning):
    answer = struck(name, PICTURE)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.content.startswith(beginning)


@pytest.mark.parametrize("name", PIXELS)
def test_picture_bombs_claim_their_pixels_and_weigh_little(struck, name):
    content = struck(name, PICTURE).content
    assert struct.unpack(">II", content[16:24]) == (PIXELS[name], PIXELS[name])
    assert len(content) < 200_000


def test_a_missing_picture_is_missing(struck):
    assert struck("missing_picture", PICTURE).status_code == 404


@pytest.mark.parametrize("handle", [seller.handle for seller in MARKET.sellers])
def test_an_empty_catalogue_answers_200_and_its_products_are_still_there(shop, handle):
    path, first = catalogue_path(MARKET, handle), MARKET.of(handle)[0]
    full = got(shop, path)
    shop.switch_faults(Faults((fault("empty_catalogue", path, seller=handle),)))
    empty = got(shop, path)
    assert (full.status_code, empty.status_code) == (200, 200)
    assert len(empty.content) < len(full.content)
    assert first.title.encode() not in empty.content
    assert got(shop, page_path(MARKET, first)).status_code == 200


def test_a_catalogue_cut_short_does_not_parse(shop):
    path = catalogue_path(MARKET, "maasai-beads")
    shop.switch_faults(Faults((fault("truncated_catalogue", path, seller="maasai-beads"),)))
    with pytest.raises(json.JSONDecodeError):
        got(shop, path).json()


def test_pages_that_loop_lead_from_the_last_to_the_first(shop):
    handle = "maputo-capulanas"
    shop.switch_faults(Faults((fault("looping_pages", "", seller=handle),)))
    assert 'rel="next" href="/shop/maputo-capulanas/?page=1"' in got(shop, f"/shop/{handle}/?page=2").text


@pytest.mark.parametrize("handle", ["cape-clay", "abuja-leather", "douala-pagne"])
def test_a_catalogue_can_list_a_product_twice(shop, handle):
    path, picture = f"{catalogue_path(MARKET, handle)}?per_page=100", picture_path(MARKET.of(handle)[0])
    once = got(shop, path).text.count(picture)
    shop.switch_faults(Faults((fault("repeated_rows", "", seller=handle),)))
    assert got(shop, path).text.count(picture) == 2 * once > 0


def test_rules_of_robots_are_those_of_their_host():
    planted = (
        fault("robots_disallow", PAGE),
        fault("crawl_delay", "/robots.txt", host="127.0.0.2", seconds=0.5),
        fault("robots_unavailable", "/robots.txt", host="127.0.0.3"),
    )
    with ShopServer(MARKET, hosts=3) as shop:
        shop.switch_faults(Faults(planted))
        hosts = [shop.url.replace("127.0.0.1", f"127.0.0.{number}") for number in (1, 2, 3)]
        here, there, dark = (requests.get(f"{host}/robots.txt", timeout=5) for host in hosts)
    assert f"Disallow: {PAGE}\n" in here.text
    assert "Crawl-delay" not in here.text
    assert "Crawl-delay: 0.5\n" in there.text
    assert dark.status_code == 503


def test_an_extra_product_is_listed_and_its_page_is_the_trap(shop):
    planted = shop.switch_faults(["redirect_private"])
    assert all(one.is_extra for one in planted.planted)
    extras = planted.extras(MARKET)
    assert {extra.title for extra in extras} == {"Planted redirect private"}
    by_handle = {extra.seller_handle: one for extra, one in zip(extras, planted.planted, strict=True)}
    trap = by_handle["lagos-ankara"]
    listed = gzip.decompress(got(shop, catalogue_path(MARKET, "lagos-ankara")).content)
    assert trap.path.encode() in listed
    assert got(shop, trap.path).status_code == 302


def test_everything_is_planted_and_is_the_same_for_the_same_seed():
    planted = Faults.everything(MARKET, seed=3, hosts=12)
    assert set(planted.names) == set(FAULTS)
    assert planted == Faults.everything(MARKET, seed=3, hosts=12)
    assert planted != Faults.everything(MARKET, seed=4, hosts=12)
    assert Faults.read(json.loads(json.dumps(planted.written()))) == planted


def test_no_two_faults_share_an_address_and_walled_sellers_have_no_others():
    planted = Faults.everything(MARKET, hosts=12).planted
    addresses = [(one.path, one.host) for one in planted if one.kind.act is not None]
    assert len(set(addresses)) == len(addresses)
    walled = {one.seller for one in planted if one.outcome == "unread" and not one.source_ref}
    assert walled
    assert all([one.seller for one in planted].count(handle) == 1 for handle in walled)


def test_hosts_that_sellers_share_have_no_faults_of_their_robots():
    names = set(Faults.everything(MARKET, hosts=1).names)
    assert not names & {"robots_unavailable", "crawl_delay", "huge_robots"}


def test_without_other_kinds_everything_still_leaves_half_the_sellers_readable():
    market = draw_market(sellers=3, products_per_seller=14)
    planted = Faults.everything(market).planted
    walled = {one.seller for one in planted if not one.source_ref}
    assert len(walled) == 1


def test_faults_are_switched_while_the_shops_run_and_outlive_them(tmp_path):
    state = tmp_path / "shop.json"
    with ShopServer(MARKET, state=state) as shop:
        url = f"{shop.url}/admin/faults"
        told = requests.post(url, json={"faults": ["soft_404", "flapping"], "seed": 5}, timeout=5)
        assert set(told.json()["on"]) == {"soft_404", "flapping"}
        planted = shop.faults
        assert planted == Faults.everything(MARKET, 5, names=["soft_404", "flapping"])
    with ShopServer(MARKET, state=state) as shop:
        assert shop.faults == planted
        url = f"{shop.url}/admin/faults"
        trap = planted.named("soft_404")[0]
        assert "not found" in got(shop, trap.path).text
        assert requests.post(url, json={"faults": "none"}, timeout=5).json() == {"on": []}
        assert "not found" not in got(shop, trap.path).text
        assert set(requests.get(url, timeout=5).json()["all"]) == set(FAULTS)
        assert len(requests.post(url, json={"faults": "all"}, timeout=5).json()["on"]) > 30


def test_faults_of_sellers_that_are_no_longer_there_strike_nobody(tmp_path):
    state = tmp_path / "shop.json"
    with ShopServer(MARKET, state=state) as shop:
        shop.switch_faults()
    with ShopServer(draw_market(sellers=1, products_per_seller=14), state=state) as shop:
        assert shop.faults.names
        assert got(shop, "/").status_code == 200


@pytest.mark.parametrize("wanted", [{"faults": ["flood"]}, {"faults": "some"}, {"faults": 3}, ["all"]])
def test_a_switch_that_makes_no_sense_changes_nothing(shop, wanted):
    shop.switch_faults(["flapping"])
    before = shop.faults
    assert requests.post(f"{shop.url}/admin/faults", json=wanted, timeout=5).status_code == 400
    assert shop.faults == before


def test_a_fault_strikes_the_first_of_every_few():
    third = Fault("flapping", PAGE, times=2, every=3)
    assert [third.strikes(asked) for asked in range(1, 9)] == [True, False, False, True, False, False, False, False]

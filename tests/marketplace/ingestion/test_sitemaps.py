"""Sitemaps are read whole, on their own host, and within a budget."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from marketplace.ingestion.sitemaps import LARGEST_SITEMAP, is_of_products, read_sitemaps, sitemaps_of

NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


def urlset(*urls, lastmod=""):
    changed = f"<lastmod>{lastmod}</lastmod>" if lastmod else ""
    entries = "".join(f"<url><loc>{url}</loc>{changed}</url>" for url in urls)
    return f'<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="{NAMESPACE}">{entries}</urlset>'


def index(*urls):
    entries = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return f'<sitemapindex xmlns="{NAMESPACE}">{entries}</sitemapindex>'


@pytest.fixture
def read(web, fresh_web):
    return lambda: asyncio.run(sitemaps_of(fresh_web, web.url))


def paths(web, listed):
    return [one.url.removeprefix(web.url) for one in listed]


def test_the_sitemaps_that_robots_txt_names_are_read_in_its_order(web, read):
    web.page("/robots.txt", f"User-agent: *\nDisallow: /cart\nSitemap: {web.url}/b.xml\nsitemap: /a.xml\n")
    web.page("/b.xml", urlset(f"{web.url}/products/2", lastmod="2026-11-01"))
    web.page("/a.xml", urlset(f"{web.url}/products/1"))
    found = read()
    assert paths(web, found.products()) == ["/products/2", "/products/1"]
    assert [one.last_modified for one in found.listed.values()] == ["2026-11-01", ""]
    assert found.flaws == []
    assert web.requests["/sitemap.xml"] == 0


def test_without_robots_txt_the_usual_place_is_looked_at_and_nothing_there_is_no_flaw(web, read):
    assert (read().listed, read().flaws) == ({}, [])
    web.page("/sitemap.xml", urlset(f"{web.url}/products/1"))
    assert paths(web, read().products()) == ["/products/1"]


def test_an_index_that_names_sitemaps_of_products_is_followed_to_those_alone(web, read):
    web.page(
        "/sitemap.xml", index(f"{web.url}/sitemap_products_1.xml?from=1&amp;to=9", f"{web.url}/sitemap_pages_1.xml")
    )
    web.page("/sitemap_products_1.xml", urlset(f"{web.url}/", f"{web.url}/products/1", f"{web.url}/products/2"))
    found = read()
    assert paths(web, found.products()) == ["/products/1", "/products/2"]
    assert web.requests["/sitemap_pages_1.xml"] == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("https://a.example/sitemap_products_1.xml?from=1", True),
        ("https://a.example/product-sitemap.xml", True),
        ("https://a.example/wp-sitemap-posts-product-1.xml", True),
        ("https://a.example/product_cat-sitemap.xml", False),
        ("https://a.example/wp-sitemap-taxonomies-product_cat-1.xml", False),
        ("https://a.example/post-sitemap.xml", False),
        ("https://products.example/sitemap.xml", False),
    ],
)
def test_sitemaps_of_products_are_known_by_name(name, expected):
    assert is_of_products(name) is expected


def test_packed_sitemaps_and_plain_lists_are_read(web, read):
    web.page("/robots.txt", "Sitemap: /a.xml.gz\nSitemap: /b.txt")
    web.page("/a.xml.gz", gzip.compress(urlset(f"{web.url}/p/1").encode()), kind="application/gzip")
    web.page("/b.txt", f"{web.url}/p/2\n{web.url}/p/3\n", kind="text/plain")
    assert paths(web, read().products()) == ["/p/1", "/p/2", "/p/3"]


def test_only_addresses_of_the_host_are_taken(web, read):
    web.page(
        "/sitemap.xml",
        urlset(
            "https://elsewhere.example/p/1", "file:///etc/passwd", "javascript:x", "http://[", "/p/2", f"{web.url}/p/3"
        ),
    )
    assert paths(web, read().products()) == ["/p/2", "/p/3"]
    web.page("/sitemap.xml", index("https://elsewhere.example/sitemap.xml"))
    assert read().listed == {}


def test_where_no_path_is_a_products_every_page_is_one_to_look_at(web, read):
    web.page("/sitemap.xml", urlset(f"{web.url}/", f"{web.url}/kiondo", f"{web.url}/about"))
    assert paths(web, read().products()) == ["/kiondo", "/about"]
    web.page("/sitemap.xml", urlset(f"{web.url}/", f"{web.url}/item/kiondo", f"{web.url}/about"))
    assert paths(web, read().products()) == ["/item/kiondo"]


HOSTILE = {
    "external entity": b'<!DOCTYPE u [<!ENTITY x SYSTEM "file:///etc/passwd">]><urlset><url><loc>/p/&x;</loc></url></urlset>',
    "laughs": b"<!DOCTYPE l ["
    + b"".join(b'<!ENTITY l%d "%s">' % (n + 1, b"&l%d;" % n * 10) for n in range(9))
    + b"]><urlset><url><loc>/p/&l9;</loc></url></urlset>",
    "remote type": b'<!DOCTYPE u SYSTEM "http://127.0.0.1:9/u.dtd"><urlset><url><loc>/p/1</loc></url></urlset>',
    "deep": b"<url>" * 100_000,
    "cut": b"<urlset><url><loc>/p/1</loc></url><url>",
    "bomb": gzip.compress(bytes(LARGEST_SITEMAP + 1), 1),
    "cut gzip": gzip.compress(urlset("/p/1").encode())[:-4],
    "page": b"<html><body>Welcome</body></html>",
    "text": b"nothing here",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_sitemap_that_is_hostile_or_broken_is_refused_and_the_others_are_read(web, read, content):
    web.page("/robots.txt", "Sitemap: /bad.xml\nSitemap: /good.xml")
    web.page("/bad.xml", content)
    web.page("/good.xml", urlset("/p/good"))
    found = read()
    assert "/p/good" in paths(web, found.listed.values())
    [flaw] = found.flaws
    assert flaw.startswith(f"the sitemap {web.url}/bad.xml could not be read: ")
    assert not any("root:" in one.url for one in found.listed.values())


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_sitemap_that_was_named_and_does_not_come_is_a_flaw(web, read, status):
    web.page("/robots.txt", "Sitemap: /a.xml")
    web.page("/a.xml", "", status=status)
    assert len(read().flaws) == 1


def test_an_index_that_names_itself_ends(web, read):
    web.page("/sitemap.xml", index(f"{web.url}/sitemap.xml", f"{web.url}/b.xml"))
    web.page("/b.xml", urlset(f"{web.url}/p/1"))
    assert (len(read().listed), read().flaws) == (1, [])
    assert web.requests["/sitemap.xml"] == 2


def test_a_trap_of_ever_deeper_sitemaps_is_left(web, fresh_web):
    for depth in range(10):
        web.page(f"/{depth}.xml", index(f"{web.url}/{depth + 1}.xml"))
    found = asyncio.run(read_sitemaps(fresh_web, [f"{web.url}/0.xml"], web.url))
    assert found.flaws == [f"{web.url}/3.xml and 0 more were left: the budget of sitemaps is spent"]
    assert web.requests["/3.xml"] == 0


def test_no_more_addresses_are_read_than_the_budget_has(web, fresh_web):
    web.page("/0.xml", urlset(*(f"{web.url}/calendar/{day}" for day in range(30))))
    found = asyncio.run(read_sitemaps(fresh_web, [f"{web.url}/0.xml"], web.url, most_urls=10))
    assert len(found.listed) == 10
    assert found.flaws == [f"{web.url}/0.xml lists more than the 10 addresses that are read"]

"""Where every fault is planted, such that what must come of each stays known.

Faults that come and go lie on catalogues, pages and pictures alike, and on no page of which WhatsApp's
catalogue consists: a browser asks for that once. A catalogue that cannot be read hides what its pages would
show, so its seller has no other faults.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from marketplace.local.market import SampleMarket, SampleProduct
from marketplace.local.network import loopback
from marketplace.local.shops.fault_kinds import FAULTS, TRANSIENT, Fault, fault
from marketplace.local.shops.markup import picture_path
from marketplace.local.shops.paths import PAGED, catalogue_path, page_path

STALL_SECONDS = 20.0
CRAWL_DELAY = 0.05
WALLS = ("empty_catalogue", "soft_404", "login_wall", "login_redirect")
IN_FEEDS = {"json": "truncated_catalogue", "xml": "xml_bomb"}
ON_EXTRAS = (
    "redirect_loop",
    "redirect_private",
    "redirect_scheme",
    "gzip_bomb",
    "huge_page",
    "deep_nesting",
    "robots_disallow",
    "soft_404",
    "login_wall",
)
ON_PAGES = ("soft_404", "login_wall", "login_redirect")
BROKEN_DATA = tuple(name for name, kind in FAULTS.items() if kind.place == "page" and kind.outcome == "read")
ON_PICTURES = tuple(name for name, kind in FAULTS.items() if kind.place == "picture")
WITH_SCRIPTS = frozenset({"whatsapp", "sitemap"})  # their pages carry JSON-LD and Open Graph
BRIEF = tuple(name for name in TRANSIENT if name != "stalled")


def plant(market: SampleMarket, seed: int, hosts: int) -> list[Fault]:
    """Every fault, spread over the market; the address of an extra product is left open."""
    generator = np.random.default_rng([seed, len(FAULTS)])
    walled = _walled(market, generator, hosts)
    planted = list(walled.values())
    handles = [seller.handle for seller in market.sellers if seller.handle not in walled]
    for number, handle in enumerate(handles):
        planted += _of_seller(market, handle, number, generator)
    if hosts >= len(market.sellers):
        planted += _of_robots(market, handles)
    return planted


def _walled(market: SampleMarket, generator: np.random.Generator, hosts: int) -> dict[str, Fault]:
    """The catalogues that cannot be read: at most half of WhatsApp's, and three feeds."""
    pages = [seller.handle for seller in market.sellers if market.form(seller.handle) == "whatsapp"]
    chosen = [str(handle) for handle in generator.permutation(pages)[: len(pages) // 2]]
    walls = dict(zip(chosen, WALLS, strict=False))
    walls |= {handle: IN_FEEDS[form] for handle, form in market.forms.items() if form in IN_FEEDS}
    faults = {handle: fault(name, catalogue_path(market, handle), seller=handle) for handle, name in walls.items()}
    for place, seller in enumerate(market.sellers):
        if market.form(seller.handle) == "tsv" and hosts >= len(market.sellers):
            host = loopback(place)
            faults[seller.handle] = fault("robots_unavailable", "/robots.txt", seller=seller.handle, host=host)
    return faults


def _of_seller(market: SampleMarket, handle: str, number: int, generator: np.random.Generator) -> Iterator[Fault]:
    form = market.form(handle)
    if form != "whatsapp":
        yield fault(BRIEF[number % len(BRIEF)], catalogue_path(market, handle), seller=handle)
    if form == "listing":
        yield fault("looping_pages", market.source_path(handle), seller=handle)
    if form in {"csv", "xlsx", "shopify", "woocommerce"}:
        yield fault("repeated_rows", market.source_path(handle), seller=handle)
    yield from _of_pictures(market, handle, number, generator)
    if form in PAGED:
        yield from _of_pages(market, handle, number, generator)
        for name in ON_EXTRAS:
            yield fault(name, "", seller=handle, is_extra=True)


def _of_pictures(market: SampleMarket, handle: str, number: int, generator: np.random.Generator) -> Iterator[Fault]:
    names = (*_turned(ON_PICTURES, number)[:3], *_turned(BRIEF, number)[:2])
    for name, product in zip(names, _some(market.of(handle), generator), strict=False):
        if product.has_picture and product.copies is None:
            yield fault(name, picture_path(product), seller=handle, source_ref=product.ref)


def _of_pages(market: SampleMarket, handle: str, number: int, generator: np.random.Generator) -> Iterator[Fault]:
    names = (*ON_PAGES, *_turned(BRIEF, number))
    if market.form(handle) in WITH_SCRIPTS:
        names = (*ON_PAGES, *_turned((*BROKEN_DATA, *BRIEF), 5 * number))
    if number == 0:
        names = ("stalled", *names)
    for name, product in zip(names, _some(market.of(handle), generator), strict=False):
        seconds = STALL_SECONDS if name == "stalled" else 1.0
        path = page_path(market, product)
        yield fault(name, path, seller=handle, source_ref=product.ref, seconds=seconds)


def _of_robots(market: SampleMarket, handles: Sequence[str]) -> Iterator[Fault]:
    places = {seller.handle: place for place, seller in enumerate(market.sellers)}
    for name, handle in zip(("crawl_delay", "huge_robots"), reversed(handles), strict=False):
        yield fault(name, "/robots.txt", seller=handle, host=loopback(places[handle]), seconds=CRAWL_DELAY)


def _turned(names: Sequence[str], by: int) -> tuple[str, ...]:
    start = by % len(names)
    return (*names[start:], *names[:start])


def _some(products: Sequence[SampleProduct], generator: np.random.Generator) -> list[SampleProduct]:
    """The products in an order of its own."""
    return [products[int(place)] for place in generator.permutation(len(products))]

"""The planted truth: a plain reader of every form reaches it, and no way to miss it goes unseen."""

from __future__ import annotations

import pytest
from rich.console import Console

from marketplace.local.market import draw_market
from marketplace.local.shop_server import ShopServer
from marketplace.local.shops.fault_kinds import FAULTS
from marketplace.local.shops.faults import Faults, fault
from marketplace.local.shops.paths import catalogue_path, page_path
from marketplace.local.shops.shelves import Shelves
from marketplace.local.shops.truth import PlantedTruth

from .reader import Reader

MARKET = draw_market(sellers=2, products_per_seller=16, kinds=True)
FIRST, SECOND, THIRD = MARKET.products[:3]
WEB = MARKET.of("lagos-ankara")[0]


@pytest.fixture
def shelves():
    return Shelves(MARKET)


def exact_rows(truth):
    return [
        {
            "seller": one.seller,
            "source_ref": one.source_ref,
            "title": one.title,
            "price_minor": one.price_minor,
            "currency": one.currency,
            "in_stock": one.in_stock,
            "is_gone": False,
            "has_image": bool(one.has_picture),
        }
        for one in truth.products
        if one.is_live
    ]


def kept(truth, ref):
    return next(one for one in truth.products if one.source_ref == ref)


@pytest.mark.parametrize("hosts", [1, 12])
def test_a_plain_reader_of_every_form_ends_with_the_truth(hosts):
    with ShopServer(MARKET, hosts=hosts) as shop:
        report = PlantedTruth.of(shop.shelves).compare(Reader(shop).rows())
    assert report.is_exact, report.differences
    assert report.found == report.expected == 12 * 16


def test_changes_of_every_kind_are_in_the_truth_and_in_what_is_read():
    with ShopServer(MARKET) as shop:
        for seller in MARKET.sellers:
            dearer, gone, sold, renamed, bare, back = (product.ref for product in MARKET.of(seller.handle)[:6])
            shop.set_price(dearer, 7_000_000)
            shop.remove(gone)
            shop.shelves.change(sold, {"in_stock": False})
            shop.set_title(renamed, "Kikapu kipya & kofia")
            shop.shelves.change(bare, {"description": "Mpya", "category": "Mugs", "picture": "teal"})
            shop.remove(back)
            shop.shelves.change(back, {"gone": False})
            shop.shelves.change_seller(seller.handle, {"name": "Duka Jipya"})
        truth = PlantedTruth.of(shop.shelves)
        report = truth.compare(Reader(shop).rows())
    assert report.is_exact, report.differences
    assert len(truth.with_fate("gone")) == 12


def test_a_page_that_moved_is_the_same_product_under_either_path():
    with ShopServer(MARKET) as shop:
        before = PlantedTruth.of(shop.shelves)
        for product in (FIRST, WEB):
            shop.shelves.change(product.ref, {"moved": True})
        truth = PlantedTruth.of(shop.shelves, before)
        rows = Reader(shop).rows()
    assert f"{WEB.ref}-moved" in {row["source_ref"] for row in rows}
    assert truth.compare(rows).is_exact
    old_path = [row | {"source_ref": row["source_ref"].removesuffix("-moved")} for row in rows]
    assert truth.compare(old_path).is_exact
    [twice] = truth.compare([*rows, next(row for row in old_path if row["source_ref"] == WEB.ref)]).duplicated
    assert WEB.ref in twice


def test_with_every_fault_on_the_truth_can_still_be_reached():
    brief = [name for name in FAULTS if name not in {"stalled", "slow_body", "robots_unavailable"}]
    with ShopServer(MARKET, hosts=12) as shop:
        planted = shop.switch_faults(brief)
        assert set(planted.names) == set(brief)
        truth = PlantedTruth.of(shop.shelves)
        reader = Reader(shop)
        report = truth.compare(reader.rows())
    assert report.is_exact, report.differences
    assert 0 < len(truth.with_fate("refused")) < len(truth.with_fate("live"))
    assert set(reader.unread) == {"lusaka-chitenge", "maasai-beads"}  # entity bombs, and a JSON cut short


@pytest.mark.parametrize(
    ("spoil", "difference", "said"),
    [
        (lambda rows: rows[1:], "lost", FIRST.ref),
        (lambda rows: [rows[0], *rows], "duplicated", "2 live rows"),
        (lambda rows: [*rows, {**rows[0], "source_ref": "9" * 16, "title": "Log in"}], "invented", "Log in"),
        (lambda rows: [{**rows[0], "is_gone": True}, *rows[1:]], "wrongly deleted", FIRST.ref),
        (lambda rows: [{**rows[0], "title": "Dress"}, *rows[1:]], "wrong fields", "title 'Dress', not"),
        (lambda rows: [{**rows[0], "price_minor": 1}, *rows[1:]], "wrong fields", "price_minor 1, not"),
        (lambda rows: [{**rows[0], "currency": "USD"}, *rows[1:]], "wrong fields", "currency 'USD', not 'KES'"),
        (lambda rows: [{**rows[0], "in_stock": False}, *rows[1:]], "wrong fields", "in_stock False, not True"),
        (lambda rows: [{**rows[0], "has_image": False}, *rows[1:]], "wrong fields", "has_image False, not True"),
    ],
)
def test_every_way_to_miss_the_truth_is_named_and_no_other(shelves, spoil, difference, said):
    assert (FIRST.in_stock, FIRST.has_picture) == (True, True)
    truth = PlantedTruth.of(shelves)
    rows = exact_rows(truth)
    assert truth.compare(rows).is_exact
    report = truth.compare(spoil(rows))
    found = {name: entries for name, entries in report.differences.items() if entries}
    assert set(found) == {difference}
    assert said in found[difference][0]
    assert not report.is_exact


def test_what_was_taken_down_must_go_and_may_leave_a_row_that_says_so(shelves):
    rows = exact_rows(PlantedTruth.of(shelves))
    shelves.change(FIRST.ref, {"gone": True})
    truth = PlantedTruth.of(shelves, PlantedTruth.of(Shelves(MARKET)))
    [still_there] = truth.compare(rows).not_removed
    assert FIRST.ref in still_there
    assert truth.compare([{**rows[0], "is_gone": True}, *rows[1:]]).is_exact


def test_a_gone_row_that_nobody_planted_is_no_invention(shelves):
    truth = PlantedTruth.of(shelves)
    stale = {**exact_rows(truth)[0], "source_ref": "9" * 16, "is_gone": True}
    assert truth.compare([*exact_rows(truth), stale]).is_exact


@pytest.mark.parametrize("name", ["empty_catalogue", "login_wall", "soft_404", "truncated_catalogue"])
def test_a_catalogue_that_cannot_be_read_keeps_what_was_known_and_brings_nothing_new(shelves, name):
    handle = FIRST.seller_handle
    before = PlantedTruth.of(shelves)
    shelves.change(FIRST.ref, {"price": 1})
    shelves.change(SECOND.ref, {"gone": True})
    shelves.switch_faults(Faults((fault(name, catalogue_path(MARKET, handle), seller=handle),)))
    after = PlantedTruth.of(shelves, before)
    assert {one.fate for one in after.of_seller(handle)} == {"kept"}
    assert kept(after, FIRST.ref).price_minor == FIRST.price.amount_minor
    assert {one.fate for one in PlantedTruth.of(shelves).of_seller(handle)} == {"refused"}
    assert {one.fate for one in after.of_seller(WEB.seller_handle)} == {"live"}


def test_a_catalogue_emptied_by_its_seller_proves_nothing_either(shelves):
    before = PlantedTruth.of(shelves)
    shelves.change_seller("cape-clay", {"empty": True})
    assert {one.fate for one in PlantedTruth.of(shelves, before).of_seller("cape-clay")} == {"kept"}


def test_a_page_behind_a_login_is_kept_unless_its_product_was_taken_down(shelves):
    before = PlantedTruth.of(shelves)
    walls = [
        fault("login_wall", page_path(MARKET, one), seller=one.seller_handle, source_ref=one.ref)
        for one in (FIRST, SECOND)
    ]
    shelves.switch_faults(Faults(tuple(walls)))
    shelves.change(SECOND.ref, {"gone": True})
    after = PlantedTruth.of(shelves, before)
    assert [kept(after, one.ref).fate for one in (FIRST, SECOND, THIRD)] == ["kept", "gone", "live"]


def test_a_picture_that_spoilt_may_be_kept_or_not_but_never_comes_new(shelves):
    before = PlantedTruth.of(shelves)
    path = f"/img/{FIRST.ref}.jpg"
    spoilt = fault("svg_as_picture", path, seller=FIRST.seller_handle, source_ref=FIRST.ref)
    shelves.switch_faults(Faults((spoilt,)))
    assert kept(PlantedTruth.of(shelves), FIRST.ref).has_picture is False
    assert kept(PlantedTruth.of(shelves, before), FIRST.ref).has_picture is None


def test_a_report_is_a_table_that_counts_and_names(shelves):
    truth = PlantedTruth.of(shelves)
    console = Console(width=200, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as shown:
        console.print(truth.compare(exact_rows(truth)[20:]))
    text = shown.get()
    assert "172 live products, 192 planted: not the planted truth" in text
    assert "and 8 more" in text

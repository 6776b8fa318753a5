"""What shoppers are told of a product at other sellers, and of photos that were taken."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from marketplace.storage.tables import photo_copies, product_matches
from tests.serving.conftest import Market
from tests.serving.world import NOW


@pytest.fixture
def trio(market: Market) -> Iterator[list[int]]:
    """Three products of three sellers with a picture and a price, in one group; the second took the first's photo."""
    fit = set(market.fit)
    chosen = [
        next(
            market.drawn.product_id(one)
            for one in market.drawn.of(seller.handle)
            if market.drawn.product_id(one) in fit and one.has_picture
        )
        for seller in market.drawn.sellers
    ]
    group = [
        {"product_id": one, "match_id": min(chosen), "score": 0.9, "evidence": {"closest": 1}, "matched_at": NOW}
        for one in chosen
    ]
    copy = {"product_id": chosen[1], "original_id": chosen[0], "phash_distance": 3, "cosine": 0.97, "found_at": NOW}
    with market.warehouse.begin() as connection:
        connection.execute(sa.insert(product_matches), group)
        connection.execute(sa.insert(photo_copies), [copy])
    yield chosen
    with market.warehouse.begin() as connection:
        connection.execute(sa.delete(product_matches))
        connection.execute(sa.delete(photo_copies))


def test_offers_name_other_sellers_and_the_spread_of_prices(client: TestClient, trio: list[int]) -> None:
    answer = client.get(f"/api/products/{trio[0]}/offers").json()
    assert {offer["product_id"] for offer in answer["offers"]} == set(trio[1:])
    assert all(offer["score"] == 0.9 for offer in answer["offers"])
    mine = client.get(f"/api/products/{trio[0]}").json()
    assert mine["seller"]["seller_id"] not in {offer["seller"]["seller_id"] for offer in answer["offers"]}
    amounts = sorted(offer["price"]["amount_minor"] for offer in [mine, *answer["offers"]])
    (spread,) = answer["spreads"]
    assert [spread["min_minor"], spread["median_minor"], spread["max_minor"]] == amounts
    assert spread["spread_rate"] == pytest.approx((amounts[2] - amounts[0]) / amounts[0], abs=1e-4)


def test_a_product_that_nobody_else_sells_has_no_offers(client: TestClient, market: Market) -> None:
    answer = client.get(f"/api/products/{market.fit[0]}/offers").json()
    assert answer["offers"] == []
    assert [spread["offers"] for spread in answer["spreads"]] == [1]


def test_a_taken_photo_is_shown_from_both_sides_with_both_pieces_of_evidence(
    client: TestClient, trio: list[int]
) -> None:
    (seen,) = client.get(f"/api/products/{trio[0]}/copies").json()["copies"]
    assert (seen["copy"]["product_id"], seen["original"]["product_id"]) == (trio[1], trio[0])
    assert (seen["phash_distance"], seen["cosine"]) == (3, 0.97)
    assert client.get(seen["copy"]["image_url"]).status_code == 200
    assert client.get(f"/api/products/{trio[1]}/copies").json()["copies"] == [seen]
    assert client.get(f"/api/products/{trio[2]}/copies").json()["copies"] == []


@pytest.mark.parametrize("what", ["offers", "copies"])
def test_an_unknown_product_is_a_problem(client: TestClient, what: str) -> None:
    answer = client.get(f"/api/products/1/{what}")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:soko:problem:not-found"


def test_the_page_of_a_product_names_who_else_sells_it(client: TestClient, trio: list[int]) -> None:
    page = client.get(f"/products/{trio[0]}").text
    assert "Also sold by" in page
    section = page.split('id="elsewhere-title"')[1].split("</section>")[0]
    for other in trio[1:]:
        offer = client.get(f"/api/products/{other}").json()
        assert f'href="/products/{other}"' in section
        assert offer["seller"]["name"].replace("&", "&amp;") in section
        assert offer["price"]["formatted"] in section


def test_the_page_of_a_product_that_nobody_else_sells_says_nothing_of_it(client: TestClient, market: Market) -> None:
    assert "Also sold by" not in client.get(f"/products/{market.fit[0]}").text

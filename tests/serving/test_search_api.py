"""What a search may ask beside words and a photo: filters, facets, order, pages, examples, advice."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from PIL import Image
from pydantic import SecretStr

from marketplace.errors import InputRejected
from marketplace.search.asking import SearchQuery
from marketplace.storage.tables import product_matches, products
from models.embedding.encoder import Encoder
from serving.app import create_app
from serving.search_cursors import LONGEST, SearchCursors
from serving.search_schemas import SearchResults, SimilarProducts
from tests.serving.conftest import Market
from tests.serving.test_search import as_seen_by_a_phone, by_photo, pictured, searched

ANY = "dress bag basket shoes fabric headwrap necklace earrings sandals ankara leather kitenge"


def asked(client: TestClient, **body: object) -> dict[str, Any]:
    answer = client.post("/api/search", json=body)
    assert answer.status_code == 200, answer.text
    SearchResults.model_validate(answer.json(), strict=False)
    return dict(answer.json())


def refused(client: TestClient, **body: object) -> str:
    answer = client.post("/api/search", json=body)
    assert answer.status_code == 422, answer.text
    return str(answer.json()["detail"])


def ids(answer: dict[str, Any]) -> list[int]:
    return [item["product_id"] for item in answer["items"]]


def pages(client: TestClient, limit: int, **body: object) -> Iterator[dict[str, Any]]:
    page = asked(client, limit=limit, **body)
    yield page
    while page["next_cursor"]:
        page = asked(client, limit=limit, cursor=page["next_cursor"])
        yield page


def flat(grey: int) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (400, 400), (grey, grey, grey)).save(target, "JPEG")
    return target.getvalue()


@contextmanager
def changed(market: Market, product_id: int, **values: object) -> Iterator[None]:
    """The product is otherwise within the block."""
    row = sa.select(*(products.c[name] for name in values)).where(products.c.product_id == product_id)
    update = sa.update(products).where(products.c.product_id == product_id)
    with market.warehouse.begin() as connection:
        before = dict(connection.execute(row).mappings().one())
        connection.execute(update.values(**values))
    try:
        yield
    finally:
        with market.warehouse.begin() as connection:
            connection.execute(update.values(**before))


def test_filters_keep_only_what_meets_them(client: TestClient) -> None:
    everything = asked(client, text=ANY, limit=100, collapse=False)["items"]
    seller = everything[0]["seller"]["seller_id"]
    kept = {
        "category": ({"category": "Bags"}, lambda item: item["category"] == "Bags"),
        "categories": ({"categories": ["Bags", "Shoes"]}, lambda item: item["category"] in ("Bags", "Shoes")),
        "seller": ({"seller_id": seller}, lambda item: item["seller"]["seller_id"] == seller),
        "city": ({"city": "Mombasa"}, lambda item: item["seller"]["city"] == "Mombasa"),
        "country": ({"country": "UG"}, lambda item: False),
        "price": (
            {"currency": "KES", "price_min": 1000, "price_max": 2500},
            lambda item: item["price"] and 100_000 <= item["price"]["amount_minor"] <= 250_000,
        ),
    }
    for name, (filters, meets) in kept.items():
        found = asked(client, text=ANY, limit=100, collapse=False, **filters)
        expected = {item["product_id"] for item in everything if meets(item)}
        assert set(ids(found)) == expected, name
        assert found["total"]["products"] == len(expected)


def test_what_is_sold_out_is_found_only_when_asked_for(client: TestClient, market: Market) -> None:
    product = pictured(market)
    product_id = market.drawn.product_id(product)
    with changed(market, product_id, in_stock=False):
        without = asked(client, text=product.title, collapse=False)
        sold_out = asked(client, text=product.title, in_stock=False, collapse=False)
        by_likeness = by_photo(client, as_seen_by_a_phone(product), collapse="false").json()
    assert product_id not in ids(without)
    assert product_id in ids(sold_out)
    assert product_id not in ids(by_likeness)


@pytest.mark.parametrize(
    "text", ["x' or 1==1", 'Bags" or category != "', "Bags\\", "%", "{category}", "Bags' --", "🧺"]
)
def test_a_filter_is_a_value_and_never_a_piece_of_a_language(client: TestClient, text: str) -> None:
    for field in ("category", "city"):
        answer = asked(client, text=ANY, **{field: text})
        assert (answer["items"], answer["degraded"]) == ([], False)
    both = asked(client, text=ANY, categories=["Bags", text], limit=100)
    assert ids(both) == ids(asked(client, text=ANY, category="Bags", limit=100))


def test_a_price_range_needs_a_currency_and_ends_after_it_begins(client: TestClient) -> None:
    assert "needs a currency" in refused(client, text="dress", price_min=5)
    assert "begins at" in refused(client, text="dress", currency="KES", price_min=5, price_max=1)


@pytest.mark.parametrize("price", ["1E-999999", "0.0000001", "1E999999", "1000000000001", "NaN", "Infinity", "-1"])
def test_a_price_that_nobody_writes_is_refused(client: TestClient, price: str) -> None:
    assert "price_min" in refused(client, text="dress", currency="KES", price_min=price)


def test_the_cheapest_the_dearest_and_the_newest_come_first(client: TestClient) -> None:
    def prices(sort: str) -> list[int]:
        found = asked(client, text=ANY, sort=sort, limit=100)["items"]
        return [item["price"]["amount_minor"] for item in found if item["price"]]

    assert prices("price_low") == sorted(prices("price_low"))
    assert prices("price_high") == sorted(prices("price_high"), reverse=True)
    assert len(prices("newest")) == len(prices("relevance"))


def test_pages_show_every_product_once_in_the_order_of_one_long_page(client: TestClient, market: Market) -> None:
    for body in ({"text": ANY}, {"text": ANY, "sort": "price_low"}, {"like": market.fit[:2]}):
        whole = asked(client, limit=100, **body)
        found = list(pages(client, 4, **body))
        assert [one for page in found for one in ids(page)] == ids(whole)
        assert whole["next_cursor"] is None
        assert {page["total"]["products"] for page in found} == {len(ids(whole))}
        assert {page["versions"]["index"] for page in found} == {market.vectors.current()}
        together = [item for page in found for item in page["items"]]
        for item, other in zip(together, whole["items"], strict=True):
            assert (item["matched"], item["also_at"]) == (other["matched"], other["also_at"])
            assert item["score"] == pytest.approx(other["score"], abs=2e-4)


def test_a_page_stays_what_it_was_when_products_arrive_change_or_go(client: TestClient, market: Market) -> None:
    first = asked(client, text=ANY, limit=5, sort="price_low")
    second = asked(client, limit=5, cursor=first["next_cursor"])
    last, gone = ids(second)[-1], ids(second)[0]
    with changed(market, last, price_minor=1, title="Ankara leather kitenge dress"):
        assert ids(asked(client, limit=5, cursor=first["next_cursor"])) == ids(second)
    with changed(market, gone, is_gone=True):
        assert ids(asked(client, limit=4, cursor=first["next_cursor"])) == ids(second)[1:]


def test_a_cursor_goes_on_without_the_photo_and_without_the_index(
    client: TestClient, without_index: TestClient, market: Market
) -> None:
    photo = as_seen_by_a_phone(pictured(market))
    whole = by_photo(client, photo, limit="10").json()
    first = by_photo(client, photo, limit="4").json()
    same = by_photo(client, photo, limit="6", cursor=first["next_cursor"]).json()
    assert ids(first) + ids(same) == ids(whole)
    assert ids(asked(without_index, limit=6, cursor=first["next_cursor"])) == ids(same)
    refusal = by_photo(client, flat(100), cursor=first["next_cursor"])
    assert refusal.status_code == 422
    assert "another search" in refusal.json()["detail"]


def test_a_cursor_that_was_not_given_out_or_belongs_elsewhere_is_refused(client: TestClient) -> None:
    cursor = asked(client, text=ANY, limit=2)["next_cursor"]
    assert "another search" in refused(client, text="basket", cursor=cursor)
    assert "another search" in refused(client, text=ANY, sort="newest", cursor=cursor)
    for forged in ("", "abc", cursor[:-9], cursor[9:], "A" * len(cursor), "ሰላም"):
        assert "begin without one" in refused(client, cursor=forged)
    assert "at most" in refused(client, cursor="A" * (LONGEST + 1))


def test_a_cursor_sent_alone_leads_to_one_that_may_come_with_its_search(client: TestClient) -> None:
    whole = ids(asked(client, text=ANY, limit=6))
    first = asked(client, text=ANY, limit=2)
    second = asked(client, limit=2, cursor=first["next_cursor"])
    third = asked(client, text=ANY, limit=2, cursor=second["next_cursor"])
    assert [*ids(first), *ids(second), *ids(third)] == whole
    assert "another search" in refused(client, text="basket", cursor=second["next_cursor"])


def test_pages_go_on_under_as_many_long_categories_as_may_be_asked(client: TestClient) -> None:
    long = [f"{number:02}" + "ሰ" * 198 for number in range(18)]
    found = list(pages(client, 2, text=ANY, categories=["Bags", "Shoes", *long]))
    assert len(found) > 1
    assert [one for page in found for one in ids(page)] == ids(asked(client, text=ANY, categories=["Bags", "Shoes"]))


def test_all_who_serve_a_market_read_each_others_cursors_and_no_address_is_their_key(
    client: TestClient, market: Market, encoder: Encoder
) -> None:
    cursor = asked(client, text=ANY, limit=2)["next_cursor"]
    url = market.settings.database_url.get_secret_value()
    settings = market.settings.model_copy(update={"database_url": SecretStr(f"{url}?application_name=another")})
    with TestClient(create_app(settings, load=lambda: encoder), raise_server_exceptions=False) as other:
        assert ids(asked(other, limit=2, cursor=cursor)) == ids(asked(client, limit=2, cursor=cursor))
    with pytest.raises(InputRejected, match="not one that this service gave out"):
        SearchCursors(url.encode()).rest_of(SearchQuery(cursor=cursor))


def test_facets_count_what_each_choice_would_leave(client: TestClient) -> None:
    chosen = {"category": "Bags", "city": "Mombasa"}
    facets = asked(client, text=ANY, facets=True, collapse=False, **chosen)["facets"]
    for value in facets["categories"]["values"]:
        left = asked(client, text=ANY, collapse=False, category=value["value"], city="Mombasa")
        assert left["total"]["products"] == value["products"]
        assert value["is_chosen"] == (value["value"] == "Bags")
    for value in facets["cities"]["values"]:
        left = asked(client, text=ANY, collapse=False, category="Bags", city=value["value"])
        assert left["total"]["products"] == value["products"]
    for value in facets["sellers"]["values"]:
        left = asked(client, text=ANY, collapse=False, seller_id=value["value"], **chosen)
        assert left["total"]["products"] == value["products"]
    for band in facets["prices"]["bands"]:
        span = {name: band[name] for name in ("currency", "price_min", "price_max") if band[name] is not None}
        left = asked(client, text=ANY, collapse=False, **chosen, **span)
        assert left["total"]["products"] == band["products"], band
    assert len(facets["categories"]["values"]) > 2
    assert len(facets["cities"]["values"]) == 2
    assert all(facets[name]["is_exact"] for name in facets)


def test_facets_come_only_when_asked_for_and_only_with_the_first_page(client: TestClient) -> None:
    first = asked(client, text=ANY, limit=2)
    assert first["facets"] is None
    assert asked(client, cursor=first["next_cursor"], facets=True)["facets"] is None


def test_no_seller_fills_the_page(client: TestClient) -> None:
    everything = asked(client, text=ANY, limit=100)["items"]
    first = asked(client, text=ANY, per_seller=2, limit=2)
    items = [*first["items"], *asked(client, cursor=first["next_cursor"], limit=100)["items"]]
    sellers = [item["seller"]["seller_id"] for item in items]
    assert sorted(map(sellers.count, set(sellers))) == [2, 2, 2]
    for item in items:
        of_seller = sum(one["seller"] == item["seller"] for one in everything)
        assert item["more_from_seller"] == of_seller - 2


def test_offers_of_one_product_are_shown_once_and_named(client: TestClient, market: Market) -> None:
    apart = ids(asked(client, text=ANY, collapse=False, limit=100))
    best, other = apart[0], apart[5]
    rows = [
        {"product_id": one, "match_id": 1, "score": 1.0, "evidence": {}, "matched_at": datetime.now(UTC)}
        for one in (best, other)
    ]
    with market.warehouse.begin() as connection:
        connection.execute(sa.insert(product_matches), rows)
    try:
        together = asked(client, text=ANY, limit=100)
        one_by_one = [item for page in pages(client, 3, text=ANY) for item in page["items"]]
        with changed(market, best, in_stock=False):
            without_best = asked(client, text=ANY, limit=100)
            stale = asked(client, cursor=asked(client, text=ANY, limit=1)["next_cursor"], limit=100)
    finally:
        with market.warehouse.begin() as connection:
            connection.execute(sa.delete(product_matches))
    shown = {item["product_id"]: [one["product_id"] for one in item["also_at"]] for item in together["items"]}
    assert other in shown[best]
    assert other not in shown
    assert {item["product_id"]: [one["product_id"] for one in item["also_at"]] for item in one_by_one} == shown
    assert best not in ids(without_best)
    assert other in ids(without_best)
    assert best not in ids(stale)


def test_both_ways_of_making_one_ranking_find_the_same_products(client: TestClient) -> None:
    weighted, ranked = (asked(client, text="blue dress", fusion=form, limit=100) for form in ("weighted", "rrf"))
    assert sorted(ids(weighted)) == sorted(ids(ranked))
    for answer in (weighted, ranked):
        scores = [item["score"] for item in answer["items"]]
        assert scores == sorted(scores, reverse=True)
        assert 0 <= scores[-1] <= scores[0] <= 1


def test_examples_are_moved_towards_and_away_from(client: TestClient, market: Market) -> None:
    bags, dresses = (
        [market.drawn.product_id(one) for one in market.drawn.products if one.category == name and one.has_picture]
        for name in ("Bags", "Dresses")
    )
    liked = asked(client, like=bags[:2], limit=5)
    assert not set(ids(liked)) & set(bags[:2])
    assert liked["items"][0]["category"] == "Bags"
    assert {tuple(item["matched"]) for item in liked["items"]} == {("likeness",)}
    plain = asked(client, like=[bags[0], dresses[0]], limit=100)
    moved = asked(client, like=[bags[0], dresses[0]], unlike=[dresses[1]], limit=100)
    assert mean_place(moved, "Dresses") > mean_place(plain, "Dresses")


def mean_place(answer: dict[str, Any], category: str) -> float:
    return float(np.mean([place for place, item in enumerate(answer["items"]) if item["category"] == category]))


def test_examples_go_with_words(client: TestClient, market: Market) -> None:
    one = market.drawn.product_id(pictured(market))
    answer = asked(client, text="basket", like=[one], limit=10)
    assert one not in ids(answer)
    assert "words" in answer["items"][0]["matched"]


def test_examples_that_nobody_knows_are_passed_over_and_said(client: TestClient, market: Market) -> None:
    answer = asked(client, like=[market.fit[0], 1], limit=3)
    assert [one["code"] for one in answer["advice"]] == ["example_unknown"]
    unknown = client.post("/api/search", json={"like": [1]})
    assert unknown.status_code == 404
    assert "nothing to move away from" in refused(client, unlike=[market.fit[0]])
    assert "cancel each other out" not in refused(client, like=list(range(21)))


def test_a_product_stands_for_its_picture_and_words(client: TestClient, market: Market) -> None:
    product = pictured(market)
    product_id = market.drawn.product_id(product)
    alike = asked(client, product_id=product_id, limit=10, collapse=False)
    similar = client.get(f"/api/products/similar/{product_id}", params={"threshold": 0}).json()
    assert ids(alike) == ids(similar)
    assert product_id not in ids(alike)
    otherwise = asked(client, product_id=product_id, text="basket", image_weight=0.1)
    assert "words" in otherwise["items"][0]["matched"]
    part = asked(client, product_id=product_id, box=[0.2, 0.2, 0.8, 0.8])
    assert part["items"]
    assert client.post("/api/search", json={"product_id": 1}).status_code == 404


def test_the_weight_of_the_photo_moves_the_answer_between_photo_and_words(client: TestClient, market: Market) -> None:
    photo = as_seen_by_a_phone(pictured(market))
    other = next(one for one in market.drawn.products if one.category == "Baskets" and one.has_picture)

    named, shown = (market.drawn.product_id(one) for one in (other, pictured(market)))

    def lead_of_the_words(weight: str) -> float:
        found = by_photo(client, photo, text=other.title, image_weight=weight, limit="100").json()["items"]
        by_id = {item["product_id"]: item["similarity"] for item in found}
        return float(by_id[named] - by_id[shown])

    assert lead_of_the_words("0.1") > lead_of_the_words("0.6") > lead_of_the_words("0.95")


def test_a_box_searches_by_its_part_of_the_photo(client: TestClient, market: Market) -> None:
    product = pictured(market)
    photo = Image.open(io.BytesIO(as_seen_by_a_phone(product)))
    scene = Image.new("RGB", (2 * photo.width, photo.height), "white")
    rng = np.random.default_rng(3)
    scene.paste(Image.fromarray(rng.integers(0, 255, (photo.height, photo.width, 3)).astype(np.uint8)))
    scene.paste(photo, (photo.width, 0))
    target = io.BytesIO()
    scene.save(target, "JPEG", quality=90)
    part = by_photo(client, target.getvalue(), box="0.5,0,1,1").json()["items"]
    whole = by_photo(client, target.getvalue()).json()["items"]
    copies = {market.drawn.product_id(one) for one in market.drawn.products if one.copies == product.ref}
    assert part[0]["product_id"] in {market.drawn.product_id(product)} | copies
    assert part[0]["similarity"] > whole[0]["similarity"]
    for box in ("0.5,0,0.5,1", "0,0,2,1", "1,2,3", "a,b,c,d", "0,0,1,1,1"):
        assert by_photo(client, target.getvalue(), box=box).status_code == 422, box


@pytest.mark.parametrize(("grey", "code"), [(8, "photo_too_dark"), (120, "photo_blank"), (250, "photo_too_bright")])
def test_a_useless_photo_gets_advice_and_no_nonsense(client: TestClient, grey: int, code: str) -> None:
    answer = by_photo(client, flat(grey)).json()
    assert answer["items"] == []
    assert [one["code"] for one in answer["advice"]] == [code]
    assert answer["advice"][0]["message"].endswith(".")
    with_words = by_photo(client, flat(grey), text="basket").json()
    assert "words" in with_words["items"][0]["matched"]
    assert [one["code"] for one in with_words["advice"]] == [code]
    assert not with_words["degraded"]


def test_a_poor_photo_gets_results_and_advice(client: TestClient, market: Market) -> None:
    photo = Image.open(io.BytesIO(as_seen_by_a_phone(pictured(market))))
    target = io.BytesIO()
    photo.resize((90, 96)).save(target, "JPEG")
    answer = by_photo(client, target.getvalue()).json()
    assert answer["items"]
    assert "photo_tiny" in [one["code"] for one in answer["advice"]]
    assert by_photo(client, as_seen_by_a_phone(pictured(market))).json()["advice"] == []


def test_the_answer_says_what_language_the_words_were_taken_for(client: TestClient, market: Market) -> None:
    assert asked(client, text="viatu vya ngozi")["understood"]["language"] == "sw"
    assert asked(client, text="የቆዳ ጫማ")["understood"]["language"] == "am"
    assert asked(client, like=market.fit[:1])["understood"] is None


def test_lists_in_a_form_are_repeated_fields(client: TestClient, market: Market) -> None:
    form = {"categories": ["Bags", "Shoes"], "like": [str(one) for one in market.fit[:2]], "limit": "50"}
    found = client.post("/api/search", data=form, files={"image": ("none", b"", "image/jpeg")})
    assert found.status_code == 200, found.text
    assert {item["category"] for item in found.json()["items"]} == {"Bags", "Shoes"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"limit": 5},
        {"category": "Bags"},
        {"text": "a", "limit": 10**9},
        {"text": "a", "limit": 0},
        {"text": "a", "image_weight": 1.5},
        {"text": "a", "sort": "cheap"},
        {"text": "a", "per_seller": 0},
        {"text": "a", "currency": "kes"},
        {"text": "a", "country": "Kenya"},
        {"text": "a", "currency": "KES", "price_min": -1},
        {"text": "a", "currency": "KES", "price_max": 10**30},
        {"text": "a", "currency": "KES", "price_max": "NaN"},
        {"text": "a", "like": [2**53]},
        {"text": "a", "like": [-1]},
        {"text": "a", "like": list(range(1000))},
        {"text": "a", "categories": ["x"] * 21},
        {"text": "a", "category": "x" * 201},
        {"text": "a", "offset": 10**12},
        {"text": "a", "filters": {"category": "Bags"}},
        {"text": "(" * 300 + "a+" * 300},
    ],
)
def test_what_makes_no_sense_is_refused_with_the_field(client: TestClient, body: dict[str, Any]) -> None:
    refused(client, **body)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"[" * 60_000, 422),
        (b'{"text": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", 422),
        (b'{"text": "' + b"a" * 1_000_000 + b'"}', 413),
        (b'{"like": [' + b",".join([b"1"] * 1_000_000) + b"]}", 413),
        (b'{"text": "a", "limit": 1' + b"0" * 5_000 + b"}", 422),
    ],
)
def test_a_bomb_is_refused_before_it_is_read(client: TestClient, content: bytes, status: int) -> None:
    answer = client.post("/api/search", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert len(answer.content) < 5_000


@pytest.mark.parametrize("text", ["(a+)+$" * 40, "a" * 300, "a|" * 150, "'" * 300, "*:" * 150, "\\b" * 150, "ሀ" * 300])
def test_words_that_bait_an_engine_are_only_words(client: TestClient, text: str) -> None:
    assert not searched(client, text)["degraded"]


def multipart(parts: list[bytes]) -> tuple[bytes, dict[str, str]]:
    body = b"".join(b"--x\r\n" + part for part in parts) + b"--x--\r\n"
    return body, {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a great many fields", [b'Content-Disposition: form-data; name="a"\r\n\r\n1\r\n'] * 50_000),
        ("many photos", [b'Content-Disposition: form-data; name="image"; filename="a"\r\n\r\n1\r\n'] * 50),
        ("a header without end", [b"Content-Disposition: form-data; name=" + b"a" * 900_000 + b"\r\n\r\n1\r\n"]),
        ("many headers", [b"X: y\r\n" * 100_000 + b'Content-Disposition: form-data; name="a"\r\n\r\n1\r\n']),
        ("a field of megabytes", [b'Content-Disposition: form-data; name="text"\r\n\r\n' + b"a" * 3_000_000 + b"\r\n"]),
        ("no name", [b"Content-Disposition: form-data\r\n\r\n1\r\n"]),
        (
            "a photo above the limit",
            [b'Content-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + b"a" * 9_000_000],
        ),
    ],
)
def test_a_form_that_is_a_bomb_is_refused(client: TestClient, name: str, parts: list[bytes]) -> None:
    body, headers = multipart(parts)
    assert client.post("/api/search", content=body, headers=headers).status_code in (400, 413), name


def test_similar_products_follow_filters_and_never_show_what_cannot_be_bought(
    client: TestClient, market: Market
) -> None:
    product = pictured(market)
    product_id = market.drawn.product_id(product)
    path = f"/api/products/similar/{product_id}"
    answer = client.get(path, params={"limit": 100, "threshold": 0}).json()
    SimilarProducts.model_validate(answer, strict=False)
    assert answer["versions"] == {"encoder": answer["versions"]["encoder"], "index": market.vectors.current()}
    assert answer["versions"]["encoder"].startswith("compact")
    assert set(ids(answer)) == set(market.fit) - {product_id}
    bags = client.get(path, params={"limit": 100, "threshold": 0, "category": "Bags"}).json()
    assert {item["category"] for item in bags["items"]} == {"Bags"}
    near = client.get(path, params={"limit": 100, "threshold": 0.5}).json()["items"]
    assert [item["similarity"] for item in near] == [
        one["similarity"] for one in answer["items"] if one["similarity"] >= 0.5
    ]
    assert client.get(path).json()["items"] == near[:10]
    assert len(near) < len(answer["items"])
    first = ids(answer)[0]
    for state in ({"in_stock": False}, {"is_gone": True}):
        with changed(market, first, **state):
            assert first not in ids(client.get(path, params={"limit": 100}).json())
    with changed(market, first, in_stock=False):
        assert first in ids(client.get(path, params={"limit": 100, "in_stock": "false"}).json())

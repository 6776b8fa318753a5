"""Search by words and photo, and what is left of it when a part is away."""

from __future__ import annotations

import io
from threading import Event
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from marketplace.errors import ConfigurationError
from marketplace.local.market import SampleProduct
from marketplace.local.pictures import draw_picture
from models.embedding.encoder import Encoder
from serving.app import create_app
from tests.serving.conftest import Market, until_encoder


def searched(client: TestClient, text: str, **more: object) -> dict[str, Any]:
    answer = client.post("/api/search", json={"text": text, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def by_photo(client: TestClient, photo: bytes, **fields: str) -> Any:
    return client.post("/api/search", files={"image": ("photo.jpg", photo, "image/jpeg")}, data=fields)


def pictured(market: Market) -> SampleProduct:
    return next(one for one in market.drawn.products if one.has_picture and one.in_stock and not one.is_junk)


def as_seen_by_a_phone(product: SampleProduct) -> bytes:
    """The product's picture, smaller and compressed harder."""
    target = io.BytesIO()
    Image.open(io.BytesIO(draw_picture(product))).resize((300, 320)).save(target, "JPEG", quality=60)
    return target.getvalue()


def test_words_find_the_products_that_hold_them_first(client: TestClient, market: Market) -> None:
    name = pictured(market).title.partition(",")[0]
    holding = {market.drawn.product_id(one) for one in market.drawn.products if one.title.startswith(name)}
    answer = searched(client, name.upper())
    found = [item["product_id"] for item in answer["items"] if "words" in item["matched"]]
    assert not answer["degraded"]
    assert holding & set(market.fit) <= set(found)
    assert [item["product_id"] for item in answer["items"]][: len(found)] == found


def test_a_word_is_found_by_its_beginning_and_in_its_plural(client: TestClient) -> None:
    whole, beginning, plural = (searched(client, text)["items"] for text in ("basket", "bask", "baskets"))
    ids = [{item["product_id"] for item in found if "words" in item["matched"]} for found in (whole, beginning, plural)]
    assert ids[0]
    assert ids[0] == ids[1]
    assert ids[0] <= ids[2]


def test_a_title_in_amharic_is_found_by_its_words(client: TestClient, market: Market) -> None:
    with_script = [one for one in market.drawn.products if any("\u1200" <= letter <= "\u137f" for letter in one.title)]
    for product in with_script[:1]:
        word = product.title.split()[0]
        assert market.drawn.product_id(product) in [item["product_id"] for item in searched(client, word)["items"]]


def test_words_without_sense_find_nothing(client: TestClient) -> None:
    assert searched(client, "zzzz qqqq")["items"] == []


@pytest.mark.parametrize("text", ["'", "a & | ! b", "x:*", "\\", "()", "<->", "🧺", "%_", "'; drop table x; --"])
def test_no_sign_breaks_the_query(client: TestClient, text: str) -> None:
    searched(client, text)


def test_a_photo_finds_its_product(client: TestClient, market: Market) -> None:
    product = pictured(market)
    answer = by_photo(client, as_seen_by_a_phone(product), limit="3").json()
    copies = {market.drawn.product_id(one) for one in market.drawn.products if one.copies == product.ref}
    assert answer["items"][0]["product_id"] in {market.drawn.product_id(product)} | copies
    assert answer["items"][0]["matched"] == ["likeness"]
    assert answer["versions"]["encoder"].startswith("compact")
    assert answer["versions"]["index"] == market.vectors.current()


def test_words_find_a_product_without_a_picture_no_more_easily_than_others(
    client: TestClient, market: Market, encoder: Encoder
) -> None:
    bare = next(one for one in market.drawn.products if not one.has_picture and one.in_stock)
    found = {item["product_id"]: item["similarity"] for item in searched(client, bare.title, limit=50)["items"]}
    bare_id = market.drawn.product_id(bare)
    cosine = float(encoder.embed_query(None, bare.title) @ market.vectors.vectors_of([bare_id])[bare_id])
    assert found[bare_id] == pytest.approx(0.4**0.5 * cosine, abs=1e-3)  # the share of words in the others' vectors


def test_photo_and_words_search_together(client: TestClient, market: Market) -> None:
    product = pictured(market)
    answer = by_photo(client, as_seen_by_a_phone(product), text=product.title).json()
    assert answer["items"][0]["product_id"] == market.drawn.product_id(product)
    assert answer["items"][0]["matched"] == ["words", "likeness"]


def test_without_an_index_words_are_still_found_and_the_answer_says_so(without_index: TestClient) -> None:
    answer = searched(without_index, "dress")
    assert answer["degraded"]
    assert answer["reason"] == "the index of pictures and meanings does not answer"
    assert answer["items"]
    assert {tuple(item["matched"]) for item in answer["items"]} == {("words",)}


def test_without_an_index_a_photo_finds_the_products_that_show_it(without_index: TestClient, market: Market) -> None:
    product = pictured(market)
    answer = by_photo(without_index, draw_picture(product)).json()
    assert answer["degraded"]
    assert answer["reason"] == "the index of pictures and meanings does not answer"
    assert market.drawn.product_id(product) in {item["product_id"] for item in answer["items"]}
    assert {tuple(item["matched"]) for item in answer["items"]} == {("photo",)}
    assert answer["advice"][0]["code"] == "photo_not_compared"


def test_without_an_index_a_photo_of_something_else_finds_nothing_and_says_why(
    without_index: TestClient, market: Market
) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8)
    target = io.BytesIO()
    Image.fromarray(noise).save(target, "JPEG")
    answer = by_photo(without_index, target.getvalue(), facets="true")
    assert answer.status_code == 200
    assert answer.json()["items"] == []
    assert answer.json()["degraded"]
    assert answer.json()["versions"] == {"encoder": None, "index": None}


def test_while_the_encoder_loads_words_are_found_and_photos_by_their_likes(market: Market, encoder: Encoder) -> None:
    may_load = Event()

    def load() -> Encoder:
        may_load.wait(30)
        return encoder

    app = create_app(market.settings, load=load)
    with TestClient(app) as client:
        words = searched(client, "dress")
        photo = by_photo(client, draw_picture(pictured(market)))
        ready = client.get("/health/ready").json()
        may_load.set()
        until_encoder(client, encoder.version)
        later = searched(client, "dress")
    assert words["degraded"]
    assert words["items"]
    assert "still loading" in photo.json()["reason"]
    assert photo.json()["items"]
    assert ready["status"] == "degraded"
    assert not later["degraded"]


def test_an_encoder_that_cannot_be_loaded_leaves_words(market: Market) -> None:
    def load() -> Encoder:
        raise ConfigurationError("no weights in /nowhere")

    with TestClient(create_app(market.settings, load=load)) as client:
        until_encoder(client, "cannot be loaded")
        answer = searched(client, "dress")
    assert answer["degraded"]
    assert answer["items"]
    assert "/nowhere" not in answer["reason"]


def test_an_index_of_another_encoder_is_not_searched(market: Market, encoder: Encoder) -> None:
    class Another:
        version = "another-1"
        has_shared_space = False
        embed_products = staticmethod(encoder.embed_products)
        embed_query = staticmethod(encoder.embed_query)

    with TestClient(create_app(market.settings, load=Another)) as client:
        until_encoder(client, "another-1")
        answer = searched(client, "dress")
    assert answer["degraded"]
    assert answer["items"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a text", b"hello, I am no picture at all"),
        ("nothing but a header", b"\xff\xd8\xff\xe0"),
        ("a page", b"<svg/>"),
    ],
)
def test_what_is_no_picture_is_refused(client: TestClient, name: str, content: bytes) -> None:
    answer = by_photo(client, content)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:soko:problem:image-rejected"


def test_a_truncated_jpeg_is_refused(client: TestClient, market: Market) -> None:
    photo = as_seen_by_a_phone(pictured(market))
    assert by_photo(client, photo[: len(photo) // 2]).status_code == 422


def test_a_picture_with_too_many_pixels_is_refused_from_its_header(client: TestClient, market: Market) -> None:
    side = int(market.settings.image_max_pixels**0.5) + 1
    target = io.BytesIO()
    Image.new("1", (side, side)).save(target, "PNG")
    answer = by_photo(client, target.getvalue())
    assert answer.status_code == 422
    assert "pixels" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b'{"text": ""}', 422),
        (b'{"text": "a", "limit": 1000000000}', 422),
        (b'{"text": "a", "colour": "red"}', 422),
        (b'{"text": "\\u0000"}', 422),
        (b'{"text": "\\ud800"}', 422),
        (b'{"text": "' + b"a" * 301 + b'"}', 422),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(client: TestClient, body: bytes, status: int) -> None:
    answer = client.post("/api/search", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_kind_of_body_is_refused(client: TestClient) -> None:
    assert client.post("/api/search", content=b"dress", headers={"Content-Type": "text/plain"}).status_code == 415


def test_a_form_with_neither_words_nor_photo_is_refused(client: TestClient) -> None:
    answer = client.post("/api/search", files={"image": ("empty.jpg", b"", "image/jpeg")})
    assert answer.status_code == 422
    assert "text, an image, or both" in answer.json()["detail"]

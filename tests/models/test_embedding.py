"""Encoders: unit vectors, halves that mean what they say, and bad pictures refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from marketplace.errors import ConfigurationError, ImageRejected, InputRejected
from models.embedding import colour, views
from models.embedding.compact import SETTINGS
from models.embedding.encoder import fingerprint
from models.embedding.lite import classifier_projection, folded, pooled_features, published_network, weights_file
from models.embedding.loading import load_encoder
from models.embedding.pixels import decoded, padded
from models.embedding.text import readable_text
from models.embedding.vectors import concatenated
from tests.models.siglip_folders import siglip_of_random_weights


def picture(colour, size=(320, 200)):
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, "JPEG")
    return target.getvalue()


@pytest.fixture(scope="module")
def compact():
    return load_encoder("compact", threads=2, siglip_model="", siglip_pretrained="")


@pytest.fixture(scope="module")
def siglip_folder(tmp_path_factory):
    return siglip_of_random_weights(tmp_path_factory.mktemp("siglip"))


@pytest.fixture(scope="module")
def siglip(siglip_folder):
    """A SigLIP of random weights in a local folder, loaded as a real one would be."""
    return load_encoder("siglip", threads=2, siglip_model=f"local-dir:{siglip_folder}", siglip_pretrained="")


@pytest.fixture(params=["compact", "siglip"])
def encoder(request):
    return request.getfixturevalue(request.param)


def test_products_and_queries_are_unit_vectors_of_768(encoder):
    vectors = encoder.embed_products([picture("red"), None, picture("blue")], ["red bag", "ሐበሻ ቀሚስ", ""])
    queries = [
        encoder.embed_query(picture("red"), None),
        encoder.embed_query(None, "mkoba"),
        encoder.embed_query(picture("red"), "bag"),
    ]
    assert vectors.shape == (3, 768)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(queries, axis=1) == pytest.approx(1, abs=1e-5)


def test_the_same_product_gives_the_same_vector_alone_and_in_a_batch(encoder):
    alone = encoder.embed_products([picture("red")], ["red bag"])[0]
    beside = encoder.embed_products([picture("green"), picture("red")], ["pot", "red bag"])[1]
    assert alone == pytest.approx(beside, abs=1e-4)


def test_a_photo_finds_its_own_product(encoder):
    stripes = np.zeros((224, 224, 3), dtype=np.uint8)
    stripes[:, ::8] = 255
    target = io.BytesIO()
    Image.fromarray(stripes).save(target, "PNG")
    catalog = encoder.embed_products([picture("red"), target.getvalue(), picture("blue")], ["item", "item", "item"])
    assert (catalog @ encoder.embed_query(target.getvalue(), None)).argmax() == 1


@pytest.mark.parametrize("content", [b"", b"<html>", picture("red")[:300]])
def test_bytes_that_are_no_picture_are_refused(encoder, content):
    with pytest.raises(ImageRejected, match="cannot be decoded"):
        encoder.embed_query(content, None)


def test_a_query_of_nothing_is_refused(encoder):
    with pytest.raises(InputRejected, match="words or a photo"):
        encoder.embed_query(None, "  ")
    with pytest.raises(InputRejected, match="neither picture nor words"):
        encoder.embed_products([None], [""])


def test_words_of_one_meaning_are_nearer_than_others(compact):
    products = compact.embed_products(
        [None] * 3, ["red evening dress", "cooking pot with lid", "leather shoes for men"]
    )
    assert (products @ compact.embed_query(None, "sufuria pot")).argmax() == 1
    assert (products @ compact.embed_query(None, "a gown for women")).argmax() == 0


def test_a_query_of_one_kind_leaves_the_other_half_empty(compact):
    assert not compact.embed_query(None, "bag")[:384].any()
    assert not compact.embed_query(picture("red"), None)[384:].any()


def test_the_projection_keeps_what_the_classifier_tells_apart():
    classifier = np.diag([3.0, 2.0, 1.0, 0.0]).astype(np.float32)
    assert classifier_projection(classifier, 2) == pytest.approx(np.eye(4)[:, :2], abs=1e-6)
    assert classifier_projection(np.flipud(-classifier), 2) == pytest.approx(np.eye(4)[:, :2], abs=1e-6)


def test_folding_leaves_the_network_the_same_function():
    network = published_network(weights_file())
    pixels = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    assert pooled_features(folded(network), pixels) == pytest.approx(pooled_features(network, pixels), abs=1e-4)


def test_every_number_that_the_views_and_colours_are_made_by_is_in_the_version():
    named = [item for module in (views, colour) for item in vars(module).items()]
    numbers = {value for name, value in named if name.isupper() and not name.startswith("_")}
    assert numbers - {colour.COLOURS} <= set(SETTINGS)  # which follows from BINS


def test_a_compact_version_is_the_same_each_time_and_moves_with_the_weights_or_the_settings(compact, tmp_path):
    again = load_encoder("compact", threads=1, siglip_model="", siglip_pretrained="")
    assert again.version == compact.version
    first, second = tmp_path / "first.bin", tmp_path / "second.bin"
    first.write_bytes(bytes(999) + b"0")
    second.write_bytes(bytes(999) + b"1")
    made = fingerprint((288, 384), first, first)
    assert made == fingerprint((288, 384), first, first)
    assert made != fingerprint((288, 384), first, second)
    assert made != fingerprint((224, 384), first, first)


def test_words_are_read_to_the_end_of_the_second_thousand_characters_and_past_what_is_no_character(compact):
    assert readable_text(" red\0dress \ud800") == "red dress"
    assert readable_text("x" * 9000) == "x" * 2000
    assert compact.embed_query(None, "red\0dress") == pytest.approx(compact.embed_query(None, "red dress"), abs=1e-6)
    with pytest.raises(InputRejected, match="words or a photo"):
        compact.embed_query(None, "\0 ")


def test_a_batch_of_unequal_lengths_is_refused(encoder):
    with pytest.raises(ValueError, match="shorter"):
        encoder.embed_products([None, None], ["one"])


def test_many_products_keep_their_places(compact):
    images = [picture((shade, 40, 200)) if shade % 3 else None for shade in range(20)]
    vectors = compact.embed_products(images, ["" if image else "bag" for image in images])
    assert [bool(vector[:384].any()) for vector in vectors] == [image is not None for image in images]
    assert vectors[19] == pytest.approx(compact.embed_products([images[19]], [""])[0], abs=1e-4)


def test_what_is_transparent_is_seen_on_white():
    clear = io.BytesIO()
    Image.new("RGBA", (30, 30), (0, 0, 0, 0)).save(clear, "PNG")
    assert decoded(clear.getvalue(), near=224).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "P", "1", "I;16", "LA", "RGBA"])
def test_pictures_of_every_kind_come_out_in_three_colours(mode):
    target = io.BytesIO()
    Image.new(mode, (30, 40)).save(target, "PNG")
    assert padded(decoded(target.getvalue(), near=224), 224).shape == (224, 224, 3)


@pytest.mark.parametrize("size", [(1, 1), (9000, 1), (1, 9000)])
def test_pictures_of_any_shape_fill_the_square(size):
    assert padded(decoded(picture("red", size), near=224), 224).shape == (224, 224, 3)


@pytest.mark.parametrize("side", [7000, 9900])
def test_a_picture_too_large_to_decode_is_refused(side):
    target = io.BytesIO()
    Image.new("1", (side, side)).save(target, "PNG")
    with pytest.raises(ImageRejected, match=r"more than 40000000 pixels|too large"):
        decoded(target.getvalue(), near=224)


def test_a_photo_on_its_side_is_stood_upright():
    target = io.BytesIO()
    turned = Image.new("RGB", (40, 20), "red")
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(target, "JPEG", exif=exif)
    assert decoded(target.getvalue(), near=224).size == (20, 40)


def test_a_dot_product_of_concatenated_vectors_is_the_weighted_likeness():
    half = np.zeros((2, 384), dtype=np.float32)
    half[0, 0], half[1, :2] = 1, (0.8, 0.6)
    words = np.zeros((2, 384), dtype=np.float32)
    words[:, 5] = 1
    first, second = concatenated(half, words)
    assert first @ second == pytest.approx(0.6 * 0.8 + 0.4 * 1.0)


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.6, 1.0])
def test_a_query_finds_by_as_much_of_its_photo_as_it_is_told(encoder, weight):
    photo, words = encoder.prepared(picture("red")), "kitenge bag"
    asked = encoder.embed_query(picture("red"), words, image_weight=weight)
    only_photo = encoder.joined(encoder.picture_parts([photo]), np.zeros((1, encoder.part_width), np.float32))[0]
    only_words = encoder.embed_query(None, words)
    product = encoder.embed_products([picture("red"), None], ["", "kitenge bag"])
    assert np.linalg.norm(asked) == pytest.approx(1, abs=1e-5)
    if weight in (0.0, 1.0):
        assert asked == pytest.approx(only_photo if weight else only_words, abs=1e-5)
    if weight == 0.6:
        assert asked == pytest.approx(encoder.embed_query(picture("red"), words), abs=1e-6)
    assert (product @ asked).argmax() == (0 if weight > 0.5 else 1) or weight == 0.25


def test_a_weight_is_of_no_account_where_there_is_nothing_to_weigh(encoder):
    assert encoder.embed_query(None, "bag", image_weight=1.0) == pytest.approx(encoder.embed_query(None, "bag"))
    alone = encoder.embed_query(picture("red"), " ", image_weight=0.0)
    assert alone == pytest.approx(encoder.embed_query(picture("red"), None), abs=1e-6)


@pytest.mark.parametrize("weight", [-0.1, 1.5, float("nan")])
def test_a_weight_beyond_the_whole_is_refused(encoder, weight):
    with pytest.raises(InputRejected, match="image weight"):
        encoder.embed_query(picture("red"), "bag", image_weight=weight)


def test_a_product_is_joined_from_parts_that_can_be_kept(encoder):
    part = encoder.picture_parts([encoder.prepared(picture("red"))])
    words = encoder.words_parts(["red bag"])
    assert part.shape == words.shape == (1, encoder.part_width)
    whole = encoder.embed_products([picture("red")], ["red bag"])
    assert encoder.joined(part, words) == pytest.approx(whole, abs=1e-6)


def test_parts_of_the_compact_encoder_are_the_same_bits_whatever_stands_beside_them(compact):
    shades = [compact.prepared(picture((40 * number, 90, 30))) for number in range(5)]
    texts = [f"mkoba {number}" for number in range(5)]
    together, words = compact.picture_parts(shades), compact.words_parts(texts)
    for number in range(5):
        assert compact.picture_parts([shades[number]])[0].tobytes() == together[number].tobytes()
        assert compact.words_parts([texts[number]])[0].tobytes() == words[number].tobytes()


def test_nothing_to_encode_gives_nothing(encoder):
    assert encoder.picture_parts([]).shape == (0, encoder.part_width)
    assert not encoder.words_parts(["", " \0"]).any()


def test_an_encoder_that_does_not_exist_is_named():
    with pytest.raises(ConfigurationError, match="'clip' is unknown"):
        load_encoder("clip", threads=1, siglip_model="", siglip_pretrained="")

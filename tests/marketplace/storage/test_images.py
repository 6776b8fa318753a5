"""Pictures from outside: what is kept is safe to show, and what is no picture is refused."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import zlib

import pytest
from PIL import Image

from marketplace.errors import ImageRejected, NotFound
from marketplace.storage.images import Images


@pytest.fixture
def images(tmp_path):
    return Images(tmp_path, max_pixels=1_000_000)


def encoded(kind="JPEG", size=(120, 80), mode="RGB", **options):
    target = io.BytesIO()
    gradient = Image.linear_gradient("L").resize(size)
    gradient.convert(mode).save(target, kind, **options)
    return target.getvalue()


def stored(images, content):
    return Image.open(io.BytesIO(images.read(images.put(content))))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_every_accepted_kind_becomes_a_jpeg_of_its_own_size(images, kind):
    kept = stored(images, encoded(kind))
    assert (kept.format, kept.mode, kept.size) == ("JPEG", "RGB", (120, 80))


def test_the_same_bytes_have_the_same_name_and_are_kept_once(images, tmp_path):
    assert images.put(encoded()) == images.put(encoded())
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 1


def test_a_large_picture_is_shrunk_to_800_pixels(images):
    assert stored(images, encoded(size=(1000, 500))).size == (800, 400)


def test_a_picture_is_turned_upright_and_loses_its_metadata(images):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "a camera that knows where it was"
    kept = stored(images, encoded(exif=exif))
    assert kept.size == (80, 120)
    assert not kept.getexif()


@pytest.mark.parametrize("tag", [0x0100, 0x0128])
def test_a_picture_whose_metadata_lies_about_its_types_is_kept_or_refused(images, tag):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(exif=exif)
    directory = content.index(b"\x12\x01") if b"\x12\x01" in content else content.index(b"\x01\x12")
    lying = content[:directory] + tag.to_bytes(2, "little") + b"\x02\x00" + content[directory + 4 :]
    with contextlib.suppress(ImageRejected):
        images.put(lying)


def test_a_large_layered_picture_is_shrunk_before_it_is_copied(images):
    flat = Image.new("RGBA", (900, 900), (200, 30, 30, 128))
    target = io.BytesIO()
    flat.save(target, "PNG")
    kept = stored(images, target.getvalue())
    assert kept.size == (800, 800)
    assert kept.getpixel((400, 400)) == pytest.approx((227, 142, 142), abs=4)


def test_what_is_transparent_becomes_white(images):
    target = io.BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(target, "PNG")
    assert stored(images, target.getvalue()).getpixel((20, 20)) == (255, 255, 255)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>this file is called photo.jpg</html>",
        encoded()[:300],
        encoded("PNG")[:-40],
        b"\xff\xd8\xff\xe0" + bytes(500),
        encoded("BMP"),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
    ids=["empty", "text", "cut JPEG", "cut PNG", "only a header", "another kind", "svg"],
)
def test_what_is_no_usable_picture_is_refused(images, tmp_path, content):
    with pytest.raises(ImageRejected, match=f"{len(content)} bytes"):
        images.put(content)
    assert not list(tmp_path.iterdir())


def test_a_bomb_is_refused_from_its_header(images):
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    with pytest.raises(ImageRejected):
        images.put(bomb + bytes(100))


def test_more_pixels_than_allowed_and_tracking_pixels_are_refused_with_their_size(images):
    with pytest.raises(ImageRejected, match="1001 x 1000, more than 1000000"):
        images.put(encoded("PNG", size=(1001, 1000)))
    with pytest.raises(ImageRejected, match="1 x 1, too small"):
        images.put(encoded("GIF", size=(1, 1)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_damaged_bytes_are_refused_or_kept_and_nothing_else_happens(images, kind):
    whole, chance = encoded(kind, size=(64, 48)), random.Random(kind)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 12)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            kept = stored(images, bytes(damaged))
        except ImageRejected:
            continue
        assert kept.format == "JPEG"


@pytest.mark.parametrize("name", ["../../etc/passwd", "ab", "A" * 64, "0" * 63 + "/"])
def test_no_name_leads_outside_the_folder(images, name):
    with pytest.raises(NotFound):
        images.path(name)


def test_a_picture_that_is_not_kept_is_named(images):
    with pytest.raises(NotFound, match="0000 is not stored"):
        images.read("0" * 64)

"""Pictures from outside: what is kept is safe to show, and what is no picture is refused."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import subprocess
import sys
import zlib

import pytest
from PIL import GifImagePlugin, Image

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
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"GIF89a/*" + bytes(40) + b"*/=1;alert(1)",
        encoded("TIFF"),
    ],
    ids=["empty", "text", "cut JPEG", "cut PNG", "only a header", "another kind", "svg", "script", "TIFF"],
)
def test_what_is_no_usable_picture_is_refused(images, tmp_path, content):
    with pytest.raises(ImageRejected, match=f"{len(content)} bytes"):
        images.put(content)
    assert not list(tmp_path.iterdir())


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, pixels, *, depth=8, colour=0):
    """A PNG of the size, whose pixels are whatever was deflated."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def deflated_zeroes(side):
    """The pixels of a flat grey square, a row at a time so that the test itself stays small."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()


MEASURING = """
import resource, sys
from pathlib import Path
from marketplace.errors import ImageRejected
from marketplace.storage.images import Images, reencoded
content = Path(sys.argv[1]).read_bytes()
small = Path(sys.argv[2]).read_bytes()
reencoded(small, max_pixels=40_000_000)  # the codecs are loaded
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    Images(Path(sys.argv[1]).parent / "store").put(content)
    said = "kept"
except ImageRejected as error:
    said = str(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
print(said)
"""


@pytest.mark.parametrize(
    ("side", "pixels"), [(50_000, bytes(100)), (13_000, deflated_zeroes(13_000))], ids=["header only", "flat"]
)
def test_a_bomb_is_refused_from_its_header_and_costs_no_memory(tmp_path, side, pixels):
    bomb, small = tmp_path / "bomb.png", tmp_path / "small.png"
    bomb.write_bytes(png(side, side, pixels))
    small.write_bytes(encoded("PNG"))
    command = [sys.executable, "-c", MEASURING, str(bomb), str(small)]
    grown, said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert f"{side} x {side}, more than 40000000 pixels" in said or f"({side**2} pixels) exceeds limit" in said
    assert int(grown) < 50_000  # kilobytes


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
def test_a_text_or_profile_that_unpacks_without_end_is_refused(images, name):
    whole = encoded("PNG")
    bomb = whole[:33] + chunk(name, b"k\0\0" + zlib.compress(bytes(80_000_000), 9)) + whole[33:]
    with pytest.raises(ImageRejected, match="too large"):
        images.put(bomb)


def test_a_screen_of_a_gif_that_is_larger_than_its_frame_counts_in_full(images):
    huge = b"GIF89a" + struct.pack("<HHBBB", 5000, 5000, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 32, 32, 0) + b"\x02\x01\x00\x00;"
    with pytest.raises(ImageRejected, match="5000 x 5000, more than"):
        images.put(huge + frame)


SCRIPT = b"<script>alert(1)</script>"


@pytest.mark.parametrize(
    "content",
    [
        encoded(comment=SCRIPT),
        encoded("GIF", mode="P", comment=SCRIPT),
        encoded("GIF", mode="P") + b"/*" + SCRIPT + b"*/",
        b"GIF89a/*" + encoded("GIF", mode="P")[8:] + b"*/=1;" + SCRIPT,
        encoded() + SCRIPT,
        encoded(icc_profile=SCRIPT * 2000),
        encoded("PNG", icc_profile=SCRIPT * 2000),
        encoded("WEBP", icc_profile=SCRIPT * 2000),
        encoded(xmp=SCRIPT),
    ],
    ids=[
        *("JPEG comment", "GIF comment", "GIF and script", "GIF that is a script", "after a JPEG"),
        *("junk profile", "junk profile in PNG", "junk profile in WebP", "XMP"),
    ],
)
def test_nothing_but_pixels_passes(images, content):
    assert SCRIPT in content or b"iCCP" in content
    name = images.put(content)
    assert b"script" not in images.read(name)
    assert set(Image.open(io.BytesIO(images.read(name))).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_print_in_four_inks_keeps_its_colours(images):
    target = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 60, 30)).convert("CMYK").save(target, "JPEG", quality=95)
    assert stored(images, target.getvalue()).getpixel((32, 32)) == pytest.approx((200, 60, 30), abs=6)


def test_sixteen_bits_of_grey_become_eight_and_not_white(images):
    target = io.BytesIO()
    deep = Image.new("I;16", (64, 64), 0x8000)
    deep.save(target, "PNG")
    assert stored(images, target.getvalue()).getpixel((32, 32)) == pytest.approx((128, 128, 128), abs=2)


def test_sixteen_bits_of_colour_become_eight(images):
    row = b"\0" + b"\xc8\x00\x3c\x00\x1e\x00" * 64
    kept = stored(images, png(64, 64, zlib.compress(row * 64), depth=16, colour=2))
    assert kept.getpixel((32, 32)) == pytest.approx((200, 60, 30), abs=4)


def test_of_ten_thousand_frames_only_the_first_is_decoded(images, monkeypatch):
    frames = [Image.new("P", (32, 32), number % 2) for number in range(10_000)]
    frames[0].putpalette([200, 60, 30, 0, 0, 255])
    target = io.BytesIO()
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:], optimize=False)
    sought = []
    monkeypatch.setattr(GifImagePlugin.GifImageFile, "seek", lambda picture, frame: sought.append(frame))
    kept = stored(images, target.getvalue())
    assert kept.getpixel((16, 16)) == pytest.approx((200, 60, 30), abs=4)
    assert sought == []


@pytest.mark.parametrize("turn", range(2, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_every_turn_that_a_camera_notes_is_undone(images, kind, turn):
    upright = Image.new("RGB", (120, 80), "white")
    upright.paste((200, 30, 30), (0, 0, 40, 30))  # red in the upper left corner
    exif = Image.Exif()
    exif[0x0112] = turn
    undoing = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[turn]
    target = io.BytesIO()
    upright.transpose(Image.Transpose(undoing)).save(target, kind, exif=exif)
    kept = stored(images, target.getvalue())
    assert kept.size == (120, 80)
    assert kept.getpixel((20, 15)) == pytest.approx((200, 30, 30), abs=12)


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

"""Bodies that are small to send and large to hold; each is made once."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

HUGE = 30_000_000
BOMB = 1 << 30
DEPTH = 1_000_000
PIXELS: Mapping[str, int] = MappingProxyType({"picture_bomb": 13_000, "picture_header_bomb": 50_000})


@lru_cache(maxsize=1)
def huge_page_body() -> bytes:
    """A page of thirty million bytes."""
    line = b"<p>Karibu sokoni.</p>\n"
    return b"<!doctype html><html><body>" + line * (HUGE // len(line))


@lru_cache(maxsize=1)
def deep_body() -> bytes:
    """A million elements, none closed."""
    return b"<!doctype html><html><body>" + b"<div>" * DEPTH


@lru_cache(maxsize=1)
def gzip_bomb_body() -> bytes:
    """A megabyte of gzip that unpacks to a gigabyte of spaces."""
    member = 1 << 24
    return gzip.compress(b" " * member, 9, mtime=0) * (BOMB // member)  # members one after the other are one file


@lru_cache(maxsize=1)
def flat_png(side: int) -> bytes:
    """A black PNG, square, of so many pixels a side."""
    packer = zlib.compressobj(6)
    row = b"\x00" * (side + 1)
    return png(side, b"".join(packer.compress(row) for _ in range(side)) + packer.flush())


def png(side: int, packed: bytes) -> bytes:
    """A PNG that says it is square, of so many grey pixels a side, whatever its packed rows hold."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )

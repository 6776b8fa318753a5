"""Pictures decoded ahead: in order, none lost, and none that stops another."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from marketplace.errors import NotFound
from models.embedding.reading import Clock, read_pictures


def jpeg(shade):
    target = io.BytesIO()
    Image.new("RGB", (60, 60), (shade, 60, 200 - shade)).save(target, "JPEG")
    return target.getvalue()


@pytest.fixture(scope="module")
def files():
    """Seventy pictures, one of them cut short and one of them no picture."""
    kept = {f"p{number}": jpeg(number) for number in range(70)}
    return {**kept, "p7": kept["p7"][:200], "p40": b"<html>"}


def read_of(files):
    def read(key):
        if key not in files:
            raise NotFound(f"picture {key} is not stored")
        return files[key]

    return read


def test_every_picture_comes_once_and_in_order_and_what_cannot_be_read_is_told(default_encoder, files):
    keys = [*files, "gone"]
    clock = Clock()
    batches = list(read_pictures(default_encoder, read_of(files), iter(keys), decoders=3, clock=clock))
    unread = {one.key: one for batch in batches for one in batch.unreadable}
    assert [key for batch in batches for key in batch.keys] == [key for key in keys if key not in unread]
    assert {key: one.is_missing for key, one in unread.items()} == {"p7": False, "p40": False, "gone": True}
    assert all(len(batch.parts) == len(batch.keys) <= default_encoder.batch for batch in batches)
    assert clock.encoding > 0
    assert 0 <= clock.waiting_share <= 1


def test_parts_are_those_of_one_picture_at_a_time(default_encoder, files):
    keys = ["p1", "p2", "p3"]
    (batch,) = read_pictures(default_encoder, read_of(files), keys, decoders=2)
    for key, part in zip(batch.keys, batch.parts, strict=True):
        alone = default_encoder.picture_parts([default_encoder.prepared(files[key])])[0]
        assert np.array_equal(part, alone)


def test_no_more_is_decoded_ahead_than_a_few_batches(default_encoder, files):
    asked = []

    def read(key):
        asked.append(key)
        return files["p1"]

    first = next(read_pictures(default_encoder, read, (str(number) for number in range(10_000)), decoders=2))
    assert len(first.keys) == default_encoder.batch
    assert len(asked) <= 3 * default_encoder.batch


def test_a_store_that_fails_ends_the_reading(default_encoder):
    def read(key):
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk is gone"):
        list(read_pictures(default_encoder, read, ["a"], decoders=1))


def test_nothing_to_read_gives_nothing(default_encoder):
    assert list(read_pictures(default_encoder, {}.__getitem__, [], decoders=1)) == []

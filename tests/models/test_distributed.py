"""A backlog on a local Ray cluster of two workers: the same parts as in one process."""

from __future__ import annotations

import io
from functools import partial

import numpy as np
import pytest
from PIL import Image

from marketplace.errors import ConfigurationError
from marketplace.storage.images import Images
from models.embedding.distributed import AT_ONCE, Cluster, PicturesWorker, pictures_by_ray, words_by_ray
from models.embedding.loading import load_encoder

pytest.importorskip("ray", reason="Ray is not installed; pip install 'soko[ray]'")
pytestmark = [pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]  # Ray's own warnings
TWO = Cluster("local", workers=2)


def load(cache):
    return partial(load_encoder, "compact", threads=1, siglip_model="", siglip_pretrained="", cache=cache, batch=8)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("encoders")


def test_two_workers_make_what_one_process_makes(tmp_path, cache):
    encoder, images = load(cache)(), Images(tmp_path)
    names = []
    for shade in range(20):
        target = io.BytesIO()
        Image.new("RGB", (90, 60), (12 * shade, 200 - 9 * shade, 40)).save(target, "PNG")
        names.append(images.put(target.getvalue()))
    images.path(names[3]).write_bytes(b"no picture")
    images.path(names[4]).unlink()
    made = list(pictures_by_ray(TWO, load(cache), images.read, names, version=encoder.version, batch=8))
    parts = {key: part for one in made for key, part in zip(one.keys, one.parts, strict=True)}
    unread = {one.key: one.is_missing for some in made for one in some.unreadable}
    assert unread == {names[3]: False, names[4]: True}
    assert set(parts) == set(names) - set(unread)
    for name, part in parts.items():
        assert np.array_equal(part, encoder.picture_parts([encoder.prepared(images.read(name))])[0])

    texts = {f"t{number}": f"mkoba wa ngozi {number}" for number in range(20)}
    said = {}
    for some in words_by_ray(TWO, load(cache), texts, version=encoder.version, batch=8):
        said |= some
    assert set(said) == set(texts)
    for key, text in texts.items():
        assert np.array_equal(said[key], encoder.words_parts([text])[0])


def test_a_worker_decodes_ahead_on_as_many_threads_as_it_reserves_cores(tmp_path, cache):
    assert [Cluster("local", 1, cpus=cpus).threads for cpus in (0.5, 1.0, 3.0)] == [1, 1, 3]
    images, encoder = Images(tmp_path), load(cache)()
    target = io.BytesIO()
    Image.new("RGB", (60, 60), (9, 90, 40)).save(target, "PNG")
    name = images.put(target.getvalue())
    rows = PicturesWorker(load(cache), images.read, encoder.version, 2)({"key": np.array([name] * (AT_ONCE * 8))})
    assert rows["part"].shape == (AT_ONCE * 8, 384)  # many batches of the encoder in one call


def test_a_worker_of_another_version_is_refused(tmp_path, cache):
    with pytest.raises(Exception, match="not compact-of-yesterday"):  # Ray wraps what a worker raises
        list(words_by_ray(TWO, load(cache), {"a": "bag"}, version="compact-of-yesterday", batch=8))


def test_nothing_to_make_starts_no_cluster():
    assert list(words_by_ray(Cluster("ray://127.0.0.1:1", workers=1), load(None), {}, version="v", batch=8)) == []


def test_ray_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ConfigurationError, match=r"soko\[ray\]"):
        list(words_by_ray(TWO, load(None), {"a": "bag"}, version="v", batch=8))

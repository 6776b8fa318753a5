"""The picture network in its runtimes: one function, kept once, and no runtime in place of another."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from marketplace.errors import ConfigurationError
from models.embedding import lite, tower
from models.embedding.compact import CompactEncoder
from models.embedding.lite import classifier_projection, pooled_features, published_network, weights_file
from models.embedding.tower import exported, load_tower
from models.embedding.vectors import normalised

WIDTH = 32


def pictures(count, side=96):
    return np.random.default_rng(1).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder that holds the network already."""
    folder = tmp_path_factory.mktemp("encoders")
    exported(WIDTH, folder)
    return folder


def test_both_runtimes_are_the_published_network(cache):
    network = published_network(weights_file())
    projection = classifier_projection(network.state_dict()["_fc.weight"].numpy(), WIDTH)
    towers = load_tower("onnx", WIDTH, cache=cache), load_tower("torch", WIDTH, cache=None)
    for side in (96, 64):
        for one in pictures(3, side):
            expected = normalised(pooled_features(network, one[None])[0] @ projection)
            for loaded in towers:
                assert loaded(one) @ expected > 0.99999


def test_pictures_looked_at_at_once_come_out_as_one_by_one(cache):
    network = load_tower("onnx", WIDTH, cache=cache)
    some = pictures(8)
    with ThreadPoolExecutor(4) as pool:
        assert np.array_equal(np.stack(list(pool.map(network, some))), np.stack([network(one) for one in some]))


def test_torch_takes_one_thread_for_each_call_whoever_asks():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        load_tower("torch", WIDTH, cache=None)
        with ThreadPoolExecutor(1) as pool:
            assert (torch.get_num_threads(), pool.submit(torch.get_num_threads).result()) == (1, 1)
    finally:
        torch.set_num_threads(before)


def test_a_network_of_other_code_or_another_recipe_is_kept_under_another_name(tmp_path, monkeypatch):
    exported(WIDTH, tmp_path)
    monkeypatch.setattr(tower, "RECIPE", "of tomorrow")
    exported(WIDTH, tmp_path)
    other = tmp_path / "lite.py"
    other.write_text(Path(lite.__file__).read_text() + "# changed")
    monkeypatch.setattr(lite, "__file__", str(other))
    exported(WIDTH, tmp_path)
    assert len(list(tmp_path.glob("*.checked"))) == 3


def test_a_network_is_made_once(cache):
    (file,) = cache.iterdir()
    made = file.stat().st_mtime_ns
    assert exported(WIDTH, cache) == file.read_bytes()[32:]
    assert file.stat().st_mtime_ns == made
    assert list(cache.iterdir()) == [file]


@pytest.mark.parametrize("keep", [0, 40, 100_000])
def test_a_damaged_file_is_made_anew(cache, tmp_path, caplog, keep):
    (whole,) = cache.iterdir()
    damaged = tmp_path / whole.name
    damaged.write_bytes(whole.read_bytes()[:keep])
    with caplog.at_level(logging.WARNING):
        exported(WIDTH, tmp_path)
    assert damaged.read_bytes()[32:][:100] == whole.read_bytes()[32:][:100]
    assert len(damaged.read_bytes()) == len(whole.read_bytes())
    assert ("is damaged" in caplog.text) == (keep > 0)


def test_a_runtime_that_is_not_installed_is_named_and_not_replaced(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ConfigurationError, match="SOKO_ENCODER_RUNTIME=torch"):
        load_tower("onnx", WIDTH, cache=None)


def test_a_runtime_that_does_not_exist_is_named():
    with pytest.raises(ConfigurationError, match="'tpu' is unknown"):
        load_tower("tpu", WIDTH, cache=None)


def test_the_version_does_not_name_the_runtime(red_jpeg, default_encoder):
    by_torch = CompactEncoder(threads=1, runtime="torch")
    assert by_torch.version == default_encoder.version
    both = by_torch.embed_query(red_jpeg, None), default_encoder.embed_query(red_jpeg, None)
    assert both[0] @ both[1] > 0.99999

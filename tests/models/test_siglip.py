"""SigLIP from a local folder: what its vectors mean, what its version names, and folders that are not whole."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from marketplace.errors import ConfigurationError
from models.embedding.siglip import SiglipEncoder
from models.embedding.vectors import hybrid
from tests.models.siglip_folders import give_own_tokenizer, siglip_of_random_weights


def loaded(folder):
    return SiglipEncoder(f"local-dir:{folder}", "", threads=2)


def test_words_and_photos_share_one_space_and_are_weighted_six_to_four(tmp_path, red_jpeg):
    encoder = loaded(siglip_of_random_weights(tmp_path))
    both = encoder.embed_products([red_jpeg], ["bag"])
    photo, words = encoder.embed_query(red_jpeg, None), encoder.embed_query(None, "bag")
    assert encoder.has_shared_space
    assert both[0] == pytest.approx(hybrid(photo[None], words[None])[0], abs=1e-5)


def test_a_product_without_a_photo_is_its_words(tmp_path):
    encoder = loaded(siglip_of_random_weights(tmp_path))
    vectors = encoder.embed_products([None] * 20, [f"bag {number}" for number in range(20)])
    assert vectors[19] == pytest.approx(encoder.embed_query(None, "bag 19"), abs=1e-5)


def test_a_version_names_the_weights_to_the_last_number(tmp_path):
    folder = siglip_of_random_weights(tmp_path)
    first = loaded(folder).version
    assert loaded(folder).version == first
    weights = torch.load(folder / "open_clip_pytorch_model.bin", weights_only=True)
    weights["text.token_embedding.weight"][-1, -1] += 0.5
    torch.save(weights, folder / "open_clip_pytorch_model.bin")
    assert loaded(folder).version != first


def test_a_version_names_how_pictures_are_prepared(tmp_path):
    folder = siglip_of_random_weights(tmp_path)
    first = loaded(folder).version
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["preprocess_cfg"]["mean"] = [0.4] * 3
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    assert loaded(folder).version != first


def test_a_tokenizer_in_the_folder_is_the_one_that_reads(tmp_path):
    folder = siglip_of_random_weights(tmp_path)
    built_in = loaded(folder)
    own = loaded(give_own_tokenizer(folder, ["mkoba", "dress"]))
    assert own.version != built_in.version
    first, second, third = own.embed_products([None] * 3, ["mkoba", "dress", "mkoba"])
    assert not np.allclose(first, second)
    assert first == pytest.approx(third, abs=1e-6)


def test_a_folder_without_weights_is_refused_not_filled_at_random(tmp_path):
    folder = siglip_of_random_weights(tmp_path)
    (folder / "open_clip_pytorch_model.bin").unlink()
    with pytest.raises(ConfigurationError, match="could not be loaded"):
        loaded(folder)


def test_a_name_without_weights_is_refused_not_filled_at_random():
    with pytest.raises(ConfigurationError, match="ViT-B-32-256"):
        SiglipEncoder("ViT-B-32-256", "", threads=1)


@pytest.mark.parametrize("name", ["open_clip_pytorch_model.bin", "open_clip_model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"these are no weights"])
def test_a_file_that_is_no_weights_is_refused(tmp_path, name, content):
    folder = siglip_of_random_weights(tmp_path)
    (folder / "open_clip_pytorch_model.bin").unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match="could not be loaded"):
        loaded(folder)


def test_weights_of_another_shape_are_refused(tmp_path):
    folder = siglip_of_random_weights(tmp_path)
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"]["width"] = 128
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigurationError, match="could not be loaded"):
        loaded(folder)


def test_a_model_of_another_width_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="has 512 dimensions, not 768"):
        loaded(siglip_of_random_weights(tmp_path, dimensions=512))


@pytest.mark.parametrize("model", ["no-such-model", "local-dir:/no/such/folder"])
def test_a_model_that_is_not_there_is_named(model):
    with pytest.raises(ConfigurationError, match=model):
        SiglipEncoder(model, "", threads=1)


def test_a_text_past_the_context_is_read_as_far_as_it_goes(tmp_path):
    encoder = loaded(give_own_tokenizer(siglip_of_random_weights(tmp_path), ["mkoba", "dress"]))
    long = "mkoba " * 64
    short, longer = encoder.words_parts([long, long + "dress " * 500])
    assert short == pytest.approx(longer, abs=1e-6)
    assert not np.allclose(short, encoder.words_parts(["dress"])[0])


def test_a_short_text_is_padded_to_the_whole_context_as_siglip_learnt_it(tmp_path):
    encoder = loaded(give_own_tokenizer(siglip_of_random_weights(tmp_path), ["mkoba", "dress"]))
    assert encoder._tokenizer(["mkoba"]).shape == (1, 64)
    beside = encoder.words_parts(["mkoba", "mkoba dress dress dress"])[0]
    assert beside == pytest.approx(encoder.words_parts(["mkoba"])[0], abs=1e-6)


def test_what_no_tokenizer_can_take_is_left_out_of_a_text(tmp_path):
    encoder = loaded(give_own_tokenizer(siglip_of_random_weights(tmp_path), ["mkoba"]))
    assert encoder.embed_query(None, "mkoba\0\ud800") == pytest.approx(encoder.embed_query(None, "mkoba"), abs=1e-6)


def test_batches_are_as_large_as_they_are_told(tmp_path):
    folder = siglip_of_random_weights(tmp_path)
    assert SiglipEncoder(f"local-dir:{folder}", "", threads=1, batch=3).batch == 3
    assert loaded(folder).batch >= 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that CUDA can use")
def test_half_precision_on_a_gpu_agrees_with_full_precision_on_a_cpu(tmp_path, red_jpeg, monkeypatch, caplog):
    folder = siglip_of_random_weights(tmp_path)
    on_gpu = loaded(folder)
    assert "full precision is used" not in caplog.text  # so that half precision is what is tried here
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    on_cpu = loaded(folder)
    assert on_gpu.version == on_cpu.version
    for image, text in ((red_jpeg, None), (None, "mkoba wa ngozi"), (red_jpeg, "mkoba wa ngozi")):
        assert on_gpu.embed_query(image, text) @ on_cpu.embed_query(image, text) > 0.999

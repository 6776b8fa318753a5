"""SigLIP models of random weights in local folders, small enough for a test."""

from __future__ import annotations

import json
from pathlib import Path

from models.embedding.siglip import declare_missing_torchvision_operators


def siglip_of_random_weights(folder: Path, *, seed: int = 1, dimensions: int = 768, side: int = 64) -> Path:
    """The folder, with a configuration whose tokenizer is built in, and weights drawn from the seed."""
    declare_missing_torchvision_operators()
    import open_clip
    import torch

    towers = {
        "embed_dim": dimensions,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {"image_size": side, "patch_size": 32, "width": 64, "layers": 1, "head_width": 64},
        "text_cfg": {"context_length": 64, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
    }
    preprocessing = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    config = {"model_cfg": towers, "preprocess_cfg": preprocessing}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(seed)
    network = open_clip.create_model(f"local-dir:{folder}")
    torch.save(network.state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder


def give_own_tokenizer(folder: Path, words: list[str]) -> Path:
    """The folder, with a tokenizer of these words in it, as the published SigLIP models have one."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    vocabulary = {word: number for number, word in enumerate(["<pad>", "<eos>", "<unk>", *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64, **special})
    )
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "made-for-this-test"
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder

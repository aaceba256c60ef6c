"""Tiny checkpoints with random weights in the four configurations of the paper, to try everything without a download.

They have the real kernels and strides, normalisations and attention, so frames, masks and files are those of the real
ones; they know nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from aclipse.atomic import replacing
from aclipse.models import pretrained
from aclipse.seeds import derive

GROUP_NORM: dict[str, Any] = {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False}
LAYER_NORM: dict[str, Any] = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
CONFIGURATIONS = {  # as published: only HuBERT-large normalises layer by layer
    "wav2vec2-base": ("Wav2Vec2", GROUP_NORM),
    "wav2vec2-large": ("Wav2Vec2", GROUP_NORM),
    "hubert-base": ("Hubert", GROUP_NORM),
    "hubert-large": ("Hubert", LAYER_NORM),
}


def make(folder: Path, width: int = 48, layers: int = 2, seed: int = 0) -> list[Path]:
    """Write all four below ``folder``, each under its backbone's name; the same seed gives the same weights.

    Raises MissingExtra without transformers.
    """
    return [_make(folder / name, name, width, layers, seed) for name in CONFIGURATIONS]


def _make(place: Path, name: str, width: int, layers: int, seed: int) -> Path:
    transformers = pretrained.library()
    family, norms = CONFIGURATIONS[name]
    large = name.endswith("large")
    config = getattr(transformers, f"{family}Config")(
        hidden_size=width * 3 // 2 if large else width, num_hidden_layers=layers + large, num_attention_heads=4,
        intermediate_size=3 * width, conv_dim=[width] * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4,
        classifier_proj_size=width, num_feat_extract_layers=7, **norms,
    )  # fmt: skip
    if not place.exists():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, name))
            model = getattr(transformers, f"{family}Model")(config)
        with replacing(place) as partial:
            model.save_pretrained(partial)
    return place

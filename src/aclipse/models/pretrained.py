"""Checkpoints of transformers, in a folder or on the hub: their weights, and the small files beside these."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from aclipse.errors import BackboneError, MissingExtra


def library() -> Any:
    """The package transformers, told to be quiet; raises MissingExtra where it is not installed."""
    try:
        import transformers
    except ImportError as error:
        raise MissingExtra("transformers", "backbones") from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def model(auto: str, source: str, new_head: bool, **changes: Any) -> Any:
    """A model of the class ``auto`` of transformers in float32; what a ``new_head`` lacks gets random weights.

    Raises BackboneError if there is no such checkpoint or it lacks weights, MissingExtra without transformers.
    """
    load = getattr(library(), auto).from_pretrained
    try:
        network, found = load(source, dtype=torch.float32, output_loading_info=True, **changes)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _unusable(source, error) from error
    encoder = f"{network.base_model_prefix}."
    unfit = {*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])}
    lacking = [
        name for name in sorted(unfit)
        if not (name.endswith("masked_spec_embed") or (new_head and not name.startswith(encoder)))
    ]  # fmt: skip
    if lacking:
        kind = "an encoder" if new_head else f"an {auto}"
        raise BackboneError(
            f"{source} has no weights for {', '.join(lacking[:2])}, which {kind} needs. "
            "Give a checkpoint that was pretrained, or fine-tuned, for this."
        )
    return network


def check(source: str) -> None:
    """Raise BackboneError if there is no configuration of a model, MissingExtra without transformers."""
    try:
        library().AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise _unusable(source, error) from error


def side_file(source: str, name: str) -> Any:
    """The content of a JSON file of a checkpoint, empty if there is none; raises BackboneError where it is damaged."""
    library()
    from transformers.utils import cached_file

    try:
        path = cached_file(
            source, name, _raise_exceptions_for_missing_entries=False, _raise_exceptions_for_connection_errors=False
        )
        return {} if path is None else json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unusable(source, error) from error


def _unusable(source: str, error: Exception) -> BackboneError:
    path = Path(source)
    if path.exists():
        what = f"holds nothing that transformers can read ({str(error).splitlines()[0]})"
    elif path.is_absolute() or source.startswith("."):
        what = "does not exist"
    else:
        what = f"cannot be had ({str(error).splitlines()[0]})"
    return BackboneError(
        f"{source} {what}. Give a folder with config.json and model.safetensors, "
        "downloaded beforehand if this machine is offline, or the id of a wav2vec 2.0, HuBERT or WavLM checkpoint."
    )

"""Released features as files: safetensors, which any language maps without copying, with what a reader must know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aclipse.contracts import Features
from aclipse.errors import AclipseError, RunError
from aclipse.protections.replacement.method import Replacement
from aclipse.training import checkpoint


def write_features(path: Path, released: Features, protection: Any, maker: str) -> None:
    """Write what was released of one recording, atomically.

    Of a cloak that is ``(count, segment, bands)`` in half precision, of a replacement autoencoder ``(1, components)``.
    The file says how features were made and what made them, never the scale or ranges that normalisation took away.
    """
    describe = _vector if isinstance(protection, Replacement) else _segments
    tensor, facts = describe(torch.from_numpy(released), protection)
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save(path, {"features": tensor}, {"maker": maker, **facts})


def _segments(released: Tensor, cloak: Any) -> tuple[Tensor, dict[str, Any]]:
    settings = cloak.features
    return released.reshape(-1, settings.segment, settings.bands).half(), {"features": settings.model_dump()}


def _vector(released: Tensor, replacement: Replacement) -> tuple[Tensor, dict[str, Any]]:
    projection = replacement.projection
    return released, {
        "projection": projection.settings.model_dump(),
        "functionals": projection.made_by,
        "components": components(projection.size),
    }


def components(count: int) -> list[str]:
    """What the numbers of a vector are called.

    >>> components(2)
    ['component 1', 'component 2']
    """
    return [f"component {number}" for number in range(1, count + 1)]


def read_features(path: Path) -> Features:
    """What `write_features` wrote: segments end to end, ``(count · segment, bands)``, or a vector ``(1, components)``.

    Raises RunError for anything else.
    """
    tensors, _ = checkpoint.load(path)
    if set(tensors) != {"features"}:
        raise RunError(f"{path} holds no released features, but {sorted(tensors)}. Give what `aclipse protect` wrote.")
    features = tensors["features"].float()
    return features.reshape(-1, features.shape[-1]).numpy()


def maker_of(path: Path) -> str:
    """What made a file of features; empty for any other file."""
    try:
        return str(checkpoint.load(path)[1].get("maker", ""))
    except AclipseError:
        return ""

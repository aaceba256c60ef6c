"""Released features as files: safetensors, which any language maps without copying, with what a reader must know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from aclipse.contracts import Features
from aclipse.errors import AclipseError, RunError
from aclipse.training import checkpoint


def write_features(path: Path, released: Features, protection: Any, maker: str) -> None:
    """Write one recording's features, ``(count, segment, bands)`` in half precision, atomically.

    The file says how they were cut and analysed and what made them, never the scale that normalisation took away.
    """
    segment, bands = protection.features.segment, protection.features.bands
    tensor = torch.from_numpy(released).reshape(-1, segment, bands).half()
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save(path, {"features": tensor}, {"maker": maker, "features": protection.features.model_dump()})


def read_features(path: Path) -> Features:
    """What `write_features` wrote, segments end to end, ``(count · segment, bands)``.

    Raises RunError for anything else.
    """
    tensors, _ = checkpoint.load(path)
    if set(tensors) != {"features"}:
        raise RunError(f"{path} holds no released features, but {sorted(tensors)}. Give what `aclipse protect` wrote.")
    return tensors["features"].float().flatten(0, 1).numpy()


def maker_of(path: Path) -> str:
    """What made a file of features; empty for any other file."""
    try:
        return str(checkpoint.load(path)[1].get("maker", ""))
    except AclipseError:
        return ""

"""Weights and training state on disk: safetensors and JSON, no pickles, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from aclipse.atomic import replacing
from aclipse.errors import RunError


def save(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and JSON-able facts into one file, atomically; raises RunError where that is impossible."""
    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    try:
        with replacing(path) as partial:
            save_file(copies, partial, {"facts": json.dumps(facts)})
    except (SafetensorError, OSError) as error:
        raise RunError(f"{path} cannot be written ({error}). Free some space or mend the permissions.") from error


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save` wrote.

    Raises RunError for a missing or damaged file and for weights that are not finite.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            facts = json.loads((file.metadata() or {})["facts"])
    except FileNotFoundError as error:
        raise RunError(f"{path}: no such file. Train first, or give the folder of a finished run.") from error
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        raise RunError(f"{path}: not weights saved by aclipse ({error}). Delete it and train again.") from error
    broken = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise RunError(f"{path}: {broken[0]} holds NaN or infinite values. Delete the file and train again.")
    return tensors, facts


def pack_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's state as flat named tensors."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{key}": value for index, slots in state.items() for key, value in slots.items()}


def unpack_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restore what `pack_optimizer` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def save_module(path: Path, module: Any, **facts: Any) -> None:
    """Save a module's weights with its ``settings``, the keyword arguments that rebuild it."""
    save(path, module.state_dict(), {"settings": module.settings, **facts})


def load_module(path: Path, kind: type[Any]) -> tuple[Any, dict[str, Any]]:
    """Rebuild a module from `save_module`; gives the module in eval mode and the saved facts.

    Raises RunError where weights and module do not fit.
    """
    tensors, facts = load(path)
    try:
        module = kind(**facts["settings"])
        module.load_state_dict(tensors)
    except (KeyError, TypeError, RuntimeError) as error:
        raise RunError(f"{path}: does not hold a {kind.__name__}. Give the file that its training wrote.") from error
    return module.eval(), facts


def freeze(module: Any) -> Any:
    """Fix a module: eval mode, no parameter gradients; gradients still reach its input."""
    return module.eval().requires_grad_(False)

"""What baselines share that ask a frozen recogniser."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aclipse.contracts import MIN_SAMPLES, Wave
from aclipse.errors import RecipeError


def checked(recognizer: Any) -> Any:
    """The same recogniser; raises RecipeError for one in training mode, which would read at random and learn."""
    if getattr(recognizer, "training", False):
        raise RecipeError(
            "a recogniser in training mode was given; a guide must be fixed: training.checkpoint.freeze it"
        )
    return recognizer


def batch_of(wave: Wave, recognizer: Any) -> tuple[Tensor, Tensor]:
    """One recording where the recogniser is, zero-padded to 25 ms, and its length: ``(1, time), (1,)``."""
    padded = np.pad(wave, (0, max(0, MIN_SAMPLES - len(wave))))
    place = place_of(recognizer)
    return torch.from_numpy(padded)[None].to(place), torch.tensor([len(wave)], device=place)


def place_of(recognizer: Any) -> torch.device:
    """The device of the recogniser's weights."""
    return next(recognizer.parameters()).device


def digest(recognizer: Any) -> str:
    """Names a recogniser by its weights, so that two protections look alike only if they release alike."""
    found = hashlib.sha256(type(recognizer).__name__.encode())
    for tensor in recognizer.state_dict().values():
        found.update(tensor.cpu().numpy().tobytes())
    return found.hexdigest()[:12]

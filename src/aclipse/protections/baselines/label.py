"""A fixed sound for each class: the upper bound of what a frozen recogniser can be given without any speech."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aclipse.contracts import SAMPLE_RATE, Recognizer, Wave
from aclipse.errors import RecipeError
from aclipse.protections.baselines import guided
from aclipse.protections.baselines.base import Baseline
from aclipse.seeds import derive

log = logging.getLogger(__name__)

LOOP = SAMPLE_RATE  # samples: 1 s of sound, played over and over
LEVEL = 0.05  # RMS, -26 dBFS, the level of speech on a telephone; the input's would tell of it
LENGTHS = (LOOP, LOOP * 3 // 2)  # samples a sound must be read at: whole and with a cut loop; longer ones read alike
STEPS, RATE = 150, 0.2  # of Adam, on a sound of unit RMS; four emotions of CREMA-D need about 70
ENOUGH = 0.1  # nats: 90 % sure of the class at every length
QUIET = 1 / 32768  # peak of one 16-bit step: below it is silence, and stays


class LabelOnly(Baseline):
    """Replace a recording by a fixed sound that carries only the class that a recogniser on the device found in it.

    The sounds, one for each of ``labels`` (by default ``recognizer.labels``), are found by gradient descent from noise
    of ``seed`` when this is built, in seconds; loudness is fixed, the length is the input's, and silence stays silent.
    Raises RecipeError without labels, for a recogniser in training mode, and where it reads a label without a sound.

    >>> from aclipse.models.compact import ClipClassifier
    >>> protection = LabelOnly(ClipClassifier(("calm",), width=8).eval())
    >>> list(protection.sounds), protection.release(np.ones(20_000, np.float32)).shape
    (['calm'], (20000,))
    """

    name = "label-only"

    def __init__(self, recognizer: Recognizer, labels: Sequence[str] | None = None, seed: int = 0) -> None:
        found = tuple(getattr(recognizer, "labels", ()) if labels is None else labels)
        if not found:
            raise RecipeError("no labels were given and the recogniser names none; give labels=")
        self.recognizer, self.seed = guided.checked(recognizer), seed
        self.sounds = find_sounds(recognizer, found, seed)

    def __repr__(self) -> str:
        return f"LabelOnly({guided.digest(self.recognizer)}, {list(self.sounds)}, {self.seed})"

    @torch.no_grad()
    def release(self, wave: Wave, seed: int = 0) -> Wave:
        if np.abs(wave).max(initial=0.0) < QUIET:
            return np.zeros_like(wave)
        (label,) = self.recognizer.read(*guided.batch_of(wave, self.recognizer))
        if label not in self.sounds:
            raise RecipeError(
                f"the recogniser read {label!r}; there are sounds for {list(self.sounds)}. Give all labels"
            )
        return np.resize(self.sounds[label], len(wave))


def find_sounds(recognizer: Any, labels: Sequence[str], seed: int) -> dict[str, Wave]:
    """For each label a loop ``(LOOP,)`` that a recogniser takes for it at any length from 1 s."""
    place = guided.place_of(recognizer)
    noise = torch.randn(LOOP, generator=torch.Generator().manual_seed(derive(seed, "label-only")))
    sounds = noise.repeat(len(labels), 1).to(place).requires_grad_(True)  # one start: they differ by class alone
    optimizer = torch.optim.Adam([sounds], RATE)
    for _ in range(STEPS):
        with torch.enable_grad():
            loss = recognizer.loss(*looped(_at_level(sounds)), list(labels) * len(LENGTHS))
        if loss.max() < ENOUGH:
            break
        (sounds.grad,) = torch.autograd.grad(loss.mean(), sounds)  # leaves nothing on the recogniser
        optimizer.step()
    else:
        log.warning("no sound is safely read as its class; losses: %s", loss.detach().cpu().numpy().round(2))
    found = _at_level(sounds.detach()).cpu().numpy()
    return dict(zip(labels, found, strict=True))


def looped(sounds: Tensor) -> tuple[Tensor, Tensor]:
    """Every sound at each of LENGTHS, ``(labels, LOOP) -> (LENGTHS · labels, longest), (LENGTHS · labels,)``."""
    longest = max(LENGTHS)
    waves = sounds.repeat(1, -(-longest // LOOP))[:, :longest].repeat(len(LENGTHS), 1)
    lengths = torch.tensor(LENGTHS, device=sounds.device).repeat_interleave(len(sounds))
    return waves * (torch.arange(longest, device=sounds.device) < lengths[:, None]), lengths


def _at_level(sounds: Tensor) -> Tensor:
    return LEVEL * sounds / sounds.square().mean(-1, keepdim=True).sqrt()

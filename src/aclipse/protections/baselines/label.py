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
LENGTHS = tuple(
    LOOP * quarters // 4 for quarters in (4, 5, 6, 7)
)  # samples a sound must be read at; longer ones read alike
DIFFERENCES = (30.0, 25.0, 20.0, 15.0, 10.0, 5.0, 0.0)  # dB by which sounds may differ, below what they share
STEPS, RATE = 100, 0.2  # of Adam for each of them, on a sound of unit RMS; the rate is a share of the difference
ENOUGH = 0.3  # nats: 74 % sure of the class at every length
PITCH, SYLLABLES = 120, 4  # Hz, whole numbers, so that the loop has no seam
FORMANTS = ((600, 80), (1300, 100), (2500, 150), (3500, 200))  # Hz, frequency and bandwidth of a dull vowel
QUIET = 1 / 32768  # peak of one 16-bit step: below it is silence, and stays


class LabelOnly(Baseline):
    """Replace a recording by a fixed sound that carries only the class that a recogniser on the device found in it.

    The sounds, one for each of ``labels`` (by default ``recognizer.labels``), are one babbled vowel and the least that
    makes that recogniser read each class in it, found by gradient descent when this is built, in seconds. To another
    judge they sound alike. Loudness is fixed, the length is the input's, and silence stays silent.
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
    """For each label a loop ``(LOOP,)`` that a recogniser takes for it at any length from 1 s, all nearly the same."""
    shared = torch.from_numpy(vowel(seed)).to(guided.place_of(recognizer))
    for difference in DIFFERENCES:
        sounds, loss = _differing(recognizer, labels, shared, 10 ** (-difference / 20))
        if loss.max() < ENOUGH:
            break
    else:
        log.warning("no sound is safely read as its class; losses: %s", loss.cpu().numpy().round(2))
    return dict(zip(labels, sounds.cpu().numpy(), strict=True))


def vowel(seed: int) -> Wave:
    """A vowel that comes and goes with a little breath, ``(LOOP,)`` at unit RMS: what judges have learned to hear.

    In plain noise the least that changes a judgement is what any judge listens for; in speech it is not.

    >>> round(float(np.mean(vowel(0) ** 2)), 4)
    1.0
    """
    time = np.arange(LOOP) / SAMPLE_RATE
    turns = np.cumsum(PITCH * (1 + 0.03 * np.sin(2 * np.pi * SYLLABLES * time))) / SAMPLE_RATE
    harmonics = PITCH * np.arange(1, int(7000 / PITCH))
    gains = np.prod([f**2 / np.hypot(f**2 - harmonics**2, b * harmonics) for f, b in FORMANTS], axis=0)
    voice = np.cos(2 * np.pi * np.outer(harmonics / PITCH, turns)).T @ gains
    breath = np.random.default_rng(derive(seed, "label-only")).standard_normal(LOOP)
    sound = (voice / voice.std() + 0.05 * breath) * (0.55 - 0.45 * np.cos(2 * np.pi * SYLLABLES * time))
    return (sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


def _differing(recognizer: Any, labels: Sequence[str], shared: Tensor, most: float) -> tuple[Tensor, Tensor]:
    """Sounds that differ from a shared one by an RMS of ``most`` at most, and how badly each is read."""
    change = torch.zeros(len(labels), LOOP, device=shared.device, requires_grad=True)
    optimizer = torch.optim.Adam([change], RATE * most)
    for _ in range(STEPS):
        with torch.enable_grad():
            sounds = _at_level(shared + change)
            loss = recognizer.loss(*looped(sounds), list(labels) * len(LENGTHS))
        if loss.max() < ENOUGH:
            break
        (change.grad,) = torch.autograd.grad(loss.mean(), change)  # leaves nothing on the recogniser
        optimizer.step()
        with torch.no_grad():
            change *= (most / change.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-9)).clamp(max=1.0)
    return sounds.detach(), loss.detach()


def looped(sounds: Tensor) -> tuple[Tensor, Tensor]:
    """Every sound at each of LENGTHS, ``(labels, LOOP) -> (LENGTHS · labels, longest), (LENGTHS · labels,)``."""
    longest = max(LENGTHS)
    waves = sounds.repeat(1, -(-longest // LOOP))[:, :longest].repeat(len(LENGTHS), 1)
    lengths = torch.tensor(LENGTHS, device=sounds.device).repeat_interleave(len(sounds))
    return waves * (torch.arange(longest, device=sounds.device) < lengths[:, None]), lengths


def _at_level(sounds: Tensor) -> Tensor:
    return LEVEL * sounds / sounds.square().mean(-1, keepdim=True).sqrt()

"""What one would use instead of a trained network: an optimisation for each recording."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from aclipse.contracts import Recognizer, Wave
from aclipse.errors import RecipeError
from aclipse.protections.baselines import guided
from aclipse.protections.baselines.base import Baseline
from aclipse.protections.baselines.noise import checked_snr

STRIDE = 2.5  # radii walked in all steps together (Madry et al. 2018, section 5: enough to cross the ball)


class PGD(Baseline):
    """Move a recording away from what a frozen recogniser of words reads in it, at a fixed signal-to-noise ratio.

    Projected gradient ascent (Madry et al. 2018) from random noise on the L2 sphere of ``snr_db`` (-100 to 100): the
    limit is always spent, as noise of that ratio spends it. The best of ``steps`` (1 or more) iterates and their start
    is kept. Raises RecipeError for other settings and for a recogniser in training mode.

    >>> from aclipse.models.compact import CharacterRecognizer
    >>> wave = np.sin(np.arange(8000, dtype=np.float32))
    >>> noise = PGD(CharacterRecognizer(width=8).eval(), snr_db=10, steps=2).release(wave) - wave
    >>> round(float(10 * np.log10(np.mean(wave**2) / np.mean(noise**2))), 2)
    10.0
    """

    name = "pgd"

    def __init__(self, recognizer: Recognizer, snr_db: float = 0.0, steps: int = 10) -> None:
        if steps < 1:
            raise RecipeError(f"{steps} steps were asked for; at least 1 is needed (white-noise is what 0 would be)")
        self.recognizer, self.snr_db, self.steps = guided.checked(recognizer), checked_snr(snr_db), steps

    def __repr__(self) -> str:
        return f"PGD({guided.digest(self.recognizer)}, {self.snr_db}, {self.steps})"

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        radius = float(np.linalg.norm(wave.astype(np.float64))) * 10 ** (-self.snr_db / 20)
        if radius == 0:
            return wave.copy()
        clean, lengths = guided.batch_of(wave, self.recognizer)
        with torch.no_grad():
            heard = self.recognizer.read(clean, lengths)
        start = np.random.default_rng(seed).standard_normal(len(wave)).astype(np.float32)

        def loss(change: Tensor) -> Tensor:
            return self.recognizer.loss(clean + F.pad(change, (0, clean.shape[-1] - len(wave))), lengths, heard).sum()

        change = ascend(loss, torch.from_numpy(start).to(clean.device), radius, self.steps)
        return wave + change.cpu().numpy()


def ascend(loss: Callable[[Tensor], Tensor], start: Tensor, radius: float, steps: int) -> Tensor:
    """The point of greatest loss on a walk along gradients over the L2 sphere about 0, ``(time,) -> (time,)``.

    >>> ascend(lambda x: x[0], torch.tensor([0.1, 1.0]), radius=2.0, steps=50).round(decimals=1)
    tensor([2.0000, 0.3000])
    """
    point = best = _onto_sphere(start, radius)
    most = -torch.inf
    for step in range(steps + 1):
        with torch.enable_grad():
            point.requires_grad_(True)
            value = loss(point)
        if value.item() > most:
            best, most = point.detach(), value.item()
        if step < steps:
            (slope,) = torch.autograd.grad(value, point)
            point = _onto_sphere(point.detach() + _onto_sphere(slope, STRIDE * radius / steps), radius)
    return best


def _onto_sphere(point: Tensor, radius: float) -> Tensor:
    norm = point.double().norm().clamp(min=1e-300)  # a recogniser that is deaf here has a slope of 0
    return (point * (radius / norm)).to(point.dtype)

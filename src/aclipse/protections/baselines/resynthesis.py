"""Speech taken apart into source and spectral envelope, and put together with another envelope."""

from __future__ import annotations

import numpy as np

from aclipse.contracts import Wave
from aclipse.errors import RecipeError
from aclipse.protections.baselines import lpc
from aclipse.protections.baselines.base import Baseline

MOST_RADIUS = 0.9995  # of a pole: a ring of 0.1 s at most, whatever rounding makes of the roots
ROOTS_AT_ONCE = 4096  # frames whose companion matrices are in memory


class McAdams(Baseline):
    """Move formants: the angle φ of every pole of 20 ms LPC frames becomes φ^coefficient (radians); pitch stays.

    Patino et al. 2021, "Speaker anonymisation using the McAdams coefficient"; baseline B2 of the VoicePrivacy
    challenges, with order 20. ``coefficient`` is from 0.1 to 1, which changes nothing; raises RecipeError for another.
    The recording's level is kept, or lowered to what full scale holds: poles that meet ring.

    >>> wave = np.random.default_rng(0).uniform(-1, 1, 800).astype(np.float32)
    >>> bool(np.allclose(McAdams(1.0).release(wave), wave, atol=1e-3))
    True
    """

    name = "mcadams"

    def __init__(self, coefficient: float = 0.8) -> None:
        if not 0.1 <= coefficient <= 1:
            raise RecipeError(f"a McAdams coefficient of {coefficient} was given; it must be from 0.1 to 1")
        self.coefficient = coefficient

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        frames = lpc.cut(wave)
        predictors = lpc.predictor(lpc.autocorrelation(frames))
        source = lpc.residual(frames, predictors)
        moved = lpc.overlap_add(lpc.synthesis(source, warp(predictors, self.coefficient)), len(wave))
        level = np.linalg.norm(wave.astype(np.float64)) / (np.linalg.norm(moved.astype(np.float64)) + 1e-12)
        most = 1.0 / (np.abs(moved).max(initial=0.0) + 1e-12)
        return (min(float(level), float(most)) * moved).astype(np.float32)


class SourceOnly(Baseline):
    """Keep pitch and energy, and give every 20 ms the same spectral envelope: the recording's mean.

    The residual of linear prediction passes through one all-pole filter, that of the recording's mean power spectrum;
    then each frame gets back the energy that it had.

    >>> SourceOnly().release(np.zeros(100, np.float32)).shape
    (100,)
    """

    name = "source-only"

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        frames = lpc.cut(wave)
        correlation = lpc.autocorrelation(frames)
        source = lpc.residual(frames, lpc.predictor(correlation))
        mean = lpc.predictor(correlation.mean(0, keepdims=True))
        flat = lpc.synthesis(source, np.broadcast_to(mean, correlation.shape))
        return lpc.overlap_add(flat * (_norms(frames) / np.maximum(_norms(flat), 1e-12)), len(wave))


def warp(predictors: lpc.Array, coefficient: float) -> lpc.Array:
    """Predictors with the angles of complex roots raised to a power; radii and real roots stay, ``(n, order + 1)``.

    >>> warp(np.array([[1.0, -0.9, 0.81]]), 0.5).round(3)  # poles of radius 0.9 at ±π / 3
    array([[ 1.   , -0.937,  0.81 ]])
    """
    return np.concatenate(
        [
            _warp(predictors[start : start + ROOTS_AT_ONCE], coefficient)
            for start in range(0, len(predictors), ROOTS_AT_ONCE)
        ]
    )


def _warp(predictors: lpc.Array, coefficient: float) -> lpc.Array:
    order = predictors.shape[1] - 1
    companion = np.zeros((len(predictors), order, order))
    companion[:, 0] = -predictors[:, 1:]
    companion[:, np.arange(1, order), np.arange(order - 1)] = 1.0
    roots = np.linalg.eigvals(companion).astype(complex)
    angle = np.angle(roots)
    angle = np.where(roots.imag == 0, angle, np.sign(angle) * np.abs(angle) ** coefficient)
    moved = np.minimum(np.abs(roots), MOST_RADIUS) * np.exp(1j * angle)
    found = np.zeros((len(predictors), order + 1), complex)
    found[:, 0] = 1.0
    for root in moved.T:  # multiply by (1 - root · z⁻¹)
        found[:, 1:] -= root[:, None] * found[:, :-1]
    return found.real


def _norms(frames: lpc.Array) -> lpc.Array:
    return np.linalg.norm(frames, axis=1, keepdims=True)

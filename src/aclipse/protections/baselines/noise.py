"""Noise added at an exact signal-to-noise ratio over the whole recording."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from aclipse.contracts import SAMPLE_RATE, Wave
from aclipse.errors import RecipeError
from aclipse.protections.baselines.base import Baseline

WINDOW = 512  # samples, 32 ms: bins of 31 Hz, finer than a formant
MOST_DB = 100.0  # beyond it float32 holds either the noise or the speech


class WhiteNoise(Baseline):
    """Add white Gaussian noise at a signal-to-noise ratio in dB, from -100 to 100; silence stays silent.

    Raises RecipeError for another ratio.

    >>> wave = np.ones(16000, np.float32)
    >>> noise = WhiteNoise(snr_db=20).release(wave) - wave
    >>> round(float(-10 * np.log10(np.mean(noise**2))), 2)
    20.0
    """

    name = "white-noise"

    def __init__(self, snr_db: float = 0.0) -> None:
        self.snr_db = checked_snr(snr_db)

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        return wave + at_snr(_white(len(wave), seed), wave, self.snr_db)


class SpeechNoise(Baseline):
    """Add stationary noise with the recording's own long-term spectrum at a signal-to-noise ratio in dB.

    The shape is the recording's own, not a norm's (LTASS, Byrne et al. 1994): then the ratio is about the same in every
    band whatever the talker and the microphone, so no listener gains by attending to one. Range and errors as in
    `WhiteNoise`.

    >>> wave = np.sin(np.arange(16000, dtype=np.float32))
    >>> noise = SpeechNoise(snr_db=20).release(wave) - wave
    >>> round(float(10 * np.log10(np.mean(wave**2) / np.mean(noise**2))), 2)
    20.0
    """

    name = "speech-noise"

    def __init__(self, snr_db: float = 0.0) -> None:
        self.snr_db = checked_snr(snr_db)

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        if not len(wave):
            return wave.copy()
        bins = np.fft.rfft(_white(len(wave), seed))
        shape = np.interp(np.linspace(0, 1, len(bins)), np.linspace(0, 1, WINDOW // 2 + 1), long_term_spectrum(wave))
        return wave + at_snr(np.fft.irfft(bins * shape, len(wave)), wave, self.snr_db)


def checked_snr(snr_db: float) -> float:
    """The same ratio; raises RecipeError beyond ±100 dB."""
    if not -MOST_DB <= snr_db <= MOST_DB:
        raise RecipeError(
            f"a signal-to-noise ratio of {snr_db} dB was given; it must be from -{MOST_DB:g} to {MOST_DB:g}"
        )
    return snr_db


def at_snr(noise: npt.NDArray[np.float64], wave: Wave, snr_db: float) -> Wave:
    """Scale noise to lie ``snr_db`` below the wave, both ``(time,)``; zeros where either is silent.

    >>> at_snr(np.array([3.0, -3.0]), np.array([1, 1], np.float32), snr_db=20)
    array([ 0.1, -0.1], dtype=float32)
    """
    level = float(np.linalg.norm(noise))
    scale = np.linalg.norm(wave.astype(np.float64)) * 10 ** (-snr_db / 20) / level if level else 0.0
    return (scale * noise).astype(np.float32)


def long_term_spectrum(wave: Wave) -> npt.NDArray[np.float64]:
    """Root of the mean power of 32 ms Hann windows, half overlapping, ``(time,) -> (WINDOW // 2 + 1,)``."""
    frames = max(1, math.ceil(len(wave) / (WINDOW // 2)) - 1)
    padded = np.pad(wave, (0, (frames + 1) * (WINDOW // 2) - len(wave)))
    views = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[:: WINDOW // 2]
    hann = np.square(np.sin(np.pi * (np.arange(WINDOW) + 0.5) / WINDOW))  # nowhere 0: a single sample counts
    total = np.zeros(WINDOW // 2 + 1)
    for start in range(0, frames, SAMPLE_RATE):  # an hour's frames at once would be a gigabyte
        bins = np.fft.rfft(views[start : start + SAMPLE_RATE] * hann)
        total += np.square(np.abs(bins)).sum(0)
    return np.sqrt(total / frames)


def _white(samples: int, seed: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(samples)

"""Trivial protections that every table shows beside a trained one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

import numpy as np
import soxr

from aclipse.contracts import SAMPLE_RATE, Release, Wave
from aclipse.errors import RecipeError


class Baseline(ABC):
    """A protection that sees the whole recording at once, in blocks or not."""

    releases = Release.WAVEFORM

    def __repr__(self) -> str:
        return f"{type(self).__name__}({vars(self)})"

    @abstractmethod
    def release(self, wave: Wave, seed: int = 0) -> Wave:
        """Protect one recording, ``(time,) -> (time,)``."""

    def release_blocks(self, blocks: Iterable[Wave], seed: int = 0) -> Iterator[Wave]:
        """Protect a recording that arrives in blocks, once all are there."""
        yield self.release(np.concatenate([np.zeros(0, np.float32), *blocks]), seed)


class Identity(Baseline):
    """The input itself: what an attacker gets without protection."""

    name = "identity"

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        return wave.copy()


class Silence(Baseline):
    """Nothing at all: perfect privacy by word error rate, and no use."""

    name = "silence"

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        return np.zeros_like(wave)


class LowPass(Baseline):
    """Keep what lies below a cut-off, by resampling there and back (linear phase, aligned).

    >>> LowPass(2000).release(np.zeros(100, np.float32)).shape
    (100,)
    """

    name = "low-pass"

    def __init__(self, cutoff: float = 2000.0) -> None:
        if not 50 <= cutoff <= SAMPLE_RATE / 2:
            raise RecipeError(f"a cut-off of {cutoff} Hz was given; it must be from 50 to {SAMPLE_RATE // 2} Hz")
        self.cutoff = cutoff

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        narrow = soxr.resample(wave, SAMPLE_RATE, 2 * self.cutoff)
        back = soxr.resample(narrow, 2 * self.cutoff, SAMPLE_RATE)[: len(wave)]
        return np.pad(back, (0, len(wave) - len(back))).astype(np.float32)


class WhiteNoise(Baseline):
    """Add white Gaussian noise at a signal-to-noise ratio in dB; silence stays silent.

    >>> wave = np.ones(16000, np.float32)
    >>> noise = WhiteNoise(snr_db=20).release(wave) - wave
    >>> round(float(-10 * np.log10(np.mean(noise**2))))
    20
    """

    name = "white-noise"

    def __init__(self, snr_db: float = 0.0) -> None:
        self.snr_db = snr_db

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        noise = np.random.default_rng(seed).standard_normal(len(wave)).astype(np.float32)
        level = np.sqrt(np.mean(np.square(wave, dtype=np.float64))) if len(wave) else 0.0
        return wave + np.float32(level * 10 ** (-self.snr_db / 20)) * noise

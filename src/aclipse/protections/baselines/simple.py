"""Nothing, everything, and what telephones and files do to speech anyway: a low-pass and a codec."""

from __future__ import annotations

import numpy as np
import soxr

from aclipse.audio import codecs
from aclipse.contracts import SAMPLE_RATE, Wave
from aclipse.errors import RecipeError
from aclipse.protections.baselines.base import Baseline


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

    ``cutoff`` is in Hz, from 50 to 8000; raises RecipeError for another.

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


class Mp3(Baseline):
    """There and back through MP3 at a constant bit rate, aligned to the input.

    ``kbits`` is in kbit/s, one of `codecs.MP3_KBITS`; raises RecipeError for another.

    >>> Mp3(8).release(np.zeros(100, np.float32)).shape
    (100,)
    """

    name = "mp3"

    def __init__(self, kbits: float = 8) -> None:
        if kbits not in codecs.MP3_KBITS:
            allowed = ", ".join(str(rate) for rate in codecs.MP3_KBITS)
            raise RecipeError(f"MP3 at {kbits} kbit/s was asked for; at 16 kHz it has {allowed}")
        self.kbits = kbits

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        return codecs.round_trip(wave, "mp3", self.kbits)

"""Sound again from log-mel features: what a listener to sound can be given of a release of features."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from aclipse.audio.features import WINDOWS, Analysis, mel_filters
from aclipse.audio.segments import FeatureSettings
from aclipse.contracts import Features, Wave
from aclipse.errors import UnusableAudio
from aclipse.seeds import derive

MOMENTUM = 0.99  # of fast Griffin-Lim, as Perraudin et al. chose; with 0 or 1.3 speech ends further off
UPDATES = 16  # of the power of bins; twice as many bring the magnitudes of speech 1 % nearer to the true ones


def mel_to_wave(mel: Features, settings: FeatureSettings, samples: int, seed: int = 0, iterations: int = 32) -> Wave:
    """A recording of so many samples with about these features, ``(frames, bands) -> (time,)``.

    ``mel`` is as `segments.log_mel` makes it, neither normalised nor cut. What lies out of reach of sound in [-1, 1] is
    drawn to the nearest that is in reach; only a result that would clip is made quieter. Raises UnusableAudio for
    features of another shape than a recording of ``samples`` has, and for NaN.

    >>> mel_to_wave(np.full((3, 128), -16, np.float32), FeatureSettings(), samples=400).shape
    (400,)
    """
    expected = (settings.analysis.frames(samples), settings.bands)
    if np.shape(mel) != expected:
        raise UnusableAudio(
            f"Features of shape {np.shape(mel)} were given for {samples} samples, which have {expected}. "
            "Join the segments, cut off what is past the end, and give the settings that the features were made with."
        )
    if np.isnan(mel).any():
        raise UnusableAudio("The features hold NaN; there is no such sound. Look for what made them so.")
    if not samples:
        return np.zeros(0, np.float32)
    wave = griffin_lim(magnitudes(mel, settings), settings.analysis, samples, seed, iterations)
    return np.asarray((wave / wave.abs().max().clamp(min=1.0)).numpy())


def magnitudes(mel: Features, settings: FeatureSettings) -> Tensor:
    """Magnitudes whose log-mel is nearest, ``(frames, bands) -> (frames, fft // 2 + 1)``, none negative.

    Nearest by Kullback-Leibler divergence of powers, by the multiplicative updates of Lee and Seung, 2000: each comes
    nearer, and none turns negative. A pseudo-inverse whose negative values are cut off ends half as far again from the
    true magnitudes of speech, as narrow filters at the low end are nearly alike.

    >>> magnitudes(np.full((3, 128), -99, np.float32), FeatureSettings()).max()  # below the floor, thus silence
    tensor(0.)
    """
    a, filters = settings.analysis, mel_filters(settings.bands, settings.analysis)
    floor = torch.tensor(a.floor).log()
    loudest = 2 * WINDOWS[a.window](a.width).sum().log() - math.log(a.width)  # a full-scale constant; noise makes more
    power = a.floor * torch.expm1(torch.tensor(mel).clamp(floor, loudest) - floor)  # a copy: mel may be a file
    reach = filters.sum(1).clamp(min=1e-9)
    found = power @ filters.T / reach
    for _ in range(UPDATES):
        found = found * (power / (found @ filters).clamp(min=1e-20) @ filters.T) / reach
    return (found * a.width).sqrt()


def griffin_lim(magnitude: Tensor, analysis: Analysis, samples: int, seed: int = 0, iterations: int = 32) -> Tensor:
    """Sound whose spectrum has about these magnitudes, ``(frames, fft // 2 + 1) -> (time,)``.

    Fast Griffin-Lim (Perraudin, Balazs and Søndergaard, 2013) from a random phase that ``seed`` fixes.

    >>> griffin_lim(torch.zeros(3, 401), FeatureSettings().analysis, samples=400).shape
    torch.Size([400])
    """
    transform = Transform(analysis, samples)
    generator = torch.Generator().manual_seed(derive(seed, "phase"))
    turn = 2 * math.pi * torch.rand(magnitude.shape, generator=generator)
    spectrum, before = torch.polar(magnitude, turn), torch.zeros(1)
    for _ in range(iterations):
        possible = transform.spectrum(transform.sound(spectrum))
        ahead = possible + MOMENTUM * (possible - before)
        spectrum, before = ahead * (magnitude / ahead.abs().clamp(min=1e-12)), possible
    return transform.sound(spectrum)


class Transform:
    """The short-time Fourier transform of `features.LogMel` and its inverse by least squares, frames first.

    Written out, as `torch.istft` refuses hops that leave gaps between windows, which features may have, and takes
    longer with bins first.
    """

    def __init__(self, analysis: Analysis, samples: int) -> None:
        self.analysis, self.samples, self.frames = analysis, samples, analysis.frames(samples)
        self.before = analysis.fft // 2 - (analysis.fft - analysis.width) // 2  # samples of frame 0 before the first
        self.window = WINDOWS[analysis.window](analysis.width)
        squares = self._add(self.window.square().expand(self.frames, -1))
        self.weight = 1 / squares.clamp(min=1e-4)  # where windows end and none overlaps, nothing is blown up

    def spectrum(self, wave: Tensor) -> Tensor:
        """``(time,) -> (frames, fft // 2 + 1)``."""
        a = self.analysis
        after = max((self.frames - 1) * a.hop + a.width - self.before - self.samples, 0)
        pieces = F.pad(wave, (self.before, after)).unfold(0, a.width, a.hop)[: self.frames]
        return torch.fft.rfft(pieces * self.window, a.fft)

    def sound(self, spectrum: Tensor) -> Tensor:
        """``(frames, fft // 2 + 1) -> (time,)``."""
        pieces = torch.fft.irfft(spectrum, self.analysis.fft)[:, : self.analysis.width]
        return self._add(pieces * self.window) * self.weight

    def _add(self, pieces: Tensor) -> Tensor:
        """Overlap and add, ``(frames, width) -> (time,)``, a hop's worth of all frames at once."""
        hop = self.analysis.hop
        parts = -(-self.analysis.width // hop)
        pieces = F.pad(pieces, (0, parts * hop - self.analysis.width)).reshape(self.frames, parts, hop)
        total = torch.zeros(self.frames + parts, hop)  # one more: samples past the last frame's centre
        for part in range(parts):
            total[part : part + self.frames] += pieces[:, part]
        return total.reshape(-1)[self.before : self.before + self.samples]

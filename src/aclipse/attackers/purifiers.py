"""What an attacker does to a protected recording before listening, without having learned anything.

A perturbation that only misleads a network is often fragile: codecs, filters and denoisers remove it and leave the
words (Andronic et al. 2020; Hussain et al. 2021, "WaveGuard"). The best purifier on validation speech is the attacker.
Of features, independent noise is smaller in the mean or the middle of neighbours, and where segments overlap it was
drawn twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
import torch
from torch import Tensor

from aclipse.audio.codecs import round_trip
from aclipse.audio.segments import cut, join
from aclipse.contracts import SAMPLE_RATE, Features, Wave
from aclipse.errors import RecipeError

FFT, HOP = 512, 128  # samples, 32 and 8 ms
QUIET = 0.1  # share of frames, the quietest, that are taken for noise
OVERSUBTRACTION, SPECTRAL_FLOOR = 2.0, 0.01  # Berouti et al. 1979, relative to the noise's and to the input's power
QUANTILE = 0.3  # of each bin's power over time: speech fills a bin for less than the rest
SMOOTHING, LEAST_SNR = 0.98, 10**-2.5  # of the decision-directed estimate; -25 dB
JITTER, ANCHORS = 0.001, 0.1  # seconds, the furthest a moment moves and how far apart the draws are

Values = npt.NDArray[np.floating[Any]]
Purifier = Callable[[Wave, int], Wave]  # protected recording, seed → what the attacker listens to, as long
Smoother = Callable[[Features], Features]  # protected features ``(frames, bands)`` → as many


def low_pass(cutoff: float) -> Purifier:
    """Keep what lies below ``cutoff`` Hz; zero phase, nothing left from 1.2 times as high on."""
    return lambda wave, seed: _filtered(wave, lambda hertz: 1 - _ramp(hertz, cutoff, 1.2 * cutoff))


def high_pass(cutoff: float) -> Purifier:
    """Keep what lies above ``cutoff`` Hz; zero phase, nothing left below 0.8 of it."""
    return lambda wave, seed: _filtered(wave, lambda hertz: _ramp(hertz, 0.8 * cutoff, cutoff))


def resample_8k(wave: Wave, seed: int) -> Wave:
    """Keep every other sample and draw straight lines between them: what cheap resampling does, aliases included."""
    kept = np.arange(0, len(wave), 2)
    return np.interp(np.arange(len(wave)), kept, wave[kept]).astype(np.float32)


def requantise(bits: int) -> Purifier:
    """Round to the ``2**bits - 1`` levels of a coarse converter, zero among them."""
    steps = np.float32(2 ** (bits - 1) - 1)
    return lambda wave, seed: np.rint(np.clip(wave, -1, 1) * steps) / steps


def coded(codec: str, kbits: float | None = None) -> Purifier:
    """Through a lossy codec and back; errors as in `aclipse.audio.codecs.round_trip`."""
    return lambda wave, seed: round_trip(wave, codec, kbits)


def spectral_subtraction(wave: Wave, seed: int) -> Wave:
    """Take the quietest frames' mean power away from every frame (Boll 1979; Berouti et al. 1979)."""
    spectrum = _stft(wave)
    power = spectrum.abs().square()
    quietest = power.sum(0).argsort()[: max(1, round(QUIET * power.shape[1]))]
    noise = power[:, quietest].mean(1, keepdim=True)
    left = torch.maximum(power - OVERSUBTRACTION * noise, SPECTRAL_FLOOR * power)
    return _istft(spectrum * (left / power.clamp(min=1e-20)).sqrt(), len(wave))


def wiener(wave: Wave, seed: int) -> Wave:
    """Wiener filter with decision-directed SNR (Ephraim and Malah 1984; Scalart and Filho 1996).

    Each bin's noise is a low quantile of its power over time (Stahl et al. 2000), so it needs no pause.
    """
    spectrum = _stft(wave)
    power = spectrum.abs().square()
    # Noise has exponentially distributed power, whose quantile q lies at -ln(1 - q) times the mean.
    noise = power.quantile(QUANTILE, dim=1, keepdim=True) / -np.log(1 - QUANTILE)
    gains = _decision_directed((power / noise.clamp(min=1e-12)).T.numpy())
    return _istft(spectrum * torch.from_numpy(gains).T, len(wave))


def median(wave: Wave, seed: int) -> Wave:
    """The middle of each sample and its two neighbours: single outliers vanish."""
    before, after = np.concatenate([wave[:1], wave[:-1]]), np.concatenate([wave[1:], wave[-1:]])
    return np.maximum(np.minimum(before, wave), np.minimum(np.maximum(before, wave), after))


def shift(wave: Wave, seed: int) -> Wave:
    """Move every moment by up to ±JITTER, a new draw every ANCHORS seconds and a glide between them."""
    places = np.arange(len(wave))
    anchors = np.arange(0, len(wave) + ANCHORS * SAMPLE_RATE, ANCHORS * SAMPLE_RATE)
    drawn = np.random.default_rng(seed).uniform(-JITTER, JITTER, len(anchors)) * SAMPLE_RATE
    fine = soxr.resample(wave, SAMPLE_RATE, 4 * SAMPLE_RATE)  # straight lines between its samples lose nothing audible
    moved = places + np.interp(places, anchors, drawn)
    return np.interp(moved, np.arange(len(fine)) / 4, fine).astype(np.float32)


PURIFIERS: dict[str, Purifier] = {
    "none": lambda wave, seed: wave.copy(),  # an attacker may also not purify
    "low-pass-2k": low_pass(2000),
    "low-pass-4k": low_pass(4000),
    "high-pass-300": high_pass(300),
    "resample-8k": resample_8k,
    "requantise-8bit": requantise(8),
    "mp3-32": coded("mp3", 32),
    "opus-16": coded("opus", 16),
    "gsm": coded("gsm"),
    "spectral-subtraction": spectral_subtraction,
    "wiener": wiener,
    "median": median,
    "shift": shift,
}

FEATURE_PURIFIERS: dict[str, Smoother] = {
    "none": lambda features: features,
    "overlaps": lambda features: features,  # that segments are joined over their overlaps is all
    "median-3x3": lambda features: np.median(_neighbours(features, 3, 3), (-2, -1)),
    "smooth-50ms": lambda features: _neighbours(features, 5, 1).mean((-2, -1)),
    "smooth-bands": lambda features: _neighbours(features, 3, 3).mean((-2, -1)),
}


def purify(wave: Wave, name: str, seed: int = 0) -> Wave:
    """Purify a recording with one of PURIFIERS, ``(time,) -> (time,)``; silence stays silence.

    The same seed gives the same sound; only "shift" draws anything. Raises RecipeError for an unknown name.

    >>> purify(np.array([0, 1, 0, 0.5], np.float32), "median").tolist()
    [0.0, 0.0, 0.5, 0.5]
    """
    _check([name])
    if name not in PURIFIERS:
        raise RecipeError(f"{name!r} purifies features; of sound there are: {', '.join(PURIFIERS)}")
    return PURIFIERS[name](wave, seed) if wave.any() else np.zeros_like(wave)


def purify_features(pieces: Features, name: str, segment: int, hop: int) -> Features:
    """Purify segments end to end with one of FEATURE_PURIFIERS, ``(count · segment, bands)`` in and out.

    All but "none" join the segments first: where they overlap, their mean. Raises RecipeError for an unknown name.

    >>> pieces = np.float32([[0], [1], [2], [3], [5], [4], [0], [0]])
    >>> purify_features(pieces, "overlaps", segment=4, hop=3)[:, 0].tolist()
    [0.0, 1.0, 2.0, 4.0, 4.0, 4.0, 0.0, 0.0]
    """
    _check([name])
    if name not in FEATURE_PURIFIERS:
        raise RecipeError(f"{name!r} purifies sound; of features there are: {', '.join(FEATURE_PURIFIERS)}")
    if name == "none":
        return pieces.copy()
    return cut(FEATURE_PURIFIERS[name](join(pieces, segment, hop)).astype(np.float32), segment, hop)


def fitting(names: Sequence[str], own: Collection[str]) -> tuple[str, ...]:
    """Those of some purifiers that are of one kind, of sound or of features; raises RecipeError for an unknown name.

    >>> fitting(["none", "gsm", "median-3x3"], FEATURE_PURIFIERS)
    ('none', 'median-3x3')
    """
    _check(names)
    return tuple(name for name in names if name in own)


def choose(purifiers: Sequence[str], score: Callable[[str], float]) -> tuple[str, dict[str, float]]:
    """The purifier an attacker settles on, and every one's score: the highest wins, of equal ones the first.

    A score that is no number never wins over one that is. Raises RecipeError for an unknown name or none at all.

    >>> choose(["none", "gsm", "median"], {"none": -0.9, "gsm": -0.4, "median": -0.4}.get)
    ('gsm', {'none': -0.9, 'gsm': -0.4, 'median': -0.4})
    """
    _check(purifiers)
    scores = {name: score(name) for name in purifiers}
    return max(scores, key=lambda name: -np.inf if np.isnan(scores[name]) else scores[name]), scores


def _check(names: Sequence[str]) -> None:
    known = {**PURIFIERS, **FEATURE_PURIFIERS}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        given = f"there is no purifier {unknown[0]!r}" if unknown else "no purifier was given"
        raise RecipeError(f"{given}; choose from: {', '.join(known)}")


def _neighbours(features: Features, frames: int, bands: int) -> Values:
    """Each element's neighbourhood, centred on it, ``(frames, bands) -> (frames, bands, own frames, own bands)``."""
    padded = np.pad(features, ((frames // 2,) * 2, (bands // 2,) * 2), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, (frames, bands))


def _filtered(wave: Wave, gain: Callable[[Values], Values]) -> Wave:
    """Scale every frequency, in Hz, by a gain; without delay."""
    size = 2 ** (len(wave) + FFT - 1).bit_length()  # room for the filter to ring without coming round
    spectrum = np.fft.rfft(wave, size) * gain(np.fft.rfftfreq(size, 1 / SAMPLE_RATE))
    return np.fft.irfft(spectrum, size)[: len(wave)].astype(np.float32)


def _decision_directed(snr: Wave) -> Wave:
    """Wiener gains of posterior SNRs, both ``(frames, bins)``: what a frame keeps tells what to expect in the next."""
    fresh = (1 - SMOOTHING) * np.maximum(snr - 1, 0)
    gains, heard = np.empty_like(snr), np.ones_like(snr[0])
    for frame, posterior in enumerate(snr):
        prior = np.maximum(SMOOTHING * heard + fresh[frame], LEAST_SNR)
        gains[frame] = prior / (1 + prior)
        heard = np.square(gains[frame]) * posterior
    return gains


def _ramp(hertz: Values, low: float, high: float) -> Values:
    """From 0 at ``low`` to 1 at ``high``, half a cosine."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip((hertz - low) / (high - low), 0, 1))


def _stft(wave: Wave) -> Tensor:
    """Spectrum ``(bins, frames)`` of a recording."""
    window = torch.hann_window(FFT)
    return torch.stft(torch.from_numpy(wave), FFT, HOP, window=window, pad_mode="constant", return_complex=True)


def _istft(spectrum: Tensor, length: int) -> Wave:
    wave: Wave = torch.istft(spectrum, FFT, HOP, window=torch.hann_window(FFT), length=length).numpy()
    return wave

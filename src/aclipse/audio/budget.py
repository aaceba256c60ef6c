"""Limits on how far a protected waveform may stray from its original. All act within a window, never on a whole file.

``waves``, ``changed`` are ``(batch, time)``; ``mask`` marks true samples.
"""

from __future__ import annotations

from torch import Tensor

from aclipse.audio.signal import running_mean
from aclipse.contracts import SAMPLE_RATE

WINDOW = SAMPLE_RATE  # samples, 1 s: longer than a syllable, shorter than a phrase
QUIET = 1e-8  # power, -80 dBFS: below it there is nothing to match


def local_power(waves: Tensor, mask: Tensor) -> Tensor:
    """Mean square around each sample, ``(batch, time)``, never below QUIET."""
    return running_mean(waves.square()[:, None], mask, WINDOW)[:, 0] + QUIET


def match_loudness(waves: Tensor, changed: Tensor, mask: Tensor) -> Tensor:
    """Give ``changed`` the local level of ``waves``."""
    return changed * (local_power(waves, mask) / local_power(changed, mask)).sqrt()


def limit_snr(waves: Tensor, changed: Tensor, mask: Tensor, snr_db: float) -> Tensor:
    """Shrink the change where its local level is above the signal's less ``snr_db`` (an L2 projection, locally).

    The gain varies within a window, so one pass leaves up to half a dB too much and a second next to nothing on speech;
    a change in bursts more than half a window apart may overspend by 3 dB at most.
    """
    change = changed - waves
    allowed = local_power(waves, mask) * 10 ** (-snr_db / 10)
    for _ in range(2):
        change = change * (allowed / local_power(change, mask)).sqrt().clamp(max=1.0)
    return waves + change


def limit_peak(waves: Tensor, changed: Tensor, peak: float) -> Tensor:
    """Clip the change of every sample to ``[-peak, peak]`` (an L∞ projection)."""
    return waves + (changed - waves).clamp(-peak, peak)

"""Light random changes of training speech: speed, tilt of the spectrum, background noise; of features, noise alone."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from aclipse.audio.signal import mask_of, rms

VARIATION = 0.05  # deviation of white noise on features, whose own is 1 after normalisation


def change_speed(waves: Tensor, lengths: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    """Play ``factor`` times as fast, pitch included, by linear interpolation."""
    size = max(int(waves.shape[-1] / factor), 1)
    faster = F.interpolate(waves[:, None], size=size, mode="linear", align_corners=False)[:, 0]
    return faster, (lengths / factor).long().clamp(1, size)


def tilt_spectrum(waves: Tensor, slope: Tensor) -> Tensor:
    """First-order filter ``x[t] + slope · x[t - 1]``, ``slope (batch,)`` in (-1, 1): below 0 brightens, above dulls."""
    return waves + slope[:, None] * F.pad(waves, (1, -1))


def add_background(waves: Tensor, lengths: Tensor, snr_db: Tensor) -> Tensor:
    """Add white noise at ``snr_db`` ``(batch,)`` below each recording's level."""
    level = rms(waves, lengths) * 10 ** (-snr_db / 20)
    noise = torch.randn_like(waves) * mask_of(lengths, waves.shape[-1])
    return waves + level[:, None] * noise


def augment(waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Vary a training batch: speed ±8 %, spectral slope ±0.5, half of the recordings in noise at 10 to 40 dB."""
    waves, lengths = change_speed(waves, lengths, 1.0 + 0.16 * (torch.rand(()).item() - 0.5))
    batch = len(waves)
    waves = tilt_spectrum(waves, torch.rand(batch, device=waves.device) - 0.5)
    snr_db = 10.0 + 30.0 * torch.rand(batch, device=waves.device)
    quiet = torch.rand(batch, device=waves.device) < 0.5
    return add_background(waves, lengths, snr_db.masked_fill(quiet, 100.0)), lengths


def add_noise(features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Vary a training batch of normalised features, ``(batch, frames, bands)``, by a little white noise."""
    return features + VARIATION * torch.randn_like(features), lengths

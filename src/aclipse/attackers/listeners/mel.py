"""The mel front end that small published models were trained behind: librosa's defaults, for one recording at a time.

Hann windows of 2,048 samples every 512, the first centred on sample 0 with zeros before it; 128 triangles on Slaney's
mel scale (Auditory Toolbox, 1998) from 0 Hz to half the rate, each of equal area.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

FFT = 2048  # samples, the window too
HOP = 512  # samples
BANDS = 128
DYNAMIC_RANGE = 80.0  # dB below a recording's loudest band: what is quieter is raised to it
_LINEAR = 200 / 3  # Hz a mel up to 1 kHz, which is mel 15
_OCTAVES = math.log(6.4) / 27  # log Hz a mel above


def mel_power(wave: Tensor, rate: int) -> Tensor:
    """Power in mel bands, ``(time,) -> (BANDS, time // HOP + 1)``; ``rate`` in Hz.

    >>> mel_power(torch.ones(1024), 16_000).shape
    torch.Size([128, 3])
    """
    window = torch.hann_window(FFT, device=wave.device)
    spectrum = torch.stft(wave, FFT, HOP, FFT, window, pad_mode="constant", return_complex=True)
    power = spectrum.real.square() + spectrum.imag.square()
    return mel_filters(rate).to(wave.device) @ power


def cepstra(mel: Tensor, count: int) -> Tensor:
    """The first ``count`` mel-frequency cepstral coefficients, ``(bands, frames) -> (frames, count)``.

    The orthonormal DCT-II of decibels, of which those more than DYNAMIC_RANGE below the recording's loudest are raised.

    >>> cepstra(torch.ones(128, 2), 3).abs().max() < 1e-4  # flat at 0 dB
    tensor(True)
    """
    decibels = 10 * mel.clamp(min=1e-10).log10()
    decibels = decibels.clamp(min=float(decibels.max()) - DYNAMIC_RANGE)
    bands = len(mel)
    place = torch.arange(bands, dtype=torch.float64)[:, None] + 0.5
    basis = (math.pi / bands * place * torch.arange(count)).cos() * math.sqrt(2 / bands)
    basis[:, 0] /= math.sqrt(2)
    return decibels.T @ basis.float().to(mel.device)


def mel_filters(rate: int) -> Tensor:
    """The triangles, ``(BANDS, FFT // 2 + 1)``, in 1/Hz: each has area 1 over frequency."""
    edges = _hertz(torch.linspace(0.0, _mel(rate / 2), BANDS + 2, dtype=torch.float64))[:, None]
    bins = torch.linspace(0.0, rate / 2, FFT // 2 + 1, dtype=torch.float64)
    low, top, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = torch.minimum((bins - low) / (top - low), (high - bins) / (high - top)).clamp(min=0.0)
    return (triangles * 2 / (high - low)).float()


def _mel(hertz: float) -> float:
    return hertz / _LINEAR if hertz < 1000 else 15 + math.log(hertz / 1000) / _OCTAVES


def _hertz(mel: Tensor) -> Tensor:
    return torch.where(mel < 15, mel * _LINEAR, 1000 * ((mel - 15) * _OCTAVES).exp())

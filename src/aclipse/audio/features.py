"""Log-mel features, differentiable to the waveform."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from aclipse.audio.signal import mask_of, rms
from aclipse.contracts import SAMPLE_RATE

WINDOW = 400  # samples, 25 ms
HOP = 160  # samples, 10 ms
FFT = 512  # bins
FLOOR = 1e-4  # power relative to the recording's own mean: keeps the log finite in silence


def mel_filters(bands: int, low: float = 60.0, high: float = 7600.0) -> Tensor:
    """Triangular filters equally spaced on the HTK mel scale, area-normalised, ``(FFT // 2 + 1, bands)``."""
    mel_low, mel_high = (2595.0 * math.log10(1.0 + f / 700.0) for f in (low, high))
    edges = 700.0 * (10.0 ** (torch.linspace(mel_low, mel_high, bands + 2, dtype=torch.float64) / 2595.0) - 1.0)
    bins = torch.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1, dtype=torch.float64)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = torch.minimum(rising, falling).clamp(min=0.0)
    return (triangles / triangles.sum(0, keepdim=True).clamp(min=1e-9)).float()


def frame_count(lengths: Tensor) -> Tensor:
    """Frames of recordings of ``lengths`` samples: one every HOP, the first centred on sample 0."""
    return lengths // HOP + 1


class LogMel(nn.Module):
    """Log-mel spectrogram of a loudness-normalised recording, free of padding and batch effects.

    ``(batch, time), (batch,) -> (batch, bands, frames), (batch,)``; each recording is scaled to unit RMS, and the
    mean over its own frames and bands is taken away, so that level tells nothing. Frames past the end are zero.

    >>> features, frames = LogMel(40)(torch.randn(2, 16000), torch.tensor([16000, 8000]))
    >>> features.shape, frames.tolist()
    (torch.Size([2, 40, 101]), [101, 51])
    """

    filters: Tensor
    window: Tensor

    def __init__(self, bands: int = 64) -> None:
        super().__init__()
        self.register_buffer("filters", mel_filters(bands), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def forward(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        waves = waves * mask_of(lengths, waves.shape[-1])
        waves = waves / rms(waves, lengths).clamp(min=1e-5)[:, None]
        spectrum = torch.stft(waves, FFT, HOP, WINDOW, self.window, pad_mode="constant", return_complex=True)
        power = (spectrum.real.square() + spectrum.imag.square()) / WINDOW
        mel = torch.log(self.filters.T @ power + FLOOR)
        frames = frame_count(lengths)
        mask = mask_of(frames, mel.shape[-1])[:, None]
        mean = (mel * mask).sum((1, 2)) / (frames * mel.shape[1])
        return (mel - mean[:, None, None]) * mask, frames

"""Log-mel features, differentiable to the waveform: those of recognisers, and those that may leave a device."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from aclipse.audio.signal import mask_of, rms
from aclipse.contracts import SAMPLE_RATE, Settings

HOP = 160  # samples, 10 ms
WINDOWS = {"hann": torch.hann_window, "hamming": torch.hamming_window}


class Analysis(Settings):
    """How a log-mel spectrogram is made of sound; by default as recognisers hear."""

    window: Literal["hann", "hamming"] = "hann"
    width: int = Field(400, ge=16)  # samples
    hop: int = Field(HOP, ge=1)  # samples
    fft: int = Field(512, ge=16)
    low: float = Field(60.0, ge=0)  # Hz, where the lowest band begins
    high: float = Field(7600.0, gt=0, le=SAMPLE_RATE / 2)
    floor: float = Field(1e-4, gt=0)  # added to the power of each band: keeps the logarithm finite in silence

    @model_validator(mode="after")
    def _window_fits(self) -> Analysis:
        if self.width > self.fft or self.fft % 2 or self.low >= self.high:
            raise ValueError("the window must fit into a Fourier transform of even size, and low lie below high")
        return self

    def frames(self, samples: int) -> int:
        """Frames of a recording: one every ``hop``, the first centred on sample 0."""
        return samples // self.hop + 1


def mel_filters(bands: int, analysis: Analysis | None = None) -> Tensor:
    """Triangular filters equally spaced on the HTK mel scale, area-normalised, ``(fft // 2 + 1, bands)``."""
    a = analysis or Analysis()
    mel_low, mel_high = (2595.0 * math.log10(1.0 + f / 700.0) for f in (a.low, a.high))
    edges = 700.0 * (10.0 ** (torch.linspace(mel_low, mel_high, bands + 2, dtype=torch.float64) / 2595.0) - 1.0)
    bins = torch.linspace(0, SAMPLE_RATE / 2, a.fft // 2 + 1, dtype=torch.float64)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = torch.minimum(rising, falling).clamp(min=0.0)
    return (triangles / triangles.sum(0, keepdim=True).clamp(min=1e-9)).float()


def frame_count(lengths: Tensor) -> Tensor:
    """Frames of recordings of ``lengths`` samples: one every HOP, the first centred on sample 0."""
    return lengths // HOP + 1


class LogMel(nn.Module):
    """Log-mel spectrogram of recordings, free of padding and batch effects.

    ``(batch, time), (batch,) -> (batch, bands, frames), (batch,)``; if ``levelled``, each recording is scaled to unit
    RMS, and the mean over its own frames and bands is taken away, so that level tells nothing. Frames past the end are
    zero.

    >>> features, frames = LogMel(40)(torch.randn(2, 16000), torch.tensor([16000, 8000]))
    >>> features.shape, frames.tolist()
    (torch.Size([2, 40, 101]), [101, 51])
    """

    filters: Tensor
    window: Tensor

    def __init__(self, bands: int = 64, analysis: Analysis | None = None, levelled: bool = True) -> None:
        super().__init__()
        self.analysis, self.levelled = analysis or Analysis(), levelled
        self.register_buffer("filters", mel_filters(bands, self.analysis), persistent=False)
        self.register_buffer("window", WINDOWS[self.analysis.window](self.analysis.width), persistent=False)

    def forward(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        a = self.analysis
        waves = waves * mask_of(lengths, waves.shape[-1])
        if self.levelled:
            waves = waves / rms(waves, lengths).clamp(min=1e-5)[:, None]
        spectrum = torch.stft(waves, a.fft, a.hop, a.width, self.window, pad_mode="constant", return_complex=True)
        power = (spectrum.real.square() + spectrum.imag.square()) / a.width
        mel = torch.log(self.filters.T @ power + a.floor)
        frames = lengths // a.hop + 1
        mask = mask_of(frames, mel.shape[-1])[:, None]
        if self.levelled:
            mel = mel - ((mel * mask).sum((1, 2)) / (frames * mel.shape[1]))[:, None, None]
        return mel * mask, frames

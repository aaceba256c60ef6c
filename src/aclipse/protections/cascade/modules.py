"""The semantics-obfuscating (SO) and emotion-retaining (ER) modules: 1-D convolutions and channel attention.

Two forms of one module, both ``waveform in, waveform out`` of the same length, both the identity when new:

* ``StridedModule`` (default): a learned strided analysis/synthesis pair with the attention blocks between; about
  ten times cheaper than the literal form, still one-dimensional convolution throughout.
* ``SampleModule``: stride-1 convolutions on raw samples, the literal reading of the paper (section IV-C).
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from aclipse.audio.signal import running_mean
from aclipse.contracts import SAMPLE_RATE, Settings

KERNEL = 320  # samples, 20 ms
STRIDE = 160  # samples, 10 ms


class ModuleSettings(Settings):
    """Size and form of one module."""

    form: Literal["strided", "samples"] = "strided"
    channels: int = Field(96, ge=8)
    kernel: int = Field(5, ge=1)  # frames, odd (strided form); the literal form has its own, in samples
    dilations: tuple[Annotated[int, Field(ge=1)], ...] = Field((1, 2, 4), strict=False, min_length=1)
    reduction: int = Field(8, ge=1)  # squeeze-and-excitation bottleneck, C → C / reduction → C
    attention_seconds: float = Field(3.0, gt=0)  # window that channel attention pools over
    dropout: float = Field(0.1, ge=0, lt=1)

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError(f"kernel = {kernel} has no middle; give an odd number")
        return kernel


class ChannelAttention(nn.Module):
    """Squeeze-and-excitation (Hu et al. 2018): pool over time, two layers, sigmoid, scale the channels.

    Pools over the true positions within ``window`` positions around each one, so padding never counts, an utterance
    shorter than half of the window is pooled whole as in the paper, and an hour can be treated piece by piece.
    """

    def __init__(self, channels: int, reduction: int, window: int) -> None:
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.window = window
        self.gate = nn.Sequential(nn.Conv1d(channels, hidden, 1), nn.ReLU(), nn.Conv1d(hidden, channels, 1))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return x * torch.sigmoid(self.gate(running_mean(x, mask, self.window)))


class Block(nn.Module):
    """Convolution, channel attention, ReLU, dropout; positions past the end stay zero."""

    def __init__(self, sizes: tuple[int, int], kernel: int, dilation: int, attention: tuple[int, int], dropout: float):
        super().__init__()
        padding = dilation * (kernel // 2)
        self.convolution = nn.Conv1d(*sizes, kernel, padding=padding, dilation=dilation)
        self.attention = ChannelAttention(sizes[1], *attention)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.dropout(torch.relu(self.attention(self.convolution(x), mask))) * mask[:, None]


def fourier_kernels() -> Tensor:
    """Square-root-Hann-windowed cosines and sines, ``(channels, 1, KERNEL)``: analysis and synthesis at the start.

    At STRIDE = KERNEL / 2 the transposed convolution with the same kernels gives the input back.
    """
    time = torch.arange(KERNEL, dtype=torch.float64)
    bins = torch.arange(KERNEL // 2 + 1, dtype=torch.float64)[:, None]
    angle = 2 * math.pi * bins * time / KERNEL
    weight = torch.full((len(bins), 1), math.sqrt(2 / KERNEL), dtype=torch.float64)
    weight[[0, -1]] = math.sqrt(1 / KERNEL)
    window = torch.sin(math.pi * (time + 0.5) / KERNEL)
    return (torch.cat([torch.cos(angle) * weight, torch.sin(angle) * weight]) * window).float()[:, None]


class StridedModule(nn.Module):
    """``x + synthesis(analysis(x) · gain + offset)``, with gain and offset from attention blocks on the spectrum."""

    def __init__(self, settings: ModuleSettings) -> None:
        super().__init__()
        kernels = fourier_kernels()
        self.analysis, self.synthesis = nn.Parameter(kernels.clone()), nn.Parameter(kernels.clone())
        features, width = len(kernels), settings.channels
        window = round(settings.attention_seconds * SAMPLE_RATE / STRIDE)
        self.blocks = nn.ModuleList(
            Block((width if place else features // 2, width), settings.kernel, dilation,
                  (settings.reduction, window), settings.dropout)
            for place, dilation in enumerate(settings.dilations)
        )  # fmt: skip
        self.head = nn.Conv1d(width, 2 * features, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, waves: Tensor, mask: Tensor) -> Tensor:
        tail = -waves.shape[-1] % STRIDE  # whole strides, so that the last samples are covered too
        padded = nn.functional.pad(waves, (0, tail))
        spectrum = nn.functional.conv1d(padded[:, None], self.analysis, stride=STRIDE, padding=STRIDE)
        frames = nn.functional.max_pool1d(nn.functional.pad(mask, (0, tail))[:, None], KERNEL, STRIDE, padding=STRIDE)[
            :, 0
        ]
        real, imaginary = spectrum.chunk(2, 1)
        x = torch.log(real.square() + imaginary.square() + 1e-3) * frames[:, None]
        for block in self.blocks:
            x = block(x, frames)
        gain, offset = self.head(x).chunk(2, 1)
        change = (spectrum * gain + offset) * frames[:, None]
        change = nn.functional.conv_transpose1d(change, self.synthesis, stride=STRIDE, padding=STRIDE)[:, 0]
        return waves + change[:, : waves.shape[-1]]


class SampleModule(nn.Module):
    """The literal form: four stride-1 convolutions on samples, 1 → 32 → 64 → 32 → 1, added to the input."""

    def __init__(self, settings: ModuleSettings) -> None:
        super().__init__()
        attention = (settings.reduction, round(settings.attention_seconds * SAMPLE_RATE))
        shapes = (((1, 32), 31), ((32, 64), 15), ((64, 32), 15))
        self.blocks = nn.ModuleList(Block(sizes, kernel, 1, attention, settings.dropout) for sizes, kernel in shapes)
        self.head = nn.Conv1d(32, 1, 15, padding=7)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, waves: Tensor, mask: Tensor) -> Tensor:
        x = waves[:, None]
        for block in self.blocks:
            x = block(x, mask)
        return waves + self.head(x)[:, 0]


def reach(settings: ModuleSettings) -> int:
    """How many samples to either side one output sample of a module may depend on."""
    attention = math.ceil(settings.attention_seconds * SAMPLE_RATE / 2)
    if settings.form == "samples":
        return 3 * attention + 15 + 7 + 7 + 7
    frames = sum(dilation * (settings.kernel // 2) for dilation in settings.dilations)
    return len(settings.dilations) * (attention + STRIDE) + frames * STRIDE + 2 * KERNEL


def build(settings: ModuleSettings) -> nn.Module:
    """A new module of the form asked for."""
    return {"strided": StridedModule, "samples": SampleModule}[settings.form](settings)

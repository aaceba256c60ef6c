"""Recurrent recognisers over an auditory spectrogram: another family than `compact`, for listeners that guided nobody.

Window, filterbank, compression, normalisation and layers all differ from those of the convolutional networks, so what
was learned against one family has no reason to fool the other; where features are given, normalisation and layers do.
Frames are stacked to 40 ms before anything steps through time, and the backward direction reads each recording reversed
within its own length: nothing is packed, and padding, which always comes after the true frames, never reaches them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aclipse.audio.signal import mask_of, rms
from aclipse.contracts import SAMPLE_RATE
from aclipse.models import text
from aclipse.models.compact import CharacterReader, Given, LabelReader, spec_augment

WINDOW = 320  # samples, 20 ms
HOP = 160  # samples, 10 ms
FFT = 512  # bins
STRIDE = 4  # frames of 10 ms to a step of 40 ms
SPAN = 8  # frames that a step sees: 80 ms, half of them its neighbours'
POWER = 1 / 15  # compression of power normalised cepstra (Kim & Stern 2016): nearly a logarithm, and finite at zero
FLOOR = 1e-5  # power relative to the recording's own mean


def gammatone_filters(bands: int, low: float = 80.0, high: float = 7000.0) -> Tensor:
    """Squared responses of fourth-order gammatone filters, equally spaced in ERB rate, ``(FFT // 2 + 1, bands)``.

    Bandwidths are 1.019 ERB (Glasberg & Moore 1990; Patterson et al. 1992); each filter's gains sum to 1.
    """
    lowest, highest = (21.4 * math.log10(1 + 0.00437 * f) for f in (low, high))
    centres = (10 ** (torch.linspace(lowest, highest, bands, dtype=torch.float64) / 21.4) - 1) / 0.00437
    width = 1.019 * 24.7 * (1 + 0.00437 * centres)
    bins = torch.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1, dtype=torch.float64)[:, None]
    gains = (1 + ((bins - centres) / width).square()) ** -4
    return (gains / gains.sum(0)).float()


class Cochleagram(nn.Module):
    """Power-law gammatone spectrogram, each band of each recording at zero mean and unit variance over true frames.

    ``(batch, time), (batch,) -> (batch, bands, frames), (batch, 2 * bands), (batch,)``: features, what the
    normalisation took away (means about their mean, logarithms of deviations), true frames. Level tells nothing, and
    frames past the end are zero.

    >>> features, colour, frames = Cochleagram(40)(torch.randn(2, 16000), torch.tensor([16000, 8000]))
    >>> features.shape, colour.shape, frames.tolist()
    (torch.Size([2, 40, 101]), torch.Size([2, 80]), [101, 51])
    """

    filters: Tensor
    window: Tensor

    def __init__(self, bands: int = 40) -> None:
        super().__init__()
        self.register_buffer("filters", gammatone_filters(bands), persistent=False)
        self.register_buffer("window", torch.hamming_window(WINDOW), persistent=False)

    def forward(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        waves = waves * mask_of(lengths, waves.shape[-1])
        waves = waves / rms(waves, lengths).clamp(min=1e-5)[:, None]
        spectrum = torch.stft(waves, FFT, HOP, WINDOW, self.window, pad_mode="constant", return_complex=True)
        power = (spectrum.real.square() + spectrum.imag.square()) / WINDOW
        loudness = (self.filters.T @ power + FLOOR) ** POWER
        frames = lengths // HOP + 1
        return *standardised(loudness, frames), frames


class StandardisedGiven(Given):
    """Given features, normalised over again as a `Cochleagram` is, for each recording on its own; the same outputs."""

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        joined, frames = super().forward(features, lengths)
        return *standardised(joined, frames), frames


def standardised(loudness: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Each band at zero mean and unit variance over true frames, ``(batch, bands, frames)``, and what that took away.

    The latter is ``(batch, 2 * bands)``: means about their mean, logarithms of deviations.
    """
    mask = mask_of(frames, loudness.shape[-1])[:, None]
    mean = (loudness * mask).sum(-1) / frames[:, None]
    centred = (loudness - mean[..., None]) * mask
    deviation = (centred.square().sum(-1) / frames[:, None] + 1e-4).sqrt()
    colour = torch.cat([mean - mean.mean(1, keepdim=True), deviation.log()], 1)
    return centred / deviation[..., None], colour


def auditory(bands: int, cut: Sequence[int]) -> nn.Module:
    """What the layers begin with: of sound, or of features cut into segments, ``cut = (segment, hop)``."""
    return StandardisedGiven(*cut) if cut else Cochleagram(bands)


def stack_frames(x: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Lay SPAN neighbouring frames side by side at every STRIDE-th: ``(b, bands, t) -> (b, steps, SPAN * bands)``.

    >>> stack_frames(torch.zeros(1, 40, 101), torch.tensor([101]))[0].shape
    torch.Size([1, 26, 320])
    """
    size, margin = x.shape[-1], (SPAN - STRIDE) // 2
    steps = (size - 1) // STRIDE + 1
    x = F.pad(x, (margin, steps * STRIDE + margin - size))
    return x.unfold(-1, SPAN, STRIDE).transpose(1, 2).flatten(2), (frames - 1) // STRIDE + 1


def reverse(x: Tensor, steps: Tensor) -> Tensor:
    """Turn each recording's true steps around and leave its padding behind them; ``(batch, steps, size)``.

    >>> reverse(torch.tensor([[[1.0], [2.0], [0.0]]]), torch.tensor([2])).flatten().tolist()
    [2.0, 1.0, 0.0]
    """
    place = torch.arange(x.shape[1], device=x.device)
    turned = torch.where(place < steps[:, None], steps[:, None] - 1 - place, place)
    return x.gather(1, turned[..., None].expand_as(x))


class TwoWay(nn.Module):
    """A forward LSTM and a backward one, added to what came in: ``(batch, steps, 2 * width)`` in and out.

    Two plain LSTMs cost less than half of a packed bidirectional one.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(2 * width)
        self.ahead = nn.LSTM(2 * width, width, batch_first=True)
        self.back = nn.LSTM(2 * width, width, batch_first=True)
        self.dropout = nn.Dropout(dropout)

    def train(self, mode: bool = True) -> TwoWay:
        """Switch the dropout; the LSTMs do the same in both modes, and cuDNN gives gradients only in this one."""
        super().train(mode)
        self.ahead.train()
        self.back.train()
        return self

    def forward(self, x: Tensor, steps: Tensor) -> Tensor:
        entering = self.dropout(self.norm(x))
        back = reverse(self.back(reverse(entering, steps))[0], steps)
        return x + torch.cat([self.ahead(entering)[0], back], -1)


class RecurrentClassifier(LabelReader):
    """One label for a whole recording, as `compact.ClipClassifier` gives it.

    Cochleagram, stacked frames, two-way LSTMs, then attentive mean and deviation over true steps beside the
    recording's colour, then a linear layer.

    >>> classifier = RecurrentClassifier(("happy", "sad"))
    >>> classifier(torch.randn(3, 16000), torch.full((3,), 16000)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self, labels: Sequence[str], width: int = 64, bands: int = 40, layers: int = 2, dropout: float = 0.3,
        cut: Sequence[int] = (),
    ) -> None:  # fmt: skip
        super().__init__()
        sizes = {"width": width, "bands": bands, "layers": layers, "dropout": dropout, "cut": list(cut)}
        self.settings = {"labels": list(labels), **sizes}
        self.labels = tuple(labels)
        self.features = auditory(bands, cut)
        self.entry = nn.Linear(SPAN * bands, 2 * width)
        self.layers = nn.ModuleList(TwoWay(width, dropout) for _ in range(layers))
        self.attention = nn.Linear(2 * width, 2 * width)
        self.head = nn.Sequential(nn.LayerNorm(4 * width), nn.Dropout(dropout), nn.Linear(4 * width, len(self.labels)))
        self.tint = nn.Sequential(nn.LayerNorm(2 * bands), nn.Dropout(dropout), nn.Linear(2 * bands, len(self.labels)))

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        x, colour, frames = self.features(waves, lengths)
        x, steps = stack_frames(spec_augment(x) if self.training else x, frames)
        x = self.entry(x)
        for layer in self.layers:
            x = layer(x, steps)
        padding = mask_of(steps, x.shape[1])[..., None] == 0
        weight = self.attention(x).masked_fill(padding, -torch.inf).softmax(1)
        mean = (weight * x).sum(1)
        deviation = ((weight * x.square()).sum(1) - mean.square()).clamp(min=1e-5).sqrt()
        return self.head(torch.cat([mean, deviation], 1)) + self.tint(colour)


class RecurrentRecognizer(CharacterReader):
    """Characters by CTC (Graves et al. 2006), as `compact.CharacterRecognizer` reads them.

    Cochleagram, stacked frames, two-way LSTMs, a linear layer; each step of 40 ms gives two output frames of 20 ms,
    so that fast speech has room. Open-vocabulary, decoded greedily, without a language model.
    """

    OUTPUTS = 2  # frames that a step gives

    def __init__(
        self, width: int = 160, bands: int = 40, layers: int = 3, dropout: float = 0.15, cut: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.settings = {"width": width, "bands": bands, "layers": layers, "dropout": dropout, "cut": list(cut)}
        self.features = auditory(bands, cut)
        self.entry = nn.Linear(SPAN * bands, 2 * width)
        self.layers = nn.ModuleList(TwoWay(width, dropout) for _ in range(layers))
        self.head = nn.Sequential(
            nn.LayerNorm(2 * width), nn.Linear(2 * width, self.OUTPUTS * (len(text.ALPHABET) + 1))
        )

    def forward(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities ``(batch, frames, symbols)`` and the true frames ``(batch,)`` of each recording."""
        x, _, frames = self.features(waves, lengths)
        x, steps = stack_frames(spec_augment(x, band_width=6) if self.training else x, frames)
        x = self.entry(x)
        for layer in self.layers:
            x = layer(x, steps)
        symbols = self.head(x).unflatten(-1, (self.OUTPUTS, -1)).flatten(1, 2)
        return symbols.log_softmax(-1), steps * self.OUTPUTS

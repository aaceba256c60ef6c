"""Small log-mel networks that train from scratch in minutes on a CPU and are differentiable to what they hear.

They hear sound, or features that a device has released. Every layer of a trained network acts on single frames or is
masked to true frames, so a score never depends on batch or padding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aclipse.audio.features import LogMel
from aclipse.audio.signal import mask_of
from aclipse.errors import CorpusError
from aclipse.models import text


class Given(nn.Module):
    """Features that were given, in place of those of sound: segments end to end, joined again as `segments.join` does.

    ``(batch, count · segment, bands), (batch,) -> (batch, bands, frames), (batch,)``: where segments overlap their
    mean, and zero past each recording's end.

    >>> joined, frames = Given(segment=4, hop=3)(torch.ones(2, 8, 5), torch.tensor([8, 4]))
    >>> joined.shape, frames.tolist(), joined[1, 0].tolist()
    (torch.Size([2, 5, 7]), [7, 4], [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    """

    def __init__(self, segment: int, hop: int) -> None:
        super().__init__()
        self.segment, self.hop = segment, hop

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        pieces = features.transpose(1, 2).unflatten(-1, (-1, self.segment))  # (batch, bands, count, segment)
        counts = torch.div(lengths, self.segment, rounding_mode="floor")
        true = mask_of(counts, pieces.shape[2])
        size = (pieces.shape[2] - 1) * self.hop + self.segment
        total, times = pieces.new_zeros(*pieces.shape[:2], size), pieces.new_zeros(len(pieces), 1, size)
        for number, present in enumerate(true.T):
            place = slice(number * self.hop, number * self.hop + self.segment)
            total[..., place] += pieces[:, :, number] * present[:, None, None]
            times[..., place] += present[:, None, None]
        return total / times.clamp(min=1), (counts - 1) * self.hop + self.segment


def front_end(bands: int, cut: Sequence[int]) -> nn.Module:
    """What the layers of a network begin with: of sound, or of features cut into segments, ``cut = (segment, hop)``."""
    return Given(*cut) if cut else LogMel(bands)


class FrameNorm(nn.LayerNorm):
    """Normalise the channels of each frame on its own, ``(batch, channels, frames)``."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class FrameConv(nn.Module):
    """Convolution over frames, normalisation, GELU and dropout; padding stays zero.

    ``(batch, channels, frames), (batch,) -> (batch, width, ceil(frames / stride)), (batch,)``
    """

    def __init__(
        self, sizes: tuple[int, int], kernel: int, stride: int = 1, dilation: int = 1, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(*sizes, kernel, stride, dilation * (kernel // 2), dilation)
        self.norm: nn.Module = FrameNorm(sizes[1])
        self.dropout = nn.Dropout(dropout)
        self.stride = stride

    def forward(self, x: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        x = self.norm(self.convolution(x))
        frames = (frames - 1) // self.stride + 1
        return self.dropout(F.gelu(x)) * mask_of(frames, x.shape[-1])[:, None], frames


def spec_augment(features: Tensor, time_width: int = 20, band_width: int = 10, masks: int = 2) -> Tensor:
    """Blank random spans of frames and bands (SpecAugment, Park et al. 2019), a draw for each recording."""
    batch, bands, frames = features.shape
    keep = torch.ones_like(features)
    for size, limit, shape in ((frames, time_width, (batch, 1, -1)), (bands, band_width, (batch, -1, 1))):
        for _ in range(masks):
            start = torch.rand(batch, 1) * size
            stop = start + torch.rand(batch, 1) * limit
            place = torch.arange(size)
            inside = (place >= start) & (place < stop)
            keep = keep * (~inside).float().reshape(shape).to(keep.device)
    return features * keep


class LabelReader(nn.Module):
    """What classifiers of whole recordings share: logits ``(batch, labels)`` from `forward`, and their ``labels``."""

    labels: tuple[str, ...]

    def loss(self, waves: Tensor, lengths: Tensor, targets: Sequence[str]) -> Tensor:
        """Cross-entropy of each recording's label, in nats.

        Raises CorpusError for a label the classifier does not know.
        """
        return F.cross_entropy(self(waves, lengths), self.indices(targets).to(waves.device), reduction="none")

    def indices(self, targets: Sequence[str]) -> Tensor:
        """The place of each target among the labels; raises CorpusError for one that is not there."""
        unknown = sorted(set(targets) - set(self.labels))
        if unknown:
            raise CorpusError(f"labels {unknown} are not among {list(self.labels)}. Leave those clips out.")
        return torch.tensor([self.labels.index(target) for target in targets])

    def read(self, waves: Tensor, lengths: Tensor) -> list[str]:
        """The most likely label of each recording."""
        return [self.labels[index] for index in self(waves, lengths).argmax(-1).tolist()]


class ClipClassifier(LabelReader):
    """One label for a whole recording: an emotion, a known sentence, a sex.

    Log-mel, convolutions, then attentive mean and deviation over true frames, then a linear layer. With
    ``cut = (segment, hop)`` it reads segments of features in place of sound, as all networks here do.

    >>> classifier = ClipClassifier(("happy", "sad"))
    >>> classifier(torch.randn(3, 16000), torch.full((3,), 16000)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self, labels: Sequence[str], width: int = 96, bands: int = 64, dropout: float = 0.2, cut: Sequence[int] = ()
    ) -> None:
        super().__init__()
        sizes = {"width": width, "bands": bands, "dropout": dropout, "cut": list(cut)}
        self.settings = {"labels": list(labels), **sizes}
        self.labels = tuple(labels)
        self.features = front_end(bands, cut)
        shapes = ((bands, 1), (width, 2), (width, 2), (width, 2))
        self.layers = nn.ModuleList(FrameConv((size, width), 5, stride, 1, dropout) for size, stride in shapes)
        for layer in self.layers:  # 4 points of UAR above FrameNorm on unseen CREMA-D speakers; fixed once trained
            layer.norm = nn.BatchNorm1d(width)
        self.attention = nn.Conv1d(width, width, 1)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * width, len(self.labels)))

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        x, frames = self.features(waves, lengths)
        if self.training:
            x = spec_augment(x)
        for layer in self.layers:
            x, frames = layer(x, frames)
        padding = mask_of(frames, x.shape[-1])[:, None] == 0
        weight = self.attention(x).masked_fill(padding, -torch.inf).softmax(-1)
        mean = (weight * x).sum(-1)
        deviation = ((weight * x.square()).sum(-1) - mean.square()).clamp(min=1e-5).sqrt()
        return self.head(torch.cat([mean, deviation], 1))


class CharacterReader(nn.Module):
    """What recognisers of characters share: CTC over log-probabilities and true frames from `forward`."""

    def loss(self, waves: Tensor, lengths: Tensor, targets: Sequence[str]) -> Tensor:
        """CTC loss of each transcript, summed over its characters, in nats; 0 where none fits the frames."""
        log_probs, frames = self(waves, lengths)
        characters, counts = text.encode(targets)
        return F.ctc_loss(
            log_probs.transpose(0, 1).float(), characters.to(waves.device), frames.cpu(), counts, text.BLANK, "none",
            zero_infinity=True,
        )  # fmt: skip

    def read(self, waves: Tensor, lengths: Tensor) -> list[str]:
        """The transcript of each recording, normalised."""
        return text.greedy_decode(*self(waves, lengths))


class CharacterRecognizer(CharacterReader):
    """Characters by CTC (Graves et al. 2006): log-mel, two convolutions, dilated residual convolutions, a linear layer.

    One output frame every 30 ms, each seeing 0.5 s to either side; recognition is open-vocabulary, decoded greedily,
    without a language model. On a CPU it learns in half the time of a recurrent network of its size.
    """

    DILATIONS = (1, 2, 4, 1, 2, 4)

    def __init__(self, width: int = 192, bands: int = 64, dropout: float = 0.1, cut: Sequence[int] = ()) -> None:
        super().__init__()
        self.settings = {"width": width, "bands": bands, "dropout": dropout, "cut": list(cut)}
        self.features = front_end(bands, cut)
        shapes = (((bands, width), 7, 3), ((width, width), 5, 1))
        self.stem = nn.ModuleList(FrameConv(sizes, k, stride, 1, dropout) for sizes, k, stride in shapes)
        self.residual = nn.ModuleList(FrameConv((width, width), 5, 1, d, dropout) for d in self.DILATIONS)
        self.head = nn.Linear(width, len(text.ALPHABET) + 1)

    def forward(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities ``(batch, frames, symbols)`` and the true frames ``(batch,)`` of each recording."""
        x, frames = self.features(waves, lengths)
        if self.training:
            x = spec_augment(x)
        for layer in self.stem:
            x, frames = layer(x, frames)
        for layer in self.residual:
            x = x + layer(x, frames)[0]
        return self.head(x.transpose(1, 2)).log_softmax(-1), frames

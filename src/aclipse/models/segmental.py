"""The network of Cloak for SER: convolutions over a segment of log-mel features, recurrence over time, dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aclipse.models.compact import LabelReader

Form = Literal["strided", "paper"]
MOST_SEGMENTS = 128  # read at a time: an hour of speech has thousands


def _convolutions(form: Form, dropout: float) -> Any:
    """``(segments, 1, frames, bands) -> (segments, 128, frames / 8, bands / 8)``."""
    layers: list[nn.Module] = []
    for size, width in ((1, 32), (32, 64), (64, 128)):
        if form == "strided":
            layers += [nn.Conv2d(size, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU()]
        else:
            layers += [nn.Conv2d(size, width, 5, padding=2), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        layers.append(nn.Dropout2d(dropout))
    if form == "paper":
        layers += [nn.Conv2d(128, 128, 5, padding=2), nn.BatchNorm2d(128), nn.ReLU()]
    network: Any = nn.Sequential(*layers)
    return network.to(memory_format=torch.channels_last)  # a third faster on a CPU


class SegmentClassifier(LabelReader):
    """One label for a recording given as segments of log-mel features, end to end; the mean of what each segment says.

    Cloak with adversarial training, section 4.2: a convolutional network with 128 channels in the end, a bidirectional
    recurrent one whose outputs are flattened, dense layers, dropout 0.2. Form ``paper`` has the public code's sizes
    (5 × 5, pooled, four layers deep); ``strided`` takes strides in place of pooling and costs a tenth.

    >>> classifier = SegmentClassifier(("female", "male")).eval()
    >>> classifier(torch.randn(3, 400, 128), torch.tensor([400, 200, 400])).shape
    torch.Size([3, 2])
    """

    def __init__(
        self, labels: Sequence[str], segment: int = 200, bands: int = 128, form: Form = "strided", dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.settings = {"labels": list(labels), "segment": segment, "bands": bands, "form": form, "dropout": dropout}
        self.labels, self.segment = tuple(labels), segment
        self.convolutions = _convolutions(form, dropout)
        with torch.no_grad():
            shape = self.convolutions.eval()(torch.zeros(1, 1, segment, bands)).shape
        self.recurrent = nn.GRU(shape[1] * shape[3], 64, 2, batch_first=True, bidirectional=True, dropout=dropout)
        self.head = nn.Sequential(
            nn.Linear(shape[2] * 128, 128), nn.ReLU(), nn.Dropout(dropout), nn.Linear(128, len(labels))
        )
        self.train()

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Logarithms of the mean over segments of the labels' probabilities, ``(batch, labels)``."""
        pieces, owner = split(features, lengths, self.segment)
        shares = torch.cat([self.logits(some).float().softmax(-1) for some in pieces.split(MOST_SEGMENTS)])
        total = torch.zeros(len(features), shares.shape[1], device=shares.device).index_add(0, owner, shares)
        return (total / torch.bincount(owner, minlength=len(features))[:, None]).clamp(min=1e-12).log()

    def logits(self, pieces: Tensor) -> Tensor:
        """What each segment says, ``(segments, segment, bands) -> (segments, labels)``."""
        x = self.convolutions(pieces[:, None].contiguous(memory_format=torch.channels_last))
        with torch.backends.cudnn.flags(enabled=self.training):  # cuDNN has no gradient of a frozen recurrence
            return self.head(self.recurrent(x.permute(0, 2, 1, 3).flatten(2))[0].flatten(1))

    def loss(self, waves: Tensor, lengths: Tensor, targets: Sequence[str]) -> Tensor:
        """Mean cross-entropy of a recording's segments, in nats; raises CorpusError for a label that is not known."""
        index = self.indices(targets).to(waves.device)
        pieces, owner = split(waves, lengths, self.segment)
        each = F.cross_entropy(self.logits(pieces), index[owner], reduction="none").float()
        total = torch.zeros(len(waves), device=each.device).index_add(0, owner, each)
        return total / torch.bincount(owner, minlength=len(waves))


def split(features: Tensor, lengths: Tensor, segment: int) -> tuple[Tensor, Tensor]:
    """The true segments of a padded batch, ``(segments, segment, bands)``, and which recording each is of.

    >>> pieces, owner = split(torch.zeros(2, 400, 8), torch.tensor([400, 200]), 200)
    >>> pieces.shape, owner.tolist()
    (torch.Size([3, 200, 8]), [0, 0, 1])
    """
    batch, frames, bands = features.shape
    counts = torch.div(lengths, segment, rounding_mode="floor")
    true = torch.arange(frames // segment, device=features.device) < counts[:, None]
    pieces = features.reshape(batch, frames // segment, segment, bands)[true]
    return pieces, torch.arange(batch, device=features.device).repeat_interleave(counts)

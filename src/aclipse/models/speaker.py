"""Who is speaking, as a point on a sphere: clips of one speaker lie close, known speakers or not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aclipse.audio.signal import mask_of
from aclipse.errors import CorpusError
from aclipse.models.compact import FrameConv, front_end

SCALE = 15.0  # of cosines, so that a softmax over them can be sharp


class AttentiveStatistics(nn.Module):
    """Mean and deviation of each channel over the frames that it attends to (Okabe et al. 2018).

    ``(batch, channels, frames), (batch,) -> (batch, 2 · channels)``; frames past the end do not count.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attention = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor, frames: Tensor) -> Tensor:
        padding = mask_of(frames, x.shape[-1])[:, None] == 0
        weight = self.attention(x).masked_fill(padding, -torch.inf).softmax(-1)
        mean = (weight * x).sum(-1)
        variance = (weight * (x - mean[..., None]).square()).sum(-1)
        return torch.cat([mean, variance.clamp(min=1e-5).sqrt()], 1)


class ClipNorm(nn.BatchNorm1d):
    """Batch normalisation of one vector a clip, ``(batch, channels)``; a lone clip by what earlier ones were like."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and len(x) == 1:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(x)


class SpeakerReader(nn.Module):
    """What embedders share: embeddings ``(batch, size)`` of length 1 from `forward`, and how they are learned."""

    speakers: tuple[str, ...]
    margin: float  # by which the cosine of a clip's own speaker has to be the greatest
    centres: nn.Parameter  # (speakers, size)

    def loss(self, waves: Tensor, lengths: Tensor, targets: Sequence[str]) -> Tensor:
        """Additive-margin softmax of each recording's speaker, in nats.

        Raises CorpusError for a speaker who is not among the training speakers.
        """
        unknown = sorted(set(targets) - set(self.speakers))
        if unknown:
            raise CorpusError(
                f"speakers {unknown} are none of the {len(self.speakers)} the embedder learns from. "
                "Leave their clips out of its training."
            )
        index = torch.tensor([self.speakers.index(target) for target in targets], device=waves.device)
        cosines = self(waves, lengths) @ F.normalize(self.centres).T
        margins = self.margin * F.one_hot(index, len(self.speakers))
        return F.cross_entropy(SCALE * (cosines - margins), index, reduction="none")

    def read(self, waves: Tensor, lengths: Tensor) -> list[npt.NDArray[np.float32]]:
        """The embedding of each recording."""
        return list(self(waves, lengths).detach().cpu().numpy())


class SpeakerEmbedder(SpeakerReader):
    """An embedding of the voice of a recording, ``(size,)`` of length 1, for speakers it has never heard.

    Attentive statistics of the log-mel spectrum itself, which alone tell unseen speakers apart where training speakers
    are few, and of convolutions over it; then a linear layer. It learns to tell the training speakers apart by an
    additive-margin softmax (Wang et al. 2018, eq. 6).

    >>> embedder = SpeakerEmbedder(("ann", "bob")).eval()
    >>> embedder(torch.randn(3, 16000), torch.full((3,), 16000)).square().sum(1).allclose(torch.ones(3))
    True
    """

    def __init__(
        self,
        speakers: Sequence[str],
        size: int = 64,
        width: int = 64,
        bands: int = 64,
        dropout: float = 0.2,
        margin: float = 0.2,
        cut: Sequence[int] = (),
    ) -> None:
        super().__init__()
        sizes = {"size": size, "width": width, "bands": bands, "dropout": dropout, "margin": margin}
        self.settings = {"speakers": list(speakers), **sizes, "cut": list(cut)}
        self.speakers = tuple(speakers)
        self.margin = margin
        self.features = front_end(bands, cut)
        shapes = ((bands, 1), (width, 2), (width, 2))
        self.layers = nn.ModuleList(FrameConv((inputs, width), 5, stride, 1, dropout) for inputs, stride in shapes)
        for layer in self.layers:  # as in ClipClassifier; fixed once trained
            layer.norm = nn.BatchNorm1d(width)
        self.spectrum, self.course = AttentiveStatistics(bands), AttentiveStatistics(width)
        self.head = nn.Sequential(ClipNorm(2 * (bands + width)), nn.Linear(2 * (bands + width), size))
        self.centres = nn.Parameter(F.normalize(torch.randn(len(self.speakers), size)))

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings ``(batch, size)`` of length 1."""
        x, frames = self.features(waves, lengths)
        spectrum = self.spectrum(x, frames)
        for layer in self.layers:
            x, frames = layer(x, frames)
        return F.normalize(self.head(torch.cat([spectrum, self.course(x, frames)], 1)))

"""Dense networks that read one feature vector of a recording: one label, or several at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aclipse.errors import CorpusError
from aclipse.models.compact import LabelReader
from aclipse.models.speaker import SpeakerReader

WIDTHS = (256, 256, 128)  # replacement autoencoder, section VI-A: three layers, of 256 or 128 units


def trunk(size: int, widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Layers of so many units, each with ReLU and dropout; without any, the input as it is."""
    layers: list[nn.Module] = []
    for before, after in zip((size, *widths), widths, strict=False):
        layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers)


class DenseClassifier(LabelReader):
    """One label for a vector, ``(batch, 1, size), (batch,) -> (batch, labels)``; without ``widths`` it is linear.

    >>> classifier = DenseClassifier(("happy", "sad"), size=8).eval()
    >>> classifier(torch.randn(3, 1, 8), torch.ones(3)).shape
    torch.Size([3, 2])
    """

    def __init__(self, labels: Sequence[str], size: int, widths: Sequence[int] = WIDTHS, dropout: float = 0.5) -> None:
        super().__init__()
        self.settings = {"labels": list(labels), "size": size, "widths": list(widths), "dropout": dropout}
        self.labels = tuple(labels)
        self.layers = trunk(size, widths, dropout)
        self.head = nn.Linear((size, *widths)[-1], len(self.labels))

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        return self.head(self.layers(waves[:, 0]))


class DenseEmbedder(SpeakerReader):
    """An embedding of the voice behind a vector, ``(batch, 1, inputs), (batch,) -> (batch, size)`` of length 1.

    >>> embedder = DenseEmbedder(("ann", "bob"), inputs=8).eval()
    >>> embedder(torch.randn(3, 1, 8), torch.ones(3)).square().sum(1).allclose(torch.ones(3))
    True
    """

    def __init__(
        self, speakers: Sequence[str], inputs: int, size: int = 64, widths: Sequence[int] = (256,),
        dropout: float = 0.2, margin: float = 0.2,
    ) -> None:  # fmt: skip
        super().__init__()
        sizes = {"inputs": inputs, "size": size, "widths": list(widths), "dropout": dropout, "margin": margin}
        self.settings = {"speakers": list(speakers), **sizes}
        self.speakers, self.margin = tuple(speakers), margin
        self.layers = trunk(inputs, widths, dropout)
        self.head = nn.Linear((inputs, *widths)[-1], size)
        self.centres = nn.Parameter(F.normalize(torch.randn(len(self.speakers), size)))

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        return F.normalize(self.head(self.layers(waves[:, 0])))


class RiskModel(nn.Module):
    """Several labels of a vector at once (replacement autoencoder, section IV-A, Fig. 1): shared layers, a head each.

    ``labels`` names what each head tells apart, such as emotion and sex; vectors are ``(batch, 1, size)``.

    >>> model = RiskModel({"role": ("neutral", "required"), "sex": ("female", "male")}, size=8).eval()
    >>> [sorted(reading) for reading in model.read(torch.randn(1, 1, 8), torch.ones(1))]
    [['role', 'sex']]
    """

    def __init__(
        self, labels: Mapping[str, Sequence[str]], size: int, widths: Sequence[int] = WIDTHS, dropout: float = 0.5
    ) -> None:
        super().__init__()
        given = {name: list(some) for name, some in labels.items()}
        self.settings = {"labels": given, "size": size, "widths": list(widths), "dropout": dropout}
        self.labels = {name: tuple(some) for name, some in labels.items()}
        self.layers = trunk(size, widths, dropout)
        self.heads = nn.ModuleDict({name: nn.Linear((size, *widths)[-1], len(some)) for name, some in labels.items()})

    def forward(self, waves: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Logits of each head, ``(batch, labels)``."""
        shared = self.layers(waves[:, 0])
        return {name: head(shared) for name, head in self.heads.items()}

    def losses(self, waves: Tensor, lengths: Tensor, targets: Mapping[str, Sequence[str]]) -> dict[str, Tensor]:
        """Mean cross-entropy of each head, in nats; raises CorpusError for a label that its head does not know."""
        places = {name: self._indices(name, own) for name, own in targets.items()}
        logits = self(waves, lengths)
        return {name: F.cross_entropy(logits[name], own.to(waves.device)) for name, own in places.items()}

    def _indices(self, name: str, targets: Sequence[str]) -> Tensor:
        known = self.labels[name]
        unknown = sorted(set(targets) - set(known))
        if unknown:
            raise CorpusError(f"labels {unknown} of {name!r} are not among {list(known)}. Leave those clips out.")
        return torch.tensor([known.index(target) for target in targets])

    def read(self, waves: Tensor, lengths: Tensor) -> list[dict[str, str]]:
        """The most likely label of each head, for every vector."""
        found = {name: logits.argmax(-1).tolist() for name, logits in self(waves, lengths).items()}
        return [
            {name: self.labels[name][places[index]] for name, places in found.items()} for index in range(len(waves))
        ]


class LogOdds(nn.Module):
    """How much a classifier of two labels takes each recording for the second: the difference of its logits.

    >>> odds = LogOdds(DenseClassifier(("kept", "replaced"), size=8).eval())
    >>> len(odds.read(torch.randn(3, 1, 8), torch.ones(3)))
    3
    """

    def __init__(self, classifier: LabelReader) -> None:
        super().__init__()
        self.classifier = classifier

    def read(self, waves: Tensor, lengths: Tensor) -> list[float]:
        """Of each recording, in nats; positive: the second."""
        logits = self.classifier(waves, lengths)
        odds: list[float] = (logits[:, 1] - logits[:, 0]).tolist()
        return odds

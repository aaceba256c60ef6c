"""Networks that read one layer of an update, ``(batch, rows, columns + 1)``, as a label or as an embedding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aclipse.errors import CorpusError, RecipeError
from aclipse.models.compact import LabelReader
from aclipse.models.speaker import SpeakerReader

LEAST_DEVIATION = 1e-5  # added to each coordinate's, as in the paper's code
CHANNELS = (16, 32, 64)  # of the paper's three convolutions
POOLS = (2, 4, 8)  # after each of them
NARROW, NARROW_POOL = 512, 6  # features so wide have a last pool of their own in the paper's code
LEAST_WIDTH = 64  # what these pools divide a layer by: fewer rows or columns leave nothing

Shape = tuple[int, int]  # rows, columns + 1


class Scaling(nn.Module):
    """z-scores of each coordinate by mean and deviation of shadow updates, saved with the weights.

    >>> scaling = Scaling((1, 2))
    >>> scaling.fit([np.array([[1.0, 2.0]], np.float32), np.array([[3.0, 2.0]], np.float32)])
    >>> [round(value, 3) for value in scaling(torch.tensor([[[3.0, 2.0]]])).flatten().tolist()]
    [1.0, 0.0]
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(*shape))
        self.register_buffer("deviation", torch.ones(*shape))

    def fit(self, signals: Sequence[npt.NDArray[np.float32]]) -> None:
        """Take over mean and deviation, in double precision and one signal at a time.

        Raises CorpusError for no signal and where they are not finite numbers.
        """
        mean, square = np.zeros(self.mean.shape), np.zeros(self.mean.shape)
        for signal in signals:
            mean += signal
        mean /= max(len(signals), 1)
        with np.errstate(invalid="ignore"):  # of infinite ones: refused below
            for signal in signals:
                square += np.square(signal - mean)
        if not signals or not np.isfinite(square).all():
            raise CorpusError(
                f"{len(signals)} updates give no finite mean and deviation to scale by. Leave out what is not finite, "
                "and give one update at least."
            )
        self.mean.copy_(torch.from_numpy(mean))
        self.deviation.copy_(torch.from_numpy(np.sqrt(square / len(signals))))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean).div_(self.deviation + LEAST_DEVIATION)  # in place: a batch is some megabytes


class RowsClassifier(LabelReader):
    """One label for a layer of any shape, ``(batch, rows, columns + 1), (batch,) -> (batch, labels)``.

    All rows go through one small linear layer, since a unit's gradient is a mixture of what the layer was given,
    whichever unit it is; then through two dense layers side by side.

    >>> classifier = RowsClassifier(("female", "male"), shape=(6, 5)).eval()
    >>> classifier(torch.randn(3, 6, 5), torch.full((3,), 6)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self, labels: Sequence[str], shape: Sequence[int], width: int = 32, hidden: int = 128, dropout: float = 0.5
    ) -> None:
        super().__init__()
        sizes = {"shape": list(shape), "width": width, "hidden": hidden, "dropout": dropout}
        self.settings = {"labels": list(labels), **sizes}
        self.labels = tuple(labels)
        self.scaling = Scaling(shape)
        self.layers = _rows(shape, width, hidden, dropout)
        self.head = nn.Linear(hidden, len(self.labels))

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        return self.head(self.layers(self.scaling(waves)))


class RowsEmbedder(SpeakerReader):
    """An embedding of who sent an update, ``(batch, rows, columns + 1), (batch,) -> (batch, size)`` of length 1.

    >>> embedder = RowsEmbedder(("ann", "bob"), shape=(6, 5)).eval()
    >>> embedder(torch.randn(3, 6, 5), torch.full((3,), 6)).square().sum(1).allclose(torch.ones(3))
    True
    """

    def __init__(
        self, speakers: Sequence[str], shape: Sequence[int], size: int = 64, width: int = 16, hidden: int = 128,
        dropout: float = 0.5, margin: float = 0.2,
    ) -> None:  # fmt: skip
        super().__init__()
        sizes = {"shape": list(shape), "size": size, "width": width, "hidden": hidden, "dropout": dropout}
        self.settings = {"speakers": list(speakers), **sizes, "margin": margin}
        self.speakers, self.margin = tuple(speakers), margin
        self.scaling = Scaling(shape)
        self.layers = _rows(shape, width, hidden, dropout)
        self.head = nn.Linear(hidden, size)
        self.centres = nn.Parameter(F.normalize(torch.randn(len(self.speakers), size)))

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        return F.normalize(self.head(self.layers(self.scaling(waves))))


class PaperClassifier(LabelReader):
    """The paper's attacker of a first layer: three 5×5 convolutions over the weight, the bias beside what they find.

    ``(batch, rows, columns + 1), (batch,) -> (batch, labels)``. Raises RecipeError for a layer too small for it.

    >>> PaperClassifier(("female", "male"), shape=(256, 989)).flat  # openSMILE emobase, as the paper's code has it
    3840
    """

    def __init__(self, labels: Sequence[str], shape: Sequence[int], dropout: float = 0.2) -> None:
        super().__init__()
        rows, columns = shape[0], shape[1] - 1
        if min(rows, columns) < LEAST_WIDTH:
            raise RecipeError(
                f"a layer of {rows} rows and {columns} columns is too small for the paper's pools, which need "
                f"{LEAST_WIDTH} of each. Use form = rows."
            )
        self.settings = {"labels": list(labels), "shape": list(shape), "dropout": dropout}
        self.labels = tuple(labels)
        self.scaling = Scaling(shape)
        pools = (*POOLS[:2], NARROW_POOL) if columns == NARROW else POOLS
        self.layers = nn.Sequential(*_convolutions(pools, dropout))
        across = pools[0] * pools[1] * pools[2]
        self.flat = CHANNELS[-1] * (rows // across) * (columns // across)
        self.head = nn.Sequential(
            nn.Linear(self.flat + rows, 256), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(256, 128), nn.ReLU(), nn.Dropout(dropout), nn.Linear(128, len(self.labels)),
        )  # fmt: skip

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        scaled = self.scaling(waves)
        seen = self.layers(scaled[:, None, :, :-1]).flatten(1)
        return self.head(torch.cat([seen, scaled[:, :, -1]], 1))


def _rows(shape: Sequence[int], width: int, hidden: int, dropout: float) -> nn.Sequential:
    """``(batch, rows, columns + 1) -> (batch, hidden)``."""
    return nn.Sequential(
        nn.Linear(shape[1], width), nn.ReLU(), nn.Flatten(), nn.Dropout(dropout),
        nn.Linear(shape[0] * width, hidden), nn.ReLU(), nn.Dropout(dropout),
    )  # fmt: skip


def _convolutions(pools: Sequence[int], dropout: float) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after, pool in zip((1, *CHANNELS), CHANNELS, pools, strict=False):
        norm = [nn.BatchNorm2d(after)] if after == CHANNELS[-1] else []  # of the third alone
        layers += [nn.Conv2d(before, after, 5, padding=2), *norm, nn.ReLU(), nn.MaxPool2d(pool), nn.Dropout2d(dropout)]
    return layers

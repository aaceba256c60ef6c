"""What attackers of several layers say together, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from aclipse.attackers.updates.learning import READ_AT_ONCE
from aclipse.attackers.updates.networks import Shape
from aclipse.errors import CorpusError
from aclipse.models.compact import LabelReader
from aclipse.training.batches import Speech, read_all

LEAST = 1e-12  # a probability below this counts as this much: odds stay finite

Chances = npt.NDArray[np.float64]  # (updates, labels), each row sums to 1


class ChanceReader(nn.Module):
    """How likely a classifier takes each of its labels to be, ``(labels,)`` a recording."""

    def __init__(self, classifier: LabelReader) -> None:
        super().__init__()
        self.classifier = classifier

    def read(self, waves: Tensor, lengths: Tensor) -> list[Any]:
        """Of each recording."""
        return list(self.classifier(waves, lengths).double().softmax(-1).detach().cpu().numpy())


def chances(classifier: LabelReader, speech: Speech, size: int = READ_AT_ONCE) -> Chances:
    """Probability of each label for each update of a layer, in their order; the same for any ``size`` of batches."""
    found = read_all(ChanceReader(classifier), speech, size)
    return np.array(found, np.float64).reshape(len(speech), len(classifier.labels))


def fused(parts: Sequence[Chances], shapes: Sequence[Shape]) -> Chances:
    """The paper's fusion of layers: their probabilities, weighted by how many weights each layer has, biases aside.

    ``shapes`` are those of the layers' signals, ``(rows, columns + 1)``. Raises CorpusError where parts do not fit.

    >>> fused([np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])], [(2, 4), (2, 2)]).tolist()  # 6 weights and 2
    [[0.75, 0.25]]
    """
    if not parts or len(parts) != len(shapes) or len({part.shape for part in parts}) > 1:
        raise CorpusError(
            f"{len(parts)} layers' probabilities of shapes {[part.shape for part in parts]} and {len(shapes)} layers' "
            "shapes do not fit. Give both of each layer, for the same updates and labels."
        )
    counts = np.array([rows * (columns - 1) for rows, columns in shapes], np.float64)
    return np.asarray(np.tensordot(counts / counts.sum(), np.stack(parts), 1), np.float64)


def read_fused(classifiers: Sequence[Any], layers: Sequence[Speech], size: int = READ_AT_ONCE) -> Chances:
    """What attackers of several layers, each with its own ``layers`` of the same updates, say together.

    Raises CorpusError where attackers, updates or their order, or labels differ.
    """
    named = {tuple(clip.id for clip in speech.clips) for speech in layers}
    if len(classifiers) != len(layers) or len(named) != 1 or len({one.labels for one in classifiers}) != 1:
        raise CorpusError(
            f"{len(classifiers)} attackers and {len(layers)} layers to fuse must be of the same labels, updates and "
            "order. Give the layers of the same updates, and an attacker of each."
        )
    parts = [chances(one, speech, size) for one, speech in zip(classifiers, layers, strict=True)]
    return fused(parts, [tuple(one.settings["shape"]) for one in classifiers])


def log_odds(found: Chances) -> npt.NDArray[np.float64]:
    """Of the second of two labels against the first, in nats, ``(updates, 2) -> (updates,)``; always finite.

    Raises CorpusError for other than two labels.

    >>> log_odds(np.array([[0.5, 0.5], [0.0, 1.0]])).round(1).tolist()
    [0.0, 27.6]
    """
    if found.ndim != 2 or found.shape[1] != 2:
        raise CorpusError(f"odds are of two labels, and these probabilities are {found.shape}. Give (updates, 2).")
    kept = np.log(np.maximum(found, LEAST))
    return np.asarray(kept[:, 1] - kept[:, 0])

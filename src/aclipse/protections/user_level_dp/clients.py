"""Who takes part: a speaker, or a share of a speaker's recordings, as rows of features that never leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from aclipse.contracts import Clip
from aclipse.errors import CorpusError
from aclipse.seeds import derive

CUT = {"iemocap": 10, "msp-improv": 10}  # clients that one speaker of a corpus is cut into; of others one
KEPT = 0.8  # share of a client's recordings that it learns from; the rest chooses the round
LEAST_DEVIATION = 1e-5  # of a feature within a speaker: one that does not vary is no number to divide by

Rows = npt.NDArray[np.float32]  # (clips, size)


@dataclass(frozen=True)
class Client:
    """One participant; features ``(count, inputs)`` and labels ``(count,)``, indices of emotions."""

    id: str
    speaker: str
    sex: str
    features: Tensor
    labels: Tensor
    held_out: Tensor  # features of its own validation
    held_out_labels: Tensor

    def to(self, device: torch.device) -> Client:
        """The same on a device."""
        moved = (part.to(device) for part in (self.features, self.labels, self.held_out, self.held_out_labels))
        return Client(self.id, self.speaker, self.sex, *moved)


def normalised(rows: Rows, clips: Sequence[Clip]) -> Rows:
    """Rows after each speaker's own mean and deviation have gone, as the paper does; each phone can do it alone.

    >>> normalised(np.array([[1.0], [3.0]], np.float32), [Clip("a", "", "ann"), Clip("b", "", "ann")]).ravel().tolist()
    [-1.0, 1.0]
    """
    found = np.empty_like(rows)
    for speaker in {clip.speaker for clip in clips}:
        own = [place for place, clip in enumerate(clips) if clip.speaker == speaker]
        kept = rows[own].astype(np.float64)
        found[own] = (kept - kept.mean(0)) / np.maximum(kept.std(0), LEAST_DEVIATION)
    return found


def partition(
    clips: Sequence[Clip], rows: Rows, emotions: Sequence[str], seed: int, cut: Mapping[str, int] = CUT
) -> list[Client]:
    """Share out recordings to clients, sorted by name: a speaker's are shuffled, and cut where the corpus asks for it.

    Raises CorpusError for no clip, a speaker without a name, and an emotion that is not among ``emotions``.
    """
    if not clips:
        raise CorpusError("There is no clip to learn from. Give a corpus with speakers and emotions.")
    if wrong := next((clip for clip in clips if not clip.speaker or clip.emotion not in emotions), None):
        raise CorpusError(
            f"{wrong.id} has speaker {wrong.speaker!r} and emotion {wrong.emotion!r}; a client needs a speaker, "
            f"and one of {', '.join(emotions)}. Fill the manifest's columns, or leave the clip out."
        )
    found = []
    for speaker in sorted({clip.speaker for clip in clips}):
        own = np.array([place for place, clip in enumerate(clips) if clip.speaker == speaker])
        shares = cut.get(clips[own[0]].extra.get("corpus", ""), 1)
        order = np.random.default_rng(derive(seed, "client", speaker)).permutation(own)
        for number, part in enumerate(np.array_split(order, min(shares, len(own)))):
            name = f"{speaker}#{number}" if shares > 1 else speaker
            found.append(_client(name, clips, rows, emotions, part))
    return found


def _client(name: str, clips: Sequence[Clip], rows: Rows, emotions: Sequence[str], own: npt.NDArray[np.int_]) -> Client:
    labels = torch.tensor([emotions.index(clips[place].emotion) for place in own])
    features = torch.from_numpy(rows[own])
    kept = max(1, int(KEPT * len(own)))  # somebody with one recording learns from it
    one = clips[own[0]]
    return Client(name, one.speaker, one.sex, features[:kept], labels[:kept], features[kept:], labels[kept:])

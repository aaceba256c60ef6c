"""Who is speaking: how well embeddings tell pairs of clips of one speaker from pairs of two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aclipse.errors import CorpusError

Index = npt.NDArray[np.int64]  # of clips, drawn with repetition
Array = npt.NDArray[np.float64]

DECIMALS = 6  # of a cosine: below them is rounding, in which embeddings that are all the same would seem to differ
MOST_BINS = 100  # of the histograms behind linkability


class Trials:
    """All pairs of an enrolled and a trial clip, scored by the cosine of their embeddings.

    ``embeddings``: of each trial clip, ``(dim,)``; ``enrolled``: of the same clips as another release, if a pair is
    to compare two. A clip is never paired with itself. An embedding without a direction scores 0 with every other.

    The measures take clip indices drawn with repetition, as a bootstrap over speakers does: a clip drawn m times
    weights its pairs m-fold. They are NaN where no pair of one speaker or none of two is left. Pairs are sorted once;
    a measure then costs time proportional to their number, quadratic in clips.

    Raises CorpusError unless embeddings, speakers and enrolled are equally many.

    >>> left, right = np.array([1.0, 0.1]), np.array([0.1, 1.0])
    >>> Trials([left, 2 * left, right, 3 * right], ["ann", "ann", "bob", "bob"]).eer(np.arange(4))
    0.0
    """

    def __init__(
        self,
        embeddings: Sequence[npt.NDArray[Any]],
        speakers: Sequence[str],
        enrolled: Sequence[npt.NDArray[Any]] | None = None,
    ) -> None:
        counts = len(embeddings), len(speakers), len(embeddings if enrolled is None else enrolled)
        if len(set(counts)) > 1:
            raise CorpusError(
                f"{counts[0]} embeddings, {counts[1]} speakers and {counts[2]} enrolled embeddings. Give one per clip."
            )
        self._clips = len(speakers)
        cosines = _cosines(embeddings if enrolled is None else enrolled, embeddings)
        pairs = ~np.eye(len(cosines), dtype=bool)
        keep = np.triu(pairs) if enrolled is None else pairs  # a pair of one release is the same in either order
        rows, columns = np.nonzero(keep)
        order = np.argsort(-cosines[rows, columns], kind="stable")
        self._rows, self._columns = rows[order], columns[order]
        scores = cosines[self._rows, self._columns]
        _, codes = np.unique(np.array(speakers, dtype=str), return_inverse=True)
        same = codes[self._rows] == codes[self._columns]
        self._bins = 2 * _bins(scores, int(same.sum())) + same
        self._same = np.flatnonzero(same)
        self._corners = _corners(scores, self._same)
        self._same_before = np.searchsorted(self._same, self._corners)

    def eer(self, index: Index) -> float:
        """Equal error rate: the share of wrong pairs accepted where as large a share of right ones is rejected.

        0 if speakers are told apart, about 0.5 by guessing. Between thresholds the ROC is interpolated linearly.
        """
        false, true = self._roc(index)
        place = int(np.searchsorted(false + true, 1.0))  # rises with each threshold: the first past FAR = FRR
        return _between(false + true, false, place, 1.0)

    def true_accept(self, index: Index, far: float = 0.01) -> float:
        """Share of pairs of one speaker accepted where the share ``far`` of others is; ``far`` itself by guessing.

        It shows the few who are recognised for certain, whom an EER hides. Between thresholds the ROC is interpolated.
        """
        false, true = self._roc(index)
        return _between(false, true, int(np.searchsorted(false, far, side="right")), far)

    def linkability(self, index: Index) -> float:
        """Global linkability D_sys in [0, 1], 0 if scores of one and of two speakers are distributed alike.

        Gomez-Barrero et al. 2018 with ω = 1 (even odds that two clips are of one speaker), over a histogram of 2 to 100
        bins with 10 pairs of one speaker each on average, as VoicePrivacy does. Few pairs lift it above 0 by chance.
        """
        counts = np.bincount(self._bins, self._weights(index), 2 * MOST_BINS).reshape(-1, 2)
        totals = counts.sum(0)
        if not totals.all():
            return float("nan")
        other, same = (counts / totals).T
        linked = np.divide(same - other, same + other, out=np.zeros_like(same), where=same > other)
        return float(same @ linked)

    def _weights(self, index: Index) -> Array:
        drawn = np.bincount(index, minlength=self._clips).astype(np.float64)
        return drawn[self._rows] * drawn[self._columns]

    def _roc(self, index: Index) -> tuple[Array, Array]:
        """Shares of pairs of two speakers and of one that are accepted, at the corners from the strictest on."""
        weights = self._weights(index)
        every = np.append(0.0, np.cumsum(weights))[self._corners]
        same = np.append(0.0, np.cumsum(weights[self._same]))[self._same_before]
        other = every - same
        if not (same[-1] and other[-1]):
            return np.full(2, np.nan), np.full(2, np.nan)
        return other / other[-1], same / same[-1]


def _corners(scores: Array, same: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Numbers of accepted pairs between which the ROC is straight: about each run of equal scores with a right pair."""
    starts = np.flatnonzero(np.append(True, scores[1:] != scores[:-1])[: len(scores)])
    runs = np.unique(np.searchsorted(starts, same, side="right"))
    ends = np.append(starts, len(scores))
    return np.unique(np.concatenate([[0], ends[runs - 1], ends[runs], [len(scores)]]))


def _cosines(enrolled: Sequence[npt.NDArray[Any]], embeddings: Sequence[npt.NDArray[Any]]) -> Array:
    """Cosines of each enrolled embedding (rows) and each trial's (columns)."""
    if not len(embeddings):
        return np.zeros((0, 0))
    return np.round(_directions(enrolled) @ _directions(embeddings).T, DECIMALS) + 0.0  # -0 and 0 are one score


def _directions(embeddings: Sequence[npt.NDArray[Any]]) -> Array:
    rows = np.nan_to_num(np.array(embeddings, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1.0)


def _bins(scores: Array, same: int) -> npt.NDArray[np.int64]:
    """The bin of each score: equally wide ones from the lowest score to the highest, as many as ``same`` pairs fill."""
    if not len(scores) or scores.min() == scores.max():
        return np.zeros(len(scores), dtype=np.int64)
    bins = min(max(same // 10, 2), MOST_BINS)
    share = (scores - scores.min()) / (scores.max() - scores.min())
    return np.minimum((share * bins).astype(np.int64), bins - 1)


def _between(x: Array, y: Array, place: int, at: float) -> float:
    """The value of ``y`` where ``x``, rising from ``place`` - 1 to ``place``, is ``at``; NaN for NaN."""
    place = min(max(place, 1), len(x) - 1)
    (x_0, x_1), (y_0, y_1) = x[place - 1 : place + 1], y[place - 1 : place + 1]
    return float(y_0 + (y_1 - y_0) * (at - x_0) / (x_1 - x_0))

"""Are two updates of one client? How well updates, or embeddings of them, link one client's rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aclipse.errors import CorpusError
from aclipse.metrics.classification import auc

DECIMALS = 6  # of a cosine: below them is rounding

Rows = npt.NDArray[np.float32] | npt.NDArray[np.float64]  # (updates, size)


class Linked(NamedTuple):
    """How well pairs of one client are told from pairs of two; 0.5 and 0.5 by guessing."""

    eer: float
    auc: float
    same: int  # pairs of one client
    other: int


def linked(updates: Rows, clients: Sequence[str], rounds: Sequence[int]) -> Linked:
    """Link updates by the cosine of pairs from different rounds; one without a direction scores 0.

    A client sends one update a round, so that pairs of one round are of two clients for certain: nobody asks.
    Raises CorpusError where lengths differ and where there is no pair of one client, or none of two.
    """
    if not len(updates) == len(clients) == len(rounds):
        raise CorpusError(f"{len(updates)} updates, {len(clients)} clients, {len(rounds)} rounds. Give one an update.")
    first, second = np.triu_indices(len(updates), 1)
    apart = np.array(rounds)[first] != np.array(rounds)[second]
    first, second = first[apart], second[apart]
    same = np.array(clients)[first] == np.array(clients)[second]
    if same.all() or not same.any():
        raise CorpusError(
            f"{int(same.sum())} pairs of one client and {int((~same).sum())} of two, from different rounds; both kinds "
            "are needed. Give more rounds or clients."
        )
    scores = _cosines(updates)[first, second]
    area = auc(scores.tolist(), same.tolist())
    return Linked(equal_error_rate(scores, same), area, int(same.sum()), int((~same).sum()))


def equal_error_rate(scores: npt.NDArray[np.float64], same: npt.NDArray[np.bool_]) -> float:
    """The share of wrong pairs accepted where as large a share of right ones is rejected; ROC between points straight.

    >>> equal_error_rate(np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, True, False]))
    0.5
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # of runs of equal scores
    true = np.append(0.0, np.cumsum(same[order])[ends] / same.sum())
    false = np.append(0.0, np.cumsum(~same[order])[ends] / (~same).sum())
    return float(np.interp(1.0, true + false, false))


def _cosines(updates: Rows) -> npt.NDArray[np.float64]:
    rows = np.nan_to_num(updates, nan=0.0, posinf=0.0, neginf=0.0).reshape(len(updates), -1)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(norms > 0, norms, 1.0)
    return np.round((rows @ rows.T).astype(np.float64), DECIMALS) + 0.0  # -0 and 0 are one score

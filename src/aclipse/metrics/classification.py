"""Accuracy and recall of labels, and the area under the ROC curve of a score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def accuracy(truth: Sequence[str], read: Sequence[str]) -> float:
    """Share of labels read right ("weighted accuracy" in this field); NaN without any.

    >>> accuracy(["sad", "sad", "happy"], ["sad", "happy", "happy"])
    0.6666666666666666
    """
    return sum(t == r for t, r in zip(truth, read, strict=True)) / len(truth) if truth else float("nan")


def recalls(truth: Sequence[str], read: Sequence[str]) -> dict[str, float]:
    """Share of each class in ``truth`` that was read right.

    >>> recalls(["sad", "sad", "happy"], ["sad", "happy", "happy"])
    {'happy': 1.0, 'sad': 0.5}
    """
    pairs = list(zip(truth, read, strict=True))
    return {label: accuracy(*zip(*(p for p in pairs if p[0] == label), strict=True)) for label in sorted(set(truth))}


def uar(truth: Sequence[str], read: Sequence[str]) -> float:
    """Unweighted average recall: the mean of the classes' recalls; NaN without any.

    >>> uar(["sad", "sad", "happy"], ["sad", "happy", "happy"])
    0.75
    """
    values = recalls(truth, read).values()
    return sum(values) / len(values) if values else float("nan")


def auc(scores: Sequence[float], positive: Sequence[bool]) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties counting half (Mann and Whitney).

    0.5 by guessing; NaN without either.

    >>> auc([0.1, 0.4, 0.4, 0.9], [False, False, True, True])
    0.875
    """
    values, is_positive = np.asarray(scores, float), np.asarray(positive, bool)
    if len(values) != len(is_positive):
        raise ValueError(f"{len(values)} scores and {len(is_positive)} labels: one is shorter")
    own, others = values[is_positive], np.sort(values[~is_positive])
    if not len(own) or not len(others):
        return float("nan")
    below = np.searchsorted(others, own, "left") + np.searchsorted(others, own, "right")
    return float(below.mean() / (2 * len(others)))

"""Accuracy and recall of labels."""

from __future__ import annotations

from collections.abc import Sequence


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

"""The stratified subset that the paper trains on and redraws every five epochs."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence


def quotas(counts: dict[str, int], size: int) -> dict[str, int]:
    """Share ``size`` among classes in proportion to ``counts``, by largest remainder.

    >>> quotas({"happy": 50, "neutral": 30, "sad": 21}, 10)
    {'happy': 5, 'neutral': 3, 'sad': 2}
    """
    total = sum(counts.values())
    exact = {label: size * count / total for label, count in counts.items()}
    given = {label: int(share) for label, share in exact.items()}
    by_remainder = sorted(exact, key=lambda label: (given[label] - exact[label], label))
    for label in by_remainder[: size - sum(given.values())]:
        given[label] += 1
    return given


def stratified_subset(labels: Sequence[str], size: int, seed: int) -> list[int]:
    """Indices of ``size`` items without repetition, classes in their proportions; all of them if there are fewer."""
    if size >= len(labels):
        return list(range(len(labels)))
    members: dict[str, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        members[label].append(index)
    generator = random.Random(seed)
    shares = quotas({label: len(indices) for label, indices in sorted(members.items())}, size)
    return sorted(index for label, share in shares.items() for index in generator.sample(members[label], share))

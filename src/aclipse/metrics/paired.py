"""Two systems on the same clips: by how much they differ, and whether chance would do."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aclipse.metrics.intervals import clustered_bootstrap

Index = npt.NDArray[np.int64]  # of clips
Swap = npt.NDArray[np.bool_]  # of speakers

EXACT_SPEAKERS = 12  # up to which every swap is tried: 2048 of them, the mirrored half being alike


class Paired(NamedTuple):
    """The first system's score minus the second's, its 95 % interval, and a two-sided p for "they do not differ"."""

    difference: float
    low: float
    high: float
    p: float


def paired(statistic: Callable[[Index], float], speakers: Sequence[str], draws: int = 1000, seed: int = 0) -> Paired:
    """Compare two systems' scores on the same clips, speakers being the unit.

    ``statistic``: the score of clip indices into both systems' clips, one after the other: of n clips, clip i of the
    first system is i and of the second n + i. It may be a mean, a ratio of sums, a mean over classes or an error rate
    of pairs; for the latter both systems' embeddings must be of one judge, since pairs mix them.
    ``speakers``: of the n clips.

    The interval is a bootstrap over speakers, the same draws for both systems. For p the two systems' readings of whole
    speakers are swapped (approximate randomisation, Noreen 1989; a paired permutation test by sign flips): if systems
    do not differ, that matters only by chance, and p is the share of swaps with a difference as large as the one found,
    or with none that is defined. All swaps are tried for up to 12 speakers, else ``draws`` random ones, and to swap
    none counts as one more (Phipson & Smyth 2010). With one speaker p is 1 and the interval NaN; all four are NaN where
    the difference is not defined.

    >>> marks = np.array([1.0, 1, 1, 1, 0, 1, 0, 0])  # of four clips: first system, second system
    >>> result = paired(lambda index: float(marks[index].mean()), ["ann", "ann", "bob", "cat"])
    >>> result.difference, result.p
    (0.75, 0.25)
    """
    clips, count = np.arange(len(speakers)), len(speakers)
    names, codes = np.unique(np.array(speakers, dtype=str), return_inverse=True)

    def difference(swapped: Swap) -> float:
        moved = count * swapped[codes]
        return statistic(clips + moved) - statistic(clips + count - moved)

    found = difference(np.zeros(len(names), dtype=bool))
    if not math.isfinite(found):
        return Paired(math.nan, math.nan, math.nan, math.nan)
    low, high = clustered_bootstrap(lambda i: statistic(i) - statistic(i + count), speakers, draws, seed=seed)
    least = abs(found) * (1 - 1e-9)  # equal differences may differ by rounding
    p = np.mean([not abs(difference(swapped)) < least for swapped in _swaps(len(names), draws, seed)])
    return Paired(found, low, high, float(p))


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for being many, in their order (Holm 1979): those below α are wrong in at most α of families.

    NaN stays NaN and counts as no test.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    tests = [k for k in range(len(p_values)) if not math.isnan(p_values[k])]
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for rank, k in enumerate(sorted(tests, key=lambda k: p_values[k])):
        largest = max(largest, min(1.0, (len(tests) - rank) * p_values[k]))
        adjusted[k] = largest
    return adjusted


def _swaps(speakers: int, draws: int, seed: int) -> Iterator[Swap]:
    """Which speakers' readings to swap: none first, then every choice (up to mirroring) or random ones."""
    if speakers <= EXACT_SPEAKERS:
        for rest in itertools.product((False, True), repeat=max(speakers - 1, 0)):
            yield np.array([False, *rest])[:speakers]
        return
    yield np.zeros(speakers, dtype=bool)
    generator = np.random.default_rng(seed)
    for _ in range(draws):
        yield generator.random(speakers) < 0.5

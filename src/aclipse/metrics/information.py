"""How much a reading tells of a closed set of secrets, in bits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.int64]  # of clips, drawn with repetition


def leaked_bits(truth: Sequence[str], read: Sequence[str]) -> Callable[[Index], float]:
    """The least that readings tell of secrets from a closed set, in bits a clip, as a function of clip indices.

    A lower bound on the mutual information I of secret S and reading, and so, since a reading is made of the release
    alone, on that of S and the release (data processing): another reader may get more, none of its size can leave
    less. Fano's inequality (Cover & Thomas 2006, theorem 2.10.1) with error rate e and K secrets:
    I ≥ H(S) − h₂(e) − e · log₂(K − 1). It holds exactly for the clips at hand; for others, as far as they are a fair
    sample and the reader has not seen them: give it test clips, and an interval. It is at most H(S), which is estimated
    from the clips' secrets, and K counts every label in ``truth`` and ``read``. NaN for no clips.

    >>> clips = np.arange(4)
    >>> leaked_bits(["yes", "no"] * 2, ["yes", "no"] * 2)(clips), leaked_bits(["yes", "no"] * 2, ["yes"] * 4)(clips)
    (1.0, 0.0)
    """
    labels, codes = np.unique(np.array(list(truth), dtype=str), return_inverse=True)
    wrong = np.array([t != r for t, r in zip(truth, read, strict=True)], dtype=np.float64)
    kinds = len({*truth, *read})

    def bits(index: Index) -> float:
        if not len(index):
            return math.nan
        return fano_bits(np.bincount(codes[index], minlength=len(labels)), float(wrong[index].mean()), kinds)

    return bits


def fano_bits(counts: npt.NDArray[np.int64], error: float, kinds: int) -> float:
    """The bound of `leaked_bits` for counts of each secret, an error rate in [0, 1] and ``kinds`` possible secrets."""
    mistaken = error * math.log2(kinds - 1) if kinds > 1 else 0.0
    return max(0.0, entropy(counts) - entropy(np.array([error, 1 - error])) - mistaken)


def entropy(weights: npt.NDArray[np.number]) -> float:
    """Entropy of a distribution in bits, of weights that need not sum to 1; 0 for none.

    >>> entropy(np.array([2, 1, 1, 0]))
    1.5
    """
    shares = weights[weights > 0] / weights.sum() if weights.any() else np.ones(1)
    return float(-(shares * np.log2(shares)).sum()) + 0.0  # not -0

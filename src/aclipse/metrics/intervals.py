"""Bootstrap intervals clustered by speaker."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt


def clustered_bootstrap(
    statistic: Callable[[npt.NDArray[np.int64]], float],
    speakers: Sequence[str],
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a statistic of clip indices, resampling whole speakers with replacement.

    Clips of one speaker are not independent, so speakers are the unit (Davison & Hinkley 1997, section 3.8). Draws in
    which the statistic is not defined are left out. With one speaker there is nothing to resample: both ends are NaN.

    >>> low, high = clustered_bootstrap(lambda i: float(i.mean()), ["a", "a", "b", "c"], draws=200)
    >>> 0 <= low <= 1.5 <= high <= 3
    True
    """
    names, membership = np.unique(np.asarray(speakers), return_inverse=True)
    if len(names) < 2:
        return float("nan"), float("nan")
    members = [np.flatnonzero(membership == index) for index in range(len(names))]
    generator = np.random.default_rng(seed)
    values = [
        statistic(np.concatenate([members[i] for i in generator.integers(len(names), size=len(names))]))
        for _ in range(draws)
    ]
    tail = 50.0 * (1.0 - level)
    defined = np.array(values)[np.isfinite(values)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.percentile(defined, [tail, 100.0 - tail])
    return float(low), float(high)

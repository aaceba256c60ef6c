"""From rows of single clips to numbers: accuracy, UAR and recalls, in percent, with what they are uncertain by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aclipse.experiments.reproduction.summary import DRAWS, spread
from aclipse.metrics.intervals import clustered_bootstrap
from aclipse.metrics.paired import paired

Rows = list[dict[str, str]]
Array = npt.NDArray[np.float64]


def scores(repeats: Sequence[Rows]) -> list[dict[str, Any]]:
    """One row a metric: its mean over repeats that read the same clips, deviation, interval over speakers, chance.

    The chance of accuracy is what always giving the most frequent label would reach. With one repeat the deviation is
    NaN, with one speaker the interval.

    >>> row = {"id": "1", "speaker": "a", "truth": "sad", "read": "sad"}
    >>> [(score["metric"], score["value"]) for score in scores([[row]])]
    [('accuracy', 100.0), ('uar', 100.0), ('recall sad', 100.0)]
    """
    speakers, truth, right = _table(repeats)
    often, labels = Counter(truth).most_common(1)[0][1], len(set(truth))
    found = []
    for name, statistic in _statistics(truth, right).items():
        each = statistic(np.arange(len(truth)))
        low, high = clustered_bootstrap(_mean(statistic), speakers, DRAWS)
        chance = often / len(truth) if name == "accuracy" else 1 / labels
        values = {"value": each.mean(), "std": spread(each), "low": low, "high": high, "chance": chance}
        found.append({"metric": name, **{key: round(100 * float(value), 2) for key, value in values.items()}})
    return found


def changes(repeats: Sequence[Rows], clean: Sequence[Rows]) -> dict[str, dict[str, float]]:
    """Metric → by how many points it is above that of the same clips ``clean``, with the interval of this difference.

    Pairs are of one clip and one repeat; speakers are drawn, the same for both.

    >>> row = {"id": "1", "speaker": "a", "truth": "sad", "read": "sad"}
    >>> changes([[row]], [[row | {"read": "happy"}]])["uar"]["change"]
    100.0
    """
    (speakers, truth, right), (_, _, before) = _table(repeats), _table(clean)
    found = {}
    for name, statistic in _statistics([*truth, *truth], np.concatenate([right, before], 1)).items():
        change = paired(_mean(statistic), speakers, DRAWS)
        values = {"change": change.difference, "change_low": change.low, "change_high": change.high}
        found[name] = {key: round(100 * value, 2) for key, value in values.items()}
    return found


def _table(repeats: Sequence[Rows]) -> tuple[list[str], list[str], npt.NDArray[np.bool_]]:
    """Speakers and true labels of the clips, in the order of their ids, and whether each repeat reads them right."""
    ordered = [sorted(rows, key=lambda row: row["id"]) for rows in repeats]
    speakers, truth = ([row[name] for row in ordered[0]] for name in ("speaker", "truth"))
    return speakers, truth, np.array([[row["read"] == row["truth"] for row in rows] for rows in ordered])


def _mean(statistic: Callable[[Any], Array]) -> Callable[[Any], float]:
    return lambda index: float(statistic(index).mean())


def _statistics(truth: Sequence[str], right: npt.NDArray[np.bool_]) -> dict[str, Callable[[Any], Array]]:
    """Each metric as a function of clip indices, giving its value in every repeat, ``(repeats,)``.

    ``right`` is ``(repeats, clips)``. A class that a draw of speakers lacks has no recall in it, and UAR goes without.
    """
    labels, codes = np.unique(truth, return_inverse=True)

    def recalls(index: Any) -> Array:
        counts = np.bincount(codes[index], minlength=len(labels))
        hits = np.stack([np.bincount(codes[index], each[index], len(labels)) for each in right])
        return np.where(counts, hits / np.maximum(counts, 1), np.nan)

    def recall(place: int) -> Callable[[Any], Array]:
        return lambda index: recalls(index)[:, place]

    each = {f"recall {label}": recall(place) for place, label in enumerate(labels)}
    return {"accuracy": lambda index: right[:, index].mean(1), "uar": lambda i: np.nanmean(recalls(i), 1), **each}


def mean_snr(repeats: Sequence[Rows]) -> float | str:
    """Mean over clips in dB; empty where nothing was changed."""
    values = [float(row["snr_db"]) for rows in repeats for row in rows]
    finite = [value for value in values if np.isfinite(value)]
    return round(float(np.mean(finite)), 2) if finite else ""

"""From rows of single readings to numbers in percent, with what they are uncertain by.

Speakers are what is drawn for an interval, and readings enter only by how often they are which; so that each measure is
a function of indices of speakers, and a thousand draws take no longer than the eye.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aclipse.experiments.reproduction.summary import DRAWS, spread
from aclipse.metrics.intervals import clustered_bootstrap

Row = dict[str, str]
Rows = list[Row]
Array = npt.NDArray[np.float64]
Statistic = Callable[[Any], Array]  # indices of speakers → a value for each rotation and repeat


class Measure(NamedTuple):
    """One number: how it follows from speakers, how many clips it counts, and what guessing would give."""

    statistic: Statistic
    clips: int
    chance: float


def speakers_of(places: Sequence[Rows]) -> list[str]:
    """Everybody in the rows of some rotations and repeats, sorted."""
    return sorted({row["speaker"] for rows in places for row in rows})


def estimate(measure: Measure, speakers: Sequence[str], repeats: int) -> dict[str, Any]:
    """Mean over rotations, deviation between them, and a 95 % interval over speakers, as cells of a table."""
    each = measure.statistic(np.arange(len(speakers)))
    rotations = [_mean(own) for own in each.reshape(-1, repeats)]
    low, high = clustered_bootstrap(lambda index: _mean(measure.statistic(index)), speakers, DRAWS)
    values = {"value": _mean(each), "std": spread(rotations), "low": low, "high": high}
    return {name: cell(value) for name, value in values.items()}


def change(measure: Measure, before: Measure, speakers: Sequence[str]) -> dict[str, Any]:
    """By how many points a measure is above another of the same clips; speakers are drawn, the same for both."""

    def difference(index: Any) -> float:
        return _mean(measure.statistic(index)) - _mean(before.statistic(index))

    low, high = clustered_bootstrap(difference, speakers, DRAWS)
    found = difference(np.arange(len(speakers)))
    return {"change": cell(found), "change_low": cell(low), "change_high": cell(high)}


def cell(value: float) -> float | str:
    """A share in percent; empty where it is not defined.

    >>> cell(0.12345), cell(float("nan"))
    (12.35, '')
    """
    return round(100 * float(value), 2) if np.isfinite(value) else ""


def mean_snr(places: Sequence[Rows]) -> float | str:
    """Mean over clips in dB; empty where nothing was changed."""
    values = [float(row["snr_db"]) for rows in places for row in rows]
    finite = [value for value in values if np.isfinite(value)]
    return round(float(np.mean(finite)), 2) if finite else ""


def _mean(values: Array) -> float:
    """Over what is defined; NaN if nothing is."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def on(counts: Array, measure: Callable[[Array], Array]) -> Statistic:
    """A measure of counts ``(rotations and repeats, …)`` as one of speakers; ``counts`` begin with speakers."""
    return lambda index: measure(counts[index].sum(0))


def confusions(places: Sequence[Rows], speakers: Sequence[str], truth: str, read: str, labels: Sequence[str]) -> Array:
    """How often each speaker's clips are what, and read as what, ``(speakers, places, labels, labels)``."""
    found = np.zeros((len(speakers), len(places), len(labels), len(labels)))
    for place, rows in enumerate(places):
        for row in rows:
            found[speakers.index(row["speaker"]), place, labels.index(row[truth]), labels.index(row[read])] += 1
    return found


def ratio(above: Array, below: Array) -> Array:
    """NaN where nothing is counted."""
    return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)


def recall(label: int) -> Callable[[Array], Array]:
    """Share of a label's rows that are read right."""
    return lambda read: ratio(read[..., label, label], read[..., label, :].sum(-1))


def uar(read: Array) -> Array:
    """Of the labels that there are."""
    recalls = ratio(np.diagonal(read, axis1=-2, axis2=-1), read.sum(-1))
    there = np.isfinite(recalls)
    return ratio(np.where(there, recalls, 0).sum(-1), there.sum(-1))


def accuracy(read: Array) -> Array:
    """Share of all rows that are read right."""
    return ratio(np.trace(read, axis1=-2, axis2=-1), read.sum((-2, -1)))


def auc(places: Sequence[Rows], speakers: Sequence[str], column: str, is_positive: Callable[[Row], bool]) -> Statistic:
    """AUC of a column, from how often a positive row of one speaker has greater odds than another row of another."""
    above = np.zeros((len(places), len(speakers), len(speakers)))
    sizes = np.zeros((2, len(places), len(speakers)))
    for place, rows in enumerate(places):
        odds, who = np.array([float(row[column]) for row in rows]), [speakers.index(row["speaker"]) for row in rows]
        positive = np.array([is_positive(row) for row in rows], bool)
        members = np.eye(len(speakers))[who]
        wins = np.sign(odds[positive][:, None] - odds[~positive]) / 2 + 0.5
        above[place] = members[positive].T @ wins @ members[~positive]
        sizes[:, place] = members[positive].sum(0), members[~positive].sum(0)

    def statistic(index: Any) -> Array:
        drawn = np.bincount(index, minlength=len(speakers)).astype(float)
        return ratio(drawn @ above @ drawn, (sizes[0] @ drawn) * (sizes[1] @ drawn))

    return statistic

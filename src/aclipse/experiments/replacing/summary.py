"""From rows of single clips to numbers in percent: of roles, of sex, and of what was replaced, with intervals.

Speakers are what is drawn for an interval, and clips enter only by how often they are which; so that each measure is a
function of indices of speakers, and a thousand draws take no longer than the eye.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aclipse.experiments.replacing.attackers import OTHERS, is_asked
from aclipse.experiments.reproduction.summary import DRAWS, spread
from aclipse.metrics.intervals import clustered_bootstrap
from aclipse.protections.replacement.roles import ROLES
from aclipse.protections.replacement.training import SEXES

Rows = list[dict[str, str]]
Array = npt.NDArray[np.float64]
Statistic = Callable[[Any], Array]  # indices of speakers → a value for each rotation and repeat

ROLE_METRICS = ("f1", "u", "recall")
SEX_METRICS = ("leakage", "privacy", "uar")


class Measure(NamedTuple):
    """One number: how it follows from speakers, how many clips it counts, and what guessing would give."""

    statistic: Statistic
    clips: int
    chance: float


def speakers_of(places: Sequence[Rows]) -> list[str]:
    """Everybody in the rows of some rotations and repeats, sorted."""
    return sorted({row["speaker"] for rows in places for row in rows})


def of_roles(places: Sequence[Rows], raw: Sequence[Rows] | None) -> dict[tuple[str, str], Measure]:
    """Role and metric → measure. ``raw``: what the risk model reads in the same vectors as they are, for U (eq. 4).

    F1 is of a role against the others, UAR of all three. A reader that draws roles evenly has the chance given.
    """
    speakers = speakers_of(places)
    read = _confusions(places, speakers, "role", "read_role", ROLES)
    total = read.sum((0, 1))
    found: dict[tuple[str, str], Measure] = {}
    for place, role in enumerate(ROLES):
        count = int(total[place].sum())
        share = count / total.sum()
        chance = 2 * share / (1 + len(ROLES) * share)
        found[role, "f1"] = Measure(_on(read, _f1(place)), int(total.sum()), chance)
        if raw is not None:
            kept = _kept(places, raw, speakers, role)
            found[role, "u"] = Measure(_on(kept, _share), int(kept.sum((0, 1))[1]), float("nan"))
        found[role, "recall"] = Measure(_on(read, _recall(place)), count, 1 / len(ROLES))
    found["all", "uar"] = Measure(_on(read, _uar), int(total.sum()), 1 / len(ROLES))
    return found


def of_sex(places: Sequence[Rows]) -> dict[tuple[str, str], Measure]:
    """Leakage L, the accuracy; privacy P, 1 - UAR; and UAR (section V-C), all of the role "all"."""
    read = _confusions(places, speakers_of(places), "sex", "read_sex", SEXES)
    total = read.sum((0, 1))
    often = float(total.sum(1).max() / total.sum())
    count = int(total.sum())
    return {
        ("all", "leakage"): Measure(_on(read, _accuracy), count, often),
        ("all", "privacy"): Measure(_on(read, lambda cells: 1 - _uar(cells)), count, 0.5),
        ("all", "uar"): Measure(_on(read, _uar), count, 0.5),
    }


def of_replaced(places: Sequence[Rows]) -> dict[tuple[str, str], Measure]:
    """How well odds of each question tell what was sensitive: from what is neutral, and from all else: AUC."""
    speakers = speakers_of(places)
    found: dict[tuple[str, str], Measure] = {}
    for question in OTHERS:
        judged = [[row for row in rows if is_asked(row["role"], question)] for rows in places]
        statistic = _auc(judged, speakers, f"odds_{question}")
        found["sensitive", f"auc {question}"] = Measure(statistic, sum(map(len, judged)), 0.5)
    return found


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


def _on(counts: Array, measure: Callable[[Array], Array]) -> Statistic:
    """A measure of counts ``(rotations and repeats, …)`` as one of speakers; ``counts`` begin with speakers."""
    return lambda index: measure(counts[index].sum(0))


def _confusions(places: Sequence[Rows], speakers: Sequence[str], truth: str, read: str, labels: Sequence[str]) -> Array:
    """How often each speaker's clips are what, and read as what, ``(speakers, places, labels, labels)``."""
    found = np.zeros((len(speakers), len(places), len(labels), len(labels)))
    for place, rows in enumerate(places):
        for row in rows:
            found[speakers.index(row["speaker"]), place, labels.index(row[truth]), labels.index(row[read])] += 1
    return found


def _kept(places: Sequence[Rows], raw: Sequence[Rows], speakers: Sequence[str], role: str) -> Array:
    """How many clips of a role were read right, still are and were at all, ``(speakers, places, 2)``."""
    found = np.zeros((len(speakers), len(places), 2))
    for place, (rows, before) in enumerate(zip(places, raw, strict=True)):
        was_right = {row["id"] for row in before if row["role"] == row["read_role"] == role}
        for row in rows:
            if row["id"] in was_right:
                found[speakers.index(row["speaker"]), place] += (row["read_role"] == role, 1)
    return found


def _ratio(above: Array, below: Array) -> Array:
    """NaN where nothing is counted."""
    return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)


def _share(counts: Array) -> Array:
    return _ratio(counts[..., 0], counts[..., 1])


def _f1(label: int) -> Callable[[Array], Array]:
    return lambda read: _ratio(2 * read[..., label, label], read[..., label, :].sum(-1) + read[..., :, label].sum(-1))


def _recall(label: int) -> Callable[[Array], Array]:
    return lambda read: _ratio(read[..., label, label], read[..., label, :].sum(-1))


def _uar(read: Array) -> Array:
    """Of the labels that there are."""
    recalls = _ratio(np.diagonal(read, axis1=-2, axis2=-1), read.sum(-1))
    there = np.isfinite(recalls)
    return _ratio(np.where(there, recalls, 0).sum(-1), there.sum(-1))


def _accuracy(read: Array) -> Array:
    return _ratio(np.trace(read, axis1=-2, axis2=-1), read.sum((-2, -1)))


def _auc(places: Sequence[Rows], speakers: Sequence[str], column: str) -> Statistic:
    """AUC from how often a sensitive clip of one speaker has greater odds than another clip of another."""
    above = np.zeros((len(places), len(speakers), len(speakers)))
    sizes = np.zeros((2, len(places), len(speakers)))
    for place, rows in enumerate(places):
        odds, who = np.array([float(row[column]) for row in rows]), [speakers.index(row["speaker"]) for row in rows]
        sensitive = np.array([row["role"] == "sensitive" for row in rows], bool)
        members = np.eye(len(speakers))[who]
        wins = np.sign(odds[sensitive][:, None] - odds[~sensitive]) / 2 + 0.5
        above[place] = members[sensitive].T @ wins @ members[~sensitive]
        sizes[:, place] = members[sensitive].sum(0), members[~sensitive].sum(0)

    def statistic(index: Any) -> Array:
        drawn = np.bincount(index, minlength=len(speakers)).astype(float)
        return _ratio(drawn @ above @ drawn, (sizes[0] @ drawn) * (sizes[1] @ drawn))

    return statistic

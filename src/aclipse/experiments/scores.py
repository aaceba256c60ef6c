"""From what listeners heard to scores with intervals, in long form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from aclipse.contracts import Clip
from aclipse.experiments.ladder.outcome import Outcome
from aclipse.metrics.information import leaked_bits
from aclipse.metrics.intervals import clustered_bootstrap
from aclipse.metrics.paired import holm, paired
from aclipse.metrics.verification import Trials
from aclipse.training.recognition import Marks, Task

SCORE_COLUMNS = [
    "subject", "role", "secret", "metric", "judge", "knowledge", "via", "value", "low", "high", "n", "split",
]  # fmt: skip
CLIP_COLUMNS = [
    "subject", "role", "metric", "judge", "knowledge", "id", "speaker", "reference", "prediction", "value", "weight",
]  # fmt: skip
SLICE_COLUMNS = ["subject", "metric", "judge", "knowledge", "by", "group", "value", "low", "high", "n"]
PAIR_COLUMNS = ["subject", "other", "metric", "judge", "knowledge", "difference", "low", "high", "p", "n"]
MAIN = {"words": "wer", "sentence": "sentence_accuracy", "sex": "sex_uar", "speaker": "eer",
        "sensitive": "sensitive_uar", "emotion": "uar"}  # the figure of each secret that is compared  # fmt: skip
SLICES = {"sex": lambda clip: clip.sex, "emotion": lambda clip: clip.emotion,
          "corpus": lambda clip: clip.extra.get("corpus", "")}  # fmt: skip

Index = npt.NDArray[np.int64]
Statistic = Callable[[Index], float]
Row = dict[str, Any]


@dataclass(frozen=True)
class Hearing:
    """What one listener heard in the clips it heard, ready to be scored."""

    task: Task
    clips: Sequence[Clip]
    outcome: Outcome

    @property
    def place(self) -> Row:
        """Whose release, who heard it and what he knew."""
        said = self.outcome
        return {"subject": said.subject, "role": self.task.role, "judge": said.judge, "knowledge": said.knowledge}

    @property
    def met(self) -> tuple[str, str, str]:
        """Which attacker this is, whatever it listened to."""
        return self.task.name, self.outcome.judge, self.outcome.knowledge

    def only(self, ids: set[str]) -> Hearing:
        """What was heard in some clips."""
        kept = [i for i, clip in enumerate(self.clips) if clip.id in ids]
        enrolled = None if self.outcome.enrolled is None else [self.outcome.enrolled[i] for i in kept]
        outcome = replace(self.outcome, readings=[self.outcome.readings[i] for i in kept], enrolled=enrolled)
        return Hearing(self.task, [self.clips[i] for i in kept], outcome)

    @cached_property
    def statistics(self) -> dict[str, Statistic]:
        """The scores that the secret is reported by, each a function of indices of `clips`."""
        return statistics(self.task, self.clips, self.outcome.readings, self.outcome.enrolled)


@dataclass
class Sheet:
    """Scores and per-clip marks of one audit."""

    split: str
    draws: int
    seed: int
    scores: list[Row] = field(default_factory=list)
    marks: list[Row] = field(default_factory=list)

    def add(self, heard: Hearing) -> None:
        """Mark what a listener heard in every clip, and score it."""
        for clip, read in zip(heard.clips, heard.outcome.readings, strict=True):
            texts = {"reference": heard.task.target(clip), "prediction": read if isinstance(read, str) else ""}
            self._mark({**heard.place, "id": clip.id, "speaker": clip.speaker, **texts}, heard.task.marks(clip, read))
        place = {**heard.place, "secret": heard.task.name, "via": heard.outcome.via}
        for metric, statistic in heard.statistics.items():
            self._score({**place, "metric": metric}, statistic, heard.clips)

    def add_quality(self, subject: str, clips: Sequence[Clip], rows: Sequence[dict[str, float]]) -> None:
        """Record signal measures of some clips, NaN where one is not defined, and their means."""
        place = {"subject": subject, "role": "quality", "judge": "signal", "knowledge": "none"}
        for clip, values in zip(clips, rows, strict=True):
            for metric, value in values.items():
                self._mark({**place, "id": clip.id, "speaker": clip.speaker}, {metric: (value, 1.0)})
        for metric in rows[0] if rows else ():
            column = [row[metric] for row in rows]
            defined = [i for i, value in enumerate(column) if np.isfinite(value)]
            self._score(
                {**place, "secret": "sound", "metric": metric},
                mean_of([column[i] for i in defined]),
                [clips[i] for i in defined],
            )

    def add_pace(self, subject: str, seconds: float) -> None:
        """Record how long the protection of an utterance took."""
        place = {"subject": subject, "role": "quality", "secret": "sound", "judge": "signal", "knowledge": "none"}
        self.scores.append({**place, "metric": "seconds", "value": tidy(seconds), "split": self.split})

    def slices(self, heard: Hearing) -> list[Row]:
        """The main figure within each group that has two speakers or more."""
        metric, rows = MAIN[heard.task.name], []
        for by, group_of in SLICES.items():
            groups = [group_of(clip) for clip in heard.clips]
            if heard.task.name == by or (heard.task.name in ("speaker", "sensitive") and by == "emotion"):
                continue  # within one emotion there is nothing to tell, or too little
            for group in sorted(set(groups) - {""}) if len(set(groups) - {""}) > 1 else ():
                inside = np.flatnonzero(np.array(groups) == group)
                clips = [heard.clips[int(i)] for i in inside]
                if len({clip.speaker for clip in clips}) < 2:
                    continue
                statistic = _within(heard.statistics[metric], inside)
                figures = self._figures(statistic, clips)
                place = {name: heard.place[name] for name in ("subject", "judge", "knowledge")}
                rows.append({**place, "metric": metric, "by": by, "group": group, **figures, "n": len(clips)})
        return rows

    def figures(self, heard: Hearing, metric: str) -> Row:
        """One score with its interval."""
        return self._figures(heard.statistics[metric], heard.clips)

    def pair(self, own: Hearing, other: Hearing) -> Row:
        """The main figure of two systems on the same clips: difference, interval, p."""
        metric = MAIN[own.task.name]
        both = statistics(
            own.task, [*own.clips, *other.clips], [*own.outcome.readings, *other.outcome.readings],
            _joined(own.outcome, other.outcome),
        )[metric]  # fmt: skip
        found = paired(both, [clip.speaker for clip in own.clips], self.draws, self.seed)
        place = {"subject": own.outcome.subject, "other": other.outcome.subject, "metric": metric}
        ends = {"difference": tidy(found.difference), "low": tidy(found.low), "high": tidy(found.high)}
        judged = {"judge": own.outcome.judge, "knowledge": own.outcome.knowledge}
        return {**place, **judged, **ends, "p": found.p, "n": len(own.clips)}

    def _mark(self, place: Row, marks: Marks) -> None:
        for metric, (value, weight) in marks.items():
            self.marks.append({**place, "metric": metric, "value": tidy(value), "weight": weight})

    def _score(self, place: Row, statistic: Statistic, clips: Sequence[Clip]) -> None:
        self.scores.append({**place, **self._figures(statistic, clips), "n": len(clips), "split": self.split})

    def _figures(self, statistic: Statistic, clips: Sequence[Clip]) -> Row:
        value = statistic(np.arange(len(clips)))
        low, high = clustered_bootstrap(statistic, [clip.speaker for clip in clips], self.draws, seed=self.seed)
        return {"value": tidy(value), "low": tidy(low), "high": tidy(high)}


def corrected(rows: Sequence[Row]) -> list[Row]:
    """Paired tests with Holm's correction of p over the systems that met one attacker."""
    families: dict[tuple[str, ...], list[int]] = {}
    for place, row in enumerate(rows):
        families.setdefault((row["metric"], row["judge"], row["knowledge"]), []).append(place)
    fixed: dict[int, float] = {}
    for places in families.values():
        fixed |= dict(zip(places, holm([rows[place]["p"] for place in places]), strict=True))
    return [{**row, "p": tidy(fixed[place])} for place, row in enumerate(rows)]


def statistics(
    task: Task, clips: Sequence[Clip], read: Sequence[Any], enrolled: Sequence[Any] | None = None
) -> dict[str, Statistic]:
    """The scores that a task is reported by, each a function of clip indices."""
    truth = [task.target(clip) for clip in clips]
    if task.name == "speaker":
        trials = Trials(read, truth, enrolled)
        return {"eer": trials.eer, "tar_at_1far": trials.true_accept, "linkability": trials.linkability}
    if task.name == "words":
        return _ratios_of([task.marks(clip, heard) for clip, heard in zip(clips, read, strict=True)])
    correct = [float(t == r) if t else np.nan for t, r in zip(truth, read, strict=True)]
    if task.name == "emotion":
        return {"accuracy": mean_of(correct), **_recalls_of(truth, correct)}
    if task.name == "sentence":
        return {"sentence_accuracy": mean_of(correct), "sentence_bits": leaked_bits(truth, read)}
    return {f"{task.name}_uar": _recalls_of(truth, correct)["uar"]}


def finite_mean(values: Any) -> float:
    """The mean of the values that are finite; NaN if none is."""
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if len(kept) else float("nan")


def mean_of(values: Sequence[float]) -> Statistic:
    """The mean of those of ``values`` that are defined."""
    column = np.array(values)
    return lambda index: finite_mean(column[index])


def tidy(value: float) -> float | str:
    """A number as a table shows it: rounded, empty where it is not defined."""
    return round(value, 6) if np.isfinite(value) else ""


def _within(statistic: Statistic, inside: Index) -> Statistic:
    return lambda index: statistic(inside[index])


def _joined(own: Outcome, other: Outcome) -> list[Any] | None:
    if own.enrolled is None and other.enrolled is None:
        return None
    return [*(own.enrolled or own.readings), *(other.enrolled or other.readings)]


def _recalls_of(truth: Sequence[str], correct: Sequence[float]) -> dict[str, Statistic]:
    known = np.array([bool(label) for label in truth], dtype=bool)
    labels, codes = np.unique(np.array(truth)[known], return_inverse=True)
    place, hits = np.full(len(truth), -1), np.nan_to_num(np.array(correct))
    place[known] = codes

    def recalls(index: Index) -> npt.NDArray[np.float64]:
        index = index[place[index] >= 0]
        count = np.bincount(place[index], minlength=len(labels))
        return np.bincount(place[index], hits[index], len(labels)) / np.where(count, count, np.nan)

    def recall(k: int) -> Statistic:
        return lambda index: float(recalls(index)[k])

    def uar(index: Index) -> float:
        return float(recalls(index).mean()) if len(labels) else float("nan")  # NaN where a class is missing

    return {"uar": uar, **{f"recall:{label}": recall(k) for k, label in enumerate(labels)}}


def _ratios_of(marks: Sequence[Marks]) -> dict[str, Statistic]:
    metrics = list(dict.fromkeys(metric for row in marks for metric in row))
    return {metric: _ratio_of([row.get(metric, (0.0, 0.0)) for row in marks]) for metric in metrics}


def _ratio_of(marks: Sequence[tuple[float, float]]) -> Statistic:
    table = np.array(marks)

    def ratio(index: Index) -> float:
        value, weight = table[index].sum(0)
        return float(value / weight) if weight else float("nan")

    return ratio

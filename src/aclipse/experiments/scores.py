"""From per-clip marks to scores with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from aclipse.contracts import Clip
from aclipse.metrics.intervals import clustered_bootstrap
from aclipse.training.recognition import Marks, Task

SCORE_COLUMNS = ["subject", "role", "metric", "judge", "knowledge", "value", "low", "high", "n", "split"]
CLIP_COLUMNS = [
    "subject", "role", "metric", "judge", "knowledge", "id", "speaker", "reference", "prediction", "value", "weight",
]  # fmt: skip

Index = npt.NDArray[np.int64]
Statistic = Callable[[Index], float]


@dataclass
class Sheet:
    """Scores and per-clip marks of one audit, in long form."""

    clips: Sequence[Clip]
    split: str
    draws: int
    seed: int
    scores: list[dict[str, Any]] = field(default_factory=list)
    marks: list[dict[str, Any]] = field(default_factory=list)

    def add_readings(self, subject: str, task: Task, knowledge: str, readings: Sequence[str]) -> None:
        """Mark what a recogniser read in every clip, and score it."""
        truth = [task.target(clip) for clip in self.clips]
        rows = [task.marks(t, r) for t, r in zip(truth, readings, strict=True)]
        place = {"subject": subject, "role": task.role, "judge": task.judge, "knowledge": knowledge}
        for clip, true, read, marks in zip(self.clips, truth, readings, rows, strict=True):
            self._mark({**place, "id": clip.id, "speaker": clip.speaker, "reference": true, "prediction": read}, marks)
        for metric, statistic in statistics(task.name, truth, readings, rows).items():
            self._score({**place, "metric": metric}, statistic, self.clips)

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
                {**place, "metric": metric}, _mean_of([column[i] for i in defined]), [clips[i] for i in defined]
            )

    def _mark(self, place: dict[str, Any], marks: Marks) -> None:
        for metric, (value, weight) in marks.items():
            self.marks.append({**place, "metric": metric, "value": tidy(value), "weight": weight})

    def _score(self, place: dict[str, Any], statistic: Statistic, clips: Sequence[Clip]) -> None:
        value = statistic(np.arange(len(clips)))
        speakers = [clip.speaker for clip in clips]
        low, high = clustered_bootstrap(statistic, speakers, self.draws, seed=self.seed)
        ends = {"value": tidy(value), "low": tidy(low), "high": tidy(high)}
        self.scores.append({**place, **ends, "n": len(clips), "split": self.split})


def statistics(task: str, truth: Sequence[str], read: Sequence[str], rows: Sequence[Marks]) -> dict[str, Statistic]:
    """The scores that a task is reported by, each a function of clip indices."""
    correct = [float(t == r) for t, r in zip(truth, read, strict=True)]
    if task == "emotion":
        return {"accuracy": _mean_of(correct), **_recalls_of(truth, correct)}
    if task == "sentence":
        return {"sentence_accuracy": _mean_of(correct)}
    return {metric: _ratio_of([row[metric] for row in rows]) for metric in rows[0]}


def finite_mean(values: Any) -> float:
    """The mean of the values that are finite; NaN if none is."""
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if len(kept) else float("nan")


def _mean_of(values: Sequence[float]) -> Statistic:
    column = np.array(values)
    return lambda index: finite_mean(column[index])


def _recalls_of(truth: Sequence[str], correct: Sequence[float]) -> dict[str, Statistic]:
    labels, codes = np.unique(np.array(truth), return_inverse=True)
    hits = np.array(correct)

    def recalls(index: Index) -> npt.NDArray[np.float64]:
        count = np.bincount(codes[index], minlength=len(labels))
        return np.bincount(codes[index], hits[index], len(labels)) / np.where(count, count, np.nan)

    def recall(k: int) -> Statistic:
        return lambda index: float(recalls(index)[k])

    uar: Statistic = lambda index: finite_mean(recalls(index))  # noqa: E731
    return {"uar": uar, **{f"recall:{label}": recall(k) for k, label in enumerate(labels)}}


def _ratio_of(marks: Sequence[tuple[float, float]]) -> Statistic:
    table = np.array(marks)

    def ratio(index: Index) -> float:
        value, weight = table[index].sum(0)
        return float(value / weight) if weight else float("nan")

    return ratio


def tidy(value: float) -> float | str:
    """A number as a table shows it: rounded, empty where it is not defined."""
    return round(value, 6) if np.isfinite(value) else ""

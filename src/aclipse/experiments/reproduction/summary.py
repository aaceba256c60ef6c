"""From cells to numbers: mean and spread over repeats, intervals over speakers, matched accuracies, curves."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aclipse.metrics.intervals import clustered_bootstrap

Rows = list[dict[str, str]]
Array = npt.NDArray[np.float64]
CURVES = ("cross_entropy", "ctc", "accuracy", "wer")
BIN = 0.02  # width of a bin of accuracy in which rates are compared
DRAWS = 1000


@dataclass(frozen=True)
class Estimate:
    """A metric over repeats: their mean and standard deviation, and a 95 % interval over speakers of the mean."""

    mean: float
    std: float
    low: float
    high: float

    def row(self) -> dict[str, float]:
        """As cells of a table, rounded."""
        return {name: round(getattr(self, name), 4) for name in ("mean", "std", "low", "high")}


def read(path: Path) -> Rows:
    """The rows of a table that a cell has written."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def estimates(repeats: Sequence[Rows], seed: int = 0) -> dict[str, Estimate]:
    """WA, UAR, WER and SNR of repeats that have read the same clips, each repeat's folds joined into one list of rows.

    An interval draws speakers, the same for every repeat; with one repeat the deviation is NaN.
    """
    ordered = [sorted(rows, key=lambda row: row["id"]) for rows in repeats]
    speakers = [row["speaker"] for row in ordered[0]]
    found = {}
    for name, statistic in _statistics(ordered).items():
        everything = np.arange(len(speakers))
        each = statistic(everything)
        low, high = clustered_bootstrap(lambda index, s=statistic: float(s(index).mean()), speakers, DRAWS, seed=seed)  # type: ignore[misc]
        spread = float(each.std(ddof=1)) if len(each) > 1 else float("nan")
        found[name] = Estimate(float(each.mean()), spread, low, high)
    return found


def _statistics(repeats: Sequence[Rows]) -> dict[str, Callable[[Any], Array]]:
    """Each metric as a function of clip indices, giving its value in every repeat, ``(repeats,)``."""
    right = _table(repeats, lambda row: row["felt"] == row["emotion"])
    edits, words = _table(repeats, lambda row: row["edits"]), _table(repeats, lambda row: row["words"])
    snr = _table(repeats, lambda row: row["snr_db"])
    labels, codes = np.unique([row["emotion"] for row in repeats[0]], return_inverse=True)

    def recalls(index: Any) -> Array:
        counts = np.bincount(codes[index], minlength=len(labels))
        hits = np.stack([np.bincount(codes[index], each[index], len(labels)) for each in right])
        return np.nanmean(np.where(counts, hits / np.maximum(counts, 1), np.nan), axis=1)

    return {
        "wa": lambda index: right[:, index].mean(1),
        "uar": recalls,
        "wer": lambda index: edits[:, index].sum(1) / words[:, index].sum(1),
        "snr_db": lambda index: snr[:, index].mean(1),
    }


def _table(repeats: Sequence[Rows], value: Callable[[dict[str, str]], Any]) -> Array:
    return np.array([[float(value(row)) for row in rows] for rows in repeats])


def confusion(repeats: Sequence[Rows]) -> tuple[list[str], Array]:
    """Share of each true emotion (row) that was read as each (column), over all repeats."""
    rows = [row for repeat in repeats for row in repeat]
    labels = sorted({row["emotion"] for row in rows} | {row["felt"] for row in rows})
    counts = np.zeros((len(labels), len(labels)))
    for row in rows:
        counts[labels.index(row["emotion"]), labels.index(row["felt"])] += 1
    return labels, counts / np.maximum(counts.sum(1, keepdims=True), 1)


def curves(histories: Iterable[Rows]) -> list[dict[str, float]]:
    """Mean and deviation, over folds and repeats, of what stage 1 logged in each epoch on validation clips."""
    by_epoch: dict[int, list[dict[str, str]]] = defaultdict(list)
    for history in histories:
        for row in history:
            if row["stage"] == "1":
                by_epoch[int(row["epoch"])].append(row)
    found = []
    for epoch, rows in sorted(by_epoch.items()):
        values = {name: np.array([float(row[name]) for row in rows]) for name in CURVES}
        means = {name: float(value.mean()) for name, value in values.items()}
        found.append({"epoch": epoch, **means, **{f"{name} std": float(v.std()) for name, v in values.items()}})
    return found


def matched(histories: Iterable[Rows], stage: str) -> dict[float, tuple[float, float, int]]:
    """WER at equal accuracy: bin of accuracy → (WER, accuracy, cells).

    In every cell the epoch of ``stage`` with the highest *validation* WER among those whose validation accuracy is in
    the bin is taken, and its WER and accuracy on the *test* part are averaged; so no choice looks at the test part.
    """
    found: dict[float, list[tuple[float, float]]] = defaultdict(list)
    for history in histories:
        best: dict[float, dict[str, str]] = {}
        for row in history:
            place = round(min(np.floor(float(row["accuracy"]) / BIN + 1e-9) * BIN, 1 - BIN), 4)
            if row["stage"] == stage and float(row["wer"]) > float(best.get(place, {"wer": "-1"})["wer"]):
                best[place] = row
        for place, row in best.items():
            found[place].append((float(row["test_wer"]), float(row["test_accuracy"])))
    means = {place: np.mean(pairs, axis=0) for place, pairs in sorted(found.items())}
    return {place: (float(wer), float(accuracy), len(found[place])) for place, (wer, accuracy) in means.items()}

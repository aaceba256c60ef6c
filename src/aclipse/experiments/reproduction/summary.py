"""From cells to numbers: mean and spread over repeats, intervals over speakers, matched accuracies, curves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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

    def row(self, scale: float = 1.0) -> dict[str, float]:
        """As cells of a table, rounded to two places after scaling."""
        return {name: round(scale * getattr(self, name), 2) for name in ("mean", "std", "low", "high")}


def estimates(repeats: Sequence[Rows]) -> dict[str, Estimate]:
    """WA, UAR, WER and SNR of repeats that have read the same clips, each repeat's folds joined into one list of rows.

    An interval draws speakers, the same for every repeat; with one repeat the deviation is NaN.
    """
    ordered = [sorted(rows, key=lambda row: row["id"]) for rows in repeats]
    speakers = [row["speaker"] for row in ordered[0]]
    return {name: _estimate(statistic, speakers) for name, statistic in _statistics(ordered).items()}


def _estimate(statistic: Callable[[Any], Array], speakers: Sequence[str]) -> Estimate:
    each = statistic(np.arange(len(speakers)))
    low, high = clustered_bootstrap(lambda index: float(statistic(index).mean()), speakers, DRAWS)
    return Estimate(float(each.mean()), spread(each), low, high)


def spread(values: Any) -> float:
    """Standard deviation of a sample; NaN for fewer than two values.

    >>> spread([1.0, 3.0]), spread([1.0])
    (1.4142135623730951, nan)
    """
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


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


def confusion(repeats: Sequence[Rows]) -> dict[tuple[str, str], Estimate]:
    """Share of each true emotion that was read as each: (emotion, read as) → the estimate over repeats."""
    ordered = [sorted(rows, key=lambda row: row["id"]) for rows in repeats]
    speakers = [row["speaker"] for row in ordered[0]]
    true = np.array([row["emotion"] for row in ordered[0]])
    felt = np.array([[row["felt"] for row in rows] for rows in ordered])
    emotions = sorted({row["emotion"] for row in ordered[0]})
    labels = sorted({row["felt"] for rows in ordered for row in rows} | set(emotions))

    def share(emotion: str, read: str) -> Callable[[Any], Array]:
        def statistic(index: Any) -> Array:
            said = true[index] == emotion
            return (felt[:, index] == read)[:, said].mean(1) if said.any() else np.full(len(felt), np.nan)

        return statistic

    return {(emotion, read): _estimate(share(emotion, read), speakers) for emotion in emotions for read in labels}


def curves(histories: Iterable[Rows]) -> list[dict[str, float]]:
    """Stage 1, epoch by epoch: mean and deviation over folds and repeats.

    Losses are those of the training clips, WA and WER those of the validation clips.
    """
    by_epoch: dict[int, Rows] = defaultdict(list)
    for history in histories:
        for row in history:
            if row["stage"] == "1":
                by_epoch[int(row["epoch"])].append(row)
    found = []
    for epoch, rows in sorted(by_epoch.items()):
        values = {name: [float(row[name]) for row in rows] for name in CURVES}
        means = {name: float(np.mean(value)) for name, value in values.items()}
        found.append({"epoch": epoch, **means, **{f"{name} std": spread(value) for name, value in values.items()}})
    return found


def matched(history: Rows, stage: str) -> dict[float, tuple[float, float]]:
    """WER at an accuracy: bin of validation accuracy → (WER, accuracy) of the test part, in one cell.

    In each bin the epoch of ``stage`` with the highest *validation* WER is taken, so that no choice looks at the test
    part.
    """
    best: dict[float, dict[str, str]] = {}
    for row in history:
        place = round(min(np.floor(float(row["accuracy"]) / BIN + 1e-9) * BIN, 1 - BIN), 4)
        if row["stage"] == stage and float(row["wer"]) > float(best.get(place, {"wer": "-1"})["wer"]):
            best[place] = row
    return {place: (float(row["test_wer"]), float(row["test_accuracy"])) for place, row in best.items()}


def kept_the_floor(histories: Iterable[Rows]) -> tuple[int, int]:
    """In how many cells the epoch chosen in the end had the accuracy asked for, and of how many."""
    chosen = [row for history in histories for row in history if row["chosen"] == "1"]
    return sum(float(row["accuracy"]) >= float(row["floor"]) for row in chosen), len(chosen)

"""Figures of a reproduced study, drawn from the rows of its table alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aclipse.report.drawing import BLUE, GREEN, INK, ORANGE, PINK, SKY, WIDTH, YELLOW, themed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, str]
Rows = list[Row]
COLOURS = (BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, INK)
METRICS = {"wa": "WA %", "uar": "UAR %", "wer": "WER %", "snr_db": "SNR dB"}


def by(rows: Rows, *columns: str) -> dict[tuple[str, ...], Rows]:
    """Rows that agree in some columns, in their order."""
    found: dict[tuple[str, ...], Rows] = {}
    for row in rows:
        found.setdefault(tuple(row[column] for column in columns), []).append(row)
    return found


def binned(rows: Rows) -> Rows:
    return [row for row in rows if row["validation wa"] != "any"]


def short(place: Sequence[str]) -> str:
    """A place without its hashes.

    >>> short(("hubert-base", "speaker-kfold [0a1b 2c3d]"))
    'hubert-base, speaker-kfold'
    """
    return ", ".join(part.partition(" [")[0] for part in place)


def ours(row: Row) -> str:
    """Mean ± deviation over repeats and the interval over speakers; what is not defined is left out.

    >>> ours({"mean": "70.2", "std": "nan", "low": "66.0", "high": "74.1"})
    '70.2 [66.0–74.1]'
    """
    numbers = {name: float(row.get(name) or "nan") for name in ("mean", "std", "low", "high")}
    known = {name: value for name, value in numbers.items() if np.isfinite(value)}
    text = f"{known['mean']:.1f}" if "mean" in known else "–"
    text += f" ± {known['std']:.1f}" if "std" in known else ""
    return text + (f" [{known['low']:.1f}–{known['high']:.1f}]" if "low" in known else "")


@themed
def _curves(rows: Rows, folder: Path) -> dict[str, Figure]:
    """Fig. 3: losses, accuracy and WER over the epochs of stage 1, a line for each λ1, a row for each split."""
    panels = {"cross_entropy": "SER loss, nats", "ctc": "ASR loss, nats", "accuracy": "WA", "wer": "WER"}
    figure, lines = _panels(by(rows, "backbone", "split"), 4, height=1.9)
    for line, part in lines:
        for axis, (column, title) in zip(line, panels.items(), strict=True):
            for colour, ((weight,), series) in zip(COLOURS, by(part, "lambda_one").items(), strict=False):
                epochs, values, spread = (
                    np.array([float(row[name]) for row in series]) for name in ("epoch", column, f"{column} std")
                )
                axis.plot(
                    epochs + 1,
                    values,
                    color=colour,
                    lw=1.4,
                    label=f"λ1 = {float(weight):g}",
                    marker="." * (len(epochs) < 12),
                )
                axis.fill_between(epochs + 1, values - spread, values + spread, color=colour, alpha=0.15, lw=0)
            axis.set_title(title)
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.set_xlabel("epoch of stage 1", fontsize=8)
        line[0].legend(fontsize=7)
    return {"fig3": figure}


def _bars(name: str) -> Callable[[Rows, Path], dict[str, Figure]]:
    @themed
    def draw_bars(rows: Rows, folder: Path) -> dict[str, Figure]:
        figure, lines = _panels(by(rows, "backbone", "split"), 1, height=2.5)
        for (axis,), part in lines:
            part = binned(part)
            bins, series = [*by(part, "validation wa")], by(part, "series")
            width = 0.8 / len(series)
            for number, ((label,), values) in enumerate(series.items()):
                for spot, row in enumerate(values):
                    reached = row["test wer"] != "not reached"
                    height = float(row["test wer"]) if reached else 0.0
                    left = spot - 0.4 + width * (number + 0.5)
                    axis.bar(left, height, 0.9 * width, color=COLOURS[number], label=None if spot else label)
                    if not reached:
                        axis.annotate("–", (left, 0), ha="center", va="bottom", fontsize=7)
            axis.set_xticks(range(len(bins)), [entry[0] for entry in bins])
            axis.set_ylabel("test WER, %")
            axis.set_xlabel("validation WA, % (a dash: no epoch was there)")
            axis.legend(fontsize=7, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(series), borderaxespad=0)
        return {name: figure}

    return draw_bars


@themed
def _spectrograms(rows: Rows, folder: Path) -> dict[str, Figure]:
    """Fig. 6: one clip before and after, for each split."""
    from aclipse.audio import files
    from aclipse.contracts import SAMPLE_RATE
    from aclipse.report.spectra import spectrogram_figure

    found = {}
    for example in sorted((folder / "fig6").iterdir()):
        original, protected = (files.read(example / f"{name}.wav") for name in ("original", "protected"))
        found[f"fig6-{example.name}"] = spectrogram_figure(original, protected, SAMPLE_RATE)
    return found


@themed
def _confusions(rows: Rows, folder: Path) -> dict[str, Figure]:
    """Fig. 7: recall of each emotion before and after, a row for each split."""
    figure, lines = _panels(by(rows, "backbone", "split"), 2, height=2.9)
    for line, part in lines:
        for axis, ((method,), cells) in zip(line, by(part, "method").items(), strict=True):
            labels = [label for (label,) in by(cells, "emotion")]
            shares = np.array([float(row["mean"]) for row in cells]).reshape(len(labels), -1)
            read = [label for (label,) in by(cells, "read as")]
            axis.imshow(shares, cmap="Blues", vmin=0, vmax=100)
            for (y, x), share in np.ndenumerate(shares):
                axis.text(x, y, f"{share:.0f}", ha="center", va="center", color="white" if share > 55 else INK)
            axis.set_xticks(range(len(read)), read, rotation=30)
            axis.set_yticks(range(len(labels)), labels)
            axis.grid(False)
            axis.set_title(f"{method}, %")
    return {"fig7": figure}


@themed
def _transfer(rows: Rows, folder: Path) -> dict[str, Figure]:
    """WER and WA of every cascade (row) read by every backbone (column), for each split."""
    figure, lines = _panels(by(rows, "split"), 2, height=3.0)
    for line, part in lines:
        for axis, metric in zip(line, ("wer", "wa"), strict=True):
            chosen = [row for row in part if row["metric"] == metric]
            names = [name for (name,) in by(chosen, "protected against")]
            values = np.array([float(row["mean"]) for row in chosen]).reshape(len(names), -1)
            axis.imshow(values, cmap="Blues", vmin=0, vmax=max(100.0, values.max()))
            for (y, x), value in np.ndenumerate(values):
                axis.text(x, y, f"{value:.0f}", ha="center", va="center", color="white" if value > 55 else INK)
            axis.set_xticks(range(len(names)), names, rotation=30, ha="right")
            axis.set_yticks(range(len(names)), names)
            axis.grid(False)
            axis.set_title(METRICS[metric])
    return {"transfer": figure}


def _panels(groups: dict[tuple[str, ...], Rows], columns: int, height: float) -> tuple[Figure, list[tuple[Any, Rows]]]:
    """A line of ``columns`` axes for each group of rows, under the group's name."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(WIDTH, 1.9 * columns), (height + 0.3) * len(groups) + 0.3))
    lines = []
    for part, (place, rows) in zip(figure.subfigures(len(groups), 1, squeeze=False)[:, 0], groups.items(), strict=True):
        part.suptitle(short(place), fontsize=9, fontweight="bold")
        lines.append((part.subplots(1, columns, squeeze=False)[0], rows))
    return figure, lines


FIGURES: dict[str, Callable[[Rows, Path], dict[str, Any]]] = {
    "fig3": _curves, "fig4": _bars("fig4"), "fig5": _bars("fig5"),
    "fig6": _spectrograms, "fig7": _confusions, "transfer": _transfer,
}  # fmt: skip

"""The figures of a report, one function each: numbers in, a matplotlib Figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aclipse.report.comparison import best_attacker, heard_at
from aclipse.report.drawing import BLUE, INK, MUTED, ORANGE, SKY, WIDTH, Point, place_labels, shade, style_of, themed
from aclipse.report.folder import RunFolder
from aclipse.report.ladder import findings
from aclipse.report.rows import ClipScore, Interval, Score
from aclipse.report.tables import subjects
from aclipse.report.vocabulary import SECRETS, metric_of

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

History = Sequence[dict[str, float | None]]  # one row an epoch

IGNORANT, BEST = "ignorant listener", "best attacker"
PLANES = {"words": "words heard wrong (WER)"}  # how the axis is named, if not as in the ladder
NAMED = {"sensitive": "sensitive emotions"}  # where a secret's short name is not enough
READINGS = {"wer": ("words wrong (WER)", ORANGE), "uar": ("emotion (UAR)", BLUE), "accuracy": ("accuracy", SKY)}
TERMS = {"cross_entropy": "emotion loss (CE)", "ctc": "word loss (CTC)", "snr_db": "SNR, dB"}


@themed
def plane_figure(run: RunFolder, secret: str = "words") -> Figure:
    """Privacy to the right against utility upwards; filled = the ignorant listener, hollow = the best attacker."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure, chance = Figure(figsize=(WIDTH, 4.4)), run.chance.get("uar")
    axes = figure.subplots()
    looks, points = style_of(subjects(run.scores)), plane_points(run, secret)
    labels: list[tuple[Point, str]] = []
    drawn: list[Point] = []  # where labels should not go
    for subject in dict.fromkeys(name for name, _ in points):
        places = [(x.value, y.value) for (name, _), (x, y) in points.items() if name == subject]
        labels.append((places[0], subject))
        drawn += _line(axes, places[0], places[-1], color=looks[subject][0], ls=":", lw=1.2, zorder=1)
    for (subject, kind), (x, y) in points.items():
        drawn += cross(axes, x, y, looks[subject], hollow=kind != IGNORANT)
    if chance is not None:
        axes.axhline(chance, color=MUTED, lw=1, ls="--", zorder=0)
        axes.annotate(
            "emotion guessed", (0.01, chance), (0, -4), xycoords=("axes fraction", "data"), va="top", **_SMALL
        )
    axes.set(xlabel=PLANES.get(secret, SECRETS[secret].axis), ylabel="emotion read right (UAR)")
    axes.set_title(f"better: {NAMED.get(secret, secret)} hidden, emotion kept ↗", loc="right", color=MUTED, fontsize=9)
    axes.margins(0.1, 0.14)
    _private_to_the_right(axes, secret)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    if chance is not None:
        drawn += [(max(axes.get_xlim()) * i / 100, chance) for i in range(101)]
    place_labels(figure, axes, drawn, labels)
    for note in axes.texts:
        if note.get_text() in looks:
            note.set_color(shade(looks[note.get_text()][0]))
    return figure


def plane_points(run: RunFolder, secret: str = "words") -> dict[tuple[str, str], tuple[Score, Score]]:
    """(subject, which listener) → (figure of the secret, UAR of emotion).

    Emotion is read by the independent judge where it was heard, else by the guiding one.
    """
    found = {}
    for name in subjects(run.scores):
        told, best = findings(run, name), best_attacker(run, name, secret)
        emotion = heard_at(told, "emotion", "transferred") or heard_at(told, "emotion", "ignorant")
        for kind, figure in ((IGNORANT, heard_at(told, secret, "ignorant")), (BEST, best.score if best else None)):
            if figure and emotion:
                found[name, kind] = (figure, emotion)
    return found


def _private_to_the_right(axes: Axes, secret: str) -> None:
    """Rates from 0 on; turned round where a low figure is the private one."""
    if metric_of(SECRETS[secret].metric).better > 0:
        axes.set_xlim(left=0)
    else:
        axes.invert_xaxis()


def confusion(clips: Sequence[ClipScore], labels: Sequence[str]) -> NDArray[np.int64]:
    """Count emotion readings, ``(true, read)``, from one judge's clips."""
    import numpy as np

    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for clip in clips:
        counts[labels.index(clip.reference), labels.index(clip.prediction)] += 1
    return counts


@themed
def confusion_figure(matrices: dict[str, NDArray[np.int64]], labels: Sequence[str]) -> Figure:
    """Confusion matrices side by side, each row in per cent of that emotion's clips (Fig. 7 of the Aclipse paper)."""
    from matplotlib.figure import Figure

    size = WIDTH / max(2, len(matrices))
    figure = Figure(figsize=(WIDTH, size + 0.7))
    panels = figure.subplots(1, len(matrices), sharey=True, squeeze=False)[0]
    small = 10 if len(labels) * len(matrices) <= 8 else 7.5
    for axes, (title, counts) in zip(panels, matrices.items(), strict=True):
        share = counts / counts.sum(1, keepdims=True).clip(min=1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for row, column in ((r, c) for r in range(len(labels)) for c in range(len(labels))):
            colour = "white" if share[row, column] > 0.55 else INK
            text = f"{share[row, column] * 100:.0f}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=small)
        ticks = range(len(labels))
        axes.set_xticks(ticks, labels, rotation=35, ha="right", rotation_mode="anchor", fontsize=min(small, 9))
        axes.set_yticks(ticks, labels, fontsize=min(small, 9))
        axes.set_title(title, fontsize=min(small, 9.5 if len(matrices) < 4 else 7.5))
        axes.set_xlabel("emotion read")
        axes.grid(False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    panels[0].set_ylabel("emotion meant")
    return figure


@themed
def training_figure(history: History) -> Figure:
    """The cascade's validation figures per epoch, stage border and chosen epoch marked (Fig. 3 of the paper)."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    terms = [name for name in TERMS if _known(history, name)]
    readings = [name for name in READINGS if _known(history, name)]
    layout: list[Any] = [["readings"] * max(1, len(terms))] + ([terms] if terms else [])
    figure = Figure(figsize=(WIDTH, 4.9 if terms else 3.2))
    panels = figure.subplot_mosaic(layout, height_ratios=[2, 1][: len(layout)])
    for name in readings:  # where classes are balanced, accuracy is UAR: dashes let both be seen
        label, colour = READINGS[name]
        _curve(panels["readings"], history, name, colour, label, "--" if name == "accuracy" else "-")
    for name in terms:
        _curve(panels[name], history, name, INK)
        panels[name].set_title(TERMS[name], fontsize=8)
    for axes in panels.values():
        _mark_stages(axes, history)
        axes.set_xlabel("epoch")
    panels["readings"].yaxis.set_major_formatter(PercentFormatter(1.0))
    panels["readings"].set_ylim(bottom=0)
    if readings:
        figure.legend(loc="outside upper left", ncols=len(readings))
    _name_stages(panels["readings"], history)
    return figure


@themed
def listeners_figure(histories: Mapping[str, History]) -> Figure:
    """How well the two guiding recognisers learnt their task, on validation speakers."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    curves = listener_curves(histories)
    figure = Figure(figsize=(WIDTH, 2.4))
    for axes, (part, metric) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        values = (row.get(metric) for row in histories[part])
        rows = [{metric: None if value is None else abs(value)} for value in values]  # as a score, a WER is negative
        _curve(axes, rows, metric, BLUE if part == "emotion" else ORANGE)
        axes.set_title({"emotion": "emotion recogniser: UAR", "words": "word recogniser: WER"}[part], fontsize=9)
        axes.set_xlabel("epoch")
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    return figure


def listener_curves(histories: Mapping[str, History]) -> dict[str, str]:
    """Which listeners have a validation curve, and under which name; "validation" is a score, the higher the better."""
    names = {"emotion": ("validation_uar", "validation"), "words": ("validation_wer", "validation")}
    found = {part: [name for name in names[part] if _known(histories.get(part, []), name)] for part in names}
    return {part: known[0] for part, known in found.items() if known}


_OFFSET: dict[str, Any] = {"textcoords": "offset points"}
_SMALL: dict[str, Any] = {**_OFFSET, "fontsize": 8, "color": MUTED}


def _line(axes: Axes, start: Point, end: Point, **look: Any) -> list[Point]:
    """Draw a line; returns points along it."""
    axes.plot([start[0], end[0]], [start[1], end[1]], **look)
    return [(start[0] + (end[0] - start[0]) * i / 30, start[1] + (end[1] - start[1]) * i / 30) for i in range(31)]


def cross(axes: Axes, x: Interval, y: Interval, look: tuple[str, str], hollow: bool) -> list[Point]:
    """Draw a marker with both intervals as bars; returns points along them."""
    colour, marker = look
    bars = _line(axes, (x.floor, y.value), (x.ceiling, y.value), color=colour, lw=1, zorder=2)
    bars += _line(axes, (x.value, y.floor), (x.value, y.ceiling), color=colour, lw=1, zorder=2)
    face, size = ("white", 10) if hollow else (colour, 6)  # where both lie in one place, both are seen
    axes.plot(x.value, y.value, marker, mfc=face, mec=colour, ms=size, mew=1.6, zorder=3 if hollow else 4)
    return bars


def _known(history: History, name: str) -> bool:
    return any(row.get(name) is not None for row in history)


def _curve(axes: Axes, history: History, name: str, colour: str, label: str = "", dash: str = "-") -> None:
    from matplotlib.ticker import MaxNLocator

    rows = ((epoch, row.get(name), row) for epoch, row in enumerate(history, start=1))
    known = [(epoch, value, row) for epoch, value, row in rows if value is not None]
    epochs, values = [epoch for epoch, *_ in known], [value for _, value, _ in known]
    axes.plot(epochs, values, color=colour, ls=dash, label=label or None)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    for epoch, value, row in known:
        if row.get("chosen"):
            axes.plot(epoch, value, "o", ms=7, mfc="white", mec=colour, mew=1.8, zorder=4)


def _mark_stages(axes: Axes, history: History) -> None:
    stages = [row.get("stage") for row in history]
    for epoch in range(1, len(stages)):
        if stages[epoch] != stages[epoch - 1]:
            axes.axvline(epoch + 0.5, color=MUTED, lw=1)
    for epoch, row in enumerate(history, start=1):
        if row.get("chosen"):
            axes.axvline(epoch, color=MUTED, lw=1, ls=":")


def _name_stages(axes: Axes, history: History) -> None:
    """Say above the plot what each stage does and which epoch was chosen."""
    aims = {1.0: "stage 1: hide words", 2.0: "stage 2: win emotion back"}
    notes = [(i + 1, f"chosen: epoch {i + 1}") for i, row in enumerate(history) if row.get("chosen")]
    stages = [row.get("stage") for row in history]
    for stage in (stage for stage in aims if stage in stages):
        first, last = stages.index(stage) + 1, len(stages) - stages[::-1].index(stage)
        at = ((first + last) / 2, 1.0)
        axes.annotate(aims[stage], at, (0, 3), xycoords=("data", "axes fraction"), ha="center", fontsize=8, **_OFFSET)
    for epoch, text in notes:
        at, left = (epoch, 0.0), epoch > 0.8 * len(history)  # to the left there may be the border of the stages
        place: dict[str, Any] = {"ha": "right" if left else "left", "fontsize": 8, "color": MUTED}
        axes.annotate(text, at, (-4 if left else 4, 4), xycoords=("data", "axes fraction"), **place, **_OFFSET)

"""Figures of the replacement autoencoder's studies, from the rows of their tables alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aclipse.report.drawing import BLUE, GREEN, INK, MUTED, ORANGE, PINK, themed
from aclipse.report.reproduced_cloak import number
from aclipse.report.reproduced_figures import Row, Rows, by
from aclipse.report.reproduced_rae import (
    AGAIN,
    AS_THE_PAPER,
    CLASSES,
    DRAWN,
    GUIDED,
    RAW,
    REPLACED,
    REQUIRED,
    RETRAINED,
    RISK,
    SENSITIVE,
    always,
    cells,
    one,
    ordered,
)
from aclipse.report.reproduced_rae_verdicts import MOST_LOST, MOST_SENSITIVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

BROAD = 112 / 25.4  # inches: readable where it is set 80 to 160 mm wide
SMALL, TINY = 7.4, 6.6  # points
CONFUSED = (*AS_THE_PAPER, GUIDED, DRAWN)
TITLES = {method: f"{method}\n{name.replace(' ', chr(10), 1)}" for method, name in AS_THE_PAPER.items()}
ASIDE = 0.2  # of a line, that two attackers of one method stand apart
KNOWS_RAW: dict[str, Any] = {"marker": "o", "ms": 3.2}
LEARNS: dict[str, Any] = {"marker": "o", "ms": 3.2, "mfc": "white", "mew": 1.1}
DEVICE: dict[str, Any] = {"marker": "^", "ms": 3.4}
PAPER: dict[str, Any] = {"marker": "D", "ms": 5.8, "mfc": "none", "mew": 0.8}
GUESSING: dict[str, Any] = {"ls": ":", "lw": 1.0}
CONSTANT: dict[str, Any] = {"ls": (0, (4, 2)), "lw": 0.8}
PANELS = (  # what is shown, in which colour, by whom it is read and how that is drawn
    ("required emotion\nF1, %, better →", BLUE, REQUIRED, "f1", {RISK: KNOWS_RAW, RETRAINED: LEARNS}),
    ("sensitive emotions\nF1, %, ← better", ORANGE, SENSITIVE, "f1", {RISK: KNOWS_RAW, RETRAINED: LEARNS}),
    ("sensitive or neutral?\nAUC, %, ← better", PINK, SENSITIVE, "auc neutral", {REPLACED: LEARNS, AGAIN: DEVICE}),
)


@themed
def _emotions(rows: Rows, folder: Path) -> dict[str, Figure]:
    """Table III as a figure: how far the required and the sensitive classes are read, and a replacement told."""
    from matplotlib.figure import Figure

    methods, scenarios = ordered(rows), by(rows, "scenario")
    heights = [0.52 + 0.37 * (not place) + 0.17 * max(len(methods), 2) for place in range(len(scenarios))]
    figure = Figure(figsize=(BROAD, 0.62 + sum(heights)))
    parts = figure.subfigures(len(scenarios), 1, squeeze=False, height_ratios=heights)[:, 0]
    for place, (part, ((scenario,), own)) in enumerate(zip(parts, scenarios.items(), strict=True)):
        _scenario(part, own, methods, titled=not place)
        part.suptitle(f"{scenario} required", x=0.01, ha="left", fontsize=SMALL + 1, fontweight="bold")
    _legend(figure)
    return {"rae-table3": figure}


def _scenario(part: SubFigure, rows: Rows, methods: list[str], titled: bool) -> None:
    """One line a method, in three panels side by side."""
    line = part.subplots(1, len(PANELS), sharey=True)
    for axes, (title, colour, role, metric, attackers) in zip(line, PANELS, strict=True):
        chosen = [row for row in rows if (row["role"], row["metric"]) == (role, metric)]
        _frame(axes, title if titled else "", methods)
        _asked(axes, role, metric, chosen)
        _guessing(axes, chosen, always(rows, role) if metric == "f1" else np.nan)
        for place, (attacker, look) in enumerate(attackers.items()):
            found = [one(chosen, method=method, attacker=attacker) for method in methods]
            _scores(axes, found, ASIDE * (2 * place - 1), colour, look)


def _frame(axes: Axes, title: str, methods: list[str]) -> None:
    axes.set_title(title, fontsize=SMALL)
    axes.set_xlim(-5, 105)
    axes.set_xticks([0, 50, 100])
    axes.set_yticks(range(len(methods)), methods)
    axes.set_ylim(len(methods) - 0.4, -0.75)
    axes.tick_params(labelsize=TINY)
    axes.tick_params(axis="y", length=0, labelcolor=INK)


def _scores(axes: Axes, found: list[Row | None], aside: float, colour: str, look: dict[str, Any]) -> None:
    """A mark for each figure, its interval and the paper's."""
    for place, row in enumerate(found):
        if row:
            axes.hlines(place + aside, number(row["low"]), number(row["high"]), color=colour, lw=1.2, alpha=0.6)
            axes.plot(number(row["value"]), place + aside, ls="", color=colour, zorder=3, **look)
            axes.plot(number(row["paper"]), place + aside, ls="", mec=INK, zorder=4, **PAPER)


def _asked(axes: Axes, role: str, metric: str, rows: Rows) -> None:
    """Shade where the paper's attacker is asked to be."""
    raw = one(rows, method=RAW, attacker=RISK)
    if metric == "f1" and role == SENSITIVE:
        axes.axvspan(-5, MOST_SENSITIVE, color=GREEN, alpha=0.14, lw=0)
    if metric == "f1" and role == REQUIRED and raw:
        axes.axvspan(number(raw["value"]) - MOST_LOST, 105, color=GREEN, alpha=0.14, lw=0)


def _guessing(axes: Axes, rows: Rows, constant: float) -> None:
    """What one gets without listening: drawing lots, and with the same answer for every clip."""
    for chance in sorted({number(row["chance"]) for row in rows if np.isfinite(number(row["chance"]))}):
        axes.axvline(chance, color=MUTED, zorder=1, **GUESSING)
    if np.isfinite(constant):
        axes.axvline(constant, color=MUTED, zorder=1, **CONSTANT)


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    looks = {
        "the paper's attacker": KNOWS_RAW, "trained on releases": LEARNS, "has the device": DEVICE,
        "the paper's figure": PAPER, "guessing": GUESSING,
        "always the same answer": CONSTANT,
    }  # fmt: skip
    handles: list[Any] = [
        Line2D([], [], label=label, **({"color": MUTED, "ls": ""} | look)) for label, look in looks.items()
    ]
    handles.append(Patch(color=GREEN, alpha=0.2, lw=0, label="asked of the paper's attacker"))
    figure.legend(handles=handles, loc="outside upper left", ncols=3, fontsize=TINY, columnspacing=1, handlelength=1.6)


@themed
def _confusions(rows: Rows, folder: Path) -> dict[str, Figure]:
    """Fig. 3: what the paper's attacker takes each class for; and beside it what one that retrains does."""
    found = {}
    for attacker, name in {RISK: "rae-fig3", RETRAINED: "rae-fig3-retrained"}.items():
        own = [row for row in rows if row["attacker"] == attacker]
        if own:
            found[name] = _matrices(own, attacker)
    return found


def _matrices(rows: Rows, attacker: str) -> Figure:
    """A line a scenario, a column a method."""
    from matplotlib.figure import Figure

    shown = [method for method in ordered(rows) if method in CONFUSED] or ordered(rows)
    scenarios, places = [scenario for (scenario,) in by(rows, "scenario")], cells(rows)
    figure = Figure(figsize=(max(0.95 + 0.71 * len(shown), 2.3), 1.4 + 0.7 * len(scenarios)))
    grid = figure.subplots(len(scenarios), len(shown), squeeze=False, sharex=True, sharey=True)
    for line, scenario in zip(grid, scenarios, strict=True):
        line[0].set_ylabel(f"{scenario}\nrequired", fontsize=SMALL, fontweight="bold")
        for axes, method in zip(line, shown, strict=True):
            _matrix(axes, places.get((scenario, method), []))
    for axes, method in zip(grid[0], shown, strict=True):
        axes.set_title(TITLES.get(method, method), fontsize=SMALL)
    for axes in grid[-1]:
        axes.set_xticks(range(len(CLASSES)), CLASSES, rotation=90)
    who = {RISK: "the paper's attacker", RETRAINED: "one that retrains"}[attacker]
    apart = ", " if len(shown) > 3 else ",\n"
    figure.supxlabel(f"read by {who}{apart}% of the true class (left)", fontsize=SMALL)
    return figure


def _matrix(axes: Axes, part: Rows) -> None:
    """The share of each true class that is read as each; an empty square where nothing was measured."""
    shares = {(row["truth"], row["read"]): number(row["share"]) for row in part}
    values = np.array([[shares.get((truth, read), np.nan) for read in CLASSES] for truth in CLASSES])
    axes.imshow(values, cmap="Blues", vmin=0, vmax=100)
    for (y, x), share in np.ndenumerate(values):
        if np.isfinite(share):
            axes.text(
                x, y, f"{share:.0f}", ha="center", va="center", fontsize=SMALL, color="white" if share > 55 else INK
            )
    axes.set_yticks(range(len(CLASSES)), CLASSES)
    axes.tick_params(labelsize=TINY, length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)
    axes.grid(False)


FIGURES = {"rae-table3": _emotions, "rae-fig3": _confusions}

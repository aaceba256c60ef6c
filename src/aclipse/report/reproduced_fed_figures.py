"""Figures of the federated studies, from the rows of their tables alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aclipse.report.drawing import BLUE, GREEN, INK, MUTED, ORANGE, PINK, SKY, themed
from aclipse.report.reproduced_cloak import number
from aclipse.report.reproduced_fed import ALGORITHMS, CONTROL, LAYERS, SAME, TITLES, of_sex, ordered
from aclipse.report.reproduced_fed_leaks import leaks, utility_against_budget
from aclipse.report.reproduced_fed_verdicts import LEAST_READ, is_to_leak
from aclipse.report.reproduced_figures import Row, Rows, by
from aclipse.report.reproduced_rae import one
from aclipse.report.reproduced_rae_figures import BROAD, SMALL, TINY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"fedavg": BLUE, "fedsgd": ORANGE, "central": GREEN, "majority": MUTED}
OTHERS = (PINK, SKY, INK)
SHOWN = ("uar", "accuracy")
PAPER: dict[str, Any] = {"marker": "D", "ms": 4.6, "mfc": "none", "mec": INK, "mew": 0.9, "ls": ""}
GUESSING: dict[str, Any] = {"color": MUTED, "ls": ":", "lw": 1.0}
ASKED: dict[str, Any] = {"color": GREEN, "ls": (0, (4, 2)), "lw": 1.0}


@themed
def _utility(rows: Rows, folder: Path) -> dict[str, Figure]:
    """How emotion is read by each algorithm, the paper's figures beside ours; a panel a metric."""
    metrics = [metric for metric in SHOWN if any(row["metric"] == metric for row in rows)]
    if not metrics:
        return {}
    figure = _figure(1.95, len(metrics))
    chosen = [row for row in rows if row["metric"] in metrics]
    groups = by(chosen, "corpus", "functionals")
    algorithms = ordered([row["algorithm"] for row in chosen], ALGORITHMS)
    for axes, metric in zip(figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0], metrics, strict=True):
        for place, part in enumerate(groups.values()):
            found = {name: one(part, algorithm=name, metric=metric) for name in algorithms}
            _group(axes, place, found)
            _guessing(axes, place, [row for row in part if row["metric"] == metric])
        names = [f"{corpus}\n{functionals}" for corpus, functionals in groups]
        _frame(axes, names, f"{TITLES.get(metric, metric)} of emotion, %")
        axes.set_ylim(0, 100)
    _legend(figure, algorithms, GUESSING)
    return {"fed-utility": figure}


@themed
def _attack(rows: Rows, folder: Path) -> dict[str, Figure]:
    """How sex is read from one update, layer by layer; a panel a corpus and kind of features."""
    rows = [row for row in of_sex(rows) if row["n"] == "1"]
    panels, algorithms = by(rows, "corpus", "functionals"), ordered([row["algorithm"] for row in rows], ALGORITHMS)
    if not rows:
        return {}
    figure = _figure(2.0 * len(panels), 1)
    for axes, (place, part) in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels.items(), strict=True):
        attackers = ordered([row["attacker"] for row in part], (*LAYERS, SAME, CONTROL))
        for spot, attacker in enumerate(attackers):
            found = {name: one(part, algorithm=name, attacker=attacker) for name in algorithms}
            _group(axes, spot, found)
        _frame(axes, [name.replace(" ", "\n") for name in attackers], "UAR of sex from one update, %")
        axes.set_title(", ".join(place), fontsize=SMALL + 1, fontweight="bold")
        chance = {number(row["chance"]) for row in part}
        for guessed in sorted(value for value in chance if np.isfinite(value)):
            axes.axhline(guessed, **GUESSING)
        if is_to_leak(place[0]):
            axes.axhline(LEAST_READ, zorder=1, **ASKED)
        axes.set_ylim(min(30.0, *_lows(part)), 100)
    _legend(figure, algorithms, GUESSING, ASKED)
    return {"fed-attack": figure}


def _lows(rows: Rows) -> list[float]:
    """Where bars end below; always two numbers at least."""
    found = [number(row[column]) for row in rows for column in ("low", "value", "paper")]
    return [30.0, 30.0, *(value - 2 for value in found if np.isfinite(value))]


def _figure(height: float, columns: int) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(BROAD if columns > 1 else BROAD * 0.9, height + 0.5))


def _group(axes: Axes, place: int, found: dict[str, Row | None]) -> None:
    """Bars beside each other, with their intervals and the paper's figures."""
    width = 0.8 / max(len(found), 1)
    for spot, (name, row) in enumerate(found.items()):
        if row:
            x = place - 0.4 + width * (spot + 0.5)
            axes.bar(x, number(row["value"]), 0.88 * width, color=_colour(name), alpha=0.75)
            axes.vlines(x, number(row["low"]), number(row["high"]), color=INK, lw=0.9)
            axes.plot(x, number(row["paper"]), zorder=4, **PAPER)


def _colour(name: str) -> str:
    return COLOURS.get(name, OTHERS[sum(map(ord, name)) % len(OTHERS)])


def _guessing(axes: Axes, place: int, part: Rows) -> None:
    for chance in sorted({number(row["chance"]) for row in part if np.isfinite(number(row["chance"]))}):
        axes.hlines(chance, place - 0.45, place + 0.45, zorder=3, **GUESSING)


def _frame(axes: Axes, names: list[str], title: str) -> None:
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylabel(title, fontsize=SMALL)
    axes.tick_params(labelsize=TINY)
    axes.tick_params(axis="x", length=0, labelcolor=INK)
    axes.grid(False, axis="x")


def _legend(figure: Figure, algorithms: list[str], *lines: dict[str, Any]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Patch(color=_colour(name), alpha=0.75, lw=0, label=name) for name in algorithms]
    handles += [
        Line2D([], [], color=INK, lw=0.9, label="95 % interval"), Line2D([], [], label="the paper", **PAPER),
    ]  # fmt: skip
    names = ("guessing", f"asked of it: {LEAST_READ:.0f}")
    handles += [Line2D([], [], label=name, **look) for name, look in zip(names, lines, strict=False)]
    figure.legend(handles=handles, loc="outside upper left", ncols=4, fontsize=TINY, columnspacing=1.2)


@themed
def _leaked(rows: Rows, folder: Path) -> dict[str, Figure]:
    """Leak against the number of updates, and emotion against ε."""
    drawn = {"fed-udp": leaks(rows), "fed-udp-utility": utility_against_budget(rows)}
    return {name: figure for name, figure in drawn.items() if figure}


FIGURES = {"fed-utility": _utility, "fed-attack": _attack, "fed-udp": _leaked}

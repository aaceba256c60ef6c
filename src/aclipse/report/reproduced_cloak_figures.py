"""Figures of the Cloak studies, from the rows of their tables alone; made to be read 80 mm wide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aclipse.report.drawing import BLUE, GREEN, INK, MUTED, ORANGE, PINK, SKY, themed
from aclipse.report.reproduced_cloak import (
    ADVERSARY,
    AS_THE_PAPER,
    CLEAN,
    CLOAK,
    INFORMED,
    at,
    learned,
    levels,
    number,
    pick,
)
from aclipse.report.reproduced_figures import Row, Rows, by

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

COLUMN = 80 / 25.4  # inches
SMALL, TINY = 7.0, 6.2  # points
LOOK = {CLOAK: (BLUE, "o"), ADVERSARY: (ORANGE, "s"), "noise": (GREEN, "^")}
OTHER = ((PINK, "D"), (SKY, "v"), (INK, "P"))
CLEAN_AT = -16.0  # % suppressed: a place of its own, left of the sweep
APART = 2.4  # % suppressed between methods of one share: their markers do not hide each other
RING: dict[str, Any] = {"marker": "D", "ms": 5.5, "mfc": "none", "mew": 1.0}
ACROSS = "share of features suppressed (SR), %"
DASHED: Any = (0, (3, 1.5))
DOTTED: Any = (0, (1, 1))
OFFSET: dict[str, Any] = {"marker": "x", "ms": 4.0, "mew": 1.0}  # a threshold moved
AVERAGED = {  # how many releases an attacker hears of an utterance: one, or several in the mean
    "trained on clean": ("ignorant", "averaged"),
    "fine-tuned": ("fine-tuned", "averaged + fine-tuned"),
}
RELEASES: tuple[dict[str, Any], ...] = (  # one; several with one draw, which tell no more; several drawn anew
    {"color": "#cdc7bc", "lw": 4, "marker": "o", "ms": 5.5},
    {"lw": 1.2, "ls": DASHED, "alpha": 0.7, "ms": 2.6},
    {"lw": 1.5},
)
Spot = tuple[float, Row]


@themed
def _sweep(rows: Rows, folder: Path) -> dict[str, Figure]:
    """Fig. 4: UAR of emotion and of sex against the share suppressed; and what averaging repeated releases gives."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(COLUMN, 4.9))
    panels = figure.subplots(2, 1, sharex=True)
    for axes, task in zip(panels, AS_THE_PAPER, strict=True):
        _draw_task(axes, rows, task)
    panels[1].set_xlabel(ACROSS, fontsize=SMALL)
    _legend(figure, rows)
    averaging = _averaging(rows)
    return {"cloak-fig4": figure} | ({"cloak-fig4-averaging": averaging} if averaging else {})


def _draw_task(axes: Axes, rows: Rows, task: str) -> None:
    """One line a method and kind of attacker, clean features at a place of their own, and what guessing gives."""
    shown = looks(rows)
    for place, (method, (colour, marker)) in enumerate(shown.items()):
        aside = APART * (place - (len(shown) - 1) / 2)
        plain = _line(rows, method, lambda part: pick(part, task, AS_THE_PAPER[task]), aside)
        best = _line(rows, method, lambda part: learned(part, task), aside)
        known, moved = (_line(rows, method, partial(pick, task=task, attacker=who), aside) for who in INFORMED)
        _band(axes, plain, colour)
        axes.plot(*_points(known), color=colour, ls=DOTTED, lw=1.4)
        axes.plot(*_points(moved), color=colour, ls="", **OFFSET)
        axes.plot(*_points(best), color=colour, ls=DASHED, lw=1.1, alpha=0.65, marker=marker, ms=2.6)
        axes.plot(*_points(plain), color=colour, lw=1.5, marker=marker, ms=3.2)
        _hollow(axes, [(x, number(row["paper"])) for x, row in plain], colour)
    _draw_clean(axes, pick(at(rows, CLEAN), task, AS_THE_PAPER[task]))
    _chance(axes, rows, task)
    _frame(axes, rows)
    axes.set_title(f"UAR of {task}, %", fontsize=SMALL + 1)


def _draw_clean(axes: Axes, clean: Row | None) -> None:
    if clean:
        axes.axhline(number(clean["value"]), color=INK, lw=0.8, zorder=1)
        _band(axes, [(CLEAN_AT, clean)], INK)
        axes.plot(CLEAN_AT, number(clean["value"]), color=INK, marker="o", ms=3.2)
        _hollow(axes, [(CLEAN_AT, number(clean["paper"]))], INK)


def _line(rows: Rows, method: str, chosen: Callable[[Rows], Row | None], aside: float = 0.0) -> list[Spot]:
    """A method's figures over the share suppressed; one that knows no such share is drawn at each."""
    own = levels(at(rows, method))
    places = own or levels([row for row in rows if row["method"] != CLEAN])
    found = [(level + aside, chosen(at(rows, method, level if own else None))) for level in places]
    return [(x, row) for x, row in found if row]


def _points(line: Sequence[Spot]) -> tuple[list[float], list[float]]:
    return [x for x, _ in line], [number(row["value"]) for _, row in line]


def _band(axes: Axes, line: Sequence[Spot], colour: str) -> None:
    """The 95 % interval: shaded along a line, a bar where a point stands alone."""
    known = [(x, number(row["low"]), number(row["high"])) for x, row in line if np.isfinite(number(row["low"]))]
    if not known:
        return
    x, low, high = zip(*known, strict=True)
    if len(x) > 1:
        axes.fill_between(x, low, high, color=colour, alpha=0.14, lw=0)
    else:
        axes.vlines(x, low, high, color=colour, lw=1.2, alpha=0.5)


def _hollow(axes: Axes, spots: Sequence[tuple[float, float]], colour: str) -> None:
    """The paper's figures: a ring, so that ours is seen within where both agree."""
    known = [spot for spot in spots if np.isfinite(spot[1])]
    axes.plot(*np.array(known).reshape(-1, 2).T, ls="", **RING, mec=colour, zorder=4)


def _chance(axes: Axes, rows: Rows, task: str, named: bool = True) -> None:
    found = {number(row["chance"]) for row in rows if (row["task"], row["metric"]) == (task, "uar")}
    for chance in sorted(value for value in found if np.isfinite(value)):
        axes.axhline(chance, color=MUTED, lw=0.9, ls=":", zorder=1)
        if named:
            place = axes.get_yaxis_transform()
            label = axes.annotate("chance", (1, chance), (2, 0), place, "offset points", annotation_clip=False)
            label.set(va="center", fontsize=TINY, color=MUTED)


def _frame(axes: Axes, rows: Rows, clean: bool = True) -> None:
    places = levels([row for row in rows if row["method"] != CLEAN])
    ticks = {CLEAN_AT: "clean"} if clean else {}
    ticks |= {level: f"{level:.0f}" for level in places}
    axes.set_xticks([*ticks], [*ticks.values()])
    axes.set_xlim(CLEAN_AT - 6 if clean else min(places, default=0) - 5, max(places, default=0) + 5)
    axes.tick_params(labelsize=SMALL)


def _averaging(rows: Rows) -> Figure | None:
    """UAR of sex in the mean of repeated releases, noise drawn anew or once and for all, beside a single release."""
    from matplotlib.figure import Figure

    names = {mean for _, mean in AVERAGED.values()}
    heard = [row for row in rows if row["attacker"] in names and np.isfinite(number(row["value"]))]
    methods = [method for method in looks(rows) if any(row["method"] == method for row in heard)]
    attackers = {who: pair for who, pair in AVERAGED.items() if any(row["attacker"] == pair[1] for row in heard)}
    if not heard:
        return None
    figure = Figure(figsize=(COLUMN, 1.1 + 1.35 * len(attackers)))
    grid = figure.subplots(len(attackers), len(methods), sharex=True, sharey=True, squeeze=False)
    for line, (who, pair) in zip(grid, attackers.items(), strict=True):
        for axes, method in zip(line, methods, strict=True):
            _draw_averaged(axes, rows, method, pair)
            _chance(axes, rows, "sex", named=axes is line[-1])
        line[0].set_ylabel(f"{who}\nUAR of sex, %", fontsize=SMALL)
    for axes, method in zip(grid[0], methods, strict=True):
        axes.set_title(method if len(methods) < 3 else method.replace(" + ", "\n+ "), fontsize=SMALL + 1)
    figure.supxlabel(ACROSS, fontsize=SMALL)
    _averaging_legend(figure)
    return figure


def _draw_averaged(axes: Axes, rows: Rows, method: str, attackers: tuple[str, str]) -> None:
    colour, marker = looks(rows)[method]
    one, mean = attackers
    for (attacker, draw), look in zip(((one, ""), (mean, "fixed"), (mean, "anew")), RELEASES, strict=True):
        line = _line(rows, method, partial(pick, task="sex", attacker=attacker, draw=draw))
        drawn: dict[str, Any] = {"color": colour, "marker": marker, "ms": 3.2} | look
        axes.plot(*_points(line), **drawn)
    _frame(axes, at(rows, method), clean=False)


def _averaging_legend(figure: Figure) -> None:
    names = ("one release", "mean of repeated releases, one fixed draw", "mean of repeated releases, drawn anew")
    handles = [_handle(name, **look) for name, look in zip(names, RELEASES, strict=True)]
    figure.legend(handles=handles, loc="outside upper left", fontsize=TINY, handlelength=2.4)


def looks(rows: Rows) -> dict[str, tuple[str, str]]:
    """A colour and a marker for each method but clean features."""
    names = [method for (method,) in by(rows, "method") if method != CLEAN]
    strangers = [name for name in names if name not in LOOK]
    given = {name: OTHER[place % len(OTHER)] for place, name in enumerate(strangers)}
    return {name: (LOOK | given)[name] for name in names}


def _legend(figure: Figure, rows: Rows) -> None:
    from matplotlib.patches import Patch

    handles: list[Any] = [_handle(name, color=colour, marker=mark) for name, (colour, mark) in looks(rows).items()]
    handles += [
        Patch(color=MUTED, alpha=0.25, lw=0, label="95 % interval"),
        _handle("trained on clean features"),
        _handle("informed: has the device", ls=DOTTED, lw=1.4),
        _handle("and moved its threshold", ls="", **OFFSET),
        _handle("retrained on releases", ls=DASHED, lw=1.1),
        _handle("the paper", ls="", **RING),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, fontsize=TINY, columnspacing=1, handlelength=2.4)


def _handle(label: str, **look: Any) -> Line2D:
    from matplotlib.lines import Line2D

    drawn: dict[str, Any] = {"color": MUTED, "lw": 1.5, "ms": 3.6} | look
    return Line2D([], [], label=label, **drawn)


SWEEPS = {"cloak-fig4": _sweep}

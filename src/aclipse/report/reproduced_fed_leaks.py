"""Figures of fed-udp: what leaks as more updates are seen, and what emotion costs; from the rows of its table alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aclipse.report.drawing import BLUE, GREEN, INK, MUTED, ORANGE, PINK, SKY
from aclipse.report.reproduced_cloak import number
from aclipse.report.reproduced_fed import (
    AWARE,
    CENTRAL,
    COUNTS,
    IGNORANT,
    LOCAL,
    NONE,
    budget,
    emotion,
    label,
    ordered,
    places,
    sex,
)
from aclipse.report.reproduced_fed import PAPER as CLOSED_FORM
from aclipse.report.reproduced_figures import Row, Rows, by
from aclipse.report.reproduced_rae_figures import SMALL, TINY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Line = tuple[str, str, str]  # mechanism, label of ε, view

PANEL, HEIGHT = 1.75, 2.55  # inches
BELOW = 0.42  # inches from a panel to what its lines are
PANELS: dict[str, tuple[str, ...]] = {  # which mechanisms stand together
    "the paper's noise": (CLOSED_FORM,), "strict": (CENTRAL, LOCAL), "related defences": (),
}  # fmt: skip
LADDER = ("#fdb863", "#e08214", "#b35806", "#7f3b08", "#542788")  # from much ε to little
DISTINCT = (BLUE, PINK, GREEN, SKY, ORANGE, MUTED)
TOGETHER = 20.0  # where "all" is drawn: in the paper a client is drawn about so often in 200 rounds
ASIDE = 1.025  # between lines, that intervals do not hide each other
LOOKS: dict[str, dict[str, Any]] = {
    IGNORANT: {"ls": "-", "lw": 1.3, "marker": "o", "ms": 2.8},
    AWARE: {"ls": (0, (3, 1.5)), "lw": 1.1, "marker": "o", "ms": 3.2, "mfc": "white"},
}
RING: dict[str, Any] = {"marker": "D", "ms": 4.8, "mfc": "none", "mew": 0.8, "ls": ""}
MARKS = {CLOSED_FORM: (ORANGE, "s"), CENTRAL: (BLUE, "o"), LOCAL: (PINK, "v"), "layered": (GREEN, "^")}
STRANGE = (SKY, "D")


def leaks(rows: Rows) -> Figure | None:
    """UAR of sex against the number of leaked updates: a line of panels a corpus, a panel a family of mechanisms."""
    from matplotlib.figure import Figure

    told = [row for row in rows if row["measure"] == "sex" and np.isfinite(number(row["value"]))]
    families = [family for family in PANELS if any(_family(row["mechanism"]) == family for row in told)]
    families = families or [*PANELS][: bool(told)]  # no mechanism but none
    corpora = by(told, "corpus")
    if not told:
        return None
    figure = Figure(figsize=(max(PANEL * len(families) + 0.35, 2.9), HEIGHT * len(corpora) + 0.55))
    grid = figure.subplots(len(corpora), len(families), squeeze=False, sharey=True)
    for line, ((corpus,), own) in zip(grid, corpora.items(), strict=True):
        for axes, family in zip(line, families, strict=True):
            _panel(axes, [row for row in own if _family(row["mechanism"]) in (family, NONE)])
            axes.set_title(family, fontsize=SMALL, pad=3)
        line[0].set_ylabel(f"{corpus}\nUAR of sex, %", fontsize=SMALL)
    for axes in grid.flat:
        axes.set_xlabel("leaked updates, averaged", fontsize=SMALL)
    _legend(figure)
    return figure


def _family(mechanism: str) -> str:
    if mechanism == NONE:
        return NONE
    return next((family for family, members in PANELS.items() if mechanism in members), [*PANELS][-1])


def _panel(axes: Axes, rows: Rows) -> None:
    """One line a mechanism, label and view; what is without any defence in ink."""
    from matplotlib.ticker import NullLocator
    from matplotlib.transforms import ScaledTranslation

    lines = [
        (mechanism, epsilon, view)
        for (_, mechanism, epsilon), part in places(rows).items() for (view,) in by(part, "view")
    ]  # fmt: skip
    for place, (line, colour) in enumerate(_colours(lines).items()):
        mechanism, epsilon, view = line
        own = [row for row in rows if (row["mechanism"], row["epsilon"], row["view"]) == line]
        _line(axes, own, colour, ASIDE ** (place - len(lines) / 2))
        axes.plot([], [], color=colour, lw=2.5, label=_named(mechanism, epsilon, view))
    for chance in sorted({number(row["chance"]) for row in rows if np.isfinite(number(row["chance"]))}):
        axes.axhline(chance, color=MUTED, ls=":", lw=1.0, zorder=1)
    axes.set_xscale("log")
    counts = ordered([row["n"] for row in rows], COUNTS)
    axes.set_xticks([_count(count) for count in counts], counts)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(0.8, TOGETHER * 1.25)
    axes.tick_params(labelsize=TINY)
    figure = axes.get_figure(root=True)
    assert figure is not None
    axes.legend(
        fontsize=TINY, handlelength=1.0, loc="upper left", bbox_to_anchor=(-0.04, 0), borderaxespad=0,
        bbox_transform=axes.transAxes + ScaledTranslation(0, -BELOW, figure.dpi_scale_trans),
    )  # fmt: skip


def _named(mechanism: str, epsilon: str, view: str) -> str:
    name = f"ε {budget(epsilon)}" if mechanism == CLOSED_FORM else label(mechanism, epsilon).replace("strict-", "")
    return name + ", at the server" * (mechanism == CENTRAL and view == "local")


def _colours(lines: Sequence[Line]) -> dict[Line, str]:
    """Ink without a mechanism, a ladder over the ε of the paper's, and distinct ones for all others."""
    rungs = [line for line in lines if line[0] == CLOSED_FORM]
    others = [line for line in lines if line[0] not in (CLOSED_FORM, NONE)]
    ladder = {line: LADDER[min(place, len(LADDER) - 1)] for place, line in enumerate(rungs)}
    distinct = {line: DISTINCT[place % len(DISTINCT)] for place, line in enumerate(others)}
    return {line: INK for line in lines if line[0] == NONE} | ladder | distinct


def _count(count: str) -> float:
    found = number(count)
    return found if np.isfinite(found) else TOGETHER


def _line(axes: Axes, rows: Rows, colour: str, aside: float) -> None:
    counts = ordered([row["n"] for row in rows], COUNTS)
    for attacker, look in LOOKS.items():
        spots = [(aside * _count(count), row) for count in counts if (row := sex(rows, attacker, count))]
        axes.plot([x for x, _ in spots], [number(row["value"]) for _, row in spots], color=colour, **look)
        for x, row in spots:
            axes.vlines(x, number(row["low"]), number(row["high"]), color=colour, lw=0.8, alpha=0.4)
    reported = {row["n"]: number(row["paper"]) for row in rows if row["paper"]}
    axes.plot([_count(count) for count in reported], [*reported.values()], mec=colour, zorder=4, **RING)


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    looks = {
        "ignorant": LOOKS[IGNORANT], "aware": LOOKS[AWARE], "the paper": RING, "guessing": {"ls": ":", "lw": 1.0},
    }  # fmt: skip
    handles = [Line2D([], [], label=name, **({"color": MUTED} | look)) for name, look in looks.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=4, fontsize=TINY, columnspacing=1.2)


def utility_against_budget(rows: Rows) -> Figure | None:
    """UAR of emotion against ε, as labelled and as it honestly is, and of what knows no ε; a line a corpus."""
    from matplotlib.figure import Figure

    corpora = by([row for row in rows if row["measure"] == "emotion" and np.isfinite(number(row["value"]))], "corpus")
    if not corpora:
        return None
    figure = Figure(figsize=(PANEL * 3 + 0.1, 2.05 * len(corpora) + 0.5))
    grid = figure.subplots(len(corpora), 3, squeeze=False, sharey=True, width_ratios=[1.2, 1.2, 0.9])
    for line, ((corpus,), own) in zip(grid, corpora.items(), strict=True):
        for axes, column in zip(line, ("epsilon", "honest"), strict=False):
            _budgets(axes, own, column)
        _without(line[2], own)
        for axes in line:
            _references(axes, own)
        line[0].set_ylabel(f"{corpus}\nUAR of emotion, %", fontsize=SMALL)
    for axes, title in zip(grid[0], ("ε as labelled", "honest ε, released models", "no ε"), strict=True):
        axes.set_title(title, fontsize=SMALL, pad=3)
    _legend_of_mechanisms(figure, rows)
    return figure


def _budgets(axes: Axes, rows: Rows, column: str) -> None:
    """A line a mechanism, over the ε of a column."""
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator, StrMethodFormatter

    axes.set_xscale("log")
    for mechanism, (colour, mark) in _marks(rows).items():
        parts = [part for (_, name, _), part in places(rows).items() if name == mechanism]
        found = [(number(row[column]), row) for part in parts if (row := emotion(part))]
        spots = sorted((spot for spot in found if np.isfinite(spot[0])), key=lambda spot: spot[0])
        x, value = [x for x, _ in spots], [number(row["value"]) for _, row in spots]
        axes.plot(x, value, color=colour, marker=mark, ms=3.2, lw=1.3)
        for each, row in spots:
            axes.vlines(each, number(row["low"]), number(row["high"]), color=colour, lw=0.9, alpha=0.5)
        axes.plot(x, [number(row["paper"]) for _, row in spots], mec=colour, zorder=4, **RING)
    labels = sorted({number(row["epsilon"]) for row in rows if np.isfinite(number(row["epsilon"]))})
    axes.xaxis.set_major_locator(FixedLocator(labels) if column == "epsilon" else LogLocator(numticks=5))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.tick_params(labelsize=TINY)


def _marks(rows: Rows) -> dict[str, tuple[str, str]]:
    """A colour and a marker for each mechanism that has an ε."""
    names = dict.fromkeys(row["mechanism"] for row in rows if np.isfinite(number(row["epsilon"])))
    return {name: MARKS.get(name, STRANGE) for name in ordered([*names], [*MARKS])}


def _without(axes: Axes, rows: Rows) -> None:
    """A point for each mechanism that knows no ε."""
    found = [(name, row) for (_, name, epsilon), part in places(rows).items()
             if not np.isfinite(number(epsilon)) and (row := emotion(part))]  # fmt: skip
    for place, (_, row) in enumerate(found):
        axes.vlines(place, number(row["low"]), number(row["high"]), color=INK, lw=0.9, alpha=0.5)
        axes.plot(place, number(row["value"]), color=INK, marker="o", ms=3.4, ls="")
        axes.plot(place, number(row["paper"]), mec=INK, zorder=4, **RING)
    axes.set_xticks(range(len(found)), [name for name, _ in found], rotation=90)
    axes.set_xlim(-0.6, max(len(found), 1) - 0.4)
    axes.tick_params(labelsize=TINY)


def _references(axes: Axes, rows: Rows) -> None:
    """What is reached without a mechanism, and by guessing."""
    plain: Row | None = next((emotion(part) for (_, name, _), part in places(rows).items() if name == NONE), None)
    if plain:
        axes.axhline(number(plain["value"]), color=INK, lw=0.8, zorder=1)
    chances = {number(row["chance"]) for row in rows if row["measure"] == "emotion"}
    for chance in sorted(value for value in chances if np.isfinite(value)):
        axes.axhline(chance, color=MUTED, ls=":", lw=1.0, zorder=1)


def _legend_of_mechanisms(figure: Figure, rows: Rows) -> None:
    from matplotlib.lines import Line2D

    looks: dict[str, dict[str, Any]] = {
        name: {"color": colour, "marker": mark, "ms": 3.2} for name, (colour, mark) in _marks(rows).items()
    }
    looks |= {"without a mechanism": {"color": INK, "lw": 0.8}, "guessing": {"color": MUTED, "ls": ":"}}
    looks["the paper"] = RING | {"color": MUTED}
    handles = [Line2D([], [], label=name, **look) for name, look in looks.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=4, fontsize=TINY, columnspacing=1.2)

"""The figure of how a replacement autoencoder was learned: error, sex head and guide, one line for each size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aclipse.report.drawing import BLUE, GREEN, INK, MUTED, ORANGE, PINK, SKY, WIDTH, themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

History = Sequence[dict[str, float | None]]  # one row an epoch

PANELS = {  # column → title
    "error": "error on validation clips",
    "sex": "loss of the head that hears sex, nats",
    "guide": "loss of the guide on outputs, nats",
}
GUESSED = {"sex": math.log(2)}  # the loss of who guesses between two
COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY)


@themed
def training_figure(sizes: Mapping[int, History], guide: History) -> Figure:
    """A panel for each term that was learned, a line for each size of the middle; last the guide's own training."""
    from matplotlib.figure import Figure

    named = [name for name in PANELS if any(row.get(name) is not None for rows in sizes.values() for row in rows)]
    count = len(named) + bool(guide)
    lines = math.ceil(count / 2)
    figure = Figure(figsize=(WIDTH, 2.3 * lines))
    panels = list(figure.subplots(lines, 2, squeeze=False).flat)
    for axes, name in zip(panels, named, strict=False):
        for (size, rows), colour in zip(sizes.items(), COLOURS, strict=False):
            _curve(axes, rows, name, colour, f"a = {size}", ring=name == "error")
        if name in GUESSED:
            axes.axhline(GUESSED[name], color=MUTED, lw=1, ls=":")
        axes.set_title(PANELS[name], fontsize=8.5)
        axes.legend(fontsize=7.5)
    if guide:
        _curve(panels[len(named)], guide, "uar", INK, "")
        panels[len(named)].set_title("the guide itself: UAR on validation clips", fontsize=8.5)
    for axes in panels[count:]:
        axes.set_visible(False)
    return figure


def _curve(axes: Axes, rows: History, name: str, colour: str, label: str, ring: bool = False) -> None:
    """One line over epochs; a ring at its least value if that is where training was kept."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    known = [(epoch, value) for epoch, row in enumerate(rows, start=1) if (value := row.get(name)) is not None]
    axes.plot([epoch for epoch, _ in known], [value for _, value in known], color=colour, lw=1.4, label=label or None)
    if ring and known:
        axes.plot(*min(known, key=lambda pair: pair[1]), "o", ms=7, mfc="white", mec=colour, mew=1.8, zorder=4)
    axes.set_xlabel("epoch")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    if name == "uar":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))

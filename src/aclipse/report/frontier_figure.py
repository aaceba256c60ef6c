"""The frontier as a still picture: a panel for each attacker, a colour for each method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aclipse.report.drawing import MUTED, WIDTH, style_of, themed
from aclipse.report.figures import cross
from aclipse.report.vocabulary import level_name, metric_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from aclipse.report.frontier import Panel


@themed
def frontier_figure(panels: Sequence[Panel]) -> Figure:
    """Privacy against utility of every setting of every method, with crosses of intervals."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    columns = min(2, len(panels))
    lines = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(WIDTH, 2.8 * lines + 0.5))
    axes_of = list(figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).flat)
    looks = style_of(dict.fromkeys(method for panel in panels for method in panel.methods))
    for axes, panel in zip(axes_of, panels, strict=False):
        for method, pairs in panel.methods.items():
            colour = looks[method][0]
            axes.plot([x.value for x, _ in pairs], [y.value for _, y in pairs], color=colour, ls=":", label=method)
            for x, y in pairs:
                cross(axes, x, y, looks[method], hollow=False)
        metric, judge, knowledge = panel.privacy
        axes.set_title(f"{level_name(knowledge)} ({judge})", fontsize=9)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(metric_of(metric).name + (" (high: private)" if metric_of(metric).better > 0 else ""))
    for axes in axes_of[len(panels) :]:
        axes.set_visible(False)
    judge = level_name(panels[0].emotion[2], "utility")
    figure.supylabel(f"emotion read right (UAR), {judge} judge", fontsize=9, color=MUTED)
    handles, names = axes_of[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=min(5, len(names)))
    return figure

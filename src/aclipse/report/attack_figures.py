"""How hard attackers tried, drawn: leak against budget, and learning curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from aclipse.report.drawing import BLUE, GREEN, INK, MUTED, ORANGE, PINK, SKY, WIDTH, YELLOW, themed
from aclipse.report.folder import RunFolder
from aclipse.report.ladder import protector
from aclipse.report.rows import Lesson, Spending
from aclipse.report.vocabulary import LEVELS, SECRETS, level_rank, metric_of, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

FLAT = 0.02  # a gain per doubling of the budget below this (of 1) is no visible gain
LEVEL_COLOURS = dict(zip(LEVELS, (INK, SKY, GREEN, ORANGE, YELLOW, PINK, BLUE), strict=True))


@dataclass(frozen=True, slots=True)
class Curve:
    """What one listener reads at every budget, the smallest first; several points at one budget are several seeds."""

    secret: str
    metric: str
    judge: str
    knowledge: str
    points: tuple[Spending, ...]

    def means(self) -> list[tuple[float, float]]:
        """(clips, mean over seeds), the smallest budget first."""
        clips = sorted({point.clips for point in self.points})
        at = {each: [point.value for point in self.points if point.clips == each] for each in clips}
        return [(each, sum(values) / len(values)) for each, values in at.items()]


def budget_curves(run: RunFolder) -> list[Curve]:
    """One curve for each trained listener and the deciding metric of each secret, of the report's subject."""
    own = [row for row in run.budget if row.subject == protector(run.scores) and row.metric in _DECIDING]
    places = dict.fromkeys((row.secret, row.metric, row.judge, row.knowledge) for row in own if row.clips > 0)
    curves = []
    for place in places:
        rows = [row for row in own if (row.secret, row.metric, row.judge, row.knowledge) == place and row.clips > 0]
        curves.append(Curve(*place, points=tuple(sorted(rows, key=lambda row: (row.clips, row.seed or 0)))))
    return sorted(curves, key=lambda curve: (list(SECRETS).index(curve.secret), level_rank(curve.knowledge)))


def more_helps(curve: Curve) -> str:
    """Whether the last step up in budget still helped the attacker, in words."""
    (before, low), (after, high) = curve.means()[-2:]
    sign = 1 if metric_of(curve.metric).better < 0 or curve.secret == "emotion" else -1
    gain = sign * (high - low)
    verb, size = ("gains", gain) if gain >= 0 else ("loses", -gain)
    step = f"from {before:.0f} to {after:.0f} clips the attacker {verb} {size * 100:.1f} points"
    if _apart(curve, before, after) and gain > 0:
        return f"more budget still helps: {step}, and the intervals lie apart."
    if gain / math.log2(after / before) < FLAT:
        return f"more budget no longer helps visibly: {step}."
    return f"it cannot be told whether more budget helps: {step}, but the intervals overlap."


@themed
def budget_figure(run: RunFolder, curves: Sequence[Curve]) -> Figure:
    """Leak against budget, a panel for each secret: clips and minutes on logarithmic axes."""
    from matplotlib.figure import Figure

    metrics = list(dict.fromkeys(curve.metric for curve in curves))
    figure = Figure(figsize=(WIDTH, 2.9 * math.ceil(len(metrics) / 2) if len(metrics) > 1 else 3.4))
    panels = figure.subplots(math.ceil(len(metrics) / 2), min(2, len(metrics)), squeeze=False).flat
    for axes, metric in zip(panels, metrics, strict=False):
        own = [curve for curve in curves if curve.metric == metric]
        _budget_panel(axes, run, own)
    for axes in list(figure.axes)[len(metrics) :]:
        axes.set_visible(False)
    return figure


@themed
def learning_figure(lessons: Sequence[Lesson]) -> Figure:
    """Validation scores per epoch, a panel for each secret, a line for each listener at its largest budget."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    secrets = [name for name in SECRETS if any(row.secret == name for row in lessons)]
    columns = min(3, max(1, len(secrets)))
    lines = math.ceil(len(secrets) / columns)
    figure = Figure(figsize=(WIDTH, 2.6 * lines))
    panels = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axes, secret in zip(panels, secrets, strict=False):
        for (knowledge, _, _), rows in _largest([row for row in lessons if row.secret == secret]).items():
            epochs = [row.epoch + 1 for row in rows]
            values = [math.nan if row.validation is None else row.validation for row in rows]
            axes.plot(epochs, values, color=_colour(knowledge), label=knowledge, marker=".", ms=4)
        axes.set_title(secret)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        _legend(axes)
    for axes in panels[len(secrets) :]:
        axes.set_visible(False)
    panels[0].set_ylabel("validation score")
    return figure


_DECIDING = {secret.metric for secret in SECRETS.values()}


def _apart(curve: Curve, before: float, after: float) -> bool:
    """Whether no interval at one budget touches any at the other."""
    first, last = ([p for p in curve.points if p.clips == clips] for clips in (before, after))
    return all(a.ceiling < b.floor or b.ceiling < a.floor for a in first for b in last)


def _budget_panel(axes: Axes, run: RunFolder, curves: Sequence[Curve]) -> None:
    from matplotlib.ticker import NullFormatter, PercentFormatter, ScalarFormatter

    metric = curves[0].metric
    for curve in curves:
        colour = _colour(curve.knowledge)
        means = curve.means()
        axes.plot([x for x, _ in means], [y for _, y in means], color=colour, label=curve.knowledge)
        for point in curve.points:
            axes.plot([point.clips] * 2, [point.floor, point.ceiling], color=colour, lw=1)
            axes.plot(point.clips, point.value, "o", color=colour, ms=4)
    for label, value, dash in _levels(run, curves[0]):
        axes.axhline(value, color=MUTED, lw=1.2, ls=dash, label=label)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(sorted({point.clips for curve in curves for point in curve.points}))
    axes.tick_params(axis="x", which="minor", length=0)
    axes.set(xlabel="protected clips learned from", ylabel=f"{curves[0].secret}: {titled(metric).replace(' %', '')}")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylim(bottom=0)
    _minutes(axes, curves)
    _legend(axes)


def _minutes(axes: Axes, curves: Sequence[Curve]) -> None:
    """A second axis above, in minutes of speech, where they are known."""
    from matplotlib.ticker import NullFormatter

    known = [(p.clips, p.minutes) for curve in curves for p in curve.points if p.minutes]
    if not known:
        return
    ratio = max(known)[1] / max(known)[0]
    above = axes.secondary_xaxis("top", functions=(partial(_times, ratio), partial(_times, 1 / ratio)))
    above.set_xlabel("minutes of speech", fontsize=8)
    ticks = [clips * ratio for clips in sorted({point.clips for curve in curves for point in curve.points})]
    above.set_xticks(ticks, [f"{tick:.0f}" if tick >= 10 else f"{tick:.1f}" for tick in ticks])
    above.xaxis.set_minor_formatter(NullFormatter())
    above.tick_params(labelsize=8)


def _times(factor: float, values: ArrayLike) -> ArrayLike:
    import numpy as np

    return np.asarray(values) * factor


def _levels(run: RunFolder, curve: Curve) -> list[tuple[str, float, str]]:
    """The ignorant listener on protected speech, and clean speech, as lines."""
    same = [s for s in run.scores if (s.metric, s.judge, s.knowledge) == (curve.metric, curve.judge, "ignorant")]
    at_zero = [p.value for p in run.budget if p.clips == 0 and (p.subject, p.metric) == (_subject(curve), curve.metric)]
    ignorant = at_zero or [s.value for s in same if s.subject == _subject(curve)]
    clean = [s.value for s in same if s.subject == "identity"]
    lines = [("ignorant", ignorant, "-"), ("clean speech", clean, "--")]
    return [(label, values[0], dash) for label, values, dash in lines if values]


def _subject(curve: Curve) -> str:
    return curve.points[0].subject


def _largest(lessons: Sequence[Lesson]) -> dict[tuple[str, str, float], list[Lesson]]:
    """(knowledge, judge, seed) → epochs in order, of the largest budget of each listener."""
    found: dict[tuple[str, str, float], list[Lesson]] = {}
    for row in sorted(lessons, key=lambda row: (level_rank(row.knowledge), row.epoch)):
        most = max(o.clips or 0 for o in lessons if (o.knowledge, o.judge) == (row.knowledge, row.judge))
        if (row.clips or 0) == most:
            found.setdefault((row.knowledge, row.judge, row.seed or 0), []).append(row)
    return found


def _colour(knowledge: str) -> str:
    return LEVEL_COLOURS.get(knowledge, MUTED)


def _legend(axes: Axes) -> None:
    """One entry a name, whatever the number of lines."""
    handles, names = axes.get_legend_handles_labels()
    once = dict(zip(names, handles, strict=True))
    axes.legend(once.values(), once.keys(), fontsize=7.5)

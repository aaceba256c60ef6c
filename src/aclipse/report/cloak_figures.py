"""Figures of a run that releases features: what happens on the device, the noise, its training, and what leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aclipse.report.drawing import BLUE, GREEN, INK, MUTED, ORANGE, PINK, SKY, WIDTH, themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from aclipse.contracts import Features
    from aclipse.protections.cloak.method import Cloak

History = Sequence[dict[str, float | None]]  # one row an epoch

STAGES = ("perturbation", "suppression")  # in the order in which they are trained
AIMS = {"perturbation": "perturbation: where and how much noise", "suppression": "suppression: what stands in"}
PANELS = (  # title, which columns, where a percentage
    ("emotion UAR on validation clips, with noise", ("uar",), True),
    ("emotion loss (CE), nats", ("cross_entropy",), False),
    ("adversaries’ losses, nats", (), False),
    ("mean σ", ("sigma",), False),
)
KNOWN = ("epoch", "cross_entropy", "sparsity", "uar", "sigma", "seconds")  # every other column is an adversary
COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY)
FRINGE = (1.0, 99.0)  # percentiles: the colour scale does not follow the rare extremes


@themed
def pipeline_figure(steps: Sequence[tuple[str, str]], guides: Sequence[str]) -> Figure:
    """What happens on the device, box after box, to the border that features cross; who steered it stands below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 1.6))
    axes = figure.subplots()
    axes.set(xlim=(0, len(steps)), ylim=(0.1, 2.1))
    axes.set_axis_off()
    for place, (title, text) in enumerate(steps):
        leaves = place == len(steps) - 1
        look = {"boxstyle": "round,pad=0.4", "fc": "#fbeac6" if leaves else "#d8eaf5", "ec": MUTED, "lw": 0.8}
        axes.text(place + 0.5, 1.5, f"{title}\n{text}", ha="center", va="center", fontsize=6.8, bbox=look)
        if place:
            axes.annotate("", (place + 0.1, 1.5), (place - 0.1, 1.5), arrowprops={"arrowstyle": "->", "color": INK})
    axes.axvline(len(steps) - 1, ymin=0.42, color=INK, lw=1, ls="--")
    axes.text(len(steps) - 1.04, 2.05, "the device", ha="right", va="top", fontsize=7.5, color=MUTED)
    axes.text(len(steps) - 0.96, 2.05, "outside", ha="left", va="top", fontsize=7.5, color=MUTED)
    axes.text(len(steps) / 2, 0.35, "\n".join(guides), ha="center", va="center", fontsize=7.5, color=MUTED)
    return figure


@themed
def noise_figure(cloak: Cloak, hz: Sequence[float]) -> Figure:
    """σ and what is suppressed over time and frequency; of noise that depends on the segment, for a mean segment."""
    import numpy as np
    import torch
    from matplotlib.figure import Figure

    from aclipse.report.reproduced_cloak_map import _draw_maps as draw_maps

    shape = cloak.features.segment, cloak.features.bands
    with torch.no_grad():
        sigma = cloak.noise.sigma(torch.zeros(1, *shape))
        kept = cloak.noise.mask(sigma).reshape(shape)
    found = np.stack([sigma[0].numpy(), kept.numpy()]).astype(np.float32)
    figure = Figure(figsize=(0.75 * WIDTH, 4.2))
    draw_maps(
        figure.subfigures(1, 1, squeeze=False)[0, 0],
        {"σ, the noise’s deviation": found},
        np.array(hz),
        {"σ, the noise’s deviation": BLUE},
    )
    return figure


@themed
def features_figure(original: Features, released: Features, hz: Sequence[float]) -> Figure:
    """Normalised log-mel of one clip before and after φ, on the same time, frequency and colour scale."""
    import numpy as np
    from matplotlib.figure import Figure

    from aclipse.report.reproduced_cloak_map import _image as image

    figure = Figure(figsize=(WIDTH, 3.6))
    panels = figure.subplots(2, 1, sharex=True, sharey=True)
    low, high = np.percentile(np.concatenate([original.ravel(), released.ravel()]), FRINGE)
    for axes, values, title in zip(panels, (original, released), ("original", "released"), strict=True):
        drawn = image(axes, values, np.array(hz), MUTED, cmap="magma", vmin=low, vmax=max(high, low + 1e-6))
        axes.set(title=title, ylabel="Hz")
    panels[1].set_xlabel("seconds")
    bar = figure.colorbar(drawn, ax=panels, label="normalised log-mel", pad=0.02, aspect=30)
    bar.outline.set_visible(False)
    return figure


@themed
def noise_training_figure(histories: Mapping[str, History]) -> Figure:
    """Emotion, adversaries and σ per epoch, both stages one after the other."""
    from matplotlib.figure import Figure

    rows, border = joined(histories)
    figure = Figure(figsize=(WIDTH, 4.4))
    for axes, (title, named, rate) in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
        _panel(axes, rows, border, named or adversaries(rows), rate)
        axes.set_title(title, fontsize=8.5)
        if not axes.lines:
            axes.set_visible(False)
    return figure


def joined(histories: Mapping[str, History]) -> tuple[list[dict[str, float | None]], int]:
    """Both stages as one history, and after how many epochs the second begins; 0 where there is but one."""
    parts = [list(histories.get(stage, ())) for stage in STAGES]
    return [*parts[0], *parts[1]], len(parts[0]) if all(parts) else 0


def adversaries(rows: History) -> tuple[str, ...]:
    """After which secrets adversaries were, as the columns that are nothing else."""
    return tuple(dict.fromkeys(name for row in rows for name in row if name not in KNOWN))


def _panel(axes: Axes, rows: History, border: int, named: Sequence[str], rate: bool) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    for name, colour in zip(named, COLOURS, strict=False):
        told = ((epoch, row.get(name)) for epoch, row in enumerate(rows, start=1))
        known = [(epoch, value) for epoch, value in told if value is not None]
        look: dict[str, Any] = {"color": colour, "marker": ".", "ms": 4, "label": name}
        axes.plot([epoch for epoch, _ in known], [value for _, value in known], **look)
    if border:
        axes.axvline(border + 0.5, color=MUTED, lw=1)
    axes.set_xlabel("epoch")
    axes.set_ylim(bottom=0)
    axes.margins(y=0.1)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    if rate:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    if set(named).isdisjoint(KNOWN) and axes.lines:
        axes.legend(fontsize=7.5)

"""Fig. 5 of the Cloak studies: where noise was learned and what is suppressed, over time and frequency."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aclipse.report.drawing import GRID, INK, themed
from aclipse.report.reproduced_cloak import at, number, shown_level
from aclipse.report.reproduced_cloak_figures import COLUMN, SMALL, TINY, looks
from aclipse.report.reproduced_figures import Rows, by

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure, SubFigure

    Map = NDArray[np.float32]  # (2, frame, band): σ, and 1 where a feature is kept

TICKS_HZ = (250, 500, 1000, 2000, 4000)
EDGES_HZ = (500, 2000)  # of the band in which the paper sees a difference
TOGETHER = 100.0  # a σ so many times the smallest is shown on a logarithmic scale


@themed
def _maps(rows: Rows, folder: Path) -> dict[str, Figure]:
    """Fig. 5: σ and the suppressed features of each method side by side, and the share suppressed in each band."""
    from matplotlib.figure import Figure

    maps = _read(rows, folder / "cloak-fig5")
    figure = Figure(figsize=(COLUMN, 1.9 + 2.9 * bool(maps)))
    if not maps:
        _bars(figure.subplots(), rows)
        return {"cloak-fig5": figure}
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=[2.9, 1.9])[:, 0]
    _draw_maps(upper, maps, np.load(folder / "cloak-fig5" / "hz.npy"), {m: look[0] for m, look in looks(rows).items()})
    _bars(lower.subplots(), rows)
    return {"cloak-fig5": figure}


def _draw_maps(part: SubFigure, maps: dict[str, Map], hz: NDArray[np.float32], colours: dict[str, str]) -> None:
    """σ above, on one colour scale for all methods, and below what is suppressed, in the method's own colour."""
    grid, scale = part.subplots(2, len(maps), sharex=True, sharey=True, squeeze=False), _scale(maps)
    for (sigma, kept), (method, found) in zip(grid.T, maps.items(), strict=True):
        drawn = _image(sigma, found[0], hz, "white", cmap="magma", norm=scale)
        _image(kept, 1 - found[1], hz, INK, cmap=_two(colours[method]), vmin=0, vmax=1)
        sigma.set_title(method, fontsize=SMALL + 1)
        kept.set_title("suppressed", fontsize=SMALL, color=colours[method])
        kept.set_xlabel("seconds", fontsize=SMALL)
    for axes in grid[:, 0]:
        axes.set_ylabel("Hz", fontsize=SMALL)
    bar = part.colorbar(drawn, ax=grid[0], pad=0.02, aspect=14, format="{x:g}")
    bar.outline.set_visible(False)
    bar.minorticks_off()
    bar.ax.tick_params(labelsize=TINY)
    bar.ax.set_xlabel("σ", fontsize=SMALL)


def _read(rows: Rows, folder: Path) -> dict[str, Map]:
    """The maps that lie beside the table, of the methods it names."""
    places = {method: folder / f"{method.replace(' + ', '-')}.npy" for method in looks(rows)}
    return {method: np.load(path) for method, path in places.items() if path.exists()}


def _scale(maps: dict[str, Map]) -> Normalize:
    """One colour scale of σ for all maps; the rare extremes do not stretch it."""
    from matplotlib.colors import LogNorm, Normalize

    low, high = np.percentile(np.stack([found[0] for found in maps.values()]), [1, 99])
    low, high = float(low), float(max(high, low + 1e-12))
    return LogNorm(low, high) if 0 < TOGETHER * low < high else Normalize(low, high)


def _two(colour: str) -> Any:
    from matplotlib.colors import ListedColormap

    return ListedColormap([GRID, colour])


def _image(axes: Axes, values: NDArray[np.float32], hz: NDArray[np.float32], line: str, **look: Any) -> Any:
    """A map ``(frame, band)`` over seconds and mel bands, marked in Hz."""
    from matplotlib.ticker import MaxNLocator

    from aclipse.audio.features import HOP
    from aclipse.contracts import SAMPLE_RATE

    frames, bands = values.shape
    seconds = frames * HOP / SAMPLE_RATE
    drawn = axes.imshow(
        values.T, origin="lower", aspect="auto", interpolation="nearest", extent=(0, seconds, -0.5, bands - 0.5), **look
    )
    ticks = [tick for tick in TICKS_HZ if hz[0] <= tick <= hz[-1]]
    axes.set_yticks(np.interp(ticks, hz, np.arange(bands)), [f"{tick}" for tick in ticks])
    for edge in EDGES_HZ:
        axes.axhline(np.interp(edge, hz, np.arange(bands)), color=line, lw=0.7, ls=":")
    axes.grid(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(labelsize=TINY)
    return drawn


def _bars(axes: Axes, rows: Rows) -> None:
    """Share suppressed in each band, mean over rotations; dots are single rotations."""
    level, bands = shown_level(rows), [band for (band,) in by(rows, "band")]
    shown = looks(rows)
    width = 0.8 / len(shown)
    for place, (method, (colour, _)) in enumerate(shown.items()):
        cells = by(at(rows, method, level), "band")
        for spot, band in enumerate(bands):
            shares = np.array([number(row["suppressed %"]) for row in cells.get((band,), [])])
            shares, x = shares[np.isfinite(shares)], spot - 0.4 + width * (place + 0.5)
            if len(shares):
                axes.bar(x, shares.mean(), 0.9 * width, color=colour, label=method if not spot else None)
            if len(shares) > 1:
                axes.plot([x] * len(shares), shares, ls="", marker=".", ms=3, color=INK)
    axes.set_xticks(range(len(bands)), [band.removesuffix(" Hz") for band in bands])
    axes.set_xlabel("Hz", fontsize=SMALL)
    axes.set_ylabel("suppressed, %", fontsize=SMALL)
    axes.set_ylim(0, 100)
    axes.tick_params(labelsize=SMALL)
    axes.legend(
        fontsize=TINY, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(shown), borderaxespad=0.2,
        title=f"at SR {level:.0f} %", title_fontsize=SMALL, alignment="left",
    )  # fmt: skip


MAPS = {"cloak-fig5": _maps}

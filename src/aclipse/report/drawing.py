"""How every figure looks and how it is saved: one style, colour-blind-safe, the same bytes for the same numbers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from aclipse.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

Point = tuple[float, float]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

WIDTH = 6.4  # inches: narrow enough that labels stay readable on a phone
PNG_DPI = 180
INK, MUTED, GRID = "#1d1c1a", "#6f6a62", "#e6e2da"
BLUE, ORANGE, GREEN, YELLOW, PINK, SKY = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9"
OTHERS = ((ORANGE, "^"), (PINK, "P"), (SKY, "d"), ("#5b4a9c", "<"))
SUBJECT_STYLE = {
    "identity": (INK, "s"),
    "cascade": (BLUE, "o"),
    "cloak": (ORANGE, "o"),
    "replacement": ("#5b4a9c", "o"),
    "low-pass": (YELLOW, "v"),
} | {
    "white-noise": (GREEN, "D"),
    "silence": (MUTED, "X"),
    "speech-noise": (GREEN, "d"),
    "mp3": (YELLOW, ">"),
    "mcadams": (PINK, "*"),
    "shuffle": (SKY, "p"),
    "source-only": (SKY, "h"),
    "label-only": (INK, "*"),
    "pgd": (ORANGE, "v"),
    "pgd-10": (ORANGE, "<"),
    "pgd-100": (ORANGE, ">"),
}
SIDES = ((8, 7), (8, -9), (-8, 7), (-8, -9), (8, 0), (-8, 0), (0, 12), (0, -12))  # of a label, in points
FARTHER = ((10, 24), (-10, 24), (10, -26), (-10, -26))  # where other labels are in the way of all of these
THEME = {
    "font.family": ["DejaVu Sans"],  # ships with matplotlib, so every machine draws the same
    "font.size": 9.2,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "text.parse_math": False,  # a "$" in a name is a "$"
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def themed(draw: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Draw in the report's style, whatever the user's own matplotlib settings are."""

    @wraps(draw)
    def styled(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        from matplotlib import style

        with style.context(["default", THEME]):
            return draw(*args, **kwargs)

    return styled


def style_of(subjects: Iterable[str]) -> dict[str, tuple[str, str]]:
    """A colour and a marker for each subject: fixed for the known ones, in turn for others."""
    strangers = [name for name in subjects if name not in SUBJECT_STYLE]
    return SUBJECT_STYLE | {name: OTHERS[i % len(OTHERS)] for i, name in enumerate(strangers)}


def shade(colour: str) -> str:
    """A colour halfway to ink, in which text can be read on paper.

    >>> shade("#ffffff"), shade(INK)
    ('#8e8d8c', '#1d1c1a')
    """
    channels = ((int(colour[i : i + 2], 16) + int(INK[i : i + 2], 16)) // 2 for i in (1, 3, 5))
    return "#" + "".join(f"{channel:02x}" for channel in channels)


@themed
def save_figure(figure: Figure, folder: Path, name: str) -> bytes:
    """Write ``name.png`` and ``name.pdf`` into a folder; returns the PNG's bytes.

    Neither holds a date, so the same figure gives the same files.
    """
    png, pdf = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": None})
    figure.set_layout_engine("none")  # the layout is settled: half of the time
    figure.savefig(pdf, format="pdf", dpi=PNG_DPI, metadata={"CreationDate": None})
    small = _with_palette(png)
    for suffix, content in (("pdf", pdf.getvalue()), ("png", small)):
        with replacing(folder / f"{name}.{suffix}") as partial:
            partial.write_bytes(content)
    return small


def _with_palette(png: io.BytesIO) -> bytes:
    """The same picture in 256 colours: a quarter of the size, no channel off by more than a few steps of 255."""
    from PIL import Image

    buffer = io.BytesIO()
    with Image.open(png) as image:
        few = image.convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def place_labels(figure: Figure, axes: Axes, drawn: Iterable[Point], labels: Iterable[tuple[Point, str]]) -> None:
    """Write each label beside its point, on the side where it covers no other label and the fewest drawn points."""
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()  # settles the layout, so that data can be mapped to pixels
    marks = axes.transData.transform(list(drawn))
    taken = [(Bbox.from_bounds(x - 2, y - 2, 4, 4), 1) for x, y in marks]
    for point, text in labels:
        notes = [_note(axes, point, text, side) for side in (*SIDES, *FARTHER)]
        boxes = [note.get_window_extent() for note in notes]
        costs = [0] * len(SIDES) + [50] * len(FARTHER)  # less than another label, more than most points
        for i, box in enumerate(boxes):
            costs[i] += sum(weight for other, weight in taken if box.overlaps(other)) + 1000 * _leaves(axes, box)
        chosen = costs.index(min(costs))
        taken.append((boxes[chosen], 100))
        for note in notes[:chosen] + notes[chosen + 1 :]:
            note.remove()


def _note(axes: Axes, point: Point, text: str, side: Point) -> Annotation:
    across, up = side
    align = "left" if across > 0 else "right" if across else "center"
    return axes.annotate(text, point, (across, up - 3), textcoords="offset points", fontsize=9, ha=align)


def _leaves(axes: Axes, box: Bbox) -> bool:
    return bool(box.x0 < axes.bbox.x0 or box.x1 > axes.bbox.x1)

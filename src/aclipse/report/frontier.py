"""Privacy against utility over a sweep: a static figure, and the same inside the page with a choice of listeners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template

from aclipse.report import frontier_figure, markup
from aclipse.report.drawing import style_of
from aclipse.report.folder import RunFolder
from aclipse.report.plates import plate
from aclipse.report.rows import Interval, Setting
from aclipse.report.vocabulary import format_interval, format_value, level_name, level_rank, metric_of, titled

Place = tuple[str, str, str]  # metric, judge, knowledge
WIDE, HIGH, LEFT, BELOW = 640, 380, 56, 44  # of the drawing, in its own units
UTILITY = "uar"


@dataclass(frozen=True, slots=True)
class Panel:
    """One choice of listeners: method → its settings in order, each with privacy across and emotion upwards."""

    privacy: Place
    emotion: Place
    methods: dict[str, list[tuple[Setting, Setting]]]


def sweep(run: RunFolder) -> str:
    """The frontier: what each method buys, at every setting, for every level of attacker."""
    drawn = panels(run.frontier)
    if not drawn:
        return ""
    first = [panel for panel in drawn if panel.emotion == drawn[0].emotion and panel.privacy[0] == drawn[0].privacy[0]]
    caption = (
        "Every mark is one setting of one method, with 95 % intervals; lines join a method’s settings. The higher, the"
        " better emotion is read; the arrow says which way is private. Methods whose crosses overlap are not ranked."
    )
    alt = f"Privacy against utility of {', '.join(drawn[0].methods)}, a panel for each of {len(first)} attackers."
    static = plate(run, "frontier", frontier_figure.frontier_figure(first), alt, caption)
    return markup.section("frontier", "What each method buys", f'<div class="static">{static}</div>', _choice(drawn))


def panels(rows: Sequence[Setting]) -> list[Panel]:
    """Every pair of a listener after a secret and a judge of emotion: words first, the independent judge first."""
    places = list(dict.fromkeys((row.metric, row.judge, row.knowledge) for row in rows))
    across = sorted((p for p in places if p[0] != UTILITY and metric_of(p[0]).unit == "%"), key=_rank)
    up = sorted((p for p in places if p[0] == UTILITY), key=lambda p: (p[2] != "transferred", level_rank(p[2])))
    made = [Panel(x, y, _methods(rows, x, y)) for x in across for y in up]
    return [panel for panel in made if panel.methods]


def name_of(place: Place) -> str:
    """Who listens, as one chooses it.

    >>> name_of(("wer", "compact-words", "ignorant"))
    'WER %, ignorant (compact-words)'
    """
    metric, judge, knowledge = place
    return f"{titled(metric)}, {level_name(knowledge, 'utility' if metric == UTILITY else 'privacy')} ({judge})"


def _rank(place: Place) -> tuple[bool, str, int, str]:
    return place[0] != "wer", place[0], level_rank(place[2]), place[1]


def _methods(rows: Sequence[Setting], across: Place, up: Place) -> dict[str, list[tuple[Setting, Setting]]]:
    at = {(row.method, row.setting, (row.metric, row.judge, row.knowledge)): row for row in rows}
    found: dict[str, list[tuple[Setting, Setting]]] = {}
    for method, setting in sorted({(row.method, row.setting) for row in rows}):
        x, y = at.get((method, setting, across)), at.get((method, setting, up))
        if x and y:
            found.setdefault(method, []).append((x, y))
    return found


def _choice(drawn: Sequence[Panel]) -> str:
    """The drawing to choose listeners in; hidden until the page's script finds that it can run."""
    looks = {name: colour for name, (colour, _) in style_of(dict.fromkeys(m for p in drawn for m in p.methods)).items()}
    privacy, emotion = (list(dict.fromkeys(getattr(p, side) for p in drawn)) for side in ("privacy", "emotion"))
    template = files("aclipse.report").joinpath("frontier.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        wide=WIDE,
        high=HIGH,
        privacy=_options(privacy),
        emotion=_options(emotion),
        panels="".join(_panel(p, f"{privacy.index(p.privacy)}-{emotion.index(p.emotion)}", looks) for p in drawn),
    )


def _options(places: Sequence[Place]) -> str:
    return "".join(f'<option value="{i}">{escape(name_of(place))}</option>' for i, place in enumerate(places))


def _panel(panel: Panel, key: str, looks: dict[str, str]) -> str:
    """One choice as a group of the drawing: axes, lines, crosses, and marks with their figures as titles."""
    better = " →" if metric_of(panel.privacy[0]).better > 0 else ""
    private = "← private: " if not better else "private: "
    top = max(1.0, *(x.ceiling for pairs in panel.methods.values() for x, _ in pairs))
    body = [_axes(f"{private}{name_of(panel.privacy)}{better}", f"emotion: {name_of(panel.emotion)} ↑", top)]
    for index, (method, pairs) in enumerate(panel.methods.items()):
        colour = looks[method]
        line = " ".join(f"{_x(x.value, top):.1f},{_y(y.value):.1f}" for x, y in pairs)
        body.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-dasharray="2 3"/>')
        body += [_mark(x, y, colour, top) for x, y in pairs]
        place = f'x="{WIDE - 8}" y="{HIGH - BELOW - 12 - 18 * index}"'
        body.append(f'<text {place} text-anchor="end" fill="{colour}">● {escape(method)}</text>')
    return f'<g data-panel="{key}" hidden="">{"".join(body)}</g>'


def _mark(x: Setting, y: Setting, colour: str, top: float) -> str:
    figures = "; ".join(
        f"{titled(s.metric)} {format_value(s.metric, s.value)}" + (f" [{ends}]" if (ends := _ends(s)) else "")
        for s in (x, y)
    )
    told = escape(f"{x.method}, {x.knob} {x.setting:g}: {figures}")
    cx, cy = _x(x.value, top), _y(y.value)
    bars = (
        f'<line x1="{_x(x.floor, top):.1f}" x2="{_x(x.ceiling, top):.1f}" y1="{cy:.1f}" y2="{cy:.1f}"/>'
        f'<line x1="{cx:.1f}" x2="{cx:.1f}" y1="{_y(y.floor):.1f}" y2="{_y(y.ceiling):.1f}"/>'
    )
    point = f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="4.5" fill="{colour}" tabindex="0"><title>{told}</title></circle>'
    return f'<g stroke="{colour}">{bars}{point}</g>'


def _ends(row: Interval) -> str:
    return format_interval(getattr(row, "metric", ""), row.low, row.high)


def _axes(across: str, up: str, top: float) -> str:
    lines = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        x, y = _x(share * top, top), _y(share)
        lines.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_y(1):.1f}" y2="{_y(0):.1f}"/>')
        lines.append(f'<line class="grid" x1="{_x(0, top):.1f}" x2="{_x(top, top):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text x="{x:.1f}" y="{_y(0) + 16:.1f}" text-anchor="middle">{share * top * 100:.0f} %</text>')
        lines.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share * 100:.0f} %</text>')
    lines.append(f'<text x="{WIDE - 8}" y="{HIGH - 6}" text-anchor="end">{escape(across)}</text>')
    return f'{"".join(lines)}<text x="4" y="12">{escape(up)}</text>'


def _x(share: float, top: float) -> float:
    return LEFT + (WIDE - LEFT - 28) * min(max(share / top, 0.0), 1.0)


def _y(share: float) -> float:
    return HIGH - BELOW - (HIGH - BELOW - 24) * min(max(share, 0.0), 1.0)

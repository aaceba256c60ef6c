"""The ladder in HTML: a block for each secret, a row for each listener, its figure drawn on the scale of verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from aclipse.report.ladder import Finding, zones
from aclipse.report.markup import chip, framed, prose, slug
from aclipse.report.terminal import COUNTS, who
from aclipse.report.vocabulary import SECRETS, format_interval, format_value, titled
from aclipse.report.wording import percent, tell

_HEAD = "".join(
    f'<th scope="col">{text}</th>' for text in ("listener", "clean", "protected", "on the scale", "verdict")
)


def block(found: Sequence[Finding], decisive: Finding) -> str:
    """One secret: its overall verdict, the sentence of the listener that counts, then all listeners."""
    secret = SECRETS[decisive.secret]
    thing = secret.thing[0].upper() + secret.thing[1:]
    rows = "".join(_row(finding, finding is decisive and not finding.doubt) for finding in found)
    caption = f"{titled(secret.metric)}: {secret.axis}, {secret.better}"
    return (
        f'<div class="secret"><h3>{escape(thing)} {chip(decisive.verdict)}</h3><p>{prose(tell(decisive))}</p>'
        f"{framed(f'<thead><tr>{_HEAD}</tr></thead><tbody>{rows}</tbody>', caption, 'ladder')}</div>"
    )


def gauge(result: Finding) -> str:
    """The scale from 0 to 100 %: zones of verdicts, clean speech, the figure and its interval."""
    score, name = result.score, SECRETS[result.secret].axis
    spans = [(f"zone {slug(verdict)}", low, high) for verdict, low, high in zones(result)]
    if score.low is not None and score.high is not None:
        spans.append(("interval", score.low, score.high))
    spans += [("clean", result.clean.value, result.clean.value)] if result.clean else []
    spans.append(("point", score.value, score.value))
    bars = "".join(
        f'<i class="{kind}" style="left:{_place(low):.1f}%;width:{_place(high) - _place(low):.1f}%"></i>'
        for kind, low, high in spans
    )
    label = f"{name}: {percent(score.value)}"
    label += f", clean speech {percent(result.clean.value)}" if result.clean else ""
    return f'<div class="gauge" role="img" aria-label="{escape(label)}">{bars}</div>'


def _row(finding: Finding, decisive: bool) -> str:
    score, clean = finding.score, finding.clean
    mark = f'<span title="the listener that counts">{COUNTS}</span> ' if decisive else ""
    shown = f'<span class="muted">not shown: {escape(finding.doubt)}</span>'
    if not finding.doubt:
        interval = format_interval(score.metric, score.low, score.high)
        shown = f"{format_value(score.metric, score.value)}<small>{escape(interval)}</small>"
    drawn = "" if finding.doubt else gauge(finding)
    cells = (format_value(score.metric, clean.value if clean else None), shown, drawn, chip(finding.verdict))
    kind = ' class="own"' if decisive else ""
    body = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr{kind}><th scope="row">{mark}{escape(who(finding))}</th>{body}</tr>'


def _place(value: float) -> float:
    return 100 * min(max(value, 0.0), 1.0)

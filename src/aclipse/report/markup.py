"""Pieces of HTML. Whatever comes from a run is escaped here and nowhere else."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from itertools import groupby

from aclipse.report.tables import Column, Table
from aclipse.report.verdicts import Verdict
from aclipse.report.vocabulary import level_name, metric_of

ROLES = {"utility": "Emotion kept", "privacy": "Secrets hidden", "quality": "Sound quality"}


def section(anchor: str, title: str, *parts: str) -> str:
    """A titled section; empty if it has nothing to say."""
    body = "\n".join(part for part in parts if part)
    return f'<section id="{anchor}">\n<h2>{escape(title)}</h2>\n{body}\n</section>' if body else ""


def prose(text: str) -> str:
    """Running text; a figure is never parted from its unit or from the other end of its interval.

    >>> ascii(prose("12–18 % & more"))
    "'12\\\\u2060\\\\u2013\\\\u206018\\\\xa0% &amp; more'"
    """
    text = re.sub(r"(?<=\d) (?=%|dB)", "\N{NO-BREAK SPACE}", text)
    return escape(re.sub(r"(?<=\d)–(?=\d)", "\N{WORD JOINER}–\N{WORD JOINER}", text))


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    return f"<p{_kind(kind)}>{prose(text)}</p>"


def bullets(texts: Iterable[str], kind: str = "") -> str:
    """A list of plain texts; nothing if there are none."""
    items = "".join(f"<li>{prose(text)}</li>" for text in texts)
    return f"<ul{_kind(kind)}>{items}</ul>" if items else ""


def fold(title: str, content: str) -> str:
    """Content that opens on a click and is printed in any case."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>" if content else ""


def terms(pairs: Iterable[tuple[str, str]]) -> str:
    """Words and what they mean."""
    return "<dl>" + "".join(f"<dt>{escape(word)}</dt><dd>{prose(text)}</dd>" for word, text in pairs) + "</dl>"


def plain_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], caption: str, cell: Callable[[str], str] = escape
) -> str:
    """A table of plain texts, the first of each row its heading; ``cell`` turns a text into HTML."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in headings)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>' + "".join(f"<td>{cell(text)}</td>" for text in rest) + "</tr>"
        for first, *rest in rows
    )
    return framed(f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>", caption, "plain") if body else ""


def score_table(
    table: Table,
    caption: str,
    highlight: str = "",
    kinds: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
) -> str:
    """Subjects by columns, grouped by role, intervals under the figures, guessing in the last row.

    ``kinds`` says under its name what a subject is, ``groups`` how a role is headed if not as usual.
    """
    if not table.columns:
        return ""
    titles, kinds = {**ROLES, **(groups or {})}, kinds or {}
    spans = [(role, len(list(columns))) for role, columns in groupby(column.role for column in table.columns)]
    corner, several = '<td rowspan="2"></td>', len({column.knowledge for column in table.columns}) > 1
    top = "".join(f'<th scope="colgroup" colspan="{n}">{escape(titles.get(role, role))}</th>' for role, n in spans)
    starts = {sum(n for _, n in spans[:i]) for i in range(len(spans))}
    head = "".join(
        f'<th scope="col"{_kind("start" if i in starts else "")}>{escape(metric_of(column.metric).name)}'
        f"<small>{escape(metric_of(column.metric).unit)}</small>"
        f"<small>{escape(_whose(column, several))}</small></th>"
        for i, column in enumerate(table.columns)
    )
    rows = "".join(
        f"<tr{_kind('own' if subject == highlight else '')}>"
        f'<th scope="row">{escape(subject)}{_kind_of(kinds.get(subject, ""))}</th>'
        + "".join(_figure(*cell, start=i in starts) for i, cell in enumerate(cells))
        + "</tr>"
        for subject, cells in table.rows.items()
    )
    if any(table.chance):
        cells = "".join(_figure(text, "", False, i in starts) for i, text in enumerate(table.chance))
        rows += f'<tr class="chance"><th scope="row">guessing</th>{cells}</tr>'
    top = f"<tr>{corner}{top}</tr><tr>{head}</tr>" if len(spans) > 1 else f"<tr><td></td>{head}</tr>"
    return framed(f"<thead>{top}</thead><tbody>{rows}</tbody>", caption, "scores")


def picture(png: bytes, alt: str, caption: str) -> str:
    """A figure with its caption, inside the page."""
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    image = f'<div class="scroll"><img src="{source}" alt="{escape(alt)}"></div>'
    return f"<figure>{image}{f'<figcaption>{prose(caption)}</figcaption>' if caption else ''}</figure>"


def player(flac: bytes, label: str) -> str:
    """An audio player, its sound inside the page."""
    source = f"data:audio/flac;base64,{base64.b64encode(flac).decode()}"
    audio = f'<audio controls preload="metadata" src="{source}" aria-label="{escape(label)}"></audio>'
    return f'<div class="player"><span>{escape(label)}</span>{audio}</div>'


def chip(verdict: Verdict) -> str:
    """A verdict as a small label; the words carry the meaning, the colour only helps."""
    return f'<span class="chip {slug(verdict)}">{escape(verdict)}</span>'


def marked(said: str, heard: str) -> str:
    """What was heard, with wrong and invented words underlined and a gap for each missing one.

    >>> marked("Call me at nine.", "call at night")
    'call <span class="gap" title="missing: me">[…]</span> at <mark title="said: nine">night</mark>'
    """
    import jiwer

    truth, guess = _words(said), _words(heard)
    if not truth or not guess:
        return escape(" ".join(guess)) or '<span class="gap">(nothing)</span>'
    pieces = []
    for chunk in jiwer.process_words(" ".join(truth), " ".join(guess)).alignments[0]:
        was = escape(" ".join(truth[chunk.ref_start_idx : chunk.ref_end_idx]))
        now = escape(" ".join(guess[chunk.hyp_start_idx : chunk.hyp_end_idx]))
        pieces.append(
            {
                "equal": now,
                "substitute": f'<mark title="said: {was}">{now}</mark>',
                "insert": f'<mark title="never said">{now}</mark>',
                "delete": f'<span class="gap" title="missing: {was}">[…]</span>',
            }[chunk.type]
        )
    return " ".join(pieces)


def _whose(column: Column, several: bool) -> str:
    """Whose figure a column holds, as far as that tells columns apart."""
    return " ".join(filter(None, (column.judge, level_name(column.knowledge, column.role) if several else "")))


def _kind_of(text: str) -> str:
    return f'<small class="kind">{escape(text)}</small>' if text else ""


def _figure(text: str, interval: str, best: bool, start: bool) -> str:
    value = f"<b>{escape(text)}</b>" if best else escape(text)
    return f"<td{_kind('start' if start else '')}>{value}<small>{escape(interval)}</small></td>"


def framed(content: str, caption: str, kind: str) -> str:
    """A table's inside as a table with a caption that scrolls sideways where it must."""
    table = f'<table class="{kind}"><caption><span>{escape(caption)}</span></caption>{content}</table>'
    return f'<div class="scroll {kind}" tabindex="0">{table}</div>'


def _kind(name: str) -> str:
    return f' class="{name}"' if name else ""


def slug(text: str) -> str:
    """A text as a class name."""
    return text.replace(" ", "-")


def _words(text: str) -> list[str]:
    return re.sub(r"[^\w' ]", " ", text.casefold()).split()

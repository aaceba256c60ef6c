"""The audit on a terminal: the ladder of the protector, then every subject side by side, in lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from textwrap import wrap

from aclipse.report import beside
from aclipse.report.comparison import comparison, headings
from aclipse.report.folder import RunFolder
from aclipse.report.ladder import Finding, counting, findings, protector, quality
from aclipse.report.medium import medium_of
from aclipse.report.verdicts import Verdict
from aclipse.report.vocabulary import SECRETS, format_interval, format_value, level_name, titled

COUNTS = "▸"
NARROWEST = 12  # signs left for the listener, however narrow the terminal
Align = Callable[[str, int], str]
_HEAD = ("secret", "listener", "clean", "protected [95 %]", "verdict")


def ladder_lines(run: RunFolder, width: int) -> list[str]:
    """What each listener makes of protected speech, and the baselines beside it, in lines of at most ``width`` signs.

    Every figure is whole; names of listeners are shortened where there is no room (from about 70 signs on).
    """
    found = findings(run)
    notes = (
        [f"{COUNTS} the listener that counts: the worst for the protection that passed its own check"] if found else []
    )
    notes += [f"not shown: {text}" for text in doubts(found)]
    wrapped = [line for note in notes for line in wrap(note, max(width, NARROWEST), subsequent_indent="  ")]
    told = [wrap(note, max(width, NARROWEST), subsequent_indent="  ") for note in _kinds(run)]
    return [
        *wrap(_change(run), max(width, NARROWEST)), "", *_ladder(found, width), *wrapped, "",
        *_subjects(run, width), *(line for lines in told for line in ("", *lines)),
    ]  # fmt: skip


def doubts(found: Iterable[Finding]) -> list[str]:
    """Why listeners are not shown, each reason once, with whom it is about."""
    reasons: dict[str, list[str]] = {}
    for finding in found:
        if finding.doubt:
            reasons.setdefault(finding.doubt, []).append(f"{finding.secret} {who(finding)}")
    return [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]


def who(finding: Finding) -> str:
    """A listener in a word or two: its level, its purifier, and its judge where the level alone does not tell."""
    score = finding.score
    named = " ".join(filter(None, (level_name(score.knowledge, score.role), "" if finding.alone else score.judge)))
    return f"{named} ({score.via})" if score.via else named


def _change(run: RunFolder) -> str:
    name = protector(run.scores)
    measured = {metric: quality(run.scores, name, metric) for metric in ("snr_db", "level_db", "seconds")}
    units = {"snr_db": medium_of(run).measured, "level_db": "level {} dB", "seconds": "{} s per utterance"}
    parts = [units[key].format(format_value(key, value)) for key, value in measured.items() if value is not None]
    return f"{name}: {', '.join(parts)}" if parts else name


def _ladder(found: Sequence[Finding], width: int) -> list[str]:
    decisive = {id(finding) for finding in counting(found).values() if not finding.doubt}
    rows: list[Sequence[str]] = [_HEAD]
    for secret, own in groupby(found, key=lambda finding: finding.secret):
        names = [secret, titled(SECRETS[secret].metric).replace(" %", ", %")]
        block = [
            (f"{COUNTS if id(finding) in decisive else ' '} {who(finding)}", *_figures(finding)) for finding in own
        ]
        block += [("", "", "", "")] * (len(names) - len(block))
        names += [""] * (len(block) - len(names))
        rows += [(name, *rest) for name, rest in zip(names, block, strict=True)]
    fixed = sum(max(len(row[i]) for row in rows) + 2 for i in (0, 2, 3, 4)) - 2
    room = max(NARROWEST, width - fixed - 2)
    return _aligned([(a, _short(b, room), *rest) for a, b, *rest in rows], (str.ljust, str.ljust, str.rjust, str.ljust))


def _figures(finding: Finding) -> tuple[str, str, str]:
    score, metric = finding.score, finding.score.metric
    clean = format_value(metric, finding.clean.value if finding.clean else None)
    if finding.verdict is Verdict.NOT_SHOWN:
        return clean, "not shown", str(finding.verdict)
    interval = format_interval(metric, score.low, score.high)
    return clean, format_value(metric, score.value) + (f" [{interval}]" if interval else ""), str(finding.verdict)


def _subjects(run: RunFolder, width: int) -> list[str]:
    """Every subject in a row; where there is no room for all columns, the last ones are left out."""
    rows, named = [(row.subject, *row.texts) for row in comparison(run)], headings(run)
    kept = [i for i in range(1, len(named) + 1) if any(row[i] for row in rows)]
    upper, lower = (("", *(pair[part] for pair in named)) for part in (0, 1))
    while True:
        lines = _aligned([[row[i] for i in (0, *kept)] for row in (upper, lower, *rows)], (str.ljust,), str.rjust)
        if not kept or max(map(len, lines)) <= width:
            return lines
        kept.pop()


def _kinds(run: RunFolder) -> list[str]:
    """What the rows are that are no simple means, and who is ahead of whom."""
    told = ", ".join(f"{name} ({kind})" for name, kind in beside.kinds(run).items())
    return [f"Rows: {told}; the rest are clean speech and simple means.", *beside.sentences(run)] if told else []


def _aligned(rows: Sequence[Sequence[str]], aligns: Sequence[Align], other: Align = str.ljust) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [*aligns, *[other] * (len(widths) - len(aligns))]
    return [
        "  ".join(side(text, wide) for side, text, wide in zip(sides, row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _short(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1].rstrip()}…"

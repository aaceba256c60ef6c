"""The sections that show how hard attackers tried, whom it hit and what is proven: budget, checks, groups, pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aclipse.report import attack_figures, markup
from aclipse.report.attack_figures import Curve, budget_curves, more_helps
from aclipse.report.folder import RunFolder
from aclipse.report.ladder import Finding, counting, findings, is_silent, protector
from aclipse.report.plates import plate
from aclipse.report.rows import Attacker, Pair, Slice
from aclipse.report.tables import QUALITY, Cell, Column, Table
from aclipse.report.terminal import who
from aclipse.report.vocabulary import (
    CONTROL,
    UTILITY,
    format_interval,
    format_value,
    level_name,
    metric_of,
    titled,
)
from aclipse.report.wording import join

SIGNIFICANT = 0.05
WORSE = "▾"
Place = tuple[str, str, str]  # metric, judge, knowledge


def investment(run: RunFolder) -> str:
    """Leak against budget: what an attacker must invest."""
    curves = budget_curves(run)
    if not curves:
        return ""
    told = [f"{_curve_name(curve)}: {more_helps(curve)}" for curve in curves if len(curve.means()) > 1]
    timed = any(point.minutes for curve in curves for point in curve.points)
    axes = ", as clips (below) and minutes of speech (above)" if timed else ""
    caption = (
        f"What an attacker reads after learning from so many protected clips with transcripts or labels{axes}. Bars:"
        " 95 % intervals; several marks at one budget: several seeds."
        " Solid: the ignorant attacker, who learned from none. Dashed: the same listener on clean speech."
    )
    alt = "; ".join(
        f"{_curve_name(curve)}: "
        + ", ".join(f"{clips:.0f} clips {format_value(curve.metric, value)}" for clips, value in curve.means())
        for curve in curves
    )
    drawn = plate(run, "budget", attack_figures.budget_figure(run, curves), alt, caption)
    return markup.section("budget", "What an attacker must invest", drawn, markup.bullets(told))


def attackers(run: RunFolder) -> str:
    """Whether each listener was any good: its clean score, its training, guessing, shuffled labels; then the curves."""
    found = findings(run)
    if not found:
        return ""
    rows = [_attacker(run, finding) for finding in found]
    headings = ("listener", "clean", "guessing", "shuffled", "learned from", "epochs", "validation", "check")
    parts = [
        markup.paragraph(_CHECK),
        markup.plain_table(
            headings,
            rows,
            "Every listener’s own check; clean, guessing and shuffled in % of the figure that decides",
            markup.prose,
        ),
    ]
    own = [lesson for lesson in run.learning if lesson.subject == protector(run.scores)]
    lessons = [lesson for lesson in own if lesson.knowledge != "inverting"]  # which learns to undo, not to read
    if lessons:
        wrong = "; for words: minus the word error rate" if any(row.secret == "words" for row in lessons) else ""
        caption = (
            "Validation scores of the attackers while they learned from protected speech (the higher the better"
            f"{wrong}). A curve that has flattened has had its fill of epochs."
        )
        names = ", ".join(dict.fromkeys(f"{row.secret} {row.knowledge}" for row in lessons))
        figure = attack_figures.learning_figure(lessons)
        parts.append(plate(run, "learning", figure, f"Learning curves of: {names}.", caption))
    return markup.section("attackers", "Was the attacker any good?", *parts, _purifiers(run))


def groups(run: RunFolder) -> str:
    """Figures by sex, emotion and corpus of the clips, for the listeners that count."""
    own = _decisive([row for row in run.slices if row.subject == protector(run.scores)], run)
    table = _groups(own)
    caption = f"By {join(row.by for row in own)}: {'; '.join(column.title for column in table.columns)}"
    told = (
        f"The same figures for parts of the test clips. {WORSE} marks a group that is clearly worse off than every"
        " other one: its interval lies apart, on the side where more leaks or less emotion is read."
    )
    parts = [markup.paragraph(told), markup.score_table(table, caption)] if own else []
    return markup.section("groups", "Whom it protects less", *parts)


def paired(run: RunFolder) -> str:
    """Differences between systems on the same clips."""
    if not run.pairs or is_silent(run.scores):  # where nothing is left there is nothing to compare
        return ""
    told = (
        "Differences on the same clips, subject minus other, with 95 % intervals; p is corrected for the number of"
        f" comparisons (Holm). Where p is {SIGNIFICANT} or more, or the interval holds zero, no difference is shown and"
        " nothing is ranked."
    )
    main = _decisive(run.pairs, run)
    headings = ("compared", "figure", "listener", "difference", "p", "what follows")
    rest = markup.plain_table(headings, map(_pair, run.pairs), "All paired tests") if len(main) < len(run.pairs) else ""
    return markup.section(
        "paired",
        "Is the difference real?",
        markup.paragraph(told),
        markup.plain_table(headings, map(_pair, main), "Paired tests, for the listeners that count"),
        markup.fold(f"All {len(run.pairs)} tests", rest),
    )


def worse_off(row: Slice, others: Iterable[Slice]) -> bool:
    """Whether a group's interval lies apart from every other group's, on the side that is bad for a protection."""
    rest = list(others)
    if any(None in (each.low, each.high) for each in (row, *rest)):
        return False  # a bare figure shows nothing clearly
    if metric_of(row.metric).better < 0:
        return bool(rest) and all(row.floor > other.ceiling for other in rest)
    return bool(rest) and all(row.ceiling < other.floor for other in rest)


def conclusion(pair: Pair) -> str:
    """What a paired test shows, in words."""
    better = metric_of(pair.metric).better
    holds_zero = pair.low is None or pair.high is None or pair.low <= 0 <= pair.high
    if pair.p is None or pair.p >= SIGNIFICANT or holds_zero or not better:
        return "no difference shown"
    ahead = pair.difference * better > 0
    role = _role(pair.metric)
    verbs = {"utility": ("keeps more", "keeps less"), "privacy": ("hides more", "hides less")}
    return f"{pair.subject} {verbs.get(role, ('changes the sound less', 'changes the sound more'))[0 if ahead else 1]}"


_CHECK = (
    "An attacker that fails proves nothing if it would fail anywhere. So each listener must first do well on clean"
    " speech, and a trained one must have learned something; trained on shuffled labels, it must end at guessing. A"
    " figure whose listener failed its check is not shown in the ladder and counts for no verdict."
)


def _attacker(run: RunFolder, finding: Finding) -> tuple[str, ...]:
    metric, score = finding.score.metric, finding.score
    shuffled = [s for s in run.scores if (s.subject, s.metric, s.knowledge) == ("identity", metric, CONTROL)]
    row = _training(run, finding)
    return (
        f"{finding.secret}: {who(finding)}",
        format_value(metric, finding.clean.value) if finding.clean else "not tried",
        format_value(metric, finding.chance),
        format_value(metric, shuffled[0].value) if shuffled and score.knowledge in _TAUGHT else "",
        _learned(row) if row else "",
        f"{row.epochs or 0:.0f} (best: {(row.best_epoch or 0) + 1:.0f})" if row else "",
        f"{_signed(row.before)} → {_signed(row.after)}" if row and row.after is not None else "",
        f"not shown: {finding.doubt}" if finding.doubt else "passed",
    )


_TAUGHT = ("retrained", "purified", "scratch")


def _learned(row: Attacker) -> str:
    """From how much an attacker learned; a vector has no length, and what learns from updates has no clips."""
    if row.clips is None:
        return ""
    return f"{row.clips:.0f} clips" + (f", {row.minutes:.1f} min" if row.minutes else "")


def _training(run: RunFolder, finding: Finding) -> Attacker | None:
    """The training of a finding's listener: the one with most clips, if several budgets were tried."""
    score = finding.score
    wanted = (score.subject, finding.secret, score.judge, score.knowledge)
    own = [row for row in run.attackers if (row.subject, row.secret, row.judge, row.knowledge) == wanted]
    return max(own, key=lambda row: row.clips or 0, default=None)


def _purifiers(run: RunFolder) -> str:
    own = [row for row in run.purifiers if row.subject == protector(run.scores)]
    rows = [(f"{row.secret}: {row.purifier}", _signed(row.validation), "chosen" if row.chosen else "") for row in own]
    caption = "Cleaning steps tried before the ignorant listener (validation score, the higher the better)"
    table = markup.plain_table(("cleaning step", "validation", ""), rows, caption)
    return markup.fold("Which cleaning step helps an attacker most", table)


def _decisive(rows: Sequence[Slice] | Sequence[Pair], run: RunFolder) -> list:
    """Rows on the listeners that count; all rows if there are none such."""
    places = {(f.score.metric, f.score.judge, f.score.knowledge) for f in counting(findings(run)).values()}
    own = [row for row in rows if (row.metric, row.judge, row.knowledge) in places]
    return own or list(rows)


def _groups(rows: Sequence[Slice]) -> Table:
    named: list[Place] = list(dict.fromkeys((row.metric, row.judge, row.knowledge) for row in rows))
    places = sorted(named, key=lambda place: _role(place[0]))
    columns_of = [[row for row in rows if (row.metric, row.judge, row.knowledge) == place] for place in places]
    cells = {
        f"{by}: {group}": [_group_cell(group, [row for row in column if row.by == by]) for column in columns_of]
        for by, group in dict.fromkeys((row.by, row.group) for row in rows)
    }
    titles = [Column(_role(metric), metric, level, "") for metric, judge, level in places]
    seen = [(column.role, column.title) for column in titles]
    columns = [
        column._replace(judge=judge) if seen.count((column.role, column.title)) > 1 else column
        for column, (_, judge, _) in zip(titles, places, strict=True)
    ]
    return Table(columns, cells, [""] * len(columns), [], [])


def _group_cell(group: str, column: Sequence[Slice]) -> Cell:
    own = [row for row in column if row.group == group]
    if not own:
        return Cell("")
    mark = f" {WORSE}" if worse_off(own[0], (row for row in column if row.group != group)) else ""
    row = own[0]
    return Cell(format_value(row.metric, row.value) + mark, format_interval(row.metric, row.low, row.high))


def _pair(pair: Pair) -> tuple[str, ...]:
    interval = format_interval(pair.metric, pair.low, pair.high)
    sign = "+" if pair.difference > 0 else ""
    difference = f"{sign}{format_value(pair.metric, pair.difference)}" + (f" [{interval}]" if interval else "")
    level = level_name(pair.knowledge, _role(pair.metric))
    shown = "" if pair.p is None else "< 0.001" if pair.p < 0.001 else f"{pair.p:.3f}"
    names = f"{pair.subject} − {pair.other}"
    return names, titled(pair.metric), f"{level} {pair.judge}".strip(), difference, shown, conclusion(pair)


def _role(metric: str) -> str:
    if metric in QUALITY:
        return "quality"
    return "utility" if metric in ("uar", "accuracy") or metric.startswith("recall:") else "privacy"


def _curve_name(curve: Curve) -> str:
    return f"{curve.secret}, {level_name(curve.knowledge, 'utility' if curve.secret == UTILITY else 'privacy')}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".replace("-", "−")

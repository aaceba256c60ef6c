"""Write the README's result tables from audited runs; `make results` names them."""

from __future__ import annotations

import sys
from pathlib import Path

from page import table, write_section

from aclipse.report.comparison import comparison_table
from aclipse.report.folder import RunFolder, read_run
from aclipse.report.ladder import Finding, counting, findings, protector
from aclipse.report.tables import Cell
from aclipse.report.terminal import doubts, who
from aclipse.report.vocabulary import SECRETS, format_interval, format_value, titled

README = Path(__file__).parent.parent / "README.md"


def figure(cell: Cell) -> str:
    """A value and its interval."""
    return cell.text + (f" [{cell.interval}]" if cell.interval else "")


def lines_of(run: RunFolder) -> list[str]:
    """One run's ladder and its subjects side by side in Markdown, with its corpus, split and chance."""
    corpus, found = run.about["corpus"], comparison_table(run)
    speakers = f"{corpus['clips']} clips, {corpus['speakers']} speakers"
    tests = max((score.n for score in run.scores if score.n is not None), default=0)
    return [
        f"**{corpus['name']}** ({speakers}; split {', '.join(found.splits)}; {tests} test clips;"
        f" 95 % intervals over speakers). What listeners get from *{protector(run.scores)}*:",
        "",
        *ladder(run),
        "",
        "Beside simple means:",
        "",
        *subjects(run),
        "",
    ]


def ladder(run: RunFolder) -> list[str]:
    """Secret, listener, clean, protected, verdict; bold is the listener that counts."""
    found = findings(run)
    decisive = {id(finding) for finding in counting(found).values() if not finding.doubt}
    rows = [_rung(finding, id(finding) in decisive) for finding in found]
    notes = [f"*Not shown*: {text}." for text in doubts(found)]
    return [*table(["secret", "listener", "clean", "protected", "verdict"], rows, 2), *([""] if notes else []), *notes]


def subjects(run: RunFolder) -> list[str]:
    """Every subject in a row."""
    found = comparison_table(run)
    headings = ["subject", *(column.title for column in found.columns)]
    rows = [[subject, *map(figure, cells)] for subject, cells in found.rows.items()]
    return table(headings, [*rows, ["chance", *found.chance]], len(headings))


def _rung(finding: Finding, decisive: bool) -> list[str]:
    score, metric = finding.score, finding.score.metric
    interval = format_interval(metric, score.low, score.high)
    shown = "not shown" if finding.doubt else figure(Cell(format_value(metric, score.value), interval))
    clean = format_value(metric, finding.clean.value) if finding.clean else ""
    listener, verdict = who(finding), str(finding.verdict)
    marked = [f"**{text}**" for text in (listener, verdict)] if decisive else [listener, verdict]
    return [f"{finding.secret}, {titled(SECRETS[finding.secret].metric)}", marked[0], clean, shown, marked[1]]


def main(folders: list[str]) -> None:
    """Write the section of the runs in ``folders``."""
    lines = [line for folder in folders for line in lines_of(read_run(Path(folder)))]
    write_section(README, "results", "make results", lines[:-1])


if __name__ == "__main__":
    main(sys.argv[1:])

"""Write the README's result tables from audited runs and the study of Cloak; `make results` names them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from page import table, write_section

from aclipse.atomic import read_table
from aclipse.report.beside import sentences
from aclipse.report.comparison import comparison_table
from aclipse.report.folder import RunFolder, read_run
from aclipse.report.ladder import Finding, counting, findings, protector
from aclipse.report.reproduced_cloak import AS_THE_PAPER, at, informed, learned, levels, named, pick, score
from aclipse.report.reproduced_cloak_findings import findings as cloak_findings
from aclipse.report.reproduced_figures import Rows, by, short
from aclipse.report.tables import Cell
from aclipse.report.terminal import doubts, who
from aclipse.report.vocabulary import SECRETS, format_interval, format_value, titled

SHOWN = (0.0, 60.0)  # % suppressed: noise alone, and where the paper states its figures
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


def beside_lines(run: RunFolder) -> list[str]:
    """Who stands beside whom: every subject in a row, and what may be said of them."""
    about = (
        f"**{run.about['corpus']['name']}**, as sound (split {', '.join(comparison_table(run).splits)}; level quick)"
    )
    return [f"{about}:", "", *subjects(run), "", *(f"* {sentence}" for sentence in sentences(run))]


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


def cloak_lines(study: Path) -> list[str]:
    """Fig. 4 of Cloak in Markdown: who reads emotion and sex, at each share suppressed, and what that comes to."""
    rows = read_table(study)
    made_with = json.loads(study.with_suffix(".json").read_text(encoding="utf-8"))
    headings = ["method", "SR %", "emotion, guide", "emotion, informed", "emotion, fine-tuned", "sex, ignorant",
                "sex, informed", "sex, best retrained", "SNR dB"]  # fmt: skip
    parts = [(method, None) for (method,) in by(rows, "method") if not levels(at(rows, method))]
    parts += [
        (method, level) for (method,) in by(rows, "method") for level in levels(at(rows, method)) if level in SHOWN
    ]
    about = f"UAR % of {rows[0]['clips']} test clips [95 % intervals over speakers]"
    corpora, split = ", ".join(made_with["corpora"]), short([rows[0]["split"]])
    command = "aclipse reproduce cloak-fig4" + "".join(f" --set '{change}'" for change in made_with["changed settings"])
    return [
        f"**{corpora}** ({about}; {made_with['folds']} of 5 rotations, {split}; `{command}`):", "",
        *table(headings, [_sweep(method, level, at(rows, method, level)) for method, level in parts], 2), "",
        *cloak_findings(rows),
    ]  # fmt: skip


def _sweep(method: str, level: float | None, rows: Rows) -> list[str]:
    found = []
    for task, attacker in AS_THE_PAPER.items():
        last = learned(rows, task)
        found += [score(pick(rows, task, attacker)), score(informed(rows, task))]
        found.append(named(last) if task == "sex" else score(last))
    return [method, "" if level is None else f"{level:g}", *found, rows[0]["snr_db"]]


def main(paths: list[str]) -> None:
    """Write the sections of the runs and the study among ``paths``."""
    beside = [Path(path) for path in paths if Path(path).name == "beside"]  # an audit with another run's protection
    runs = [Path(path) for path in paths if not path.endswith(".csv") and Path(path) not in beside]
    lines = [line for folder in runs for line in lines_of(read_run(folder))]
    if lines:
        write_section(README, "results", "make results", lines[:-1])
    for folder in beside:
        write_section(README, "beside results", "make results", beside_lines(read_run(folder)))
    for study in (Path(path) for path in paths if path.endswith(".csv")):
        write_section(README, "cloak results", "make results", cloak_lines(study))


if __name__ == "__main__":
    main(sys.argv[1:])

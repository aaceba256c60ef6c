"""Write the README's result tables from audited runs and reproduced studies; `make results` names them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from page import table, write_section

from aclipse.atomic import read_table
from aclipse.report import reproduced_fed as fed
from aclipse.report.beside import sentences
from aclipse.report.comparison import comparison_table, heard_at
from aclipse.report.folder import RunFolder, read_run
from aclipse.report.ladder import Finding, counting, findings, protector
from aclipse.report.medium import releases
from aclipse.report.remarks import cheaper
from aclipse.report.replacement import hidden
from aclipse.report.reproduced_cloak import AS_THE_PAPER, at, informed, learned, levels, named, pick, score
from aclipse.report.reproduced_cloak_findings import findings as cloak_findings
from aclipse.report.reproduced_figures import Rows, by, short
from aclipse.report.reproduced_rae import (
    AGAIN,
    DRAWN,
    GRL,
    GUIDED,
    RAW,
    REPLACED,
    REQUIRED,
    RETRAINED,
    RISK,
    SENSITIVE,
    always,
    cells,
    f1,
    one,
)
from aclipse.report.tables import Cell
from aclipse.report.terminal import doubts, who
from aclipse.report.vocabulary import SECRETS, format_interval, format_value, level_name, titled

SHOWN = (0.0, 60.0)  # % suppressed: noise alone, and where the paper states its figures
TOLD = (  # of a replacement autoencoder: which secret, to whom
    *(("emotion", level) for level in ("ignorant", "transferred", "retrained")),
    *((secret, level) for secret in ("sensitive", "sex") for level in ("ignorant", "retrained")),
    ("sentence", "retrained"),
)
STUDIED = (RAW, GRL, GUIDED, DRAWN)  # methods
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


def replacement_lines(run: RunFolder) -> list[str]:
    """What listeners make of released vectors, every subject in a row, and what may be said of it."""
    corpus, found = run.about["corpus"]["name"], comparison_table(run)
    roles = run.about["recipe"]["replacement"]
    wanted, secret = (", ".join(roles[role]) for role in ("required", "sensitive"))
    about = (
        f"**{corpus}**, required: {wanted}, sensitive: {secret} (split {', '.join(found.splits)}; level"
        f" {run.audit.get('level', '')}; UAR %, of sentences accuracy %; 95 % intervals over speakers)"
    )
    names = [f"{secret}, {level_name(level, 'utility' if secret == 'emotion' else '')}" for secret, level in TOLD]
    rows = [[name, *_vectors(run, name)] for name in found.rows]
    chance = [format_value(SECRETS[secret].metric, run.chance.get(SECRETS[secret].metric)) for secret, _ in TOLD]
    headings = ["subject", *names, "SNR dB"]
    said = [f"* {sentence}" for sentence in (*hidden(run), *cheaper(run), *sentences(run))]
    return [f"{about}:", "", *table(headings, [*rows, ["chance", *chance, ""]], len(headings)), "", *said]


def _vectors(run: RunFolder, subject: str) -> list[str]:
    """One row: what each listener gets of a subject, nothing where it was not heard or shows nothing; the change."""
    found = findings(run, subject)
    scores = [heard_at(found, secret, level) for secret, level in TOLD]
    scores.append(next((s for s in run.scores if (s.subject, s.metric) == (subject, "snr_db")), None))
    return [
        figure(Cell(format_value(s.metric, s.value), format_interval(s.metric, s.low, s.high))) if s else ""
        for s in scores
    ]


def study_lines(emotions: Path, sexes: Path) -> list[str]:
    """Tables III and IV of the replacement autoencoder in Markdown: methods in rows, the paper's figures beside."""
    found, more = cells(read_table(emotions)), cells(read_table(sexes))
    made_with = json.loads(emotions.with_suffix(".json").read_text(encoding="utf-8"))
    headings = ["required", "method", "F1 required (paper)", "F1 sensitive (paper)", "F1 sensitive, retrained",
                "told as replaced, AUC", "the same, with the device", "P of sex (paper)", "P, retrained"]  # fmt: skip
    lines = [[*place, *_study_row(part, more.get(place, []))] for place, part in found.items() if place[1] in STUDIED]
    about = f"**{', '.join(made_with['corpora'])}** (%; {'; '.join(_study_facts(made_with, found))}):"
    return [about, "", *table(headings, lines, 2), ""]


def _study_facts(made_with: dict[str, Any], found: Mapping[tuple[str, str], Rows]) -> list[str]:
    """What must be known beside the study's figures: where they come from, and what guessing gives."""
    command = "aclipse reproduce rae-table3" + "".join(f" --set '{change}'" for change in made_with["changed settings"])
    split = short([next(iter(found.values()))[0]["split"]])
    lacking = ", ".join(name for name in made_with.get("the paper's corpora", []) if name not in made_with["corpora"])
    constant = sorted(always(part, SENSITIVE) for (_, method), part in found.items() if method == RAW)
    ends = "–".join(dict.fromkeys(f"{end:.0f}" for end in (*constant[:1], *constant[-1:])))
    return [
        "95 % intervals over speakers",
        f"{made_with['folds']} of 5 rotations, {split}",
        f"`{command}`, and likewise `rae-table4`",
        "AUC: sensitive releases against neutral ones; of it and of P 50 is guessing",
        *([f"who calls every clip sensitive has an F1 of {ends}"] if ends else []),
        *([f"the paper’s figures are of {lacking}, too"] if lacking else []),
    ]


def _study_row(part: Rows, sex: Rows) -> list[str]:
    private = {who: one(sex, attacker=who, metric="privacy") for who in (RISK, RETRAINED)}
    read = [*(f1(part, role) for role in (REQUIRED, SENSITIVE)), private[RISK]]
    beside = [_beside(row) for row in read]
    told = [score(one(part, attacker=who, metric="auc neutral")) for who in (REPLACED, AGAIN)]
    return [*beside[:2], score(f1(part, SENSITIVE, RETRAINED)), *told, beside[2], score(private[RETRAINED])]


def federated_lines(study: Path) -> list[str]:
    """The ε × n grid in short: what each mechanism costs, and what leaks from one update and from all, by whom."""
    rows, made_with = read_table(study), json.loads(study.with_suffix(".json").read_text(encoding="utf-8"))
    found = []
    for (_, mechanism, epsilon), part in fed.places(rows).items():
        felt = fed.emotion(part)
        told = [(who, count) for count in ("1", "all") for who in fed.ATTACKERS]
        found.append([
            fed.label(mechanism, epsilon), *(fed.budget(part[0][name]) for name in ("honest", "honest_local")),
            _beside(felt), fed.change(felt) or "–", *(_beside(fed.sex(part, who, count)) for who, count in told),
        ])  # fmt: skip
    head = ["mechanism", "honest ε, released", "honest ε, one update", "emotion UAR", "against none"]
    head += [f"sex from {count}, {who}" for count in ("one", "all") for who in fed.ATTACKERS]
    others = sorted({*made_with["corpora"]} - {*made_with["private"]})
    about = (
        f"**{', '.join(made_with['private'])}**, attacked by who has {', '.join(others)} "
        f"(UAR in %; 95 % intervals over speakers; {made_with['folds']} of 5 folds, {rows[0]['split']}; "
        f"`aclipse reproduce fed-udp`; guessing: emotion 25, sex 50; in brackets what the paper's code reports of "
        f"emobase functionals, of sex the mean of five kinds; honest ε at δ = {made_with['delta']:g}):"
    )
    return [about, "", *table(head, found)]


def _beside(row: dict[str, str] | None) -> str:
    return score(row) + (f" ({row['paper']})" if row and row["paper"] else "")


def main(paths: list[str]) -> None:
    """Write the sections of the runs and the studies among ``paths``."""
    studies = {Path(path).stem: Path(path) for path in paths if path.endswith(".csv")}
    folders = [Path(path) for path in paths if not path.endswith(".csv")]
    beside = [folder for folder in folders if folder.name == "beside"]  # an audit with another run's protection
    runs = [read_run(folder) for folder in folders if folder not in beside]
    vectors = [run for run in runs if releases(run) == "functionals"]
    _write("results", [line for run in runs if run not in vectors for line in lines_of(run)])
    for folder in beside:
        _write("beside results", beside_lines(read_run(folder)))
    if "cloak-fig4" in studies:
        _write("cloak results", cloak_lines(studies["cloak-fig4"]))
    if "fed-udp" in studies:
        _write("federated results", federated_lines(studies["fed-udp"]))
    tables = [studies[name] for name in ("rae-table3", "rae-table4") if name in studies]
    study = study_lines(*tables) if len(tables) == 2 else []
    _write("replacement results", [*study, *(line for run in vectors for line in (*replacement_lines(run), ""))])


def _write(section: str, lines: Sequence[str]) -> None:
    """One section, without a blank line at its end; nothing where there is nothing to say."""
    if lines:
        write_section(README, section, "make results", lines[:-1] if not lines[-1] else lines)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Tables and figures of a reproduced study, drawn from its CSV table alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aclipse.atomic import read_table, write_text
from aclipse.report import reproduced_cloak as cloak
from aclipse.report import reproduced_fed_notes as fed
from aclipse.report import reproduced_rae_notes as rae
from aclipse.report.drawing import save_figure
from aclipse.report.reproduced_cloak_figures import SWEEPS
from aclipse.report.reproduced_cloak_findings import FINDINGS as CLOAK_FINDINGS
from aclipse.report.reproduced_cloak_map import MAPS
from aclipse.report.reproduced_fed import TEXTS as FED_TEXTS
from aclipse.report.reproduced_fed_figures import FIGURES as FED_FIGURES
from aclipse.report.reproduced_fed_findings import FINDINGS as FED_FINDINGS
from aclipse.report.reproduced_fed_findings import FURTHER as FED_FURTHER
from aclipse.report.reproduced_figures import FIGURES, METRICS, Rows, binned, by, ours, short
from aclipse.report.reproduced_rae import TEXTS as RAE_TEXTS
from aclipse.report.reproduced_rae_figures import FIGURES as RAE_FIGURES
from aclipse.report.reproduced_rae_findings import FINDINGS as RAE_FINDINGS
from aclipse.report.reproduced_rae_findings import FURTHER as RAE_FURTHER


def draw(table: Path) -> list[Path]:
    """Write the Markdown table of a study, and its figures as PNG and PDF where the paper has one, beside its CSV."""
    rows = read_table(table)
    made_with = json.loads(table.with_suffix(".json").read_text(encoding="utf-8"))
    write_text(table.with_suffix(".md"), page(table.stem, rows, made_with))
    written = [table.with_suffix(".md")]
    for name, figure in DRAWN.get(table.stem, lambda rows, folder: {})(rows, table.parent).items():
        save_figure(figure, table.parent, name)
        written.append(table.parent / f"{name}.png")
    return written


def page(study: str, rows: Rows, made_with: dict[str, Any]) -> str:
    """A study in Markdown: title, tables, what its numbers say, and what they were made with."""
    shown = [
        row | ({"split": short([row["split"]])} if "split" in row else {}) for row in TEXTS.get(study, as_it_is)(rows)
    ]
    folds = sorted({f"Folds of {row['split'].replace(' [', ': ').rstrip(']')}" for row in rows if "split" in row})
    said = [*NOTES.get(study, ()), *FINDINGS.get(study, lambda rows: [])(rows)]
    said += [f"{name.capitalize()}: {made_with[name]}." for name in cloak.SETTINGS.get(study, ())]
    further = {title: text(rows) for title, text in RAE_FURTHER.get(study, {}).items()}
    further |= FED_FURTHER[study](rows) if study in FED_FURTHER else {}
    tables = [f"## {title}\n\n{markdown(told)}" for title, told in further.items() if told]
    tables = [markdown(shown), *tables] if shown else tables
    return "\n".join([f"# {made_with['study']}\n", *tables, *said, *folds, *facts(made_with, study), ""])


def markdown(rows: Sequence[dict[str, str]]) -> str:
    """A table in Markdown.

    >>> print(markdown([{"a": "1", "b": ""}]))
    | a | b |
    |---|---|
    | 1 |  |
    <BLANKLINE>
    """
    lines = [[*rows[0]], ["---"] * len(rows[0]), *([*row.values()] for row in rows)]
    joined = [("|" if line[0] == "---" else " | ").join(line) for line in lines]
    return "".join(f"|{line}|\n" if line.startswith("---") else f"| {line} |\n" for line in joined)


def as_it_is(rows: Rows) -> Rows:
    """Every row and column."""
    return rows


def paper_and_ours(rows: Rows) -> Rows:
    """One row a method, with each metric as the paper has it and as we do: mean ± deviation [interval]."""
    places = [name for name in rows[0] if name in PLACES]
    reported = {row["metric"] for row in rows if row["paper"]}
    found = []
    for place, scores in by(rows, *places).items():
        line = dict(zip(places, place, strict=True))
        for row in scores:
            title = METRICS[row["metric"]]
            line |= {f"{title}, paper": row["paper"]} if row["metric"] in reported else {}
            line[f"{title}, ours"] = ours(row)
        found.append({**line, "repeats": scores[0]["repeats"], "clips": scores[0]["clips"]})
    return found


def side_by_side(rows: Rows) -> Rows:
    """One row a bin of accuracy, with each series' test WER and WA, and how many cells had an epoch there."""
    found: Rows = []
    for (backbone, split, place), series in by(binned(rows), "backbone", "split", "validation wa").items():
        line = {"backbone": backbone, "split": split, "validation WA %": place}
        for row in series:
            line[row["series"]] = row["test wer"]
            if row["cells"] != "0":
                line[row["series"]] = f"{ours({**row, 'mean': row['test wer']})} at {row['test wa']} ({row['cells']})"
        found.append(line)
    return found


def ahead(rows: Rows) -> list[str]:
    """How far one series is ahead of another at equal accuracy."""
    return [
        f"{row['series']}, {short([row['backbone'], row['split']])}: {ours({**row, 'mean': row['test wer']})} points "
        f"of WER over {row['cells']} matched bins; the paper: about {row['paper']}."
        for row in rows if row["validation wa"] == "any" and row["cells"] != "0"
    ]  # fmt: skip


def facts(made_with: dict[str, Any], study: str = "") -> list[str]:
    """What the table was made with, so that nobody takes it for something else; some have no weights to begin with."""
    weights = ", ".join(f"{name} = {source}" for name, source in made_with.get("weights", {}).items())
    changed = ", ".join(made_with["changed settings"]) or "none"
    corpus, folds, repeats = made_with["corpus"], made_with["folds"], made_with.get("repeats", 1)
    same = corpus == "iemocap" if weights else cloak.are_all_corpora(made_with["corpora"])
    foreign = ", which is not the paper's: its columns are for orientation" * (not same)
    if study in RAE_TEXTS:
        foreign = rae.beside_the_paper(made_with["corpora"])
    if study in FED_TEXTS:
        foreign = fed.beside_the_paper(study, made_with["corpora"])
    runs = f"Rotations: {folds} of 5; repeats: {repeats} (the paper: 5 and 1)."
    if weights:
        runs = f"Weights: {weights}. Folds: {folds} of 5; repeats: {repeats} (the paper: 5 and 5)."
    return [
        f"Corpus: {corpus} [{made_with['corpus hash']}]{foreign}.",
        runs,
        f"Settings unlike the paper's protocol: {changed}.",
        *(rae.about(made_with) if study in RAE_TEXTS else fed.about(study, made_with) if study in FED_TEXTS else ()),
    ]


PLACES = ("backbone", "protected against", "read by", "split", "method", "at the floor")
_MATCHED = (
    "Test WER % at test WA % (how many cells had an epoch of that validation accuracy), ± deviation over cells.",
)
NOTES = (
    {
        "table1": (
            "Mean ± deviation over repeats [95 % interval over speakers].",
            "At the floor: cascades whose final epoch kept the validation accuracy asked for; else it is the nearest.",
        ),
        "fig3": (
            "Paper: CTC, summed over a batch, stays near 1500; at λ1 = 0.001 WER does not rise steadily, else alike.",
            "Losses on training clips, WA and WER on validation clips.",
        ),
        "transfer": ("Mean ± deviation over repeats [95 % interval over speakers].",),
        "fig4": _MATCHED,
        "fig5": _MATCHED,
    }
    | cloak.NOTES
    | rae.NOTES
    | fed.NOTES
)
TEXTS: dict[str, Callable[[Rows], Rows]] = {
    "table1": paper_and_ours, "transfer": paper_and_ours, "fig4": side_by_side, "fig5": side_by_side,
} | cloak.TEXTS | RAE_TEXTS | FED_TEXTS  # fmt: skip
FINDINGS: dict[str, Callable[[Rows], list[str]]] = {
    "fig4": ahead, "fig5": ahead,
} | CLOAK_FINDINGS | RAE_FINDINGS | FED_FINDINGS  # fmt: skip
DRAWN = FIGURES | SWEEPS | MAPS | RAE_FIGURES | FED_FIGURES

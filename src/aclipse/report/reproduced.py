"""Tables and figures of a reproduced study, drawn from its CSV table alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aclipse.atomic import read_table, write_text
from aclipse.report.drawing import save_figure
from aclipse.report.reproduced_figures import FIGURES, METRICS, Rows, binned, by, short


def draw(table: Path) -> list[Path]:
    """Write the Markdown table of a study, and its figure as PNG and PDF where the paper has one, beside its CSV."""
    rows = read_table(table)
    made_with = json.loads(table.with_suffix(".json").read_text(encoding="utf-8"))
    page = table.with_suffix(".md")
    shown = [{**row, "split": short([row["split"]])} for row in TEXTS.get(table.stem, as_it_is)(rows)]
    folds = sorted({f"Folds of {row['split'].replace(' [', ': ').rstrip(']')}" for row in rows})
    write_text(
        page,
        "\n".join(
            [f"# {made_with['study']}\n", markdown(shown), *notes(table.stem, rows), *folds, *facts(made_with), ""]
        ),
    )
    written = [page]
    for name, figure in FIGURES.get(table.stem, lambda rows, folder: {})(rows, table.parent).items():
        save_figure(figure, table.parent, name)
        written.append(table.parent / f"{name}.png")
    return written


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


def notes(study: str, rows: Rows) -> list[str]:
    """What a reader of the table must know, and how far one series is ahead of another at equal accuracy."""
    ahead = [
        f"{row['series']}, {short([row['backbone'], row['split']])}: {ours({**row, 'mean': row['test wer']})} points "
        f"of WER over {row['cells']} matched bins; the paper: about {row['paper']}."
        for row in rows if row.get("validation wa") == "any" and row["cells"] != "0"
    ]  # fmt: skip
    return [*NOTES.get(study, ()), *ahead]


def facts(made_with: dict[str, Any]) -> list[str]:
    """What the table was made with, so that nobody takes it for something else."""
    weights = ", ".join(f"{name} = {source}" for name, source in made_with["weights"].items())
    changed = ", ".join(made_with["changed settings"]) or "none"
    corpus = f"Corpus: {made_with['corpus']} [{made_with['corpus hash']}]"
    foreign = ", which is not the paper's: its columns are for orientation" * (made_with["corpus"] != "iemocap")
    return [
        f"{corpus}{foreign}.",
        f"Weights: {weights}. Folds: {made_with['folds']} of 5; repeats: {made_with['repeats']} (the paper: 5 and 5).",
        f"Settings unlike the paper's protocol: {changed}.",
    ]  # fmt: skip


def ours(row: dict[str, str]) -> str:
    """Mean ± deviation over repeats and the interval over speakers; what is not defined is left out.

    >>> ours({"mean": "70.2", "std": "nan", "low": "66.0", "high": "74.1"})
    '70.2 [66.0–74.1]'
    """
    numbers = {name: float(row.get(name) or "nan") for name in ("mean", "std", "low", "high")}
    known = {name: value for name, value in numbers.items() if np.isfinite(value)}
    text = f"{known['mean']:.1f}" if "mean" in known else "–"
    text += f" ± {known['std']:.1f}" if "std" in known else ""
    return text + (f" [{known['low']:.1f}–{known['high']:.1f}]" if "low" in known else "")


PLACES = ("backbone", "protected against", "read by", "split", "method", "at the floor")
_MATCHED = (
    "Test WER % at test WA % (how many cells had an epoch of that validation accuracy), ± deviation over cells.",
)
NOTES = {
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
TEXTS: dict[str, Callable[[Rows], Rows]] = {
    "table1": paper_and_ours, "transfer": paper_and_ours, "fig4": side_by_side, "fig5": side_by_side,
}  # fmt: skip

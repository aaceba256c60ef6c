"""Write the README's result tables from audited runs; `make results` names them."""

from __future__ import annotations

import sys
from pathlib import Path

from page import table, write_section

from aclipse.report.folder import RunFolder, read_run
from aclipse.report.tables import Cell, main_table

README = Path(__file__).parent.parent / "README.md"


def figure(cell: Cell) -> str:
    """A value and its interval."""
    return cell.text + (f" [{cell.interval}]" if cell.interval else "")


def lines_of(run: RunFolder) -> list[str]:
    """One run's main table in Markdown, with its corpus, split and chance."""
    found = main_table(run.scores, run.chance)
    corpus, headings = run.about["corpus"], ["subject", *(column.title for column in found.columns)]
    rows = [[subject, *map(figure, cells)] for subject, cells in found.rows.items()]
    speakers = f"{corpus['clips']} clips, {corpus['speakers']} speakers"
    return [
        f"**{corpus['name']}** ({speakers}; split {', '.join(found.splits)}; "
        f"{max(score.n for score in run.scores)} test clips; 95 % intervals over speakers):",
        "",
        *table(headings, [*rows, ["chance", *found.chance]], len(headings)),
        "",
    ]


def main(folders: list[str]) -> None:
    """Write the section of the runs in ``folders``."""
    lines = [line for folder in folders for line in lines_of(read_run(Path(folder)))]
    write_section(README, "results", "make results", lines[:-1])


if __name__ == "__main__":
    main(sys.argv[1:])

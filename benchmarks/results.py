"""Write the README's result tables from audited runs; `make results` names them."""

from __future__ import annotations

import sys
from pathlib import Path

from aclipse.report.folder import RunFolder, read_run
from aclipse.report.tables import main_table

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- results: begin (written by `make results`) -->", "<!-- results: end -->"


def table(run: RunFolder) -> list[str]:
    """One run's main table in Markdown, with its corpus, split and chance."""
    found = main_table(run.scores, run.chance)
    rows = found.as_text()
    corpus, headings = run.about["corpus"], list(rows[0])
    chance = ["chance", *found.chance]
    speakers = f"{corpus['clips']} clips, {corpus['speakers']} speakers"
    return [
        f"**{corpus['name']}** ({speakers}; split {', '.join(found.splits)}; {run.scores[0].n} test clips; "
        "95 % intervals over speakers):",
        "",
        "| " + " | ".join(headings) + " |",
        "|---" * len(headings) + "|",
        *("| " + " | ".join(row.values()) + " |" for row in rows),
        "| " + " | ".join(chance) + " |",
        "",
    ]


def main(folders: list[str]) -> None:
    """Replace what stands between the markers."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    lines = [line for folder in folders for line in table(read_run(Path(folder)))]
    README.write_text("\n".join([before + BEGIN, "", *lines]) + END + after, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

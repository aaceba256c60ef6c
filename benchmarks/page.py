"""Pages whose sections are each written by a command, between markers."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from aclipse.atomic import write_text

SPEED = Path(__file__).with_name("README.md")


def write_section(page: Path, name: str, command: str, lines: Iterable[str]) -> None:
    """Replace what stands between a section's markers; a page without them gets the section at its end."""
    begin, end = f"<!-- {name}: begin (written by `{command}`) -->", f"<!-- {name}: end -->"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    if begin not in text:
        text = "\n".join([*text.splitlines(), "", begin, end, ""]).lstrip()
    before, _, rest = text.partition(begin)
    write_text(page, "\n".join([before + begin, "", *lines, ""]) + end + rest.partition(end)[2])


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> list[str]:
    """A Markdown table whose first ``words`` columns are words and the others numbers."""
    rule = "|".join(["---"] * words + ["---:"] * (len(headings) - words))
    return [f"| {' | '.join(headings)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows)]


def machine() -> str:
    """What was measured on."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    return (
        f"{platform.system()} {platform.machine()}, {device}, Python {platform.python_version()}, "
        f"torch {torch.__version__}."
    )

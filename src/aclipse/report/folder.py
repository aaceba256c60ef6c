"""What a run folder holds, read once; parts that are missing are empty, parts that are broken are errors."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aclipse.errors import RunError
from aclipse.report.rows import (
    Attacker,
    ClipScore,
    Lesson,
    Pair,
    Purifier,
    Score,
    Setting,
    Slice,
    Spending,
    number,
    raw_rows,
    read_rows,
)

History = list[dict[str, float | None]]  # one row an epoch

HISTORIES = ("emotion", "words", "cascade", "cloak/perturbation", "cloak/suppression", "replacement/*")  # patterns


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run as it lies on disk."""

    path: Path
    scores: list[Score]
    chance: dict[str, float] = field(default_factory=dict)  # metric → what guessing gives
    about: dict[str, Any] = field(default_factory=dict)  # run.json
    audit: dict[str, Any] = field(default_factory=dict)  # audit.json
    clips: list[ClipScore] = field(default_factory=list)
    attackers: list[Attacker] = field(default_factory=list)
    learning: list[Lesson] = field(default_factory=list)
    budget: list[Spending] = field(default_factory=list)
    purifiers: list[Purifier] = field(default_factory=list)
    slices: list[Slice] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    frontier: list[Setting] = field(default_factory=list)
    history: dict[str, History] = field(default_factory=dict)  # by the folder that it lies in: HISTORIES
    listen: dict[str, dict[str, Path]] = field(default_factory=dict)  # subject → clip id → audio file


def read_run(run: Path) -> RunFolder:
    """Read what is there of a run folder.

    Raises RunError if there is no folder or no audit in it, or if a file in it is broken.
    """
    if not run.is_dir():
        raise RunError(f"{run} is not a folder. Give the folder that `aclipse train` or `aclipse audit` wrote.")
    parts = (path.relative_to(run).as_posix() for pattern in HISTORIES for path in sorted(run.glob(pattern)))
    histories = {part: _history(run / part / "history.csv") for part in parts}
    audit = run / "audit"
    return RunFolder(
        path=run,
        scores=read_scores(audit / "scores.csv"),
        chance=_json(audit / "chance.json"),
        about=_json(run / "run.json"),
        audit=_json(audit / "audit.json"),
        clips=read_rows(audit / "clips.csv", ClipScore),
        attackers=read_rows(audit / "attackers.csv", Attacker),
        learning=read_rows(audit / "learning.csv", Lesson),
        budget=read_rows(audit / "budget.csv", Spending),
        purifiers=read_rows(audit / "purifiers.csv", Purifier),
        slices=read_rows(audit / "slices.csv", Slice),
        pairs=read_rows(audit / "pairs.csv", Pair),
        frontier=read_rows(audit / "frontier.csv", Setting),
        history={part: rows for part, rows in histories.items() if rows},
        listen=_listen(audit / "listen"),
    )


def read_scores(path: Path) -> list[Score]:
    """Read an audit's scores.csv; rows without a value (not available here) are left out.

    Raises RunError if it is missing, lacks a column or holds something that is not a number.
    """
    if not path.is_file():
        raise RunError(f"{path} is missing, so there is nothing to report. Run `aclipse audit` on this run first.")
    scores = read_rows(path, Score)
    if not scores:
        raise RunError(f"{path} holds no scores. Run `aclipse audit` on this run again.")
    return scores


def _history(path: Path) -> History:
    if not path.is_file():
        return []
    rows = enumerate(raw_rows(path, ("epoch",)), start=2)
    return [{name: number(text, path, line) for name, text in row.items()} for line, row in rows]


def _listen(folder: Path) -> dict[str, dict[str, Path]]:
    subjects = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    found = {subject.name: {unquote(path.stem): path for path in sorted(subject.glob("*.wav"))} for subject in subjects}
    return {name: files for name, files in found.items() if files}


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} is not JSON: {error}. Write it again with the same command.") from error
    if not isinstance(content, dict):
        raise RunError(f"{path} must hold a JSON object, not a {type(content).__name__}.")
    return content

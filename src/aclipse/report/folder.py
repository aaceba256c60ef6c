"""What a run folder holds, read once; parts that are missing are empty, parts that are broken are errors."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aclipse.errors import RunError

SCORE_COLUMNS = ("subject", "role", "metric", "judge", "knowledge", "value", "low", "high", "n", "split")
CLIP_TEXTS = ("subject", "metric", "judge", "knowledge", "id", "speaker", "reference", "prediction")
CLIP_NUMBERS = ("value", "weight")


@dataclass(frozen=True, slots=True)
class Score:
    """One figure of an audit: what `judge` made of `subject`'s release; rates in [0, 1], levels in dB."""

    subject: str
    role: str  # utility, privacy or quality
    metric: str
    judge: str
    knowledge: str  # frozen, retrained, … or none
    value: float
    low: float | None = None  # 95 % interval
    high: float | None = None
    n: int | None = None
    split: str = ""

    @property
    def floor(self) -> float:
        """The lower end of the interval, or the bare value if there is none."""
        return self.value if self.low is None else self.low

    @property
    def ceiling(self) -> float:
        """The upper end of the interval, or the bare value if there is none."""
        return self.value if self.high is None else self.high


@dataclass(frozen=True, slots=True)
class ClipScore:
    """What one judge made of one recording."""

    subject: str
    metric: str
    judge: str
    knowledge: str
    id: str
    speaker: str
    reference: str
    prediction: str
    value: float | None
    weight: float | None


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run as it lies on disk."""

    path: Path
    about: dict[str, Any]  # run.json
    scores: list[Score]
    clips: list[ClipScore]
    chance: dict[str, float]  # metric → what guessing gives
    history: dict[str, list[dict[str, float | None]]]  # emotion, words, cascade → one row an epoch
    listen: dict[str, dict[str, Path]]  # subject → clip id → audio file


def read_run(run: Path) -> RunFolder:
    """Read what is there of a run folder.

    Raises RunError if there is no folder or no audit in it, or if a file in it is broken.
    """
    if not run.is_dir():
        raise RunError(f"{run} is not a folder. Give the folder that `aclipse train` or `aclipse audit` wrote.")
    histories = {part: _history(run / part / "history.csv") for part in ("emotion", "words", "cascade")}
    return RunFolder(
        path=run,
        about=_json(run / "run.json"),
        scores=read_scores(run / "audit" / "scores.csv"),
        clips=_clips(run / "audit" / "clips.csv"),
        chance=_json(run / "audit" / "chance.json"),
        history={part: rows for part, rows in histories.items() if rows},
        listen=_listen(run / "audit" / "listen"),
    )


def read_scores(path: Path) -> list[Score]:
    """Read an audit's scores.csv; rows without a value (not available here) are left out.

    Raises RunError if it is missing, lacks a column or holds something that is not a number.
    """
    if not path.is_file():
        raise RunError(f"{path} is missing, so there is nothing to report. Run `aclipse audit` on this run first.")
    scores = []
    for line, row in enumerate(_rows(path, SCORE_COLUMNS), start=2):
        value, low, high, n = (_number(row[name], path, line) for name in ("value", "low", "high", "n"))
        if value is not None:
            texts = (row["subject"], row["role"], row["metric"], row["judge"], row["knowledge"])
            scores.append(Score(*texts, value, low, high, None if n is None else round(n), row["split"]))
    if not scores:
        raise RunError(f"{path} holds no scores. Run `aclipse audit` on this run again.")
    return scores


def _clips(path: Path) -> list[ClipScore]:
    if not path.is_file():
        return []
    clips = []
    for line, row in enumerate(_rows(path, CLIP_TEXTS + CLIP_NUMBERS), start=2):
        value, weight = (_number(row[name], path, line) for name in CLIP_NUMBERS)
        judged = (row["subject"], row["metric"], row["judge"], row["knowledge"])
        heard = (row["id"], row["speaker"], row["reference"], row["prediction"])
        clips.append(ClipScore(*judged, *heard, value, weight))
    return clips


def _history(path: Path) -> list[dict[str, float | None]]:
    if not path.is_file():
        return []
    rows = enumerate(_rows(path, ("epoch",)), start=2)
    return [{name: _number(text, path, line) for name, text in row.items()} for line, row in rows]


def _listen(folder: Path) -> dict[str, dict[str, Path]]:
    subjects = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    found = {subject.name: {unquote(path.stem): path for path in sorted(subject.glob("*.wav"))} for subject in subjects}
    return {name: files for name, files in found.items() if files}


def _rows(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, restval="")
            missing = [name for name in needed if name not in (reader.fieldnames or ())]
            rows = [{name: text for name, text in row.items() if name} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path} is not a UTF-8 table: {error}. Write it again with the same command.") from error
    if missing:
        raise RunError(f"{path} lacks the column(s) {', '.join(missing)}. It must have: {', '.join(needed)}.")
    return rows


def _number(text: str, path: Path, line: int) -> float | None:
    try:
        number = float(text) if text.strip() else math.nan
    except ValueError:
        raise RunError(f"{path}, line {line}: {text!r} is not a number. Leave the cell empty if unknown.") from None
    return None if math.isnan(number) else number


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

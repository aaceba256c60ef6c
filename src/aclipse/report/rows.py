"""The rows of an audit's tables: one dataclass a file, its fields the file's columns."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aclipse.errors import RunError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Row = TypeVar("Row", bound=DataclassInstance)


class Interval:
    """What every figure with an interval can tell of its ends."""

    __slots__ = ()
    value: float
    low: float | None
    high: float | None

    @property
    def floor(self) -> float:
        """The lower end of the interval, or the bare value if there is none."""
        return self.value if self.low is None else self.low

    @property
    def ceiling(self) -> float:
        """The upper end of the interval, or the bare value if there is none."""
        return self.value if self.high is None else self.high


@dataclass(frozen=True, slots=True)
class Score(Interval):
    """One figure of an audit: what `judge` made of `subject`'s release; rates in [0, 1], levels in dB."""

    subject: str
    role: str  # utility, privacy or quality
    metric: str
    judge: str
    knowledge: str  # ignorant, transferred, … or none
    value: float
    low: float | None = None  # 95 % interval
    high: float | None = None
    n: int | None = None
    split: str = ""
    secret: str = ""  # words, sentence, sex, speaker, sensitive; emotion; sound
    via: str = ""  # the purifier's name


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
class Attacker:
    """One trained attacker: what it learned from, and how well it did on validation clips before and after."""

    subject: str
    secret: str
    judge: str
    knowledge: str
    via: str
    clips: float | None
    minutes: float | None
    epochs: float | None
    best_epoch: float | None
    seed: float | None
    before: float | None  # the higher the better
    after: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Lesson:
    """One epoch of one attacker's training."""

    subject: str
    secret: str
    judge: str
    knowledge: str
    clips: float | None
    seed: float | None
    epoch: float
    loss: float | None
    validation: float | None


@dataclass(frozen=True, slots=True)
class Spending(Interval):
    """What an attacker reads after learning from so many protected clips; 0 clips: the ignorant one."""

    subject: str
    secret: str
    metric: str
    judge: str
    knowledge: str
    clips: float
    minutes: float | None
    seed: float | None
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Purifier:
    """How well an ignorant attacker did behind one purifier, on validation clips."""

    subject: str
    secret: str
    purifier: str
    validation: float | None
    chosen: float | None


@dataclass(frozen=True, slots=True)
class Slice(Interval):
    """A figure for one group of clips."""

    subject: str
    metric: str
    judge: str
    knowledge: str
    by: str  # sex, emotion or corpus
    group: str
    value: float
    low: float | None
    high: float | None
    n: float | None


@dataclass(frozen=True, slots=True)
class Pair:
    """Subject minus other on the same clips; p is corrected by Holm's method."""

    subject: str
    other: str
    metric: str
    judge: str
    knowledge: str
    difference: float
    low: float | None
    high: float | None
    p: float | None
    n: float | None


@dataclass(frozen=True, slots=True)
class Setting(Interval):
    """One figure of one setting of one method, from a sweep."""

    subject: str
    method: str
    knob: str
    setting: float
    metric: str
    judge: str
    knowledge: str
    value: float
    low: float | None
    high: float | None
    n: float | None


def read_rows(path: Path, kind: type[Row]) -> list[Row]:
    """Read a table into rows of a dataclass; none if there is no file. Rows that lack a needed number are left out.

    Raises RunError if a column is missing or a cell that must hold a number holds something else.
    """
    if not path.is_file():
        return []
    names = {field.name: str(field.type) for field in fields(kind)}
    found = []
    for line, texts in enumerate(raw_rows(path, tuple(names)), start=2):
        cells = {name: _cell(texts[name], type_, path, line) for name, type_ in names.items()}
        if all(cell is not None or "None" in names[name] for name, cell in cells.items()):
            found.append(kind(**cells))
    return found


def raw_rows(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """Every row of a table as texts by column.

    Raises RunError if it is no UTF-8 table or a needed column is missing.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, restval="")
            missing = [name for name in needed if name not in (reader.fieldnames or ())]
            rows = [{name: text for name, text in row.items() if name} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path} is not a UTF-8 table: {error}. Write it again with the same command.") from error
    if missing:
        raise RunError(
            f"{path} lacks the column(s) {', '.join(missing)}. It must have: {', '.join(needed)}."
            " Run `aclipse audit` on this run again."
        )
    return rows


def number(text: str, path: Path, line: int) -> float | None:
    """A cell as a number; None if it is empty or not a number of this world.

    Raises RunError if it is any other text.
    """
    try:
        found = float(text) if text.strip() else math.nan
    except ValueError:
        raise RunError(f"{path}, line {line}: {text!r} is not a number. Leave the cell empty if unknown.") from None
    return None if math.isnan(found) else found


def _cell(text: str, type_: str, path: Path, line: int) -> Any:
    if type_ == "str":
        return text
    found = number(text, path, line)
    return round(found) if found is not None and type_.startswith("int") else found

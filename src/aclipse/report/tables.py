"""Subjects by columns: scores as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aclipse.report.rows import Score
from aclipse.report.vocabulary import (
    AVERAGED,
    BOUND,
    REFERENCES,
    format_interval,
    format_value,
    level_name,
    level_rank,
    metric_of,
    subject_rank,
    titled,
)

QUALITY = ("snr_db", "si_sdr_db", "stoi", "pesq", "level_db", "seconds")


class Cell(NamedTuple):
    """One figure as text; `best` only if clearly ahead of every other protection in its column."""

    text: str
    interval: str = ""
    best: bool = False


class Column(NamedTuple):
    """What one column holds; `judge` is empty where naming it adds nothing."""

    role: str
    metric: str
    knowledge: str
    judge: str

    @property
    def title(self) -> str:
        """The heading on one line.

        >>> Column("privacy", "wer", "ignorant", "").title
        'WER %, ignorant'
        """
        level = level_name(self.knowledge, self.role)
        return ", ".join(part for part in (titled(self.metric), self.judge, level) if part)


@dataclass(frozen=True, slots=True)
class Table:
    """Subjects by columns; a cell without a score has empty text."""

    columns: list[Column]
    rows: dict[str, list[Cell]]
    chance: list[str]  # what guessing gives, one a column, or empty
    splits: list[str]  # which splits the scores come from
    clips: list[int]  # on how many clips they rest, fewest first


def score_table(scores: Sequence[Score], metrics: Iterable[str], chance: dict[str, float] | None = None) -> Table:
    """Subjects by (metric, knowledge, judge), for the given metrics in the given order."""
    found = {
        (score.role, score.metric, score.knowledge, score.judge): None
        for metric in metrics
        for score in sorted(scores, key=lambda score: level_rank(score.knowledge))
        if score.metric == metric
    }
    several = {key[1:3] for key in found if sum(other[1:3] == key[1:3] for other in found) > 1}
    columns = [Column(*key[:3], key[3] if key[1:3] in several else "") for key in found]
    cells = [_cells([score for score in scores if _key(score) == key[1:]], key[1]) for key in found]
    used = [score for score in scores if any(_key(score) == key[1:] for key in found)]
    return Table(
        columns=columns,
        rows={name: [column.get(name, Cell("")) for column in cells] for name in subjects(used)},
        chance=[format_value(key[1], (chance or {}).get(key[1])) for key in found],
        splits=list(dict.fromkeys(score.split for score in used if score.split)),
        clips=sorted({score.n for score in used if score.n is not None}),
    )


def subjects(scores: Iterable[Score]) -> list[str]:
    """Every subject once: clean speech, then protections, trivial baselines, silence."""
    return sorted(dict.fromkeys(score.subject for score in scores), key=subject_rank)


def best_of(column: Sequence[Score], better: int) -> str:
    """The subject that is clearly ahead in a column, or "" where intervals overlap or are missing.

    >>> weak = Score("weak", "privacy", "wer", "listener", "ignorant", value=0.2, low=0.1, high=0.3)
    >>> strong = Score("strong", "privacy", "wer", "listener", "ignorant", value=0.5, low=0.4, high=0.6)
    >>> best_of([weak, strong], better=+1)
    'strong'
    """
    rivals = [
        score for score in column if score.subject not in (*REFERENCES, BOUND) and not score.subject.endswith(AVERAGED)
    ]
    if len(rivals) < 2 or not better or any(score.low is None or score.high is None for score in rivals):
        return ""
    first, *others = sorted(rivals, key=lambda score: -better * score.value)
    ahead = all(clearly_above(first, other) if better > 0 else clearly_above(other, first) for other in others)
    return first.subject if ahead else ""


def clearly_above(high: Score, low: Score) -> bool:
    """Whether the whole interval of one lies above the whole interval of the other; without intervals, never."""
    return high.low is not None and low.high is not None and high.low > low.high


def _cells(column: list[Score], metric: str) -> dict[str, Cell]:
    best = best_of(column, metric_of(metric).better)
    return {
        score.subject: Cell(
            format_value(metric, score.value), format_interval(metric, score.low, score.high), score.subject == best
        )
        for score in column
    }


def _key(score: Score) -> tuple[str, str, str]:
    return score.metric, score.knowledge, score.judge

"""Scores as tables: pure functions that the page and the terminal share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aclipse.report.folder import Score

REFERENCES = ("identity", "silence")  # the two ends of the scale: shown in every table, never ranked
BASELINES = ("low-pass", "white-noise")  # what anyone can do without training
MAIN = ("uar", "wer", "sentence_accuracy", "snr_db", "stoi", "level_db")
QUALITY = ("snr_db", "si_sdr_db", "stoi", "pesq", "level_db")
KNOWLEDGE = ("frozen", "retrained")  # the order of columns; other kinds follow


class Metric(NamedTuple):
    """How a figure is written and read."""

    name: str
    unit: str  # "%" for rates, which are stored in [0, 1]
    digits: int
    better: int  # what a protection wants: +1 high, -1 low, 0 neither
    meaning: str


METRICS = {
    "uar": Metric("UAR", "%", 1, +1, "emotions read right: the mean over emotions of the share of clips read right"),
    "accuracy": Metric("accuracy", "%", 1, +1, "emotions read right: the share of all clips"),
    "wer": Metric("WER", "%", 1, +1, "word errors (wrong, missing or invented) per word said; can exceed 100 %"),
    "cer": Metric("CER", "%", 1, +1, "the same, counted in characters"),
    "sentence_accuracy": Metric(
        "sentence", "%", 1, -1, "how often the right one is picked from a list of known sentences"
    ),
    "snr_db": Metric(
        "SNR", "dB", 1, +1, "energy of the original over that of the change; 0 dB: equal; empty: no change"
    ),
    "si_sdr_db": Metric("SI-SDR", "dB", 1, +1, "the same, but blind to a change of loudness"),
    "stoi": Metric("STOI", "", 2, 0, "predicted intelligibility to people: 1 is as clear as the original"),
    "pesq": Metric("PESQ", "", 2, +1, "predicted sound quality to people, from about 1 (bad) to 4.6 (untouched)"),
    "level_db": Metric("level", "dB", 1, 0, "change of loudness: negative is quieter; −120 dB: nothing is left"),
}


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

        >>> Column("privacy", "wer", "frozen", "").title
        'WER %, frozen'
        """
        metric = metric_of(self.metric)
        named = f"{metric.name} {metric.unit}".strip()
        return ", ".join(part for part in (named, self.judge, knowledge_name(self.knowledge)) if part)


@dataclass(frozen=True, slots=True)
class Table:
    """Subjects by columns; a cell without a score has empty text."""

    columns: list[Column]
    rows: dict[str, list[Cell]]
    chance: list[str]  # what guessing gives, one a column, or empty
    splits: list[str]  # which splits the scores come from
    clips: list[int]  # on how many clips they rest, fewest first


def main_table(scores: Sequence[Score], chance: dict[str, float] | None = None) -> Table:
    """Utility, privacy and quality of every subject, side by side."""
    return score_table(scores, MAIN, chance)


def score_table(scores: Sequence[Score], metrics: Iterable[str], chance: dict[str, float] | None = None) -> Table:
    """Subjects by (metric, knowledge, judge), for the given metrics in the given order."""
    found = {
        (score.role, score.metric, score.knowledge, score.judge): None
        for metric in metrics
        for score in sorted(scores, key=lambda score: _rank(score.knowledge, KNOWLEDGE))
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
    order = {"identity": 0, "low-pass": 2, "white-noise": 3, "silence": 4}
    return sorted(dict.fromkeys(score.subject for score in scores), key=lambda name: order.get(name, 1))


def best_of(column: Sequence[Score], better: int) -> str:
    """The subject that is clearly ahead in a column, or "" where intervals overlap or are missing.

    >>> weak = Score("weak", "privacy", "wer", "listener", "frozen", value=0.2, low=0.1, high=0.3)
    >>> strong = Score("strong", "privacy", "wer", "listener", "frozen", value=0.5, low=0.4, high=0.6)
    >>> best_of([weak, strong], better=+1)
    'strong'
    """
    rivals = [score for score in column if score.subject not in REFERENCES]
    if len(rivals) < 2 or not better or any(score.low is None or score.high is None for score in rivals):
        return ""
    first, *others = sorted(rivals, key=lambda score: -better * score.value)
    ahead = all(clearly_above(first, other) if better > 0 else clearly_above(other, first) for other in others)
    return first.subject if ahead else ""


def clearly_above(high: Score, low: Score) -> bool:
    """Whether the whole interval of one lies above the whole interval of the other; without intervals, never."""
    return high.low is not None and low.high is not None and high.low > low.high


def metric_of(name: str) -> Metric:
    """How a metric is written; a recall is named after its label, an unknown metric after itself.

    >>> metric_of("recall:happy").name
    'happy'
    """
    if name.startswith("recall:"):
        label = name.removeprefix("recall:")
        return Metric(label, "%", 1, +1, f"share of {label} clips read as {label}")
    return METRICS.get(name, Metric(name, "", 3, 0, ""))


def knowledge_name(knowledge: str) -> str:
    """A kind of knowledge as written in headings; "none" is not worth a word."""
    return "" if knowledge == "none" else knowledge


def format_value(metric: str, value: float | None) -> str:
    """A figure as text in its metric's unit and digits, without the unit; "" if there is none.

    >>> format_value("wer", 0.7142), format_value("snr_db", -3.04), format_value("stoi", None)
    ('71.4', '−3.0', '')
    """
    if value is None:
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    kind = metric_of(metric)
    text = f"{value * 100 if kind.unit == '%' else value:.{kind.digits}f}"
    return text.replace("-", "−") if float(text) else text.removeprefix("-")


def format_interval(metric: str, low: float | None, high: float | None) -> str:
    """Both ends of an interval as text, or "" if one is missing.

    >>> format_interval("wer", 0.66, 0.76), format_interval("snr_db", -3.5, 1)
    ('66.0–76.0', '−3.5 to 1.0')
    """
    if low is None or high is None:
        return ""
    joint = " to " if low < 0 else "–"
    return joint.join((format_value(metric, low), format_value(metric, high)))


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


def _rank(name: str, order: tuple[str, ...]) -> int:
    return order.index(name) if name in order else len(order)

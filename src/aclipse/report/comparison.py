"""Every subject in one short row: what is left of emotion and words for the listeners that matter, and the cost."""

from __future__ import annotations

from dataclasses import dataclass

from aclipse.report.folder import RunFolder
from aclipse.report.ladder import Finding, counting, findings, protector, quality
from aclipse.report.medium import medium_of
from aclipse.report.rows import Score
from aclipse.report.tables import Cell, Column, Table
from aclipse.report.vocabulary import (
    BASELINES,
    BOUND,
    SECRETS,
    TRAINED,
    format_interval,
    format_value,
    metric_of,
    subject_rank,
    titled,
)

_LEVELS = ("ignorant", "transferred", "retrained")
_BEST = "best attacker"
_SHORT = {"ignorant": "ignorant", "retrained": "retrained", "transferred": "indep.", _BEST: "best att."}


@dataclass(frozen=True, slots=True)
class Compared:
    """A subject's figures in the order of `columns`, as scores; None where not measured or not shown."""

    subject: str
    scores: tuple[Score | None, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The figures alone."""
        return tuple(format_value(score.metric, score.value) if score else "" for score in self.scores)

    @property
    def intervals(self) -> tuple[str, ...]:
        """Their intervals."""
        return tuple(format_interval(s.metric, s.low, s.high) if s else "" for s in self.scores)


def columns(run: RunFolder) -> list[Column]:
    """What is compared: emotion, what is to be hidden, and the cost; secrets beside the first are named as judges."""
    main, *more = secrets(run)
    label = "" if main == "words" else main
    return [
        *(Column("utility", "uar", level, "") for level in _LEVELS),
        *(Column("privacy", SECRETS[main].metric, level, label) for level in ("ignorant", _BEST)),
        *(Column("privacy", SECRETS[name].metric, _BEST, name) for name in more),
        *(Column("quality", metric, "none", "") for metric in ("snr_db", "seconds")),
    ]


def headings(run: RunFolder) -> list[tuple[str, str]]:
    """The same in two short lines each, for a terminal: what, for whom."""
    return [_heading(column) for column in columns(run)]


def secrets(run: RunFolder) -> list[str]:
    """Whatever is compared of what a listener may be after, the main one first: by the medium, then `aims`."""
    return list(dict.fromkeys((*medium_of(run).secrets, *aims(run))))


def aims(run: RunFolder) -> list[str]:
    """Where a cloak is among the subjects: the secrets that the recipe names for it, if asked for."""
    if not any(name.startswith("cloak") for name in subjects(run)):
        return []
    asked = run.about.get("recipe", {}).get("cloak", {}).get("secrets", [])
    return [name for name in asked if name in SECRETS and any(s.metric == SECRETS[name].metric for s in run.scores)]


def comparison(run: RunFolder) -> list[Compared]:
    """One row a subject: clean speech first, then protections, baselines, silence."""
    return [_row(run, name) for name in subjects(run)]


def subjects(run: RunFolder) -> list[str]:
    """Every subject once, in the order of all tables."""
    return sorted(dict.fromkeys(score.subject for score in run.scores), key=subject_rank)


def best_attacker(run: RunFolder, subject: str, secret: str) -> Finding | None:
    """Whoever gets most of a secret among those who passed their own check and whom all subjects have met.

    None for a subject that has not met them all: the best of fewer attackers would flatter it.
    """
    common = shared(run, secret)
    found = {_attacker(f): f for f in findings(run, subject) if f.secret == secret and not f.doubt}
    return max((found[one] for one in common), key=lambda f: f.leak) if common and common <= set(found) else None


def shared(run: RunFolder, secret: str) -> set[tuple[str, str]]:
    """The sound attackers on a secret, by judge and level, that every subject attacked by trained ones has met."""
    met = [[f for f in findings(run, name) if f.secret == secret and not f.doubt] for name in subjects(run)]
    trained = [own for own in met if any(f.score.knowledge in TRAINED for f in own)]
    return set.intersection(*({_attacker(f) for f in own} for own in trained or met)) if met else set()


def _attacker(finding: Finding) -> tuple[str, str]:
    return finding.score.judge, finding.score.knowledge


def comparison_table(run: RunFolder) -> Table:
    """The same as a table for the page, without columns that nobody has."""
    rows, named = comparison(run), columns(run)
    kept = [i for i in range(len(named)) if any(row.scores[i] for row in rows)]
    used = [row.scores[i] for row in rows for i in kept]
    return Table(
        columns=[named[i] for i in kept],
        rows={row.subject: [Cell(row.texts[i], row.intervals[i]) for i in kept] for row in rows},
        chance=[format_value(named[i].metric, run.chance.get(named[i].metric)) for i in kept],
        splits=list(dict.fromkeys(score.split for score in used if score and score.split)),
        clips=sorted({score.n for score in used if score and score.n is not None}),
    )


def rivals(run: RunFolder) -> list[tuple[Finding, Finding, Finding, Finding]]:
    """Trivial baselines that hide the main secret and keep emotion about as well, each from the listener that counts.

    Each as (own secret, its secret, own emotion, its emotion): neither of our figures clearly beats its counterpart.
    """
    own, main = protector(run.scores), secrets(run)[0]
    present = [name for name in subjects(run) if name in BASELINES and name != BOUND]
    pairs = [
        (best_attacker(run, own, main), best_attacker(run, name, main), *emotions(run, name))
        for name in (present if own not in BASELINES else ())
    ]
    known = [(a, b, c, d) for a, b, c, d in pairs if a and b and c and d]
    return [four for four in known if not (_ahead(four[0], four[1]) or _ahead(four[2], four[3]))]


def _ahead(own: Finding, other: Finding) -> bool:
    high, low = (own.score, other.score) if metric_of(own.score.metric).better > 0 else (other.score, own.score)
    return high.floor > low.ceiling


def emotions(run: RunFolder, name: str) -> tuple[Finding | None, Finding | None]:
    """The protector's emotion and another subject's, by the judge that counts; None where it did not hear both."""
    own = counting(findings(run)).get("emotion")
    place = (own.score.judge, own.score.knowledge) if own and not own.doubt else None
    same = [f for f in findings(run, name) if (f.score.judge, f.score.knowledge) == place and f.secret == "emotion"]
    return (own, same[0]) if same else (None, None)


def _row(run: RunFolder, name: str) -> Compared:
    found = findings(run, name)
    names = {SECRETS[secret].metric: secret for secret in secrets(run)}
    return Compared(name, tuple(_figure(run, name, found, column, names) for column in columns(run)))


def _figure(run: RunFolder, name: str, found: list[Finding], column: Column, names: dict[str, str]) -> Score | None:
    if column.role == "quality":
        return _measured(run, name, column.metric)
    if column.knowledge == _BEST:
        best = best_attacker(run, name, names[column.metric])
        return best.score if best else None
    return heard_at(found, names.get(column.metric, "emotion"), column.knowledge)


def _heading(column: Column) -> tuple[str, str]:
    if column.role == "quality":
        return {"snr_db": ("SNR", "dB"), "seconds": ("time", "s/utt.")}[column.metric]
    guiding = column.role == "utility" and column.knowledge == "ignorant"
    return f"{column.judge} {titled(column.metric)}".strip(), "guiding" if guiding else _SHORT[column.knowledge]


def heard_at(found: list[Finding], secret: str, level: str) -> Score | None:
    """What the first listener of a level got of a secret, if it can be shown."""
    own = [f.score for f in found if (f.secret, f.score.knowledge) == (secret, level) and not f.doubt]
    return own[0] if own else None


def _measured(run: RunFolder, name: str, metric: str) -> Score | None:
    if quality(run.scores, name, metric) is None:
        return None
    return next(s for s in run.scores if (s.subject, s.metric) == (name, metric))

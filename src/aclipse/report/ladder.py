"""The ladder: what every listener makes of a subject, whether that listener can be trusted, and which one counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aclipse.report.folder import RunFolder
from aclipse.report.rows import Attacker, Score
from aclipse.report.verdicts import (
    LEAD_LEAKY,
    RULE_OF,
    SEVERITY,
    SILENT_DB,
    WER_HIDDEN,
    Verdict,
    accepts,
    borders,
)
from aclipse.report.vocabulary import BASELINES, CONTROL, LEVELS, REFERENCES, SECRETS, TRAINED, UTILITY, level_rank

NO_CLEAN = "it was not tried on clean speech"
DEAF = "it fails on clean speech too"
UNTAUGHT = "it learned nothing"
LEAKY = "training on shuffled labels works as well, so the test itself leaks"


@dataclass(frozen=True, slots=True)
class Finding:
    """One listener's result on protected speech and what follows from it."""

    secret: str
    verdict: Verdict
    score: Score
    clean: Score | None  # the same judge on clean speech
    chance: float | None
    alone: bool  # whether no other judge has this knowledge, so that it need not be named
    doubt: str = ""  # why the verdict is "not shown"

    @property
    def leak(self) -> float:
        """How much the listener gets, the more the higher, for comparisons within a secret."""
        return -self.score.value if SECRETS[self.secret].metric in ("wer", "eer") else self.score.value


def findings(run: RunFolder, subject: str | None = None) -> list[Finding]:
    """One finding for each listener of a subject (the protector): by secret, then by what the listener knows."""
    subject = protector(run.scores) if subject is None else subject
    silent, found = is_silent(run.scores, subject), []
    for secret in SECRETS.values():
        own = [s for s in run.scores if (s.subject, s.metric) == (subject, secret.metric) and s.knowledge in LEVELS]
        for score in sorted(own, key=lambda score: level_rank(score.knowledge)):
            alone = sum(other.knowledge == score.knowledge for other in own) == 1
            found.append(_judged(run, secret.name, score, alone, silent))
    return found


def counting(found: Iterable[Finding]) -> dict[str, Finding]:
    """Secret → the finding that decides: the worst of those whose listener passed its check.

    For emotion it is an independent judge's where there is one, as a guided network can write the class into the sound.
    """
    by_secret: dict[str, list[Finding]] = {}
    for finding in found:
        by_secret.setdefault(finding.secret, []).append(finding)
    return {secret: _worst(secret, own) for secret, own in by_secret.items()}


def protector(scores: Sequence[Score]) -> str:
    """The subject a report is about: the first that is no baseline (audits name it first), else the first not clean."""
    names = list(dict.fromkeys(score.subject for score in scores))
    foreign = [name for name in names if name not in (*REFERENCES, *BASELINES)]
    changed = [name for name in names if name != "identity"]
    return (foreign or changed or names)[0]


def clean_of(score: Score, scores: Sequence[Score]) -> Score | None:
    """The same judge on clean speech: with the same knowledge if that was tried, else ignorant."""
    wanted = ("identity", score.metric, score.judge)
    found = {other.knowledge: other for other in scores if (other.subject, other.metric, other.judge) == wanted}
    return found.get(score.knowledge) or found.get("ignorant")


def zones(finding: Finding) -> list[tuple[Verdict, float, float]]:
    """Which stretch of the scale from 0 to 1 earns which verdict; empty where nothing can be told."""
    if finding.clean is None or finding.doubt:
        return []
    return borders(finding.secret, finding.clean.value, finding.chance)


def quality(scores: Sequence[Score], subject: str, metric: str) -> float | None:
    """A subject's quality figure, or None if it was not measured."""
    return next((score.value for score in scores if (score.subject, score.metric) == (subject, metric)), None)


def is_silent(scores: Sequence[Score], subject: str | None = None) -> bool:
    """Whether a subject's audio is nearly silent: its level far down, or not even defined where others have one."""
    subject = protector(scores) if subject is None else subject
    level = quality(scores, subject, "level_db")
    if level is None:
        measured = quality(scores, subject, "snr_db") is not None and subject != "identity"
        return measured and any(score.metric == "level_db" for score in scores)
    return level < SILENT_DB


def doubt(run: RunFolder, secret: str, score: Score, clean: Score | None) -> str:
    """Why a listener's figure shows nothing, or "" if it passed its own check."""
    guess = run.chance.get(score.metric)
    if clean is None:
        return NO_CLEAN
    if RULE_OF[secret](clean, clean, guess) is Verdict.NOT_SHOWN:
        return DEAF
    if score.knowledge not in TRAINED:
        return ""
    if _untaught(run, secret, score, clean):
        return UNTAUGHT
    return LEAKY if any(_leaks(control, clean, guess) for control in _controls(run, score)) else ""


def _judged(run: RunFolder, secret: str, score: Score, alone: bool, silent: bool) -> Finding:
    clean, chance = clean_of(score, run.scores), run.chance.get(score.metric)
    why = doubt(run, secret, score, clean)
    if why or clean is None:
        return Finding(secret, Verdict.NOT_SHOWN, score, clean, chance, alone, why)
    verdict = RULE_OF[secret](score, clean, chance)
    if secret == "speaker" and verdict is Verdict.HIDDEN and _accepted(run, score):
        verdict = Verdict.WEAKENED
    if secret == "words" and verdict is Verdict.HIDDEN and not _missed(run, score):
        verdict = Verdict.WEAKENED
    if silent and verdict in (Verdict.HIDDEN, Verdict.LOST):
        verdict = Verdict.SILENT
    return Finding(secret, verdict, score, clean, chance, alone)


def _missed(run: RunFolder, score: Score) -> bool:
    """Whether most words said were not heard, too: invented ones alone raise the error rate and hide nothing."""
    same = (score.subject, "words_missed", score.judge, score.knowledge)
    own = next((s for s in run.scores if (s.subject, s.metric, s.judge, s.knowledge) == same), None)
    return own is None or own.floor >= WER_HIDDEN


def _accepted(run: RunFolder, score: Score) -> bool:
    same = (score.subject, "tar_at_1far", score.judge, score.knowledge)
    own = next((s for s in run.scores if (s.subject, s.metric, s.judge, s.knowledge) == same), None)
    return accepts(own, clean_of(own, run.scores) if own else None, run.chance.get("tar_at_1far"))


def _untaught(run: RunFolder, secret: str, score: Score, clean: Score) -> bool:
    """Whether an attacker gained nothing by learning, and none of its kind on clean speech shows that it could."""
    own = _training(run, secret, score, score.subject)
    return clean.knowledge != score.knowledge and bool(own) and not any(_gained(row) for row in own)


def _training(run: RunFolder, secret: str, score: Score, subject: str) -> list[Attacker]:
    wanted = (subject, secret, score.judge, score.knowledge)
    return [row for row in run.attackers if (row.subject, row.secret, row.judge, row.knowledge) == wanted]


def _gained(row: Attacker) -> bool:
    return row.before is None or row.after is None or row.after > row.before


def _controls(run: RunFolder, score: Score) -> list[Score]:
    wanted = ("identity", score.metric, CONTROL)
    return [other for other in run.scores if (other.subject, other.metric, other.knowledge) == wanted]


def _leaks(control: Score, clean: Score, chance: float | None) -> bool:
    """Whether a control with shuffled labels does clearly better than guessing."""
    if control.metric in ("wer", "eer"):  # no guessing words; and random features tell voices apart
        return False
    guess = chance or 0.0
    return control.floor - guess > LEAD_LEAKY * (clean.value - guess)


def _worst(secret: str, own: list[Finding]) -> Finding:
    independent = [f for f in own if f.score.knowledge == "transferred" and not f.doubt]
    judges = [f for f in own if f.score.knowledge in ("ignorant", "retrained")]  # others only attack
    pool = (independent or judges or own) if secret == UTILITY else own
    sign = 1 if secret == UTILITY else -1  # emotion that is not read is what is bad for utility
    return min(pool, key=lambda finding: (SEVERITY.index(finding.verdict), sign * finding.leak))

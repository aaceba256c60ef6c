"""What may be claimed: rules from scores to verdicts. `RULES` states every one of them and is printed in the page.

A verdict rests on the end of the interval that is worse for the protection, never on the best guess alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from aclipse.report.folder import Score
from aclipse.report.tables import BASELINES, KNOWLEDGE, REFERENCES

WER_HIDDEN, WER_WEAKENED = 0.80, 0.30  # at least so many words wrong
LEAD_HIDDEN, LEAD_WEAKENED = 0.10, 0.50  # at most so much left of the listener's lead over guessing
UAR_ALLOWANCE = 0.10  # emotion counts as kept down to so much below clean speech
DEAF_WER, DEAF_LEAD = 0.50, 0.20  # a listener this bad on clean speech proves nothing
SILENT_DB = -40.0  # change of level
ROUNDING = 1e-9  # so that 0.70 − 0.60 is not more than 0.10


class Verdict(StrEnum):
    """What may be claimed of one listener, best first."""

    HIDDEN = "hidden"
    WEAKENED = "weakened"
    NOT_HIDDEN = "not hidden"
    KEPT = "kept"
    REDUCED = "reduced"
    LOST = "lost"
    UNKNOWN = "cannot tell"


def _rate(share: float) -> str:
    return f"{share * 100:.0f} %"


RULES = {
    Verdict.HIDDEN: f"At least {_rate(WER_HIDDEN)} of the words are heard wrong. For a list of known sentences: at most"
    f" {_rate(LEAD_HIDDEN)} is left of the listener's lead over guessing on clean speech.",
    Verdict.WEAKENED: f"At least {_rate(WER_WEAKENED)} of the words are heard wrong, clearly more than on clean speech."
    f" For known sentences: at most {_rate(LEAD_WEAKENED)} of the lead is left.",
    Verdict.NOT_HIDDEN: "Anything less.",
    Verdict.KEPT: f"Emotion is read at most {UAR_ALLOWANCE * 100:.0f} points (UAR) worse than on clean speech.",
    Verdict.REDUCED: "Emotion is read worse than that, but clearly better than by guessing.",
    Verdict.LOST: "Emotion is not clearly read better than by guessing.",
    Verdict.UNKNOWN: "The listener was not tried on clean speech, or fails there too"
    f" (more than {_rate(DEAF_WER)} of words wrong; a lead over guessing below {DEAF_LEAD * 100:.0f} points for"
    " sentences, or none for emotion): its failure on protected speech then shows nothing.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One listener's result on the protected speech and what follows from it."""

    topic: str  # words, sentence or emotion
    verdict: Verdict
    score: Score
    clean: Score | None  # the same judge on clean speech
    chance: float | None
    alone: bool  # whether no other judge has this knowledge, so that it need not be named


def findings(scores: Sequence[Score], chance: dict[str, float]) -> list[Finding]:
    """One finding for each listener: words first, then known sentences, then emotion; frozen before retrained."""
    subject, found = protector(scores), []
    for topic, metric, rule in _TOPICS:
        own = [score for score in scores if score.subject == subject and score.metric == metric]
        own.sort(key=lambda score: KNOWLEDGE.index(score.knowledge) if score.knowledge in KNOWLEDGE else len(KNOWLEDGE))
        for score in own if subject != "identity" else []:
            clean, guess = clean_of(score, scores), chance.get(metric)
            alone = sum(other.knowledge == score.knowledge for other in own) == 1
            found.append(Finding(topic, rule(score, clean, guess), score, clean, guess, alone))
    return found


def protector(scores: Sequence[Score]) -> str:
    """The subject a report is about: the cascade, else the first that is no baseline, else the first not clean."""
    names = list(dict.fromkeys(score.subject for score in scores))
    foreign = [name for name in names if name not in (*REFERENCES, *BASELINES)]
    changed = [name for name in names if name != "identity"]
    return "cascade" if "cascade" in names else (foreign or changed or names)[0]


def words_verdict(score: Score, clean: Score | None, chance: float | None = None) -> Verdict:
    """Whether words are hidden from a recogniser with this word error rate.

    >>> clean = Score("identity", "privacy", "wer", "listener", "frozen", value=0.06)
    >>> str(words_verdict(Score("cascade", "privacy", "wer", "listener", "frozen", 0.85, 0.79, 0.91), clean))
    'weakened'
    """
    if clean is None or clean.value > DEAF_WER:
        return Verdict.UNKNOWN
    if score.floor <= clean.ceiling or score.floor < WER_WEAKENED - ROUNDING:
        return Verdict.NOT_HIDDEN
    return Verdict.HIDDEN if score.floor >= WER_HIDDEN - ROUNDING else Verdict.WEAKENED


def sentence_verdict(score: Score, clean: Score | None, chance: float | None = None) -> Verdict:
    """Whether the sentence is hidden from a classifier that knows all candidates."""
    guess = chance or 0.0
    if clean is None or clean.value - guess < DEAF_LEAD - ROUNDING:
        return Verdict.UNKNOWN
    left = (score.ceiling - guess) / (clean.value - guess)
    if left <= LEAD_HIDDEN + ROUNDING:
        return Verdict.HIDDEN
    return Verdict.WEAKENED if left <= LEAD_WEAKENED + ROUNDING else Verdict.NOT_HIDDEN


def emotion_verdict(score: Score, clean: Score | None, chance: float | None = None) -> Verdict:
    """Whether emotion is still read, by unweighted average recall."""
    guess = chance or 0.0
    if clean is None or clean.floor <= guess:
        return Verdict.UNKNOWN
    if score.floor <= guess:
        return Verdict.LOST
    return Verdict.KEPT if score.floor >= clean.value - UAR_ALLOWANCE - ROUNDING else Verdict.REDUCED


def zones(finding: Finding) -> list[tuple[Verdict, float, float]]:
    """Which stretch of the scale from 0 to 1 earns which verdict; empty where nothing can be told."""
    guess, clean = finding.chance or 0.0, finding.clean.value if finding.clean else 0.0
    lead = clean - guess
    borders, verdicts = {
        "words": ((WER_WEAKENED, WER_HIDDEN), (Verdict.NOT_HIDDEN, Verdict.WEAKENED, Verdict.HIDDEN)),
        "sentence": (
            (guess + LEAD_HIDDEN * lead, guess + LEAD_WEAKENED * lead),
            (Verdict.HIDDEN, Verdict.WEAKENED, Verdict.NOT_HIDDEN),
        ),
        "emotion": ((guess, max(guess, clean - UAR_ALLOWANCE)), (Verdict.LOST, Verdict.REDUCED, Verdict.KEPT)),
    }[finding.topic]
    known = finding.verdict is not Verdict.UNKNOWN
    return list(zip(verdicts, (0.0, *borders), (*borders, 1.0), strict=True)) if known else []


def clean_of(score: Score, scores: Sequence[Score]) -> Score | None:
    """The same judge on clean speech: with the same knowledge if that was tried, else frozen."""
    wanted = ("identity", score.metric, score.judge)
    found = {other.knowledge: other for other in scores if (other.subject, other.metric, other.judge) == wanted}
    return found.get(score.knowledge) or found.get("frozen")


def quality(scores: Sequence[Score], subject: str, metric: str) -> float | None:
    """A subject's quality figure, or None if it was not measured."""
    return next((score.value for score in scores if (score.subject, score.metric) == (subject, metric)), None)


def is_silent(scores: Sequence[Score]) -> bool:
    """Whether the protected audio is nearly silent: its level far down, or not even defined where others have one."""
    level = quality(scores, protector(scores), "level_db")
    if level is None:
        measured = quality(scores, protector(scores), "snr_db") is not None
        return measured and any(score.metric == "level_db" for score in scores)
    return level < SILENT_DB


def rivals(scores: Sequence[Score]) -> list[tuple[Score, Score, Score, Score]]:
    """Trivial baselines that hide words and keep emotion about as well, for the best-informed listeners tried.

    Each as (own words, its words, own emotion, its emotion): neither of our figures clearly beats its counterpart.
    """
    by_place = {(s.subject, s.metric, s.judge, s.knowledge): s for s in scores}

    def pairs(metric: str, name: str) -> list[tuple[Score, Score]]:
        own = [score for score in scores if (score.subject, score.metric) == (protector(scores), metric)]
        own.sort(key=lambda score: score.knowledge != "retrained")
        matched = ((score, by_place.get((name, metric, score.judge, score.knowledge))) for score in own)
        return [(score, other) for score, other in matched if other]

    found = []
    for name in BASELINES if protector(scores) not in BASELINES else ():
        (words, emotion) = pairs("wer", name)[:1], pairs("uar", name)[:1]
        if words and emotion and all(own.floor <= other.ceiling for own, other in words + emotion):
            found.append((*words[0], *emotion[0]))
    return found


_TOPICS = (
    ("words", "wer", words_verdict),
    ("sentence", "sentence_accuracy", sentence_verdict),
    ("emotion", "uar", emotion_verdict),
)

"""Findings as sentences: what is hidden, from whom, what is not, and what must be known beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aclipse.report.folder import Score
from aclipse.report.tables import format_value
from aclipse.report.verdicts import (
    WER_WEAKENED,
    Finding,
    Verdict,
    findings,
    is_silent,
    protector,
    quality,
    rivals,
)

LOUD_CHANGE_DB = 0.0  # SNR at which the change is as strong as the speech
_LISTENER = {"words": "recogniser", "sentence": "sentence classifier", "emotion": "emotion recogniser"}
_PHRASE = {
    Verdict.HIDDEN: "hidden from",
    Verdict.WEAKENED: "harder to make out for",
    Verdict.NOT_HIDDEN: "not hidden from",
    Verdict.KEPT: "kept for",
    Verdict.REDUCED: "harder to read for",
    Verdict.LOST: "lost to",
}
_FOLLOWS = {  # what a verdict means, by topic
    "words": {
        Verdict.HIDDEN: "the words are hidden from it",
        Verdict.WEAKENED: "it is hindered, but words still get through",
        Verdict.NOT_HIDDEN: "the words are not hidden from it",
        Verdict.UNKNOWN: "this shows nothing, as it is not known to understand clean speech",
    },
    "sentence": {
        Verdict.HIDDEN: "what was said is hidden from it",
        Verdict.WEAKENED: "it is hindered, but not down to guessing",
        Verdict.NOT_HIDDEN: "what was said is not hidden from it",
        Verdict.UNKNOWN: "this shows nothing, as it is not known to manage on clean speech",
    },
    "emotion": {
        Verdict.KEPT: "emotion is kept",
        Verdict.REDUCED: "emotion can still be read, but is not shown to be kept",
        Verdict.LOST: "emotion is lost",
        Verdict.UNKNOWN: "this shows nothing, as it is not known to read emotion in clean speech",
    },
}


def headline(scores: Sequence[Score], chance: dict[str, float]) -> str:
    """The whole result in a sentence or two: every verdict reached, first those on retrained listeners."""
    found = findings(scores, chance)
    if not found:
        return "No listener was asked what it hears in protected speech."
    if is_silent(scores):
        return "The protected audio is all but silent: it hides everything because hardly anything is left."
    content = _summary("What was said", "hidden from", [f for f in found if f.topic != "emotion"])
    return f"{content} {_summary('Emotion', 'kept for', [f for f in found if f.topic == 'emotion'])}"


def tell(finding: Finding) -> str:
    """One finding as a sentence with its figures.

    >>> clean = Score("identity", "privacy", "wer", "listener", "frozen", value=0.06)
    >>> score = Score("cascade", "privacy", "wer", "listener", "retrained", 0.15, 0.12, 0.18)
    >>> tell(Finding("words", Verdict.NOT_HIDDEN, score, clean, None, True))  # doctest: +ELLIPSIS
    'A recogniser retrained on protected speech gets only 15 % of words wrong (95 % interval 12–18 %; clean speech...'
    """
    value = finding.score.value
    only = "only " if value < WER_WEAKENED else ""
    heard = f"gets {only}{percent(value)} of words wrong"
    reading = {
        "words": heard if value <= 1 else "makes more mistakes than there are words",
        "sentence": f"tells which of the known sentences was said in {percent(value)} of clips",
        "emotion": f"reads emotion right in {percent(value)} of cases",
    }[finding.topic]
    who = listener(finding)
    return f"{who[0].upper()}{who[1:]} {reading} ({_context(finding)}): {_FOLLOWS[finding.topic][finding.verdict]}."


def listener(finding: Finding) -> str:
    """Who listened; "trained against" is claimed only of a cascade's single frozen recogniser."""
    kind, knowledge = _LISTENER[finding.topic], finding.score.knowledge
    named = "" if finding.alone else f" ({finding.score.judge})"
    article = "an" if finding.topic == "emotion" else "a"
    if knowledge == "retrained":
        return f"{article} {kind} retrained on protected speech{named}"
    if knowledge != "frozen":
        return f"the {knowledge} {kind}{named}"
    if finding.score.subject == "cascade" and finding.alone and finding.topic != "sentence":
        return f"the {kind} it was trained {'with' if finding.topic == 'emotion' else 'against'}"
    return f"{article} {kind} that only knows clean speech{named}"


def remarks(scores: Sequence[Score], chance: dict[str, float]) -> list[str]:
    """What a reader must know beside the findings: silence, brute force, attackers not tried, cheaper rivals."""
    found, notes = findings(scores, chance), []
    content = [finding for finding in found if finding.topic != "emotion"]
    if is_silent(scores):
        level = quality(scores, protector(scores), "level_db")
        change = "" if level is None else f" (level {format_value('level_db', level)} dB)"
        notes.append(
            f"The protected audio is nearly silent{change}. High error rates come from that, not from the method."
        )
    snr = quality(scores, protector(scores), "snr_db")
    if snr is not None and math.isfinite(snr) and snr < LOUD_CHANGE_DB:
        notes.append(
            f"The change is stronger than the speech itself (SNR {format_value('snr_db', snr)} dB): expect it to sound"
            " heavily distorted, and compare it with white noise of the same strength."
        )
    if content and all(finding.score.knowledge == "frozen" for finding in content):
        notes.append("No attacker was retrained on protected speech: how a determined one fares is not known.")
    if any(None in (finding.score.low, finding.score.high) for finding in found):
        notes.append("Figures without an interval were judged by their bare value; those verdicts are less safe.")
    return notes + [_rival(*rival) for rival in rivals(scores)]


def percent(value: float) -> str:
    """A rate in whole per cent, as written in sentences."""
    return f"{value * 100:.0f} %"


def _rival(words: Score, its_words: Score, emotion: Score, its_emotion: Score) -> str:
    return (
        f"The trivial baseline “{its_words.subject}” is not clearly worse: {percent(its_words.value)} of words wrong"
        f" for the {words.knowledge} recogniser (here {percent(words.value)}), emotion read right in"
        f" {percent(its_emotion.value)} of cases (here {percent(emotion.value)})."
    )


def _summary(thing: str, goal: str, found: list[Finding]) -> str:
    """Every listener's verdict in one sentence: those of retrained listeners first, as they count; the worst first."""
    if not found:
        return f"{thing} was not measured."
    found = sorted(found, key=lambda finding: finding.score.knowledge != "retrained")
    kinds = [
        [f for f in found if f.score.knowledge == kind] for kind in dict.fromkeys(f.score.knowledge for f in found)
    ]
    groups = {v: [_crowd(v, kind) for kind in kinds if any(f.verdict is v for f in kind)] for v in _order(found)}
    if len(groups) == 1 and len(kinds) > 1:
        verdict = next(iter(groups))
        whom = "any listener tried" if verdict in (Verdict.NOT_HIDDEN, Verdict.UNKNOWN) else "every listener tried"
        groups = {verdict: [whom]}
    parts = [f"{_PHRASE.get(v, f'not shown to be {goal}')} {_join(names)}" for v, names in groups.items()]
    turn = ", and " if all(part.startswith("not ") for part in parts) else ", but "
    return f"{thing} is {turn.join(part for part in (', '.join(parts[:-1]), parts[-1]) if part)}."


def _order(found: list[Finding]) -> list[Verdict]:
    """The verdicts reached: those on a retrained listener first, then the worst first, what cannot be told last."""
    strong = {finding.verdict for finding in found if finding.score.knowledge == "retrained"}
    severity = [Verdict.UNKNOWN, *(verdict for verdict in Verdict if verdict is not Verdict.UNKNOWN)]
    return sorted({f.verdict for f in found}, key=lambda v: (v in strong, severity.index(v)), reverse=True)


def _crowd(verdict: Verdict, kind: list[Finding]) -> str:
    """Those of one kind of listener that a verdict is about: all together, or by name."""
    members = [finding for finding in kind if finding.verdict is verdict]
    if len(members) == 1 or len(members) < len(kind):
        return _join([listener(finding) for finding in members])
    known = {"frozen": "listeners that only know clean speech", "retrained": "listeners retrained on protected speech"}
    return known.get(members[0].score.knowledge, f"{members[0].score.knowledge} listeners")


def _join(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _context(finding: Finding) -> str:
    score = finding.score
    parts = ["UAR"] if finding.topic == "emotion" else []
    if finding.topic == "words" and score.value > 1:
        parts.append(f"WER {percent(score.value)}")
    if score.low is not None and score.high is not None:
        parts.append(f"95 % interval {score.low * 100:.0f}–{percent(score.high)}")
    if finding.clean is not None:
        parts.append(f"clean speech {percent(finding.clean.value)}")
    if finding.chance is not None:
        parts.append(f"guessing {percent(finding.chance)}")
    return "; ".join(parts or ["no interval"])

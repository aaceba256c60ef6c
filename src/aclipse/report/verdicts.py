"""What may be claimed: rules from scores to verdicts. `RULES` states every one of them and is printed in the page.

A verdict rests on the end of the interval that is worse for the protection, never on the best guess alone.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from aclipse.report.rows import Score

WER_HIDDEN, WER_WEAKENED = 0.80, 0.30  # at least so many words wrong
LEAD_HIDDEN, LEAD_WEAKENED = 0.10, 0.50  # at most so much left of the listener's lead over guessing
LEAD_LEAKY = 0.25  # more than this of the lead, learned from shuffled labels; any function of sound follows some of it
UAR_ALLOWANCE = 0.10  # emotion counts as kept down to so much below clean speech
DEAF_WER, DEAF_LEAD = 0.50, 0.20  # a listener this bad on clean speech proves nothing
SILENT_DB = -40.0  # change of level
GUESSED_EER, GUESSED_TAR = 0.50, 0.01  # of a speaker verifier that guesses
ROUNDING = 1e-9  # so that 0.70 − 0.60 is not more than 0.10


class Verdict(StrEnum):
    """What may be claimed of one listener, best first."""

    HIDDEN = "hidden"
    WEAKENED = "weakened"
    NOT_HIDDEN = "not hidden"
    KEPT = "kept"
    REDUCED = "reduced"
    LOST = "lost"
    SILENT = "silent"
    NOT_SHOWN = "not shown"


def _rate(share: float) -> str:
    return f"{share * 100:.0f} %"


RULES = {
    Verdict.HIDDEN: f"Words: at least {_rate(WER_HIDDEN)} are heard wrong, and as many of those said are not heard;"
    " invented words alone hide nothing. Sentence, sex, sensitive emotions: at most"
    f" {_rate(LEAD_HIDDEN)} is left of the listener’s lead over guessing on clean speech. Speaker: the same, for the"
    " equal error rate’s distance from 50 % and also for the share recognised while 1 % of strangers are let in, since"
    " the equal error rate alone hides leaks.",
    Verdict.WEAKENED: f"Words: at least {_rate(WER_WEAKENED)} are heard wrong, clearly more than on clean speech."
    f" Elsewhere: at most {_rate(LEAD_WEAKENED)} of the lead is left. Speaker: also where the equal error rate says"
    " hidden but the share at 1 % strangers does not.",
    Verdict.NOT_HIDDEN: "Anything less.",
    Verdict.KEPT: f"Emotion is read at most {UAR_ALLOWANCE * 100:.0f} points (UAR) worse than on clean speech.",
    Verdict.REDUCED: "Emotion is read worse than that, but clearly better than by guessing.",
    Verdict.LOST: "Emotion is not clearly read better than by guessing.",
    Verdict.SILENT: f"The level has fallen by more than {-SILENT_DB:.0f} dB and nothing is read any more: nothing is"
    " left, which is no way of hiding.",
    Verdict.NOT_SHOWN: "The listener failed its own check, so its failure on protected speech shows nothing. It was not"
    f" tried on clean speech, or fails there too (more than {_rate(DEAF_WER)} of words wrong; a lead over guessing"
    f" below {DEAF_LEAD * 100:.0f} points for sentence, sex, speaker and sensitive emotions, or none for emotion). Or"
    " it learned nothing from protected speech, with no listener of its kind on clean speech to show that it could. Or"
    " training on shuffled labels ended clearly above guessing (more than"
    f" {_rate(LEAD_LEAKY)} of the lead): then the test itself leaks. Words and voices have no such control: there"
    " is no guessing words, and even random features tell voices apart.",
}
SEVERITY = (  # the worst for the protection first; what is not shown counts for nothing
    *(Verdict.NOT_HIDDEN, Verdict.WEAKENED, Verdict.HIDDEN),
    *(Verdict.LOST, Verdict.REDUCED, Verdict.KEPT, Verdict.SILENT, Verdict.NOT_SHOWN),
)


def words_verdict(score: Score, clean: Score, chance: float | None = None) -> Verdict:
    """Whether words are hidden from a recogniser with this word error rate.

    >>> clean = Score("identity", "privacy", "wer", "listener", "ignorant", value=0.06)
    >>> str(words_verdict(Score("cascade", "privacy", "wer", "listener", "ignorant", 0.85, 0.79, 0.91), clean))
    'weakened'
    """
    if clean.value > DEAF_WER:
        return Verdict.NOT_SHOWN
    if score.floor <= clean.ceiling or score.floor < WER_WEAKENED - ROUNDING:
        return Verdict.NOT_HIDDEN
    return Verdict.HIDDEN if score.floor >= WER_HIDDEN - ROUNDING else Verdict.WEAKENED


def lead_verdict(score: Score, clean: Score, chance: float | None = None) -> Verdict:
    """Whether a class (sentence, sex, sensitive emotion) is hidden, by what is left of the lead over guessing."""
    guess = chance or 0.0
    if clean.value - guess < DEAF_LEAD - ROUNDING:
        return Verdict.NOT_SHOWN
    return _by_lead((score.ceiling - guess) / (clean.value - guess))


def speaker_verdict(score: Score, clean: Score, chance: float | None = None) -> Verdict:
    """Whether the speaker is hidden from a verifier with this equal error rate."""
    guess = GUESSED_EER if chance is None else chance
    if guess - clean.value < DEAF_LEAD - ROUNDING:
        return Verdict.NOT_SHOWN
    return _by_lead((guess - score.floor) / (guess - clean.value))


def accepts(score: Score | None, clean: Score | None, chance: float | None = None) -> bool:
    """Whether a verifier still recognises speakers at 1 % false accepts: more than a tenth of its lead is left."""
    guess = GUESSED_TAR if chance is None else chance
    if score is None or clean is None or clean.floor <= guess:
        return False
    return (score.ceiling - guess) / (clean.value - guess) > LEAD_HIDDEN + ROUNDING


def emotion_verdict(score: Score, clean: Score, chance: float | None = None) -> Verdict:
    """Whether emotion is still read, by unweighted average recall."""
    guess = chance or 0.0
    if clean.floor <= guess:
        return Verdict.NOT_SHOWN
    if score.floor <= guess:
        return Verdict.LOST
    return Verdict.KEPT if score.floor >= clean.value - UAR_ALLOWANCE - ROUNDING else Verdict.REDUCED


def borders(secret: str, clean: float, chance: float | None) -> list[tuple[Verdict, float, float]]:
    """Which stretch of the scale from 0 to 1 earns which verdict."""
    guess = (GUESSED_EER if secret == "speaker" else 0.0) if chance is None else chance
    lead, falling = clean - guess, (Verdict.NOT_HIDDEN, Verdict.WEAKENED, Verdict.HIDDEN)
    shares = (guess + LEAD_HIDDEN * lead, guess + LEAD_WEAKENED * lead)
    if secret == "words":
        marks, verdicts = (WER_WEAKENED, WER_HIDDEN), falling
    elif secret == "emotion":
        marks, verdicts = (guess, max(guess, clean - UAR_ALLOWANCE)), (Verdict.LOST, Verdict.REDUCED, Verdict.KEPT)
    else:
        marks, verdicts = (shares[::-1], falling) if secret == "speaker" else (shares, falling[::-1])
    return list(zip(verdicts, (0.0, *marks), (*marks, 1.0), strict=True))


def _by_lead(left: float) -> Verdict:
    """The verdict for the share of a lead that is left."""
    if left <= LEAD_HIDDEN + ROUNDING:
        return Verdict.HIDDEN
    return Verdict.WEAKENED if left <= LEAD_WEAKENED + ROUNDING else Verdict.NOT_HIDDEN


Rule = Callable[[Score, Score, float | None], Verdict]

RULE_OF: dict[str, Rule] = {
    "words": words_verdict,
    "sentence": lead_verdict,
    "sex": lead_verdict,
    "speaker": speaker_verdict,
    "sensitive": lead_verdict,
    "emotion": emotion_verdict,
}

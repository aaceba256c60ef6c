from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_run import score

from aclipse.report.verdicts import Verdict, findings
from aclipse.report.wording import headline, remarks, tell

CHANCE = {"uar": 0.25, "sentence_accuracy": 0.08}


def audit(**values: float) -> list:
    """Scores of the cascade given as metric_knowledge=value, beside a good listener's on clean speech."""
    clean = {"wer": 0.06, "uar": 0.70, "sentence_accuracy": 0.99}
    keys = [name.rsplit("_", 1) for name in values]
    own = [score("cascade", metric, kind, value) for (metric, kind), value in zip(keys, values.values(), strict=True)]
    return own + [score("identity", metric, kind, clean[metric]) for metric, kind in keys]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"wer_frozen": 0.9, "wer_retrained": 0.15, "uar_frozen": 0.68},
            "What was said is not hidden from a recogniser retrained on protected speech, but hidden from the "
            "recogniser it was trained against. Emotion is kept for the emotion recogniser it was trained with.",
        ),
        (
            {"wer_frozen": 0.71, "wer_retrained": 0.15, "uar_frozen": 0.68, "uar_retrained": 0.69},
            "What was said is not hidden from a recogniser retrained on protected speech, but harder to make out for "
            "the recogniser it was trained against. Emotion is kept for every listener tried.",
        ),
        (
            {"wer_frozen": 0.9, "wer_retrained": 0.9, "sentence_accuracy_retrained": 0.09, "uar_frozen": 0.5},
            "What was said is hidden from every listener tried. Emotion is harder to read for the emotion recogniser "
            "it was trained with.",
        ),
        (
            {"wer_frozen": 0.1, "wer_retrained": 0.1, "uar_frozen": 0.25},
            "What was said is not hidden from any listener tried. Emotion is lost to the emotion recogniser it was "
            "trained with.",
        ),
        (
            {"wer_frozen": 0.9, "wer_retrained": 0.9, "sentence_accuracy_retrained": 0.95},
            "What was said is not hidden from a sentence classifier retrained on protected speech, but hidden from a "
            "recogniser retrained on protected speech and the recogniser it was trained against. Emotion was not "
            "measured.",
        ),
        (
            {"uar_frozen": 0.68},
            "What was said was not measured. Emotion is kept for the emotion recogniser it was trained with.",
        ),
        (  # CREMA-D: the two frozen listeners differ
            {"wer_frozen": 0.98, "wer_retrained": 0.29, "sentence_accuracy_frozen": 0.18}
            | {"sentence_accuracy_retrained": 0.84, "uar_frozen": 0.59, "uar_retrained": 0.65},
            "What was said is not hidden from listeners retrained on protected speech, harder to make out for a "
            "sentence classifier that only knows clean speech, but hidden from the recogniser it was trained against. "
            "Emotion is kept for an emotion recogniser retrained on protected speech, but harder to read for the "
            "emotion recogniser it was trained with.",
        ),
        (  # the attacker that counts comes first even where it fares worse
            {"wer_frozen": 0.1, "wer_retrained": 0.9},
            "What was said is hidden from a recogniser retrained on protected speech, but not hidden from the "
            "recogniser it was trained against. Emotion was not measured.",
        ),
    ],
)
def test_headline(values, text):
    assert headline(audit(**values), CHANCE) == text


def test_headline_names_no_single_recogniser_where_there_are_several():
    scores = audit(wer_frozen=0.9)
    scores += [replace(s, judge="wav2vec2") for s in scores]
    assert headline(scores, {}).startswith("What was said is hidden from listeners that only know clean speech.")
    scores[2] = replace(scores[2], value=0.1, low=0.07, high=0.13)
    assert headline(scores, {}).startswith(
        "What was said is not hidden from a recogniser that only knows clean speech (wav2vec2), but hidden from a "
        "recogniser that only knows clean speech (compact-words)."
    )


def test_headline_without_a_clean_reference_claims_nothing():
    text = headline([score("cascade", "wer", "frozen", 0.99), score("cascade", "uar", "frozen", 0.7)], {})
    assert text.startswith("What was said is not shown to be hidden from the recogniser it was trained against.")
    assert text.endswith("Emotion is not shown to be kept for the emotion recogniser it was trained with.")


def test_headline_makes_no_turn_between_two_failures():
    deaf = [replace(s, value=0.6, low=0.55, high=0.65) for s in audit(wer_retrained=0.9)]
    assert headline(audit(sentence_accuracy_retrained=0.95) + deaf, CHANCE).startswith(
        "What was said is not hidden from a sentence classifier retrained on protected speech, and not shown to be "
        "hidden from a recogniser retrained on protected speech."
    )


def test_headline_of_silence():
    quiet = [score("cascade", "level_db", "none", -60.0), score("identity", "level_db", "none", 0.0)]
    assert "all but silent" in headline(audit(wer_frozen=1.0) + quiet, {})
    assert headline([score("identity", "wer", "frozen", 0.1)], {}) == (
        "No listener was asked what it hears in protected speech."
    )


@settings(deadline=None)
@given(st.lists(st.floats(0, 1.3), min_size=6, max_size=6))
def test_the_headline_tells_every_verdict_and_begins_with_that_of_a_retrained_listener(values):
    names = [f"{metric}_{kind}" for metric in ("wer", "sentence_accuracy", "uar") for kind in ("frozen", "retrained")]
    scores = audit(**dict(zip(names, values, strict=True)))
    content, emotion = headline(scores, CHANCE).split(". ")
    for text, own in ((content, lambda f: f.topic != "emotion"), (emotion, lambda f: f.topic == "emotion")):
        found = [finding for finding in findings(scores, CHANCE) if own(finding)]
        claims = re.split(r", (?:but |and )?(?=not |hidden|harder|kept|lost)", re.sub(r"^.*? is ", "", text))
        assert len(claims) == len({finding.verdict for finding in found})
        assert "retrained on protected speech" in claims[0] or "listener tried" in claims[0]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1.3), min_size=4, max_size=4))
def test_hidden_is_only_said_where_a_rule_says_so(values):
    names = ("wer_frozen", "wer_retrained", "sentence_accuracy_retrained", "uar_frozen")
    scores = audit(**dict(zip(names, values, strict=True)))
    found = [f for f in findings(scores, CHANCE) if f.topic != "emotion"]
    text = headline(scores, CHANCE).replace("not hidden", "").replace("not shown to be hidden", "")
    if all(f.verdict is not Verdict.HIDDEN for f in found):
        assert "hidden" not in text
    if "hidden from every" in text:
        assert all(f.verdict is Verdict.HIDDEN for f in found)


def test_a_finding_tells_figure_interval_and_clean_speech(scores, chance):
    told = [tell(finding) for finding in findings(scores, chance)]
    assert told[0] == (
        "The recogniser it was trained against gets 90 % of words wrong (95 % interval 87–93 %; clean speech 6 %): "
        "the words are hidden from it."
    )
    assert told[1].startswith("A recogniser retrained on protected speech gets only 15 % of words wrong")
    assert told[2].startswith("A sentence classifier retrained on protected speech tells which of the known sentences")
    assert told[2].endswith(
        "(95 % interval 94–100 %; clean speech 99 %; guessing 8 %): what was said is not hidden from it."
    )
    assert told[3] == (
        "The emotion recogniser it was trained with reads emotion right in 64 % of cases (UAR; 95 % interval 61–67 %; "
        "clean speech 70 %; guessing 25 %): emotion is kept."
    )


def test_more_mistakes_than_words():
    (finding,) = findings(audit(wer_frozen=1.31), {})
    assert "makes more mistakes than there are words (WER 131 %; 95 % interval 128–134 %; clean" in tell(finding)


def test_a_foreign_protector_was_not_trained_against_anyone():
    scores = [replace(s, subject="vendor") if s.subject == "cascade" else s for s in audit(wer_frozen=0.9)]
    assert tell(findings(scores, {})[0]).startswith("A recogniser that only knows clean speech gets 90 %")
    scores = [replace(s, knowledge="transferred") for s in scores]
    assert tell(findings(scores, {})[0]).startswith("The transferred recogniser gets 90 %")


def test_remarks_warn_of_silence_noise_and_missing_attackers():
    quality = [score("cascade", "level_db", "none", -60.0), score("cascade", "snr_db", "none", -3.0)]
    notes = remarks(audit(wer_frozen=1.0) + quality, {})
    assert "nearly silent (level −60.0 dB)" in notes[0]
    assert "(SNR −3.0 dB)" in notes[1]
    assert notes[2] == "No attacker was retrained on protected speech: how a determined one fares is not known."
    assert len(notes) == 3


def test_remarks_name_cheaper_rivals_and_bare_figures(scores, chance):
    assert remarks(scores, chance) == [
        "The trivial baseline “low-pass” is not clearly worse: 11 % of words wrong for the retrained recogniser (here "
        "15 %), emotion read right in 68 % of cases (here 66 %)."
    ]
    bare = [replace(s, low=None, high=None) for s in audit(wer_frozen=0.9, wer_retrained=0.9)]
    assert remarks(bare, {}) == [
        "Figures without an interval were judged by their bare value; those verdicts are less safe."
    ]

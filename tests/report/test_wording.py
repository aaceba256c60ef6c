from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_run import score, toy

from aclipse.report.ladder import counting, findings
from aclipse.report.remarks import remarks
from aclipse.report.verdicts import Verdict
from aclipse.report.wording import headline, join, listener, tell

CLEAN = {"wer": 0.06, "uar": 0.70, "sentence_accuracy": 0.99, "sex_uar": 0.95, "eer": 0.08}


def audit(**values: float) -> list:
    """Scores of the cascade given as metric_knowledge=value, beside a good listener's on clean speech."""
    keys = [name.rsplit("_", 1) for name in values]
    own = [score("cascade", metric, kind, value) for (metric, kind), value in zip(keys, values.values(), strict=True)]
    return own + [score("identity", metric, kind, CLEAN[metric]) for metric, kind in keys]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"wer_ignorant": 0.9, "wer_retrained": 0.15, "uar_ignorant": 0.68},
            "The cascade does not hide the words from a recogniser retrained on protected speech. Emotion is kept for "
            "the emotion recogniser it was trained with.",
        ),
        (
            {"wer_ignorant": 0.9, "wer_retrained": 0.9, "uar_ignorant": 0.68, "uar_transferred": 0.5},
            "The cascade hides the words from every listener tried. Emotion is harder to read for an independent "
            "emotion recogniser of another family.",
        ),
        (
            {"wer_ignorant": 0.1, "wer_retrained": 0.2, "uar_ignorant": 0.25},
            "The cascade does not hide the words from the recogniser it was trained against. Emotion is lost to the "
            "emotion recogniser it was trained with.",
        ),
        (
            {"wer_retrained": 0.1, "sentence_accuracy_retrained": 0.95, "sex_uar_ignorant": 0.6, "eer_ignorant": 0.5},
            "The cascade does not hide the words or which known sentence was said from listeners retrained on "
            "protected speech; it only blurs the speaker’s sex for a sex classifier that only knows clean speech; it "
            "hides who is speaking from every listener tried, none of which adapted. Emotion was not measured.",
        ),
        ({"uar_ignorant": 0.68}, "What was said was not measured. Emotion is kept for the emotion recogniser it was "
         "trained with."),
    ],
)  # fmt: skip
def test_headline(values, text):
    assert headline(toy(audit(**values))) == text


def test_headline_without_a_clean_reference_claims_nothing():
    run = toy([score("cascade", "wer", "ignorant", 0.99), score("cascade", "uar", "ignorant", 0.7)])
    assert headline(run) == "The cascade was not shown to hide the words. Whether emotion is kept was not shown."


def test_headline_of_silence():
    quiet = [score("cascade", "level_db", "none", -60.0), score("identity", "level_db", "none", 0.0)]
    assert "all but silent" in headline(toy(audit(wer_ignorant=1.0) + quiet))
    assert "does not hide the words" in headline(toy(audit(wer_ignorant=1.0, wer_retrained=0.1) + quiet))
    assert headline(toy([score("vendor", "snr_db", "none", 0.1)])) == (
        "No listener was asked what it hears in protected speech."
    )


NAMES = [f"{metric}_{kind}" for metric in ("wer", "sentence_accuracy", "uar") for kind in ("ignorant", "retrained")]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1.3), min_size=6, max_size=6))
def test_hidden_is_only_said_where_the_worst_listener_earned_it(values):
    run = toy(audit(**dict(zip(NAMES, values, strict=True))))
    text, decisive = headline(run), counting(findings(run))
    own = [finding for finding in findings(run) if finding.secret != "emotion"]
    for finding in own:
        if finding.verdict is not Verdict.HIDDEN:
            assert decisive[finding.secret].verdict is not Verdict.HIDDEN
    says_hidden = any(decisive[secret].verdict is Verdict.HIDDEN for secret in ("words", "sentence"))
    assert ("from every listener tried" in text) is says_hidden


def test_every_level_has_its_own_words():
    told = [listener(finding) for finding in findings(toy()) if finding.secret == "words"]
    assert told == [
        "the recogniser it was trained against",
        "an independent recogniser of another family",
        "a recogniser behind a cleaning step (mp3)",
        "a recogniser retrained on protected speech",
        "a recogniser retrained on cleaned protected speech (mp3)",
        "a recogniser trained from scratch on protected speech",
        "a recogniser behind a network that learned to undo the protection",
    ]


def test_two_judges_of_a_level_are_named():
    twins = audit(wer_transferred=0.9)
    run = toy(twins + [replace(s, judge="whisper") for s in twins])
    assert [listener(finding) for finding in findings(run)] == [
        "an independent recogniser of another family (pocketsphinx)",
        "an independent recogniser of another family (whisper)",
    ]


def test_a_finding_tells_figure_interval_and_clean_speech():
    told = {(f.secret, f.score.knowledge): tell(f) for f in findings(toy())}
    assert told["words", "ignorant"] == (
        "The recogniser it was trained against gets 90 % of words wrong (95 % interval 87–93 %; clean speech 6 %): "
        "the words are hidden from it."
    )
    assert told["words", "transferred"] == (
        "An independent recogniser of another family shows nothing: it fails on clean speech too."
    )
    assert told["sentence", "retrained"].endswith(
        "(95 % interval 94–100 %; clean speech 99 %; guessing 8 %): which known sentence was said is not hidden from "
        "it."
    )
    assert told["speaker", "ignorant"].startswith(
        "A speaker verifier that only knows clean speech confuses speakers at an equal error rate of 49 %"
    )
    assert told["speaker", "ignorant"].endswith(
        "this alone would pass, but it still recognises speakers while letting in only 1 % of strangers."
    )
    assert told["emotion", "ignorant"] == (
        "The emotion recogniser it was trained with reads emotion right in 64 % of cases (UAR; 95 % interval 61–67 %; "
        "clean speech 70 %; guessing 25 %): emotion is kept."
    )


def test_more_mistakes_than_words():
    (finding,) = findings(toy(audit(wer_ignorant=1.31)))
    assert "makes more mistakes than there are words (WER 131 %; 95 % interval 128–134 %; clean" in tell(finding)


def test_a_foreign_protector_was_not_trained_against_anyone():
    scores = [replace(s, subject="vendor") if s.subject == "cascade" else s for s in audit(wer_ignorant=0.9)]
    assert tell(findings(toy(scores))[0]).startswith("A recogniser that only knows clean speech gets 90 %")
    assert headline(toy(scores)).startswith(
        "“vendor” hides the words from every listener tried, none of which adapted."
    )


def test_remarks_warn_of_silence_noise_and_missing_attackers():
    quality = [score("cascade", "level_db", "none", -60.0), score("cascade", "snr_db", "none", -3.0)]
    notes = remarks(toy(audit(wer_ignorant=1.0) + quality))
    assert "nearly silent (level −60.0 dB)" in notes[0]
    assert "(SNR −3.0 dB)" in notes[1]
    assert notes[2] == "No attacker was retrained on protected speech: how a determined one fares is not known."
    assert len(notes) == 3


def test_remarks_name_secrets_without_an_attacker_rivals_and_what_was_left_out():
    assert remarks(toy(audit={"left_out": ["PESQ is left out: pip install pesq."]})) == [
        "No attacker was retrained on protected speech for the speaker’s sex and who is speaking: how one fares is not "
        "known.",
        "A trivial baseline is not clearly worse: “low-pass” (11 % of words wrong, emotion read right in 60 %). Here "
        "it is 15 % and 55 %, for the strongest attacker on words and the independent judge of emotion.",
        "PESQ is left out: pip install pesq.",
    ]


def test_remarks_on_bare_figures_the_bound_and_a_missing_independent_judge():
    bare = [replace(s, low=None, high=None) for s in audit(wer_retrained=0.9, uar_ignorant=0.7)]
    notes = remarks(toy([*bare, score("label-only", "wer", "ignorant", 1.0)]))
    assert "No independent judge of emotion was heard" in notes[0]
    assert notes[1] == "Figures without an interval were judged by their bare value; those verdicts are less safe."
    assert notes[2].startswith("“label-only” is the bound")
    assert len(notes) == 3


def test_names_are_joined_once_each():
    assert [join([]), join(["a"]), join(["a", "b", "a", "c"])] == ["", "a", "a, b and c"]

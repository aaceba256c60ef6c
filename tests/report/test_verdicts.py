from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_run import score

from aclipse.report.verdicts import (
    RULES,
    Verdict,
    emotion_verdict,
    findings,
    is_silent,
    protector,
    rivals,
    sentence_verdict,
    words_verdict,
    zones,
)

ORDER = list(Verdict)
CLEAN = {name: score("identity", name, "frozen", value) for name, value in (("wer", 0.06), ("uar", 0.70))} | {
    "sentence_accuracy": score("identity", "sentence_accuracy", "frozen", 0.98)
}


@pytest.mark.parametrize(
    ("wer", "spread", "verdict"),
    [
        (0.90, 0.05, Verdict.HIDDEN),
        (0.85, 0.05, Verdict.HIDDEN),  # the border itself
        (0.85, 0.06, Verdict.WEAKENED),  # the best guess is beyond the border, the interval is not
        (0.71, 0.04, Verdict.WEAKENED),
        (0.33, 0.03, Verdict.WEAKENED),
        (0.33, 0.04, Verdict.NOT_HIDDEN),
        (0.15, 0.03, Verdict.NOT_HIDDEN),
        (0.80, None, Verdict.HIDDEN),
        (1.30, 0.10, Verdict.HIDDEN),
    ],
)
def test_words(wer, spread, verdict):
    assert words_verdict(score("cascade", "wer", "frozen", wer, spread), CLEAN["wer"]) is verdict


def test_a_listener_no_worse_than_on_clean_speech_is_not_hindered():
    hard_of_hearing = score("identity", "wer", "frozen", 0.45, 0.10)
    assert words_verdict(score("cascade", "wer", "frozen", 0.60, 0.05), hard_of_hearing) is Verdict.NOT_HIDDEN
    assert words_verdict(score("cascade", "wer", "frozen", 0.61, 0.05), hard_of_hearing) is Verdict.WEAKENED


def test_a_listener_that_fails_on_clean_speech_shows_nothing():
    deaf = score("identity", "wer", "frozen", 0.51)
    assert words_verdict(score("cascade", "wer", "frozen", 0.99), deaf) is Verdict.UNKNOWN
    assert words_verdict(score("cascade", "wer", "frozen", 0.99), None) is Verdict.UNKNOWN
    guessing = score("identity", "sentence_accuracy", "frozen", 0.27)
    told = score("cascade", "sentence_accuracy", "frozen", 0.08)
    assert sentence_verdict(told, guessing, 0.08) is Verdict.UNKNOWN
    assert sentence_verdict(told, None, 0.08) is Verdict.UNKNOWN
    blind = score("identity", "uar", "frozen", 0.27, 0.03)
    assert emotion_verdict(score("cascade", "uar", "frozen", 0.27), blind, 0.25) is Verdict.UNKNOWN
    assert emotion_verdict(score("cascade", "uar", "frozen", 0.27), None, 0.25) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("told", "spread", "verdict"),
    [
        (0.14, 0.03, Verdict.HIDDEN),  # 0.17 is a tenth of the way from 0.08 to 0.98
        (0.15, 0.03, Verdict.WEAKENED),
        (0.50, 0.03, Verdict.WEAKENED),  # 0.53 is half of the way
        (0.51, 0.03, Verdict.NOT_HIDDEN),
        (0.97, 0.01, Verdict.NOT_HIDDEN),
    ],
)
def test_known_sentences(told, spread, verdict):
    found = sentence_verdict(
        score("cascade", "sentence_accuracy", "retrained", told, spread), CLEAN["sentence_accuracy"], 0.08
    )
    assert found is verdict


@pytest.mark.parametrize(
    ("uar", "spread", "verdict"),
    [
        (0.70, 0.05, Verdict.KEPT),
        (0.64, 0.04, Verdict.KEPT),  # 0.60 is ten points below clean speech
        (0.64, 0.05, Verdict.REDUCED),
        (0.30, 0.04, Verdict.REDUCED),
        (0.30, 0.05, Verdict.LOST),
        (0.25, None, Verdict.LOST),
    ],
)
def test_emotion(uar, spread, verdict):
    assert emotion_verdict(score("cascade", "uar", "frozen", uar, spread), CLEAN["uar"], 0.25) is verdict


unit = st.floats(0, 1)


@settings(deadline=None)
@given(unit, unit, st.floats(0, 0.3), st.floats(0, 0.3))
def test_worse_figures_and_wider_intervals_never_earn_a_better_verdict(value, less, spread, more):
    def rank(rule, metric, level, width):
        return ORDER.index(rule(score("cascade", metric, "frozen", level, width), CLEAN[metric], 0.08))

    low, high = sorted((value, less))
    for rule, metric in ((words_verdict, "wer"), (emotion_verdict, "uar")):
        assert rank(rule, metric, low, spread) >= rank(rule, metric, high, spread)
        assert rank(rule, metric, low, spread + more) >= rank(rule, metric, low, spread)
    told = "sentence_accuracy"
    assert rank(sentence_verdict, told, high, spread) >= rank(sentence_verdict, told, low, spread)
    assert rank(sentence_verdict, told, low, spread + more) >= rank(sentence_verdict, told, low, spread)


@settings(deadline=None)
@given(unit, unit, unit, st.floats(0, 0.2))
def test_zones_are_the_rules_drawn(wer, uar, told, spread):
    """The verdict is the zone in which the worse end of the interval lies; the zones fill the scale."""
    own = [score("cascade", "wer", "frozen", wer, spread), score("cascade", "uar", "frozen", uar, spread)]
    own.append(score("cascade", "sentence_accuracy", "frozen", told, spread))
    for finding in findings([*own, *CLEAN.values()], {"uar": 0.25, "sentence_accuracy": 0.08}):
        drawn = zones(finding)
        assert [start for _, start, _ in drawn][1:] == [end for _, _, end in drawn][:-1]
        assert (drawn[0][1], drawn[-1][2]) == (0.0, 1.0)
        worse = finding.score.ceiling if finding.topic == "sentence" else finding.score.floor
        fits = [verdict for verdict, start, end in drawn if start - 1e-6 <= min(max(worse, 0.0), 1.0) <= end + 1e-6]
        assert finding.verdict in fits


def test_nothing_is_drawn_where_nothing_can_be_told():
    (finding,) = findings([score("cascade", "wer", "frozen", 0.9)], {})
    assert finding.verdict is Verdict.UNKNOWN
    assert zones(finding) == []


def test_each_listener_is_judged_by_its_own_clean_speech(scores, chance):
    found = {(f.topic, f.score.knowledge): f for f in findings(scores, chance)}
    assert list(found) == [
        ("words", "frozen"),
        ("words", "retrained"),
        ("sentence", "retrained"),
        ("emotion", "frozen"),
        ("emotion", "retrained"),
    ]
    assert found["words", "retrained"].clean.value == 0.05
    assert found["emotion", "frozen"].clean.value == 0.70
    assert [f.verdict for f in found.values()] == [
        Verdict.HIDDEN,
        Verdict.NOT_HIDDEN,
        Verdict.NOT_HIDDEN,
        Verdict.KEPT,
        Verdict.KEPT,
    ]
    without = [s for s in scores if (s.subject, s.knowledge) != ("identity", "retrained")]
    assert findings(without, chance)[1].clean.value == 0.06  # the frozen listener stands in


def test_what_a_report_is_about():
    def named(*names):
        return protector([score(name, "wer", "frozen", 0.5) for name in names])

    assert named("identity", "vendor", "cascade") == "cascade"
    assert named("identity", "silence", "vendor", "low-pass") == "vendor"
    assert named("identity", "low-pass") == "low-pass"
    assert named("identity") == "identity"


def test_clean_speech_alone_has_no_findings():
    assert findings([CLEAN["wer"]], {}) == []


@pytest.mark.parametrize(("level", "silent"), [(-39.0, False), (-41.0, True), (float("-inf"), True)])
def test_silence(level, silent):
    assert (
        is_silent([score("cascade", "level_db", "none", level), score("identity", "level_db", "none", 0.0)]) is silent
    )


def test_a_level_that_is_not_defined_means_silence(scores):
    left = [s for s in scores if s.subject in ("silence", "identity")]
    assert protector(left) == "silence"
    assert is_silent(left)
    assert not is_silent([s for s in scores if s.metric != "level_db"])  # never measured: nothing is claimed


def test_rivals_are_baselines_that_are_not_clearly_worse(scores):
    assert [found[1].subject for found in rivals(scores)] == ["low-pass"]  # noise loses emotion
    words, its_words, emotion, its_emotion = rivals(scores)[0]
    assert (words.value, its_words.value, emotion.value, its_emotion.value) == (0.15, 0.11, 0.66, 0.68)
    better = [replace(s, value=0.5, low=0.45) if s.subject == "cascade" and s.metric == "wer" else s for s in scores]
    assert rivals(better) == []


def test_the_printed_rules_hold_the_thresholds():
    assert set(RULES) == set(Verdict)
    text = " ".join(RULES.values())
    for threshold in ("80 %", "30 %", "10 %", "50 %", "10 points", "20 points"):
        assert threshold in text

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_run import score, toy

from aclipse.report.comparison import rivals
from aclipse.report.ladder import findings, is_silent, protector, zones
from aclipse.report.verdicts import (
    RULES,
    SEVERITY,
    Verdict,
    accepts,
    emotion_verdict,
    lead_verdict,
    speaker_verdict,
    words_verdict,
)

ORDER = list(Verdict)
CLEAN = {name: score("identity", name, "ignorant", value) for name, value in (("wer", 0.06), ("uar", 0.70))} | {
    "sentence_accuracy": score("identity", "sentence_accuracy", "ignorant", 0.98)
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
    assert words_verdict(score("cascade", "wer", "ignorant", wer, spread), CLEAN["wer"]) is verdict


def test_a_listener_no_worse_than_on_clean_speech_is_not_hindered():
    hard_of_hearing = score("identity", "wer", "ignorant", 0.45, 0.10)
    assert words_verdict(score("cascade", "wer", "ignorant", 0.60, 0.05), hard_of_hearing) is Verdict.NOT_HIDDEN
    assert words_verdict(score("cascade", "wer", "ignorant", 0.61, 0.05), hard_of_hearing) is Verdict.WEAKENED


def test_a_listener_that_fails_on_clean_speech_shows_nothing():
    deaf = score("identity", "wer", "ignorant", 0.51)
    assert words_verdict(score("cascade", "wer", "ignorant", 0.99), deaf) is Verdict.NOT_SHOWN
    guessing = score("identity", "sentence_accuracy", "ignorant", 0.27)
    told = score("cascade", "sentence_accuracy", "ignorant", 0.08)
    assert lead_verdict(told, guessing, 0.08) is Verdict.NOT_SHOWN
    assert lead_verdict(told, replace(guessing, value=0.28), 0.08) is not Verdict.NOT_SHOWN  # the border itself
    assert speaker_verdict(score("cascade", "eer", "ignorant", 0.5), score("identity", "eer", "ignorant", 0.31)) is (
        Verdict.NOT_SHOWN
    )
    blind = score("identity", "uar", "ignorant", 0.27, 0.03)
    assert emotion_verdict(score("cascade", "uar", "ignorant", 0.27), blind, 0.25) is Verdict.NOT_SHOWN


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
    found = lead_verdict(
        score("cascade", "sentence_accuracy", "retrained", told, spread), CLEAN["sentence_accuracy"], 0.08
    )
    assert found is verdict


@pytest.mark.parametrize(
    ("uar", "verdict"),
    [(0.515, Verdict.HIDDEN), (0.516, Verdict.WEAKENED), (0.695, Verdict.WEAKENED), (0.70, Verdict.NOT_HIDDEN)],
)
def test_sex_by_what_is_left_of_the_lead(uar, verdict):
    """Clean 0.95, guessing 0.5: a tenth of the lead ends at 0.545, half of it at 0.725; the interval is ± 0.03."""
    clean = score("identity", "sex_uar", "ignorant", 0.95)
    assert lead_verdict(score("cascade", "sex_uar", "retrained", uar), clean, 0.5) is verdict


@pytest.mark.parametrize(
    ("eer", "verdict"),
    [(0.49, Verdict.HIDDEN), (0.48, Verdict.WEAKENED), (0.33, Verdict.WEAKENED), (0.32, Verdict.NOT_HIDDEN)],
)
def test_speakers_by_the_distance_from_guessing(eer, verdict):
    """Clean 0.10, guessing 0.5: a tenth of the lead ends at 0.46, half of it at 0.30; the interval is ± 0.03."""
    clean = score("identity", "eer", "ignorant", 0.10)
    assert speaker_verdict(score("cascade", "eer", "ignorant", eer), clean) is verdict


@pytest.mark.parametrize(("rate", "leaks"), [(0.079, False), (0.081, True)])
def test_acceptance_at_few_false_accepts_shows_what_the_equal_error_rate_hides(rate, leaks):
    """Clean 0.81, guessing 0.01: a tenth of the lead ends at 0.09; the interval is ± 0.01."""
    own = score("cascade", "tar_at_1far", "ignorant", rate, 0.01)
    clean = score("identity", "tar_at_1far", "ignorant", 0.81, 0.01)
    assert accepts(own, clean) is leaks
    assert not accepts(own, None) and not accepts(None, clean)
    assert not accepts(own, score("identity", "tar_at_1far", "ignorant", 0.02, 0.01))  # a verifier that guesses
    pair = [score("cascade", "eer", "ignorant", 0.50), score("identity", "eer", "ignorant", 0.05)]
    (finding,) = findings(toy([*pair, own, clean]))
    assert finding.verdict is (Verdict.WEAKENED if leaks else Verdict.HIDDEN)


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
    assert emotion_verdict(score("cascade", "uar", "ignorant", uar, spread), CLEAN["uar"], 0.25) is verdict


unit = st.floats(0, 1)


@settings(deadline=None)
@given(unit, unit, st.floats(0, 0.3), st.floats(0, 0.3))
def test_worse_figures_and_wider_intervals_never_earn_a_better_verdict(value, less, spread, more):
    def rank(rule, metric, level, width):
        return ORDER.index(rule(score("cascade", metric, "ignorant", level, width), CLEAN[metric], 0.08))

    low, high = sorted((value, less))
    for rule, metric in ((words_verdict, "wer"), (emotion_verdict, "uar")):
        assert rank(rule, metric, low, spread) >= rank(rule, metric, high, spread)
        assert rank(rule, metric, low, spread + more) >= rank(rule, metric, low, spread)
    told = "sentence_accuracy"
    assert rank(lead_verdict, told, high, spread) >= rank(lead_verdict, told, low, spread)
    assert rank(lead_verdict, told, low, spread + more) >= rank(lead_verdict, told, low, spread)


@settings(deadline=None)
@given(unit, unit, unit, st.floats(0, 0.2))
def test_zones_are_the_rules_drawn(wer, uar, told, spread):
    """The verdict is the zone in which the worse end of the interval lies; the zones fill the scale."""
    own = [score("cascade", "wer", "ignorant", wer, spread), score("cascade", "uar", "ignorant", uar, spread)]
    own.append(score("cascade", "sentence_accuracy", "ignorant", told, spread))
    for finding in findings(toy([*own, *CLEAN.values()], {"uar": 0.25, "sentence_accuracy": 0.08})):
        drawn = zones(finding)
        assert [start for _, start, _ in drawn][1:] == [end for _, _, end in drawn][:-1]
        assert (drawn[0][1], drawn[-1][2]) == (0.0, 1.0)
        worse = finding.score.ceiling if finding.secret == "sentence" else finding.score.floor
        fits = [verdict for verdict, start, end in drawn if start - 1e-6 <= min(max(worse, 0.0), 1.0) <= end + 1e-6]
        assert finding.verdict in fits


def test_nothing_is_drawn_where_nothing_can_be_told():
    (finding,) = findings(toy([score("cascade", "wer", "ignorant", 0.9)], {}))
    assert finding.verdict is Verdict.NOT_SHOWN
    assert zones(finding) == []


def test_what_a_report_is_about():
    def named(*names):
        return protector([score(name, "wer", "ignorant", 0.5) for name in names])

    assert named("cascade", "identity", "cloak-sound", "low-pass") == "cascade"  # audits name it first
    assert named("cloak", "identity", "cloak-averaged", "cascade", "low-pass") == "cloak"
    assert named("identity", "silence", "vendor", "low-pass") == "vendor"
    assert named("identity", "low-pass") == "low-pass"
    assert named("identity") == "identity"


def test_clean_speech_is_hidden_from_nobody():
    (finding,) = findings(toy([CLEAN["wer"]], {}))  # the only subject: clean speech against itself
    assert finding.verdict is Verdict.NOT_HIDDEN


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
    assert [found[1].score.subject for found in rivals(toy())] == ["low-pass"]  # noise loses emotion
    words, its_words, emotion, its_emotion = (finding.score for finding in rivals(toy())[0])
    assert (words.value, its_words.value, emotion.value, its_emotion.value) == (0.15, 0.11, 0.55, 0.60)
    better = [replace(s, value=0.5, low=0.45) if s.subject == "cascade" and s.metric == "wer" else s for s in scores]
    assert rivals(toy(better)) == []
    assert rivals(toy([s for s in scores if s.subject in ("identity", "low-pass")])) == []  # a baseline itself


def test_the_printed_rules_hold_the_thresholds():
    assert set(RULES) == set(Verdict) == set(SEVERITY)
    text = " ".join(RULES.values())
    for threshold in ("80 %", "30 %", "10 %", "50 %", "10 points", "20 points"):
        assert threshold in text

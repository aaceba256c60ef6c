from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_run import score, toy

from aclipse.report.comparison import best_attacker, comparison_table
from aclipse.report.tables import best_of, score_table, subjects
from aclipse.report.vocabulary import format_interval, format_value


def test_subjects_stand_side_by_side_for_the_listeners_that_matter():
    table = comparison_table(toy())
    assert [column.title for column in table.columns] == [
        "UAR %, guiding",
        "UAR %, independent",
        "UAR %, retrained",
        "WER %, ignorant",
        "WER %, best attacker",
        "SNR dB",
        "time s",
    ]
    assert list(table.rows) == ["identity", "cascade", "low-pass", "white-noise", "silence"]
    assert [cell.text for cell in table.rows["cascade"]] == ["64.0", "55.0", "66.0", "90.0", "15.0", "4.8", "0.020"]
    assert table.rows["cascade"][4].interval == "12.0–18.0"
    assert table.rows["identity"][5].text == ""
    assert table.chance == ["25.0", "25.0", "25.0", "", "", "", ""]
    assert table.splits == ["speaker-5fold/0 (seed 0) [5ab91c03d2e7]"]
    assert table.clips == [8]


def test_a_listener_that_failed_its_check_is_no_best_attacker(scores):
    deaf = [replace(s, value=0.05) if (s.subject, s.knowledge) == ("cascade", "transferred") else s for s in scores]
    assert best_attacker(toy(deaf), "cascade", "words").score.knowledge == "retrained"
    assert best_attacker(toy(deaf), "nobody", "words") is None


def test_the_best_attacker_is_one_that_every_subject_has_met(scores):
    spared = [s for s in scores if s.subject != "low-pass" or s.knowledge in ("ignorant", "none")]
    assert best_attacker(toy(scores), "low-pass", "words") is not None
    assert best_attacker(toy(spared), "low-pass", "words") is None
    assert best_attacker(toy(spared), "cascade", "words").score.knowledge == "retrained"


def test_levels_are_columns_in_their_order(scores, chance):
    table = score_table(list(reversed(scores)), ["wer", "stoi"], chance)
    assert [column.knowledge for column in table.columns][:-2] == [
        *("ignorant", "transferred", "purifying", "retrained", "purified", "scratch", "inverting")
    ]
    fewer = [replace(s, n=3) if s.role == "quality" else s for s in scores]
    assert score_table(fewer, ["wer", "stoi"]).clips == [3, 8]


def test_only_what_is_clearly_ahead_is_best(scores):
    table = score_table(scores, ["uar", "wer", "snr_db", "level_db", "stoi"])
    best = {c.title: [name for name, cells in table.rows.items() if cells[i].best] for i, c in enumerate(table.columns)}
    assert best["WER %, ignorant"] == []  # 90 ± 3 against 84 ± 3: the intervals touch
    assert best["WER %, retrained"] == ["white-noise"]
    assert best["UAR %, guiding"] == []  # cascade and low-pass overlap
    assert best["SNR dB"] == ["low-pass"]
    assert best["level dB"] == []  # neither loud nor quiet is good
    assert best["STOI"] == []  # high is natural, and low hides words from people


def test_the_better_end_depends_on_the_metric():
    told = [score(name, "sentence_accuracy", "retrained", value) for name, value in (("a", 0.3), ("b", 0.9))]
    assert best_of(told, better=-1) == "a"
    assert best_of(told, better=+1) == "b"


def test_references_and_bare_figures_are_not_ranked():
    silence, cascade = score("silence", "wer", "ignorant", 1.0), score("cascade", "wer", "ignorant", 0.5)
    assert best_of([silence, cascade], better=+1) == ""
    rival = score("low-pass", "wer", "ignorant", 0.1)
    assert best_of([cascade, rival], better=+1) == "cascade"
    assert best_of([cascade, replace(rival, high=None)], better=+1) == ""


def test_judges_are_named_only_where_there_are_several():
    one = score("cascade", "wer", "ignorant", 0.5)
    assert score_table([one], ["wer"]).columns[0].judge == ""
    both = [one, replace(one, judge="wav2vec2", value=0.6)]
    assert [column.judge for column in score_table(both, ["wer"]).columns] == ["compact-words", "wav2vec2"]
    assert [cell.text for cell in score_table(both, ["wer"]).rows["cascade"]] == ["50.0", "60.0"]


def test_other_protections_follow_clean_speech_in_their_order():
    names = ["zeta", "silence", "white-noise", "alpha", "identity", "low-pass"]
    assert subjects(score(name, "wer", "ignorant", 0.5) for name in names) == [
        "identity",
        "zeta",
        "alpha",
        "low-pass",
        "white-noise",
        "silence",
    ]


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("wer", 1.05, "105.0"),
        ("recall:sad", 0.333, "33.3"),
        ("stoi", 0.615, "0.61"),
        ("snr_db", -0.04, "0.0"),
        ("level_db", float("-inf"), "−∞"),
        ("snr_db", float("inf"), "∞"),
        ("something new", 0.12345, "0.123"),
    ],
)
def test_figures_as_text(metric, value, text):
    assert format_value(metric, value) == text


@settings(deadline=None)
@given(st.floats(-300, 300), st.sampled_from(["wer", "snr_db", "pesq"]))
def test_text_is_the_figure_rounded(value, metric):
    scale, digits = {"wer": (100, 1), "snr_db": (1, 1), "pesq": (1, 2)}[metric]
    shown = float(format_value(metric, value).replace("−", "-"))
    assert shown == pytest.approx(scale * value, abs=0.5001 * 10**-digits)


def test_an_interval_needs_both_ends():
    assert format_interval("wer", None, 0.5) == ""
    assert format_interval("level_db", -3.0, -2.0) == "−3.0 to −2.0"

"""From marks of single clips to scores: against the metrics themselves and by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclipse.attackers.content import SENTENCE
from aclipse.attackers.words import WORDS
from aclipse.contracts import Clip
from aclipse.evaluators.emotion import EMOTION
from aclipse.experiments.scores import CLIP_COLUMNS, SCORE_COLUMNS, Sheet, finite_mean, statistics, tidy
from aclipse.metrics.classification import accuracy, recalls, uar
from aclipse.metrics.transcription import character_edits, error_rate, word_edits

LABELS = st.sampled_from(("angry", "happy", "neutral", "sad"))
WORD = st.sampled_from(("go", "home", "call", "me"))
PHRASE = st.lists(WORD, min_size=1, max_size=4).map(" ".join)


def clips(count: int, speakers: int = 2) -> list[Clip]:
    return [
        Clip(f"c{i}", Path("x.wav"), f"s{i % speakers}", emotion=("happy", "sad")[i // 2 % 2], transcript="go home")
        for i in range(count)
    ]


def sheet(count: int = 4, speakers: int = 2) -> Sheet:
    return Sheet(clips(count, speakers), "mine [abc]", draws=100, seed=0)


def score(made: Sheet, metric: str) -> dict[str, object]:
    return next(row for row in made.scores if row["metric"] == metric)


@given(
    pairs=st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=12),
    data=st.data(),
)
def test_emotion_statistics_are_those_of_the_metrics_for_any_choice_of_clips(
    pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    truth, read = (list(column) for column in zip(*pairs, strict=True))
    found = statistics("emotion", truth, read, [{}] * len(truth))
    chosen = np.array(data.draw(st.lists(st.integers(0, len(truth) - 1), min_size=1, max_size=15)))
    some_truth, some_read = [truth[i] for i in chosen], [read[i] for i in chosen]
    assert found["accuracy"](chosen) == pytest.approx(accuracy(some_truth, some_read))
    assert found["uar"](chosen) == pytest.approx(uar(some_truth, some_read))
    by_class = recalls(some_truth, some_read)
    for label in set(truth):
        assert found[f"recall:{label}"](chosen) == pytest.approx(by_class.get(label, math.nan), nan_ok=True)
    assert set(found) == {"accuracy", "uar", *(f"recall:{label}" for label in truth)}


@given(pairs=st.lists(st.tuples(PHRASE, PHRASE), min_size=1, max_size=8), data=st.data())
def test_word_statistics_are_corpus_rates_for_any_choice_of_clips(
    pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    said, heard = (list(column) for column in zip(*pairs, strict=True))
    found = statistics("words", said, heard, [WORDS.marks(*pair) for pair in pairs])
    chosen = np.array(data.draw(st.lists(st.integers(0, len(said) - 1), min_size=1, max_size=10)))
    assert set(found) == {"wer", "cer"}
    assert found["wer"](chosen) == pytest.approx(error_rate([word_edits(*pairs[i]) for i in chosen]))
    assert found["cer"](chosen) == pytest.approx(error_rate([character_edits(*pairs[i]) for i in chosen]))


def test_a_sentence_is_told_or_not() -> None:
    found = statistics("sentence", ["a", "b", "b"], ["a", "b", "a"], [{}] * 3)
    assert {name: statistic(np.arange(3)) for name, statistic in found.items()} == {
        "sentence_accuracy": pytest.approx(2 / 3)
    }


def test_a_word_rate_over_no_words_is_not_a_number() -> None:
    found = statistics("words", ["", ""], ["", "go"], [WORDS.marks("", ""), WORDS.marks("", "go")])
    assert math.isnan(found["wer"](np.array([0, 1])))


def test_readings_are_scored_and_marked_clip_by_clip() -> None:
    made = sheet()
    made.add_readings("cascade", WORDS, "frozen", ["go home", "go", "", "no way home"])
    assert [row["metric"] for row in made.scores] == ["wer", "cer"]
    wer = score(made, "wer")
    assert (wer["value"], wer["n"], wer["split"]) == (pytest.approx((0 + 1 + 2 + 2) / 8), 4, "mine [abc]")
    place = ("subject", "role", "judge", "knowledge")
    assert [wer[key] for key in place] == ["cascade", "privacy", "compact-words", "frozen"]
    second = next(mark for mark in made.marks if mark["id"] == "c1" and mark["metric"] == "wer")
    assert [second[key] for key in ("reference", "prediction", "value", "weight")] == ["go home", "go", 1, 2]
    assert len(made.marks) == 4 * 2


def test_roles_and_judges_come_from_the_task() -> None:
    made = sheet()
    made.add_readings("cascade", EMOTION, "retrained", ["happy"] * 4)
    made.add_readings("cascade", SENTENCE, "retrained", ["go home"] * 4)
    assert {(row["role"], row["judge"]) for row in made.scores} == {
        ("utility", "compact-emotion"),
        ("privacy", "compact-sentence"),
    }
    assert score(made, "uar")["value"] == 0.5
    assert score(made, "recall:happy")["value"] == 1
    assert score(made, "sentence_accuracy")["value"] == 1


def test_rows_fit_their_tables() -> None:
    made = sheet()
    made.add_readings("cascade", EMOTION, "frozen", ["sad"] * 4)
    made.add_quality("cascade", made.clips, [{"snr_db": 3.0}] * 4)
    assert all(set(row) == set(SCORE_COLUMNS) for row in made.scores)
    assert all(set(row) <= set(CLIP_COLUMNS) for row in made.marks)
    assert [
        *("subject", "role", "metric", "judge", "knowledge"),
        *("value", "low", "high", "n", "split"),
    ] == SCORE_COLUMNS


def test_an_interval_holds_its_value_and_is_wide_where_speakers_differ() -> None:
    alike, apart = sheet(8), sheet(8)
    alike.add_readings("a", WORDS, "frozen", ["go"] * 8)
    apart.add_readings("a", WORDS, "frozen", ["go home", "no way"] * 4)  # one speaker is understood, the other never
    same, wide = score(alike, "wer"), score(apart, "wer")
    assert (same["low"], same["value"], same["high"]) == (0.5, 0.5, 0.5)
    assert (wide["low"], wide["value"], wide["high"]) == (0.0, 0.5, 1.0)


def test_one_speaker_has_no_interval() -> None:
    made = sheet(4, speakers=1)
    made.add_readings("a", WORDS, "frozen", ["go"] * 4)
    assert [score(made, "wer")[key] for key in ("value", "low", "high")] == [0.5, "", ""]


def test_quality_is_the_mean_over_clips_where_it_is_defined() -> None:
    made = sheet()
    made.add_quality("a", made.clips, [{"stoi": value} for value in (0.2, math.nan, 0.4, 0.9)])
    stoi = score(made, "stoi")
    assert (stoi["role"], stoi["judge"], stoi["knowledge"]) == ("quality", "signal", "none")
    assert stoi["value"] == pytest.approx(0.5)
    assert [mark["value"] for mark in made.marks] == [0.2, "", 0.4, 0.9]


def test_quality_may_be_measured_on_some_clips_only() -> None:
    made = sheet()
    made.add_quality("a", made.clips[1:3], [{"stoi": 0.2}, {"stoi": 0.4}])
    assert (score(made, "stoi")["value"], score(made, "stoi")["n"]) == (pytest.approx(0.3), 2)
    assert [mark["id"] for mark in made.marks] == ["c1", "c2"]


def test_n_counts_the_clips_that_have_a_value() -> None:
    made = sheet()
    made.add_quality("a", made.clips, [{"stoi": value} for value in (0.2, math.nan, 0.4, 0.9)])
    assert score(made, "stoi")["n"] == 3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_no_clip_has_is_an_empty_cell_without_a_warning(value: float) -> None:
    """The signal-to-noise ratio of an unchanged recording, for one; numpy warns of the mean of nothing."""
    made = sheet()
    made.add_quality("identity", made.clips, [{"snr_db": value}] * 4)
    assert [score(made, "snr_db")[key] for key in ("value", "low", "high")] == ["", "", ""]
    assert {mark["value"] for mark in made.marks} == {""}


def test_an_audit_of_no_clips_has_no_quality() -> None:
    made = Sheet([], "none", draws=100, seed=0)
    made.add_quality("a", made.clips, [])
    assert made.scores == [] and made.marks == []


@pytest.mark.parametrize(
    ("values", "mean"), [([1.0, 3.0], 2.0), ([1.0, math.nan, math.inf], 1.0), ([-math.inf], math.nan), ([], math.nan)]
)
def test_the_mean_of_what_is_finite(values: list[float], mean: float) -> None:
    assert finite_mean(np.array(values)) == pytest.approx(mean, nan_ok=True)


@pytest.mark.parametrize(
    ("value", "cell"), [(0.12345678, 0.123457), (np.float64(2), 2.0), (math.nan, ""), (math.inf, ""), (-math.inf, "")]
)
def test_a_cell_is_short_and_empty_where_there_is_no_number(value: float, cell: object) -> None:
    assert tidy(value) == cell

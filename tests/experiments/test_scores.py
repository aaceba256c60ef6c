"""From what listeners heard to scores: against the metrics themselves, scikit-learn, and by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import recall_score

from aclipse.attackers.attributes import SEX, sensitive
from aclipse.attackers.content import SENTENCE
from aclipse.attackers.verification import SPEAKER
from aclipse.attackers.words import WORDS
from aclipse.contracts import Clip
from aclipse.evaluators.emotion import EMOTION
from aclipse.experiments.ladder.outcome import Outcome
from aclipse.experiments.scores import (
    CLIP_COLUMNS,
    MAIN,
    PAIR_COLUMNS,
    SCORE_COLUMNS,
    SLICE_COLUMNS,
    Hearing,
    Sheet,
    corrected,
    finite_mean,
    statistics,
    tidy,
)
from aclipse.metrics.classification import accuracy, recalls, uar
from aclipse.metrics.information import leaked_bits
from aclipse.metrics.paired import paired
from aclipse.metrics.transcription import character_edits, error_rate, missed_words, word_edits
from aclipse.metrics.verification import Trials
from aclipse.training.recognition import Task

LABELS = st.sampled_from(("angry", "happy", "neutral", "sad"))
WORD = st.sampled_from(("go", "home", "call", "me"))
PHRASE = st.lists(WORD, min_size=1, max_size=4).map(" ".join)


def clips(count: int, speakers: int = 2) -> list[Clip]:
    return [
        Clip(f"c{i}", Path("x.wav"), f"s{i % speakers}", emotion=("happy", "sad")[i // 2 % 2], transcript="go home")
        for i in range(count)
    ]


def said(*transcripts: str) -> list[Clip]:
    return [Clip(f"c{i}", Path("x.wav"), "s0", transcript=words) for i, words in enumerate(transcripts)]


def felt(*emotions: str) -> list[Clip]:
    return [Clip(f"c{i}", Path("x.wav"), "s0", emotion=emotion) for i, emotion in enumerate(emotions)]


def sheet() -> Sheet:
    return Sheet("mine [abc]", draws=100, seed=0)


def hearing(task: Task, read: Sequence[Any], of: Sequence[Clip] | None = None, **facts: Any) -> Hearing:
    place = {"subject": "cascade", "knowledge": "ignorant", **facts}
    of = clips(len(read)) if of is None else of
    return Hearing(task, of, Outcome(secret=task.name, judge=task.judge, readings=list(read), **place))


def score(made: Sheet, metric: str) -> dict[str, Any]:
    return next(row for row in made.scores if row["metric"] == metric)


# --- the statistics


@given(pairs=st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=12), data=st.data())
def test_emotion_statistics_are_those_of_the_metrics_for_any_choice_of_clips(
    pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    truth, read = (list(column) for column in zip(*pairs, strict=True))
    found = statistics(EMOTION, felt(*truth), read)
    chosen = np.array(data.draw(st.lists(st.integers(0, len(truth) - 1), min_size=1, max_size=15)))
    some_truth, some_read = [truth[i] for i in chosen], [read[i] for i in chosen]
    assert found["accuracy"](chosen) == pytest.approx(accuracy(some_truth, some_read))
    every = set(some_truth) == set(truth)  # of a draw that lacks a class the mean over classes is not defined
    assert found["uar"](chosen) == pytest.approx(uar(some_truth, some_read) if every else math.nan, nan_ok=True)
    by_class = recalls(some_truth, some_read)
    for label in set(truth):
        assert found[f"recall:{label}"](chosen) == pytest.approx(by_class.get(label, math.nan), nan_ok=True)
    assert set(found) == {"accuracy", "uar", *(f"recall:{label}" for label in truth)}


@given(pairs=st.lists(st.tuples(PHRASE, PHRASE), min_size=1, max_size=8), data=st.data())
def test_word_statistics_are_corpus_rates_for_any_choice_of_clips(
    pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    spoken, heard = (list(column) for column in zip(*pairs, strict=True))
    found = statistics(WORDS, said(*spoken), heard)
    chosen = np.array(data.draw(st.lists(st.integers(0, len(spoken) - 1), min_size=1, max_size=10)))
    assert set(found) == {"wer", "cer", "words_missed"}
    assert found["words_missed"](chosen) == pytest.approx(error_rate([missed_words(*pairs[i]) for i in chosen]))
    assert found["wer"](chosen) == pytest.approx(error_rate([word_edits(*pairs[i]) for i in chosen]))
    assert found["cer"](chosen) == pytest.approx(error_rate([character_edits(*pairs[i]) for i in chosen]))


def test_entities_are_recalled_where_clips_are_tagged() -> None:
    tagged = [
        replace(clip, extra={"entities": tags}) for clip, tags in zip(clips(3), ("home", "", "go|home"), strict=True)
    ]
    found = statistics(WORDS, tagged, ["go home", "home", "go"])
    assert found["entity_recall"](np.arange(3)) == pytest.approx(2 / 3)
    assert found["wer"](np.arange(3)) == pytest.approx(2 / 6)
    assert math.isnan(found["entity_recall"](np.array([1])))


@given(data=st.data())
def test_a_sentence_is_told_or_not_and_leaks_so_many_bits(data: st.DataObject) -> None:
    spoken, read = (data.draw(st.lists(st.sampled_from("abc"), min_size=6, max_size=6)) for _ in range(2))
    found = statistics(SENTENCE, said(*spoken), read)
    index = np.arange(6)
    assert set(found) == {"sentence_accuracy", "sentence_bits"}
    assert found["sentence_accuracy"](index) == pytest.approx(accuracy(spoken, read))
    assert found["sentence_bits"](index) == leaked_bits(spoken, read)(index)


def test_four_sentences_all_told_are_two_bits() -> None:
    names = list("abcd") * 3
    found = statistics(SENTENCE, said(*names), names)
    assert found["sentence_bits"](np.arange(12)) == pytest.approx(2)


@given(pairs=st.lists(st.tuples(*[st.sampled_from(("female", "male"))] * 2), min_size=1, max_size=12))
def test_sex_is_scored_by_recall_of_both_as_scikit_learn_does(pairs: list[tuple[str, str]]) -> None:
    truth, read = (list(column) for column in zip(*pairs, strict=True))
    of = [Clip(f"c{i}", Path("x.wav"), "s", sex=sex) for i, sex in enumerate(truth)]
    found = statistics(SEX, of, read)
    expected = recall_score(truth, read, labels=sorted(set(truth)), average="macro", zero_division=0)
    assert set(found) == {"sex_uar"}
    assert found["sex_uar"](np.arange(len(pairs))) == pytest.approx(expected)


def test_a_sensitive_emotion_is_told_from_all_the_rest() -> None:
    found = statistics(sensitive(["sad"]), felt("sad", "happy", "angry", "sad"), ["sad", "sad", "other", "other"])
    assert {name: of(np.arange(4)) for name, of in found.items()} == {"sensitive_uar": 0.5}


@given(seed=st.integers(0, 50), enrolled=st.booleans())
def test_voices_are_scored_as_trials(seed: int, enrolled: bool) -> None:
    random = np.random.default_rng(seed)
    voices = list(random.normal(size=(6, 3)).astype(np.float32))
    clean = list(random.normal(size=(6, 3)).astype(np.float32)) if enrolled else None
    of, index = clips(6), random.integers(0, 6, 8)
    found = statistics(SPEAKER, of, voices, clean)
    trials = Trials(voices, [clip.speaker for clip in of], clean)
    expected = {
        "eer": trials.eer(index),
        "tar_at_1far": trials.true_accept(index),
        "linkability": trials.linkability(index),
    }
    assert {name: of(index) for name, of in found.items()} == pytest.approx(expected, nan_ok=True)


def test_clips_without_the_secret_are_left_out() -> None:
    of = [Clip(f"c{i}", Path("x.wav"), "s", sex=sex) for i, sex in enumerate(("female", "", "male", ""))]
    found = statistics(SEX, of, ["female", "male", "female", "female"])["sex_uar"]
    assert found(np.arange(4)) == found(np.array([0, 2])) == 0.5
    assert math.isnan(found(np.array([1, 3])))
    unsaid = statistics(SENTENCE, said("go home", ""), ["go home", "go home"])
    assert unsaid["sentence_accuracy"](np.arange(2)) == 1


def test_a_word_rate_over_no_words_is_not_a_number() -> None:
    found = statistics(WORDS, said("", ""), ["", "go"])
    assert math.isnan(found["wer"](np.array([0, 1])))


# --- the sheet


def test_readings_are_scored_and_marked_clip_by_clip() -> None:
    made = sheet()
    made.add(hearing(WORDS, ["go home", "go", "", "no way home"], via="gsm"))
    assert [row["metric"] for row in made.scores] == ["wer", "cer", "words_missed"]
    wer = score(made, "wer")
    assert (wer["value"], wer["n"], wer["split"]) == (pytest.approx((0 + 1 + 2 + 2) / 8), 4, "mine [abc]")
    place = ("subject", "role", "secret", "judge", "knowledge", "via")
    assert [wer[key] for key in place] == ["cascade", "privacy", "words", "compact-words", "ignorant", "gsm"]
    second = next(mark for mark in made.marks if mark["id"] == "c1" and mark["metric"] == "wer")
    assert [second[key] for key in ("reference", "prediction", "value", "weight")] == ["go home", "go", 1, 2]
    assert len(made.marks) == 4 * 3


def test_roles_judges_and_secrets_come_from_the_task() -> None:
    made = sheet()
    made.add(hearing(EMOTION, ["happy"] * 4, knowledge="retrained"))
    made.add(hearing(SENTENCE, ["go home"] * 4, knowledge="retrained"))
    assert {(row["role"], row["secret"], row["judge"]) for row in made.scores} == {
        ("utility", "emotion", "compact-emotion"),
        ("privacy", "sentence", "compact-sentence"),
    }
    assert score(made, "uar")["value"] == 0.5
    assert score(made, "recall:happy")["value"] == 1
    assert score(made, "sentence_accuracy")["value"] == 1


def test_voices_are_scored_and_no_clip_is_marked_for_its_own() -> None:
    made = sheet()
    voices = [np.eye(2, dtype=np.float32)[i % 2] for i in range(4)]
    made.add(hearing(SPEAKER, voices))
    assert score(made, "eer")["value"] == 0 and score(made, "tar_at_1far")["value"] == 1
    assert made.marks == []


def test_rows_fit_their_tables() -> None:
    made = sheet()
    made.add(hearing(EMOTION, ["sad"] * 4))
    made.add_quality("cascade", clips(4), [{"snr_db": 3.0}] * 4)
    made.add_pace("cascade", 0.25)
    assert all(set(row) <= set(SCORE_COLUMNS) for row in made.scores)
    assert all(set(row) == set(SCORE_COLUMNS) for row in made.scores if row["role"] == "utility")
    assert all(set(row) <= set(CLIP_COLUMNS) for row in made.marks)
    assert [
        *("subject", "role", "secret", "metric", "judge", "knowledge", "via"),
        *("value", "low", "high", "n", "split"),
    ] == SCORE_COLUMNS


def test_the_pace_of_a_protection_is_a_score_without_clips() -> None:
    made = sheet()
    made.add_pace("cascade", 0.25)
    row = score(made, "seconds")
    assert (row["value"], row["role"], row["secret"], row["knowledge"]) == (0.25, "quality", "sound", "none")
    assert made.marks == []


def test_an_interval_holds_its_value_and_is_wide_where_speakers_differ() -> None:
    alike, apart = sheet(), sheet()
    alike.add(hearing(WORDS, ["go"] * 8))
    apart.add(hearing(WORDS, ["go home", "no way"] * 4))  # one speaker is understood, the other never
    same, wide = score(alike, "wer"), score(apart, "wer")
    assert (same["low"], same["value"], same["high"]) == (0.5, 0.5, 0.5)
    assert (wide["low"], wide["value"], wide["high"]) == (0.0, 0.5, 1.0)


def test_one_speaker_has_no_interval() -> None:
    made = sheet()
    made.add(hearing(WORDS, ["go"] * 4, clips(4, speakers=1)))
    assert [score(made, "wer")[key] for key in ("value", "low", "high")] == [0.5, "", ""]


def test_quality_is_the_mean_over_clips_where_it_is_defined() -> None:
    made = sheet()
    made.add_quality("a", clips(4), [{"stoi": value} for value in (0.2, math.nan, 0.4, 0.9)])
    stoi = score(made, "stoi")
    assert (stoi["role"], stoi["judge"], stoi["knowledge"]) == ("quality", "signal", "none")
    assert (stoi["value"], stoi["n"]) == (pytest.approx(0.5), 3)
    assert [mark["value"] for mark in made.marks] == [0.2, "", 0.4, 0.9]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_no_clip_has_is_an_empty_cell_without_a_warning(value: float) -> None:
    """The signal-to-noise ratio of an unchanged recording, for one; numpy warns of the mean of nothing."""
    made = sheet()
    made.add_quality("identity", clips(4), [{"snr_db": value}] * 4)
    assert [score(made, "snr_db")[key] for key in ("value", "low", "high")] == ["", "", ""]
    assert {mark["value"] for mark in made.marks} == {""}


def test_an_audit_of_no_clips_has_no_quality() -> None:
    made = sheet()
    made.add_quality("a", [], [])
    assert made.scores == [] and made.marks == []


# --- groups


def mixed() -> list[Clip]:
    """Four speakers, two of either sex; each happy and sad."""
    return [
        Clip(f"c{i}", Path("x.wav"), f"s{i % 4}", ("female", "male")[i % 4 // 2], ("happy", "sad")[i // 4], "go home")
        for i in range(8)
    ]


def test_slices_are_the_score_of_each_group_by_itself() -> None:
    heard = hearing(WORDS, ["go home", "go home", "go", "go", "go home", "", "go", "go"], mixed())
    found = {(row["by"], row["group"]): row for row in sheet().slices(heard)}
    assert set(found) == {("sex", "female"), ("sex", "male"), ("emotion", "happy"), ("emotion", "sad")}
    values = {place: (row["value"], row["n"]) for place, row in found.items()}
    assert values[("sex", "female")] == (pytest.approx(2 / 8), 4) and values[("sex", "male")] == (0.5, 4)
    assert values[("emotion", "happy")] == (pytest.approx(2 / 8), 4) and values[("emotion", "sad")] == (0.5, 4)
    assert (found["sex", "male"]["low"], found["sex", "male"]["high"]) == (0.5, 0.5)
    assert found["sex", "female"]["low"] == 0 and found["sex", "female"]["high"] == 0.5
    assert all(set(row) == set(SLICE_COLUMNS) and row["metric"] == "wer" for row in found.values())


def test_a_secret_is_not_sliced_by_itself() -> None:
    of = mixed()
    assert {row["by"] for row in sheet().slices(hearing(EMOTION, ["sad"] * 8, of))} == {"sex"}
    assert {row["by"] for row in sheet().slices(hearing(SEX, ["male"] * 8, of))} == {"emotion"}


def test_corpora_that_were_joined_are_told_apart() -> None:
    of = [replace(clip, extra={"corpus": ("a", "b")[i % 2]}) for i, clip in enumerate(mixed())]
    rows = [row for row in sheet().slices(hearing(WORDS, ["go home", "go"] * 4, of)) if row["by"] == "corpus"]
    assert [(row["group"], row["value"]) for row in rows] == [("a", 0.0), ("b", 0.5)]


def test_one_group_is_no_slice() -> None:
    of = [replace(clip, sex="female", emotion="") for clip in mixed()]
    assert sheet().slices(hearing(WORDS, ["go"] * 8, of)) == []


# --- pairs


def test_two_systems_are_compared_on_the_same_clips() -> None:
    of, first, second = clips(8, speakers=4), ["go home"] * 6 + ["go"] * 2, ["go"] * 8
    row = sheet().pair(hearing(WORDS, first, of), hearing(WORDS, second, of, subject="noise"))
    marks = np.array([0.0] * 6 + [1.0] * 2 + [1.0] * 8) / 2
    expected = paired(lambda index: float(marks[index].mean()), [clip.speaker for clip in of], 100, 0)
    assert set(row) == set(PAIR_COLUMNS)
    assert (row["subject"], row["other"], row["metric"], row["n"]) == ("cascade", "noise", "wer", 8)
    assert row["difference"] == pytest.approx(-3 / 8)
    assert [row[name] for name in ("difference", "low", "high", "p")] == pytest.approx(list(expected))


@given(st.lists(st.sampled_from(("happy", "sad", "angry")), min_size=8, max_size=8))
def test_a_system_beside_itself_does_not_differ(read: list[str]) -> None:
    row = sheet().pair(hearing(EMOTION, read), hearing(EMOTION, read, subject="other"))
    assert (row["difference"], row["p"]) == (0, 1)


def test_p_is_raised_for_being_one_of_the_systems_that_met_one_attacker_and_empty_where_there_is_none() -> None:
    met = {"metric": "wer", "judge": "compact-words", "knowledge": "retrained"}
    rows = [{**met, "p": p} for p in (0.01, math.nan, 0.04, 0.03)]
    alone = {**met, "knowledge": "ignorant", "p": 0.01}
    assert [row["p"] for row in corrected([alone, *rows])] == [0.01, 0.03, "", 0.06, 0.06]


def test_every_secret_has_its_main_figure() -> None:
    of = [replace(clip, sex="male", emotion="sad") for clip in clips(4)]
    voices = [np.ones(2, np.float32)] * 4
    tasks = {EMOTION: ["sad"] * 4, WORDS: ["go"] * 4, SENTENCE: ["go"] * 4, SEX: ["male"] * 4, SPEAKER: voices}
    for task, read in {**tasks, sensitive(["sad"]): ["sad"] * 4}.items():
        assert MAIN[task.name] in statistics(task, of, read)


# --- numbers


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

"""How numbers are made of rows: against scikit-learn, and by the laws that they obey."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from aclipse.experiments.replacing.summary import of_replaced, of_roles, of_sex
from aclipse.experiments.study import measures
from aclipse.experiments.study.measures import Measure, Rows, change, estimate
from aclipse.protections.replacement.roles import ROLES
from aclipse.protections.replacement.training import SEXES

CLIPS = st.lists(
    st.tuples(
        st.sampled_from("abcd"), st.sampled_from(ROLES), st.sampled_from(ROLES), st.sampled_from(SEXES),
        st.sampled_from(SEXES), st.sampled_from([-1.5, 0.0, 0.25, 3.0]), st.sampled_from([-1.5, 0.0, 3.0]),
    ),
    min_size=1, max_size=40,
)  # fmt: skip


def rows(clips: list[Any], rotation: int = 0) -> Rows:
    names = "speaker", "role", "read_role", "sex", "read_sex", "odds_neutral", "odds_all"
    return [
        {"id": f"{rotation}/{number}", "snr_db": "6.0", **{name: str(v) for name, v in zip(names, clip, strict=False)}}
        for number, clip in enumerate(clips)
    ]  # fmt: skip


def value(measure: Measure, speakers: int) -> Any:
    return measure.statistic(np.arange(speakers))


@settings(deadline=None, max_examples=60)
@given(clips=CLIPS)
def test_roles_and_sex_equal_scikit_learn(clips: list[Any]) -> None:
    own = rows(clips)
    count = len({row["speaker"] for row in own})
    truth, read = ([row[name] for row in own] for name in ("role", "read_role"))
    found = of_roles([own], None)
    for role in ROLES:
        occurs = role in truth or role in read
        expected = metrics.f1_score(truth, read, labels=[role], average="micro", zero_division=0)
        assert value(found[role, "f1"], count)[0] == pytest.approx(expected if occurs else math.nan, nan_ok=True)
        if role in truth:
            expected = metrics.recall_score(truth, read, labels=[role], average=None, zero_division=0)[0]
            assert value(found[role, "recall"], count)[0] == pytest.approx(expected)
    there = sorted(set(truth))
    expected = metrics.recall_score(truth, read, labels=there, average="macro", zero_division=0)
    assert value(found["all", "uar"], count)[0] == pytest.approx(expected)
    truth, read = ([row[name] for row in own] for name in ("sex", "read_sex"))
    leakage, privacy, uar = (value(measure, count)[0] for measure in of_sex([own]).values())
    assert leakage == pytest.approx(metrics.accuracy_score(truth, read))
    assert uar == pytest.approx(1 - privacy)
    assert uar == pytest.approx(metrics.recall_score(truth, read, labels=sorted(set(truth)), average="macro"))


@settings(deadline=None, max_examples=60)
@given(clips=CLIPS)
def test_auc_equals_scikit_learn_and_so_does_that_of_drawn_speakers(clips: list[Any]) -> None:
    own = [row | ({"odds_neutral": ""} if row["role"] == "required" else {}) for row in rows(clips)]
    speakers = measures.speakers_of([own])
    for metric, measure in of_replaced([own]).items():
        others = ("neutral",) if metric[1] == "auc neutral" else ("neutral", "required")
        column = "odds_neutral" if metric[1] == "auc neutral" else "odds_all"
        for index in ([*range(len(speakers))], [0, 0], [len(speakers) - 1, 0, 0]):
            drawn = [
                row for i in index for row in own
                if row["speaker"] == speakers[i] and row["role"] in ("sensitive", *others)
            ]  # fmt: skip
            truth = [row["role"] == "sensitive" for row in drawn]
            expected = math.nan
            if len(set(truth)) == 2:
                expected = float(metrics.roc_auc_score(truth, [float(row[column]) for row in drawn]))
            assert measure.statistic(np.array(index))[0] == pytest.approx(expected, nan_ok=True)


@settings(deadline=None, max_examples=30)
@given(clips=CLIPS)
def test_what_is_not_changed_keeps_all_that_was_read_right(clips: list[Any]) -> None:
    own = rows(clips)
    for role in ROLES:
        measure = of_roles([own], [own])[role, "u"]
        right = sum(row["role"] == row["read_role"] == role for row in own)
        assert measure.clips == right
        kept = value(measure, len(measures.speakers_of([own])))[0]
        assert kept == 1 if right else math.isnan(kept)


def test_u_counts_only_what_the_risk_model_read_right_before() -> None:
    before = rows([("a", "required", read, "male", "male", 0) for read in ("required", "required", "neutral")])
    after = rows([("a", "required", read, "male", "male", 0) for read in ("required", "neutral", "required")])
    found = of_roles([after], [before])
    assert value(found["required", "u"], 1)[0] == 0.5 and found["required", "u"].clips == 2
    assert value(found["required", "recall"], 1)[0] == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match=r"shorter|longer"):
        of_roles([after], [])


def test_a_number_is_the_mean_over_rotations_with_their_deviation_and_is_empty_where_undefined() -> None:
    first = rows([("a", "neutral", "neutral", "male", "male", 0), ("b", "required", "required", "male", "male", 0)])
    second = rows([("c", "neutral", "neutral", "male", "male", 0), ("d", "required", "neutral", "male", "male", 0)], 1)
    speakers = ["a", "b", "c", "d"]
    found = {key: estimate(measure, speakers, 1) for key, measure in of_roles([first, second], None).items()}
    assert (found["required", "recall"]["value"], found["required", "recall"]["std"]) == (50.0, 70.71)
    assert found["neutral", "f1"]["value"] == pytest.approx(83.33)  # of 1 and 2/3
    assert set(found["sensitive", "f1"].values()) == {""}
    twice = estimate(of_roles([first, second], None)["required", "recall"], speakers, 2)
    assert (twice["value"], twice["std"]) == (50.0, "")  # two repeats of one rotation


def test_a_change_has_an_interval_of_the_same_draws() -> None:
    read = {"a": "neutral", "b": "required", "c": "neutral"}
    after = rows([(who, "neutral", heard, "male", "male", 0) for who, heard in read.items()])
    measure = of_roles([after], None)["neutral", "recall"]
    same = change(measure, measure, ["a", "b", "c"])
    assert same == {"change": 0.0, "change_low": 0.0, "change_high": 0.0}
    perfect = of_roles([[row | {"read_role": "neutral"} for row in after]], None)["neutral", "recall"]
    found = change(measure, perfect, ["a", "b", "c"])
    assert found["change"] == -33.33
    assert found["change_low"] < found["change"] < found["change_high"] == 0.0


def test_the_chance_is_that_of_drawing_roles_evenly() -> None:
    truth = ["neutral"] * 2 + ["required"] * 3 + ["sensitive"] * 7
    generator = np.random.default_rng(0)
    drawn = [("a", role, str(generator.choice(ROLES)), "male", "male", 0) for role in truth * 2000]
    for (_, metric), measure in of_roles([rows(drawn)], None).items():
        assert value(measure, 1)[0] == pytest.approx(measure.chance, abs=0.02), metric


def test_snr_is_of_what_was_changed() -> None:
    assert measures.mean_snr([[{"snr_db": "2.0"}, {"snr_db": "inf"}], [{"snr_db": "4.0"}]]) == 3.0
    assert measures.mean_snr([[{"snr_db": "inf"}]]) == ""

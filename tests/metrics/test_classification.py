"""Accuracy and recall against scikit-learn."""

from __future__ import annotations

import math
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from aclipse.metrics.classification import accuracy, auc, recalls, uar

PAIRS = st.lists(st.tuples(st.sampled_from("ahns"), st.sampled_from("ahnsx")), min_size=1, max_size=60)


@settings(deadline=None)
@given(pairs=PAIRS)
def test_all_equal_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    truth, read = zip(*pairs, strict=True)
    assert accuracy(truth, read) == pytest.approx(metrics.accuracy_score(truth, read))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of classes that are read and never true
        assert uar(truth, read) == pytest.approx(metrics.balanced_accuracy_score(truth, read))
    labels = sorted(set(truth))
    expected = metrics.recall_score(truth, read, labels=labels, average=None)
    assert list(recalls(truth, read)) == labels
    assert list(recalls(truth, read).values()) == pytest.approx(expected)


@given(pairs=PAIRS, seed=st.randoms())
def test_order_does_not_matter_and_repetition_neither(pairs: list[tuple[str, str]], seed) -> None:
    other = pairs * 2
    seed.shuffle(other)
    assert uar(*zip(*other, strict=True)) == pytest.approx(uar(*zip(*pairs, strict=True)))
    assert accuracy(*zip(*other, strict=True)) == pytest.approx(accuracy(*zip(*pairs, strict=True)))


def test_uar_of_a_constant_guess_is_chance_however_skewed() -> None:
    truth = ["neutral"] * 97 + ["sad"] + ["happy"] + ["angry"]
    assert uar(truth, ["neutral"] * 100) == 0.25 and accuracy(truth, ["neutral"] * 100) == 0.97


def test_nothing_gives_nan() -> None:
    assert math.isnan(accuracy([], [])) and math.isnan(uar([], [])) and recalls([], []) == {}


@pytest.mark.parametrize("measure", [accuracy, recalls, uar])
def test_different_lengths_are_refused(measure) -> None:
    with pytest.raises(ValueError, match="shorter"):
        measure(["sad", "happy"], ["sad"])


@settings(deadline=None)
@given(clips=st.lists(st.tuples(st.sampled_from([-2.0, 0.5, 0.5, 1e9]) | st.floats(-5, 5), st.booleans()), min_size=1))
def test_auc_equals_scikit_learn_and_turns_round_with_the_scores(clips: list[tuple[float, bool]]) -> None:
    scores, positive = zip(*clips, strict=True)
    found = auc(scores, positive)
    if len(set(positive)) < 2:
        assert math.isnan(found)
        return
    assert found == pytest.approx(metrics.roc_auc_score(positive, scores))
    assert auc([-score for score in scores], positive) == pytest.approx(1 - found)
    assert auc([0.0] * len(scores), positive) == 0.5


def test_auc_refuses_different_lengths() -> None:
    with pytest.raises(ValueError, match="2 scores and 1 labels"):
        auc([0.1, 0.2], [True])

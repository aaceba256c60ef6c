"""Bits leaked: never more than there are, never more than the readings hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy
from sklearn.metrics import mutual_info_score

from aclipse.metrics.information import entropy, fano_bits, leaked_bits

PAIRS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcde")), min_size=1, max_size=60)


def bits(truth: list[str], read: list[str]) -> float:
    return leaked_bits(truth, read)(np.arange(len(truth)))


def confusion(table: list[list[int]]) -> tuple[list[str], list[str]]:
    """Truths (rows) and readings (columns) that have these counts."""
    cells = [(f"{t}", f"{r}") for t, row in enumerate(table) for r, count in enumerate(row) for _ in range(count)]
    truth, read = zip(*cells, strict=True)
    return list(truth), list(read)


@given(pairs=PAIRS)
def test_it_bounds_the_mutual_information_of_the_readings(pairs: list[tuple[str, str]]) -> None:
    truth, read = map(list, zip(*pairs, strict=True))
    secret = scipy_entropy(np.unique(truth, return_counts=True)[1], base=2)
    assert 0 <= bits(truth, read) <= mutual_info_score(truth, read) / math.log(2) + 1e-9
    assert bits(truth, read) <= secret + 1e-9
    assert bits(truth, truth) == pytest.approx(secret)


@pytest.mark.parametrize(("kinds", "right", "wrong"), [(2, 9, 1), (3, 5, 2), (12, 22, 1), (4, 1, 1)])
def test_it_is_the_mutual_information_where_mistakes_are_even(kinds: int, right: int, wrong: int) -> None:
    truth, read = confusion([[right if t == r else wrong for r in range(kinds)] for t in range(kinds)])
    assert bits(truth, read) == pytest.approx(mutual_info_score(truth, read) / math.log(2), abs=1e-9)


def test_two_secrets_by_hand() -> None:
    truth, read = confusion([[3, 1], [1, 3]])
    assert bits(truth, read) == pytest.approx(1 - (-0.25 * math.log2(0.25) - 0.75 * math.log2(0.75)))


@pytest.mark.parametrize("kinds", [2, 4, 12])
def test_guessing_leaks_nothing(kinds: int) -> None:
    evenly = confusion([[3] * kinds] * kinds)
    assert bits(*evenly) == pytest.approx(0, abs=1e-12)
    truth = [f"{k}" for k in range(kinds)] * 5
    assert bits(truth, ["0"] * len(truth)) == pytest.approx(0, abs=1e-12)
    assert bits([*truth, *["0"] * 90], ["0"] * (len(truth) + 90)) == pytest.approx(0, abs=1e-12)


def test_a_perfect_reading_of_twelve_sentences_leaks_them_all() -> None:
    truth = [f"{k}" for k in range(12)] * 3
    assert bits(truth, truth) == pytest.approx(math.log2(12))


@pytest.mark.parametrize(("truth", "read", "expected"), [("aaaa", "aaaa", 0), ("a", "b", 0), ("ab", "cc", 0)])
def test_where_there_is_nothing_to_tell(truth: str, read: str, expected: float) -> None:
    assert bits(list(truth), list(read)) == expected


def test_it_is_a_statistic_of_clip_indices() -> None:
    truth, read = list("aabbab"), list("aabbba")
    statistic = leaked_bits(truth, read)
    assert statistic(np.array([0, 1, 2, 3])) == pytest.approx(1.0)
    assert statistic(np.array([0, 0, 2, 2])) == statistic(np.array([0, 2]))
    assert statistic(np.array([0, 1])) == 0  # one secret only
    assert math.isnan(statistic(np.array([], dtype=np.int64)))


def test_secrets_that_are_not_drawn_still_count_as_possible() -> None:
    statistic = leaked_bits(list("aabbcd"), list("abbbcd"))
    error = -0.25 * math.log2(0.25) - 0.75 * math.log2(0.75) + 0.25 * math.log2(3)
    assert statistic(np.arange(4)) == pytest.approx(max(0, 1 - error))
    assert fano_bits(np.array([2, 2]), 0.25, 4) == statistic(np.arange(4))


def test_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        leaked_bits(["a", "b"], ["a"])


@given(counts=st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any))
def test_entropy_equals_scipy(counts: list[int]) -> None:
    assert entropy(np.array(counts)) == pytest.approx(scipy_entropy(counts, base=2))
    assert math.copysign(1, entropy(np.array(counts))) == 1

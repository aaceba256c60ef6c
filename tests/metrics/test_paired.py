"""Paired comparisons: exact where they can be, uniform where nothing differs, Holm against its definition."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aclipse.metrics.classification import uar
from aclipse.metrics.paired import EXACT_SPEAKERS, Paired, holm, paired
from aclipse.metrics.verification import Trials

Statistic = Callable[[np.ndarray], float]


def mean_of(first: np.ndarray, second: np.ndarray) -> Statistic:
    marks = np.concatenate([first, second])
    return lambda index: float(marks[index].mean())


def two_systems(
    seed: int, speakers: int, clips: int = 4, gain: float = 0.0
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Marks that share the speaker and the clip; the first system's are better by ``gain``."""
    generator = np.random.default_rng(seed)
    who = np.repeat(np.arange(speakers), clips)
    common = generator.normal(size=speakers)[who] + generator.normal(size=len(who))
    first, second = (common + generator.normal(0, 0.5, speakers)[who] + generator.normal(size=len(who)) for _ in "ab")
    return first + gain, second, [f"s{k}" for k in who]


@pytest.mark.parametrize("speakers", [1, 3, 20])
def test_a_system_does_not_differ_from_itself(speakers: int) -> None:
    first, _, names = two_systems(0, speakers)
    result = paired(mean_of(first, first), names, draws=50)
    assert result.difference == 0 and result.p == 1
    assert (result.low, result.high) == (0, 0) or speakers == 1


@pytest.mark.parametrize("speakers", [2, 5, 9])
def test_p_equals_scipys_paired_permutation_test_of_a_mean(speakers: int) -> None:
    first, second, names = two_systems(1, speakers, gain=0.5)
    sums = [column.reshape(speakers, -1).sum(1) for column in (first, second)]
    expected = stats.permutation_test(
        sums,
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    result = paired(mean_of(first, second), names, draws=10)
    assert result.p == pytest.approx(expected.pvalue)
    assert result.difference == pytest.approx(expected.statistic / 4)


def test_random_swaps_approach_the_exact_p(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, names = two_systems(2, EXACT_SPEAKERS, gain=0.4)
    exact = paired(mean_of(first, second), names, draws=2).p
    monkeypatch.setattr("aclipse.metrics.paired.EXACT_SPEAKERS", 2)
    assert 0.02 < exact < 0.5
    assert paired(mean_of(first, second), names, draws=4000).p == pytest.approx(exact, abs=0.02)


def test_random_swaps_never_give_zero() -> None:
    first, second, names = two_systems(3, 40, gain=50.0)
    assert paired(mean_of(first, second), names, draws=99).p == pytest.approx(1 / 100)


@pytest.mark.parametrize("speakers", [8, 16])
def test_p_is_uniform_where_nothing_differs(speakers: int) -> None:
    values = []
    for seed in range(300):
        first, second, names = two_systems(seed, speakers)
        values.append(paired(mean_of(first, second), names, draws=60).p)
    for level in (0.05, 0.2, 0.5, 0.8):
        spread = 3 * math.sqrt(level * (1 - level) / 300)
        assert np.mean(np.array(values) <= level) == pytest.approx(level, abs=spread + 0.02)


def test_pairing_finds_what_unpaired_intervals_hide() -> None:
    generator, names = np.random.default_rng(4), [f"s{k}" for k in range(30)]
    speakers = generator.normal(0, 3, 30)  # they differ more than the systems do
    first, second = (speakers + gain + generator.normal(0, 0.5, 30) for gain in (0.5, 0.0))
    result = paired(mean_of(first, second), names, draws=500)
    assert 0 < result.low < result.difference < result.high and result.p < 0.01
    assert stats.ttest_ind(first, second).pvalue > 0.3


def test_the_interval_and_p_agree_about_zero() -> None:
    agreed = []
    for seed in range(40):
        first, second, names = two_systems(seed, 10, gain=0.3)
        result = paired(mean_of(first, second), names, draws=200)
        agreed.append((result.low > 0 or result.high < 0) == (result.p < 0.05))
    assert np.mean(agreed) > 0.8


def test_swapping_systems_turns_the_sign() -> None:
    first, second, names = two_systems(5, 6, gain=0.5)
    one, other = paired(mean_of(first, second), names), paired(mean_of(second, first), names)
    assert other.difference == pytest.approx(-one.difference) and other.p == one.p
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low))


def test_the_seed_decides_and_the_order_of_clips_does_not() -> None:
    first, second, names = two_systems(6, 20, gain=0.2)
    order = np.random.default_rng(0).permutation(len(names))
    result = paired(mean_of(first, second), names, draws=100)
    assert result == paired(mean_of(first, second), names, draws=100)
    assert result != paired(mean_of(first, second), names, draws=100, seed=1)
    moved = paired(mean_of(first[order], second[order]), [names[i] for i in order], draws=100)
    assert moved == pytest.approx(result)


def test_a_ratio_of_sums_by_hand() -> None:
    errors, words = np.array([2.0, 0, 1, 0]), np.array([2.0, 4, 2, 4])  # two clips: first system, second system
    result = paired(lambda index: float(errors[index].sum() / words[index].sum()), ["ann", "bob"])
    assert result.difference == pytest.approx(1 / 6)
    assert result.p == 1.0  # swapping bob, whom both read alike, changes nothing


def test_a_mean_over_classes_by_hand() -> None:
    truth = ["sad", "sad", "happy", "happy"] * 2
    read = ["sad", "sad", "happy", "happy", "happy", "happy", "sad", "sad"]
    statistic: Statistic = lambda index: uar([truth[i] for i in index], [read[i] for i in index])  # noqa: E731
    result = paired(statistic, ["ann", "bob", "ann", "cat"])
    # from 1 of (bob: both halves of one class) the swaps of ann, bob and cat weigh 4, 2 and 2 of 8
    assert result.difference == 1.0 and result.p == pytest.approx(2 / 8)


def test_an_error_rate_of_pairs() -> None:
    generator = np.random.default_rng(0)
    who = np.repeat(np.arange(8), 5)
    centres = generator.normal(size=(8, 16))[who]
    near, far = (centres + spread * generator.normal(size=(40, 16)) for spread in (0.5, 4.0))
    trials, names = Trials([*near, *far], [f"s{k}" for k in who] * 2), [f"s{k}" for k in who]
    alone = [Trials(e, names).eer(np.arange(40)) for e in (near, far)]
    result = paired(trials.eer, names, draws=100)
    assert result.difference == pytest.approx(alone[0] - alone[1])
    assert result.difference < result.high < 0 and result.p == pytest.approx(2 / 2**8)


@pytest.mark.parametrize("names", [[], ["ann"] * 3])
def test_too_few_speakers(names: list[str]) -> None:
    marks = np.arange(2.0 * len(names))
    result = paired(lambda index: float(marks[index].mean()) if len(index) else math.nan, names)
    assert math.isnan(result.low) and math.isnan(result.high)
    assert math.isnan(result.p) if not names else result.p == 1


def test_a_difference_that_is_not_defined_gives_nan() -> None:
    assert all(math.isnan(value) for value in paired(lambda index: math.inf, ["ann", "bob"]))


def test_swaps_without_a_value_speak_for_chance() -> None:
    first, second, names = two_systems(7, 6, gain=5.0)
    whole = mean_of(first, second)
    strict: Statistic = lambda index: whole(index) if len({i < 24 for i in index}) == 1 else math.nan  # noqa: E731
    assert paired(whole, names).p == pytest.approx(2 / 2**6) and paired(strict, names).p == 1


def closed_testing(p_values: list[float]) -> list[float]:
    """Holm's adjustment by its definition: the worst Bonferroni p of all families that a test belongs to."""
    families = [f for size in range(1, len(p_values) + 1) for f in itertools.combinations(range(len(p_values)), size)]
    worst = {f: min(1.0, len(f) * min(p_values[k] for k in f)) for f in families}
    return [max(worst[f] for f in families if k in f) for k in range(len(p_values))]


@settings(deadline=None)
@given(p_values=st.lists(st.floats(0, 1), max_size=6))
def test_holm_is_closed_bonferroni(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(closed_testing(p_values))


def test_holm_leaves_out_what_is_no_test() -> None:
    adjusted = holm([0.01, math.nan, 0.03])
    assert math.isnan(adjusted[1]) and [adjusted[0], adjusted[2]] == pytest.approx([0.02, 0.03])


def test_the_result_reads_by_name() -> None:
    assert Paired(0.1, 0.0, 0.2, 0.5)._fields == ("difference", "low", "high", "p")

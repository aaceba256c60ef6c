"""Bootstrap intervals: they cover, they cluster, they repeat."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from aclipse.metrics.intervals import clustered_bootstrap

Values = npt.NDArray[np.float64]


def correlated(seed: int, speakers: int = 15, clips: int = 6) -> tuple[Values, list[str]]:
    """Clips that differ mostly between speakers; the true mean is 0."""
    generator = np.random.default_rng(seed)
    values = generator.normal(0, 1, (speakers, 1)) + generator.normal(0, 0.3, (speakers, clips))
    return values.ravel(), [f"s{index}" for index in range(speakers) for _ in range(clips)]


def interval(values: Values, speakers: list[str], draws: int = 150, **options: float) -> tuple[float, float]:
    return clustered_bootstrap(lambda index: float(values[index].mean()), speakers, draws, **options)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    hits = [low <= 0 <= high for low, high in (interval(*correlated(seed)) for seed in range(150))]
    assert 0.84 <= np.mean(hits) <= 0.99


def test_unclustered_resampling_would_be_far_too_sure() -> None:
    values, speakers = correlated(1)
    low, high = interval(values, speakers)
    naive_low, naive_high = interval(values, [str(index) for index in range(len(values))])
    assert low <= values.mean() <= high
    assert high - low > 1.7 * (naive_high - naive_low)  # theory: √(1 + 5 · 0.92) = 2.4 at six clips a speaker


def test_its_width_is_that_of_the_mean_of_speakers() -> None:
    values, speakers = correlated(2, speakers=40)
    low, high = interval(values, speakers, draws=2000)
    error = values.reshape(40, 6).mean(1).std() / math.sqrt(40)
    assert (high - low) / (2 * 1.96 * error) == pytest.approx(1.0, abs=0.1)


def test_the_level_widens_it() -> None:
    low, high = interval(*correlated(3), level=0.5)
    wide_low, wide_high = interval(*correlated(3), level=0.99)
    assert wide_low < low < high < wide_high


def test_the_seed_decides() -> None:
    assert interval(*correlated(4)) == interval(*correlated(4)) != interval(*correlated(4), seed=1)


def test_order_of_speakers_in_the_table_does_not_matter() -> None:
    values, speakers = correlated(5)
    order = np.random.default_rng(0).permutation(len(values))
    shuffled = interval(values[order], [speakers[index] for index in order])
    assert shuffled == pytest.approx(interval(values, speakers))


def test_speakers_are_drawn_whole() -> None:
    speakers = ["a", "a", "a", "b", "c", "c"]
    members = [{0, 1, 2}, {3}, {4, 5}]

    def check(index: npt.NDArray[np.int64]) -> float:
        counts = np.bincount(index, minlength=6)
        assert all(len({counts[i] for i in group}) == 1 for group in members)
        assert sum(counts[min(group)] for group in members) == 3
        return 0.0

    assert clustered_bootstrap(check, speakers, draws=50) == (0.0, 0.0)


@pytest.mark.parametrize("speakers", [[], ["anna"], ["anna"] * 5])
def test_one_speaker_gives_nan(speakers: list[str]) -> None:
    assert all(math.isnan(end) for end in clustered_bootstrap(lambda index: 1.0, speakers))


def test_draws_without_a_value_are_left_out() -> None:
    values = np.array([np.nan, 1.0, 2.0])

    def mean(index: npt.NDArray[np.int64]) -> float:
        finite = values[index][~np.isnan(values[index])]
        return float(finite.mean()) if len(finite) else math.nan

    low, high = clustered_bootstrap(mean, ["a", "b", "c"], draws=300)
    assert 1.0 <= low < high <= 2.0


def test_a_statistic_without_any_value_gives_nan() -> None:
    assert all(math.isnan(end) for end in clustered_bootstrap(lambda index: math.nan, ["a", "b"], draws=20))

"""The audit's bound against cases whose ε is known; it stays under what holds and catches what is broken."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aclipse.errors import RecipeError
from aclipse.protections.user_level_dp.canaries import (
    GUESSED,
    AuditSettings,
    audited_epsilon,
    epsilon_bound,
    judged,
    odds,
)
from aclipse.protections.user_level_dp.clients import Client
from aclipse.protections.user_level_dp.mechanism import Mechanism
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings

People = Callable[..., list[Client]]


# --- the bound


def published(canaries: int, guesses: int, correct: int, epsilon: float, delta: float) -> float:
    """The algorithm in appendix D of Steinke et al. 2023, term by term."""
    chance = 1 / (1 + math.exp(-epsilon))
    alpha = below = 0.0
    for i in range(1, correct + 1):
        below += stats.binom.pmf(correct - i, guesses, chance)
        alpha = max(alpha, below / i)
    return min(1.0, float(stats.binom.sf(correct - 1, guesses, chance)) + alpha * delta * 2 * canaries)


@given(st.data(), st.integers(1, 300), st.floats(0, 12), st.floats(0, 0.1))
def test_the_odds_are_the_published_ones(data: st.DataObject, canaries: int, epsilon: float, delta: float) -> None:
    guesses = data.draw(st.integers(0, canaries))
    correct = data.draw(st.integers(0, guesses))
    expected = published(canaries, guesses, correct, epsilon, delta)
    assert odds(correct, guesses, canaries, epsilon, delta) == pytest.approx(expected, rel=1e-7, abs=1e-12)


def test_the_odds_of_a_single_guess_by_hand() -> None:
    right = math.e / (1 + math.e)
    assert odds(1, 1, 1, 1.0, 0.0) == pytest.approx(right)
    assert odds(1, 1, 1, 1.0, 0.01) == pytest.approx(right + 2 * 0.01 * (1 - right))
    assert odds(0, 1, 1, 1.0, 0.01) == odds(0, 0, 5, 1.0, 0.01) == 1.0


@pytest.mark.parametrize("count", [10, 100, 1000])
def test_the_bound_of_guesses_that_are_all_right_by_hand(count: int) -> None:
    right = 0.05 ** (1 / count)  # accuracy of which all are right in one of twenty runs
    assert epsilon_bound(count, count, count, 0.0, 0.95) == pytest.approx(math.log(right / (1 - right)), abs=1e-6)
    assert epsilon_bound(count, count, count, 1e-5, 0.95) < math.log(right / (1 - right))


def test_guesses_no_better_than_coins_bound_nothing() -> None:
    assert epsilon_bound(500, 1000, 1000, 0.0, 0.95) == 0.0
    assert epsilon_bound(0, 0, 1000, 0.0, 0.95) == 0.0
    assert epsilon_bound(530, 1000, 1000, 0.0, 0.95) > 0.0


def test_more_right_fewer_failures_and_less_confidence_raise_the_bound() -> None:
    base = epsilon_bound(90, 100, 200, 1e-4, 0.95)
    assert epsilon_bound(95, 100, 200, 1e-4, 0.95) > base > epsilon_bound(90, 100, 200, 1e-2, 0.95)
    assert epsilon_bound(90, 100, 200, 1e-4, 0.8) > base > epsilon_bound(90, 100, 2000, 1e-3, 0.95)


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0, 4.0])
@pytest.mark.parametrize("delta", [0.0, 1e-3, 0.02])
def test_of_randomised_response_the_bound_is_above_the_truth_in_one_run_of_twenty_at_most(
    epsilon: float, delta: float
) -> None:
    """A coin is told by mistake with probability δ, else by randomised response of ε: (ε, δ) private, and no less."""
    count = 200
    right = delta + (1 - delta) / (1 + math.exp(-epsilon))
    wrong = [k for k in range(count + 1) if epsilon_bound(k, count, count, delta, 0.95) > epsilon + 1e-6]
    failing = float(stats.binom.pmf(wrong, count, right).sum())
    assert failing <= 0.05
    if delta == 0:
        assert failing > 0.02  # it is no tighter than need be, nor looser


def test_the_bound_comes_near_the_truth_with_many_canaries() -> None:
    right = round(20_000 / (1 + math.exp(-2.0)))
    assert 1.9 < epsilon_bound(right, 20_000, 20_000, 0.0, 0.95) < 2.0


def test_impossible_counts_are_refused() -> None:
    for correct, guesses, canaries in ((3, 2, 5), (1, 6, 5), (-1, 2, 5)):
        with pytest.raises(RecipeError, match=f"{correct} right of {guesses} guesses of {canaries}"):
            odds(correct, guesses, canaries, 1.0, 0.0)


# --- guesses


@pytest.mark.parametrize("epsilon", [1.0, 3.0])
def test_the_best_of_several_guesses_keeps_the_confidence(epsilon: float) -> None:
    """Scores that order themselves by how likely a coin is heads, up to randomised response of ε."""
    drawn, above = np.random.default_rng(0), 0
    for _ in range(100):
        coins = drawn.random(200) < 0.5
        told = coins ^ (drawn.random(200) > 1 / (1 + math.exp(-epsilon)))
        above += judged(told + 0.1 * drawn.random(200), coins, epsilon, 0.0).broken
    assert above <= stats.binom.ppf(0.9999, 100, 0.05)


def test_scores_that_tell_all_or_nothing() -> None:
    coins = np.arange(1000) % 2 == 0
    everything = judged(coins * 1.0, coins, 1.0, 1e-6)
    assert everything.broken and (everything.correct, everything.guesses) == (1000, 1000)
    turned = judged(-1.0 * coins, coins, 1.0, 1e-6)
    assert not turned.broken and turned.lower == 0.0
    assert all(high <= 0.5 and low <= 0.5 for high, low in GUESSED)  # nobody is called twice


# --- federations


class Unclipped(Mechanism):
    """Somebody has forgotten to clip."""

    def sent(self, updates: torch.Tensor, counts: Sequence[int], seeds: Sequence[int]) -> torch.Tensor:
        return updates + super().sent(torch.zeros_like(updates), counts, seeds)


class Quiet(Mechanism):
    """The noise is a tenth of what it must be."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.noise_multiplier /= 10


class Repeating(Mechanism):
    """All noise comes from one seed."""

    def sent(self, updates: torch.Tensor, counts: Sequence[int], seeds: Sequence[int]) -> torch.Tensor:
        return super().sent(updates, counts, [0] * len(seeds))

    def released(self, sent: torch.Tensor, counts: Sequence[int], seed: int) -> torch.Tensor:
        return super().released(sent, counts, 0)


SHARES = {"central": (20, 0.25), "local": (20, 0.15)}


def rules(place: str, **given: object) -> tuple[FederationSettings, PrivacySettings]:
    pytest.importorskip("dp_accounting", reason="dp-accounting is not installed (extra: federated)")
    rounds, share = SHARES[place]
    privacy = {"mode": "strict", "epsilon": 1.0, "delta": 1e-4, "place": place, **given}
    return FederationSettings(algorithm="fedsgd", rounds=rounds, share=share), PrivacySettings.model_validate(privacy)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))])
@pytest.mark.parametrize("place", ["central", "local"])
def test_what_is_promised_holds(people: People, place: str, seed: int) -> None:
    found = audited_epsilon(people(4), 4, *rules(place), AuditSettings(seed=seed))
    assert found.claimed == pytest.approx(1.0, rel=0.01) and found.delta == 1e-4
    assert found.lower < found.claimed and not found.broken


@pytest.mark.parametrize("broken", [Unclipped, Quiet, Repeating])
@pytest.mark.parametrize("place", ["central", "local"])
def test_what_is_broken_is_caught(people: People, place: str, broken: type[Mechanism]) -> None:
    found = audited_epsilon(people(4), 4, *rules(place), mechanism=broken)
    assert found.broken and found.lower > 1.3 * found.claimed
    assert found.correct / found.guesses > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("more", [{"quantile": 0.5}, {"pruned": 0.5}])
def test_adaptive_clipping_and_pruning_keep_the_promise(people: People, more: dict[str, object]) -> None:
    assert not audited_epsilon(people(4), 4, *rules("central", **more)).broken


def test_canaries_that_need_no_clipping_do_not_miss_it(people: People) -> None:
    """An audit is only as good as its canaries: these send updates within the bound."""
    timid = audited_epsilon(people(4), 4, *rules("central"), AuditSettings(length=0.5), Unclipped)
    assert not timid.broken


def test_an_audit_repeats_itself(people: People) -> None:
    settings = AuditSettings(canaries=100)
    assert audited_epsilon(people(4), 4, *rules("local"), settings) == audited_epsilon(
        people(4), 4, *rules("local"), settings
    )


def test_what_cannot_be_audited_is_refused(people: People) -> None:
    settings, privacy = rules("local")
    with pytest.raises(RecipeError, match="mode 'paper' promises nothing that could be audited"):
        audited_epsilon(people(4), 4, settings, PrivacySettings(mode="paper", epsilon=10.0))
    with pytest.raises(RecipeError, match="audit without clients"):
        audited_epsilon([], 4, settings, privacy)
    with pytest.raises(RecipeError, match=r"1004 users.*Give a delta of at most 1/1004"):
        audited_epsilon(people(4), 4, settings, privacy.model_copy(update={"delta": 0.01}))

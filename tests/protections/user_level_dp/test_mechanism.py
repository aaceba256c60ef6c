"""What leaves clients and server: no update longer than the bound, and noise of the deviation that is stated."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aclipse.errors import RecipeError
from aclipse.protections.user_level_dp.accounting import View, epsilon_of, multiplier_for, paper_deviation
from aclipse.protections.user_level_dp.layered import factors, tamed
from aclipse.protections.user_level_dp.mechanism import ADAPTING, Mechanism
from aclipse.protections.user_level_dp.model import Shape
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings

pytest.importorskip("dp_accounting", reason="dp-accounting is not installed (extra: federated)")

SHAPE, USERS = Shape(40, 4), 50
SETTINGS = FederationSettings(rounds=10, share=0.2)
CENTRAL = PrivacySettings(mode="strict", epsilon=4.0, delta=0.01)
LOCAL = CENTRAL.model_copy(update={"place": "local"})
FEW = View(3)


def mechanism(privacy: PrivacySettings, view: View = FEW) -> Mechanism:
    return Mechanism(privacy, SETTINGS, SHAPE, USERS, view)


def updates(count: int, scale: float = 1.0, seed: int = 0) -> torch.Tensor:
    return scale * torch.randn(count, SHAPE.size, generator=torch.Generator().manual_seed(seed))


# --- the bound


@given(st.floats(1e-9, 1e9), st.floats(1e-3, 1e3), st.floats(0, 0.9), st.integers(0, 3))
def test_whatever_the_update_what_a_server_adds_up_is_bounded(
    scale: float, clip: float, share: float, seed: int
) -> None:
    privacy = CENTRAL.model_copy(update={"clip": clip, "pruned": share})
    sent = mechanism(privacy).sent(updates(2, scale, seed), [5, 5], [1, 2])
    assert (sent.double().norm(dim=1) <= clip * (1 + 1e-5)).all()
    assert ((sent == 0).float().mean(1) >= share - 1e-4).all()


@pytest.mark.parametrize("privacy", [CENTRAL, LOCAL, PrivacySettings(mode="paper", epsilon=5.0)])
def test_a_zero_update_is_noise_or_nothing(privacy: PrivacySettings) -> None:
    sent = mechanism(privacy).sent(torch.zeros(1, SHAPE.size), [42], [7])
    assert sent.isfinite().all() and sent.any() == (privacy.place == "local" or privacy.mode == "paper")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e30])
@pytest.mark.parametrize("privacy", [CENTRAL, LOCAL])
def test_a_client_whose_learning_has_failed_does_not_show(privacy: PrivacySettings, number: float) -> None:
    given = updates(2)
    given[0, 3] = number
    one = mechanism(privacy)
    sent = one.sent(given, [5, 5], [1, 2])
    assert sent.isfinite().all() and one.released(sent, [5, 5], 0).isfinite().all()
    if one.central:
        assert (sent.norm(dim=1) <= one.clip * (1 + 1e-5)).all()


def test_without_privacy_updates_are_sent_as_they_are() -> None:
    given = updates(2)
    assert torch.equal(mechanism(PrivacySettings()).sent(given, [1, 1], [1, 2]), given)


def test_only_the_papers_mode_clips_batches() -> None:
    assert mechanism(PrivacySettings(mode="paper", epsilon=5.0)).batch_clip == 0.25
    assert mechanism(CENTRAL).batch_clip is None and mechanism(PrivacySettings()).batch_clip is None


# --- the noise


def test_the_papers_noise_has_its_deviation_for_each_client() -> None:
    counts, given = [42, 23, 5], updates(3)
    noise = mechanism(PrivacySettings(mode="paper", epsilon=5.0)).sent(given, counts, [1, 2, 3]) - given
    stated = [paper_deviation(count, 5.0, 0.25, 0.2, 10) for count in counts]
    assert noise.std(1).tolist() == pytest.approx(stated, rel=0.01)
    assert (noise.mean(1).abs() < 4 * noise.std(1) / SHAPE.size**0.5).all()


def test_local_noise_hides_the_change_of_one_client_for_another() -> None:
    one, given = mechanism(LOCAL), updates(3, 10)
    noise = one.sent(given, [1, 9, 90], [1, 2, 3]) - 0.25 * given / given.norm(dim=1, keepdim=True)
    assert one.noise_multiplier == pytest.approx(multiplier_for(4.0, 0.01, FEW))
    assert noise.std(1).tolist() == pytest.approx([2 * 0.25 * one.noise_multiplier] * 3, rel=0.01)


def test_central_noise_is_on_the_sum_and_the_divisor_is_public() -> None:
    one, sent = mechanism(CENTRAL), torch.zeros(7, SHAPE.size)
    noise = one.released(sent, [1] * 7, 5)
    assert one.expected == 10.0
    assert float(noise.std()) == pytest.approx(one.noise_multiplier * 0.25 / 10, rel=0.01)
    moved = one.released(sent + 1, [1] * 7, 5) - noise  # of seven, though ten were expected
    torch.testing.assert_close(moved, torch.full_like(moved, 0.7))
    assert one.sent(updates(1, 1e-6), [3], [1]).equal(updates(1, 1e-6))  # the client adds none


def test_layered_noise_is_the_papers_shared_out() -> None:
    given = updates(1)
    noise = mechanism(PrivacySettings(mode="layered", epsilon=5.0)).sent(given, [42], [1]) - tamed(given, SHAPE)
    for part, factor in zip(noise[0].split(SHAPE.sizes), factors(SHAPE).split(SHAPE.sizes), strict=True):
        stated = paper_deviation(42, 5.0, 0.25, 0.2, 10) * float(factor[0])
        assert float(part.std()) == pytest.approx(stated, rel=4 / (2 * len(part)) ** 0.5)
    assert float(noise.std()) == pytest.approx(paper_deviation(42, 5.0, 0.25, 0.2, 10), rel=0.01)


@pytest.mark.parametrize("count", [3, 10])
def test_averaging_updates_divides_the_variance(count: int) -> None:
    one, same = mechanism(LOCAL), torch.zeros(count, SHAPE.size)
    sent = one.sent(same, [20] * count, list(range(count)))
    alone, averaged = (part.var() for part in (sent[0], sent.mean(0)))
    assert float(averaged / alone) == pytest.approx(1 / count, rel=0.05)


def test_noise_is_of_the_seed_alone() -> None:
    one, given = mechanism(LOCAL), updates(3)
    sent = one.sent(given, [1] * 3, [4, 5, 6])
    assert torch.equal(one.sent(given[1:2], [1], [5])[0], sent[1])
    assert not torch.equal(one.sent(given[1:2], [1], [6])[0], sent[1])
    noise = one.sent(given * 0, [1] * 3, [4, 5, 6])
    assert torch.corrcoef(noise).triu(1).abs().max() < 0.03


# --- what is released


@pytest.mark.parametrize(("privacy", "shares"), [(PrivacySettings(), [0.25, 0.75]), (LOCAL, [0.5, 0.5])])
def test_means_weigh_recordings_unless_their_number_would_tell(privacy: PrivacySettings, shares: list[float]) -> None:
    sent = updates(2)
    found = mechanism(privacy).released(sent, [10, 30], 0)
    torch.testing.assert_close(found, shares[0] * sent[0] + shares[1] * sent[1])


@pytest.mark.parametrize("privacy", [PrivacySettings(), CENTRAL, LOCAL])
def test_an_empty_round_releases_nothing_but_noise(privacy: PrivacySettings) -> None:
    one = mechanism(privacy)
    nobody = one.sent(torch.zeros(0, SHAPE.size), [], [])
    assert nobody.shape == (0, SHAPE.size)
    found = one.released(nobody, [], 1)
    assert found.shape == (SHAPE.size,) and found.any() == one.central


# --- adaptive clipping


def adaptive(quantile: float, view: View = FEW) -> Mechanism:
    return mechanism(CENTRAL.model_copy(update={"quantile": quantile, "clip": 5.0}), view)


@pytest.mark.parametrize("view", [FEW, View(100)])
def test_the_count_is_paid_for(view: View) -> None:
    one, fixed = adaptive(0.5, view), mechanism(CENTRAL, view).noise_multiplier
    counted = max(0.05 * 10, fixed)
    assert one.noise_multiplier > fixed  # z_Δ of Andrew et al. 2021: (z⁻² − (2 σ_b)⁻²)^(−1/2)
    joined = (one.noise_multiplier**-2 + (2 * counted) ** -2) ** -0.5
    assert joined == pytest.approx(fixed, rel=1e-9)
    assert epsilon_of(joined, 0.01, view) == pytest.approx(4.0, rel=1e-3)


@pytest.mark.parametrize("quantile", [0.2, 0.5, 0.8])
def test_the_norm_follows_the_quantile(quantile: float) -> None:
    norms = torch.linspace(0.1, 2.1, 10)
    given = updates(10)
    given *= (norms / given.norm(dim=1))[:, None]
    one, seen = adaptive(quantile), []
    for number in range(300):
        one.released(one.sent(given, [1] * 10, [0] * 10), [1] * 10, number)
        seen.append(one.clip)
    assert sum(seen[100:]) / 200 == pytest.approx(0.1 + 2 * quantile, abs=0.25)
    assert one._counted == pytest.approx(mechanism(CENTRAL).noise_multiplier)


def test_long_updates_raise_the_norm_and_short_ones_lower_it() -> None:
    for scale, direction in ((1e3, 1), (1e-6, -1)):
        one = adaptive(0.5)
        one._counted = 0.0  # without noise the step is known
        one.released(one.sent(updates(10, scale), [1] * 10, [0] * 10), [1] * 10, 0)
        assert one.clip == pytest.approx(5.0 * math.exp(direction * ADAPTING * 0.5))


def test_none_of_many_that_were_cut_counts_as_short() -> None:
    shape = Shape(988, 4)  # norms of so many numbers are rounded by more than a millionth
    one = Mechanism(CENTRAL.model_copy(update={"quantile": 0.5}), SETTINGS, shape, USERS, FEW)
    one._counted = 0.0
    given = torch.randn(40, shape.size, generator=torch.Generator().manual_seed(0))
    one.released(one.sent(given, [1] * 40, [0] * 40), [1] * 40, 0)
    assert one.clip == pytest.approx(0.25 * math.exp(-ADAPTING * (-20 / 10 + 0.5 - 0.5)))


def test_without_a_quantile_the_norm_stays() -> None:
    one = mechanism(CENTRAL)
    one.released(one.sent(updates(4, 1e3), [1] * 4, [0] * 4), [1] * 4, 0)
    assert one.clip == 0.25


# --- who is refused


def test_strict_privacy_of_too_few_is_refused() -> None:
    for users, message in ((1, "1 client cannot hide"), (101, "at most 1/101")):
        with pytest.raises(RecipeError, match=message):
            Mechanism(CENTRAL, SETTINGS, SHAPE, users, FEW)


@pytest.mark.parametrize("place", ["central", "local"])
def test_clients_chosen_for_what_they_hold_are_refused_under_strict_privacy(place: Any) -> None:
    pytest.importorskip("dp_accounting", reason="needs the extra federated")
    strict = PrivacySettings(mode="strict", epsilon=8.0, delta=0.01, place=place)
    rules = FederationSettings(rounds=3, selection="representative")
    with pytest.raises(RecipeError, match="not accounted for"):
        Mechanism(strict, rules, Shape(8, 4), 50, View(3, 0.1))

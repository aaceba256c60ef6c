"""ε against published and independent values, and the laws it must obey."""

from __future__ import annotations

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from aclipse.errors import MissingExtra, RecipeError
from aclipse.protections.user_level_dp import accounting
from aclipse.protections.user_level_dp.accounting import View, epsilon_of, guarantee, multiplier_for, paper_deviation
from aclipse.protections.user_level_dp.settings import PrivacySettings

pytest.importorskip("dp_accounting", reason="dp-accounting is not installed (extra: federated)")

FOUND = {  # the fact sheet's deviations of the paper's noise: recordings of a client -> label -> four digits
    42: {5: 0.0125, 10: 0.0063, 25: 0.0025, 50: 0.0013},
    23: {5: 0.0229, 10: 0.0114, 25: 0.0046, 50: 0.0023},
}


def balle_wang(epsilon: float, sigma: float) -> float:
    """δ of the Gaussian mechanism of sensitivity 1 (Balle and Wang 2018, theorem 8)."""
    inner = 1 / (2 * sigma)
    return float(
        stats.norm.cdf(inner - epsilon * sigma)
        - math.exp(epsilon + stats.norm.logcdf(-inner - epsilon * sigma))
    )  # fmt: skip


def exact(sigma: float, delta: float) -> float:
    return float(optimize.brentq(lambda epsilon: balle_wang(epsilon, sigma) - delta, 0, 500))


# --- the paper's closed form


@pytest.mark.parametrize(
    ("count", "label", "deviation"), [(c, e, d) for c, row in FOUND.items() for e, d in row.items()]
)
def test_the_papers_noise(count: int, label: float, deviation: float) -> None:
    found = paper_deviation(count, label, clip=0.25, share=0.1, rounds=200)
    assert round(found, 4) == deviation
    assert found == pytest.approx(5.2655 * 0.5 / (count * label), rel=1e-4)


def test_the_papers_multiplier_assumes_a_sensitivity_of_twice_the_clip_over_the_recordings() -> None:
    assert accounting.paper_multiplier(10, 0.1, 200) == pytest.approx(0.5266, abs=5e-5)
    assert accounting.paper_multiplier(10, 0.1, 200) == pytest.approx(math.sqrt(2 * 20 * math.log(2)) / 10)


# --- golden values


@pytest.mark.parametrize(
    ("label", "view", "kind", "epsilon"),
    [
        (10, View(200, 0.1), "pld", 40.03),
        (10, View(200, 0.1), "rdp", 48.73),
        (10, View(1), "pld", 9.38),
        (10, View(20), "pld", 71.48),
        pytest.param(25, View(200, 0.1), "pld", 379.2, marks=pytest.mark.slow),
    ],
)
def test_the_honest_epsilon_of_the_papers_labels(
    label: float, view: View, kind: accounting.Accountant, epsilon: float
) -> None:
    noise = accounting.paper_multiplier(label, 0.1, 200)
    assert epsilon_of(noise, 1e-5, view, kind) == pytest.approx(epsilon, rel=2e-4)


# --- an independent implementation


@given(st.floats(0.3, 20), st.floats(1e-8, 0.1), st.integers(1, 50))
def test_gaussians_without_sampling_are_exact(sigma: float, delta: float, releases: int) -> None:
    alone = sigma / math.sqrt(releases)
    if balle_wang(0, alone) <= delta:
        assert epsilon_of(sigma, delta, View(releases)) == 0
    elif balle_wang(400, alone) < delta:
        assert epsilon_of(sigma, delta, View(releases)) == pytest.approx(exact(alone, delta), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("sigma", "delta", "share"), [(0.8, 1e-3, 0.3), (1.5, 1e-5, 0.5)])
def test_one_subsampled_release_is_exact(sigma: float, delta: float, share: float) -> None:
    """Amplification of one release in closed form: hockey-stick divergence of a mixture, both ways."""

    def removed(epsilon: float) -> float:  # of (1-q) N(0) + q N(1) from N(0)
        least = sigma**2 * math.log((math.exp(epsilon) - 1 + share) / share) + 0.5
        tail = lambda mean: stats.norm.sf((least - mean) / sigma)  # noqa: E731
        return float((1 - share) * tail(0) + share * tail(1) - math.exp(epsilon) * tail(0))

    epsilon = epsilon_of(sigma, delta, View(1, share))
    assert removed(epsilon) == pytest.approx(delta, rel=2e-3)


# --- laws


def test_less_noise_less_delta_more_rounds_and_a_larger_share_cost_privacy() -> None:
    base = epsilon_of(2.0, 1e-3, View(10, 0.2))
    assert epsilon_of(1.5, 1e-3, View(10, 0.2)) > base
    assert epsilon_of(2.0, 1e-4, View(10, 0.2)) > base
    assert epsilon_of(2.0, 1e-3, View(20, 0.2)) > base
    assert epsilon_of(2.0, 1e-3, View(10, 0.4)) > base
    assert epsilon_of(2.0, 1e-3, View(10)) > epsilon_of(2.0, 1e-3, View(10, 0.4))


def test_renyi_is_looser() -> None:
    for view in (View(10, 0.2), View(10)):
        assert epsilon_of(2.0, 1e-3, view, "rdp") > epsilon_of(2.0, 1e-3, view)


def test_no_noise_keeps_nothing() -> None:
    assert epsilon_of(0.0, 1e-3, View(1)) == math.inf


@given(st.floats(0.05, 50), st.floats(1e-8, 0.3), st.integers(1, 200))
def test_a_multiplier_keeps_what_is_asked_without_sampling(epsilon: float, delta: float, releases: int) -> None:
    noise = multiplier_for(epsilon, delta, View(releases))
    assert epsilon_of(noise, delta, View(releases)) == pytest.approx(epsilon, rel=1e-3, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("epsilon", "delta", "view"), [(8, 0.01, View(200, 0.1)), (2, 0.01, View(10, 0.3))])
def test_a_multiplier_keeps_what_is_asked_and_hardly_more(epsilon: float, delta: float, view: View) -> None:
    noise = multiplier_for(epsilon, delta, view)
    assert epsilon_of(noise, delta, view) <= epsilon
    assert epsilon_of(noise / (1 + 2 * accounting.TOLERANCE), delta, view) > epsilon
    assert noise < multiplier_for(epsilon, delta, View(view.releases))  # sampling gains


def test_a_guarantee_says_what_it_means() -> None:
    privacy = PrivacySettings(mode="strict", epsilon=8.0, delta=0.01, place="local")
    found = guarantee(privacy, View(20), 91)
    assert found.epsilon == pytest.approx(8.0, rel=1e-4) and found.renyi > found.epsilon
    text = "\n".join(found.lines)
    assert "δ = 0.01" in text and "one of 91" in text and "updates of a client, 20 at most" in text
    assert f"noise multiplier {found.noise_multiplier:.4g}, 20 releases" in text
    central = guarantee(privacy.model_copy(update={"place": "central"}), View(20), 91)
    assert "no client's own update" in "\n".join(central.lines)


# --- what is refused


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan])
def test_an_epsilon_of_zero_or_less_is_refused(epsilon: float) -> None:
    for ask in (
        lambda: multiplier_for(epsilon, 0.01, View(1)),
        lambda: paper_deviation(42, epsilon, 0.25, 0.1, 200),
    ):
        with pytest.raises(RecipeError, match=r"endless noise. Give an epsilon above 0"):
            ask()


@pytest.mark.parametrize("delta", [0.0, 1.0, 2.0, -0.1, math.nan])
def test_a_delta_that_is_no_probability_is_refused(delta: float) -> None:
    for ask in (lambda: multiplier_for(1.0, delta, View(1)), lambda: epsilon_of(1.0, delta, View(1))):
        with pytest.raises(RecipeError, match="not between 0 and 1"):
            ask()


def test_negative_noise_is_refused() -> None:
    with pytest.raises(RecipeError, match="multiplier of -1 is no noise"):
        epsilon_of(-1, 0.01, View(1))


def test_too_few_users_for_a_delta_are_refused() -> None:
    privacy = PrivacySettings(mode="strict", epsilon=1.0, delta=0.02)
    with pytest.raises(RecipeError, match=r"Give a delta of at most 1/51 = 0.01961"):
        guarantee(privacy, View(1), 51)
    assert guarantee(privacy, View(1), 50).users == 50
    with pytest.raises(RecipeError, match="1 client cannot hide"):
        guarantee(privacy, View(1), 1)


@pytest.mark.parametrize("mode", ["none", "paper", "layered"])
def test_modes_that_promise_nothing_have_no_guarantee(mode: str) -> None:
    privacy = PrivacySettings.model_validate({"mode": mode, "epsilon": 1.0})
    with pytest.raises(RecipeError, match=f"mode '{mode}' promises nothing"):
        guarantee(privacy, View(1), 10)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    accounting._epsilon.cache_clear()
    with pytest.raises(MissingExtra, match=r"aclipse\[federated\]"):
        epsilon_of(1.2345, 0.0123, View(3))

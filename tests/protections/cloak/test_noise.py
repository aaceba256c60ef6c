"""The laws of φ: what σ is, how much is suppressed, and what the noise is like."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aclipse.protections.cloak.noise import Noise, NoiseSettings

SMALL = {"segment": 16, "bands": 12}


def noise(form: str = "universal", **settings: float) -> Noise:
    torch.manual_seed(0)
    made = Noise(NoiseSettings(form=form, **{**SMALL, **settings}))  # type: ignore[arg-type]
    with torch.no_grad():
        made.rho.copy_(torch.randn(made.rho.shape))
        made.mu.copy_(torch.randn(made.mu.shape))
        if made.network is not None:
            made.network.layers[-1].weight.normal_()
    return made


@pytest.mark.parametrize("rho", [-10.0, -3.0, 0.0, 2.0, 6.0])
def test_sigma_is_the_papers_in_double_precision(rho: float) -> None:
    made = Noise(NoiseSettings(**SMALL, start=rho, least=0.0))
    expected = (1 + math.tanh(rho)) / 2 if rho > -9 else math.exp(2 * rho)  # tanh runs out of digits in double, too
    np.testing.assert_allclose(made.sigma(torch.zeros(1, 16, 12)).detach().numpy(), expected, rtol=1e-5)


@given(rho=st.floats(-1000, 1000), least=st.sampled_from([0.0, 0.01]))
def test_sigma_sparsity_and_its_gradient_are_finite_at_every_rho(rho: float, least: float) -> None:
    made = Noise(NoiseSettings(**SMALL, start=rho, least=least))
    loss = made.sparsity(torch.zeros(1, 16, 12))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(made.rho.grad).all()
    assert torch.isfinite(made.sigma(torch.zeros(1, 16, 12))).all()
    assert bool((made.sigma(torch.zeros(1, 16, 12)) <= 1.0).all())


@pytest.mark.parametrize("least", [0.0, 0.01])
@pytest.mark.parametrize("form", ["universal", "adaptive"])
def test_sparsity_is_the_negative_log_of_the_mean_variance(form: str, least: float) -> None:
    made, x = noise(form, least=least), torch.randn(3, 16, 12)
    expected = -torch.log(made.sigma(x).double().square().mean())
    torch.testing.assert_close(made.sparsity(x).double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", ["universal", "adaptive"])
@given(percent=st.floats(0, 99))
def test_what_is_suppressed_is_the_share_asked_for_and_the_noisiest(form: str, percent: float) -> None:
    made, x = noise(form), torch.randn(4, 16, 12)
    made.suppress(percent)
    sigma = made.sigma(x)
    mask = made.mask(x).expand(4, 16, 12)
    for row, kept in zip(sigma.expand(4, 16, 12), mask, strict=True):
        assert abs(int((kept == 0).sum()) - percent / 100 * 16 * 12) <= 1
        if bool((kept == 0).any()):
            assert row[kept == 0].min() >= row[kept == 1].max()


def test_equal_deviations_are_suppressed_exactly_too() -> None:
    made = Noise(NoiseSettings(**SMALL))
    made.suppress(25.0)
    assert int((made.keep == 0).sum()) == 48


def test_noise_has_the_mean_and_deviation_that_it_says() -> None:
    made, x = noise(), torch.zeros(20_000, 16, 12)
    found = made(x).detach()
    sigma, mu = made.sigma(x)[0].detach(), made.mu.detach()
    assert float((found.mean(0) - mu).abs().max()) < 5 * float(sigma.max()) / math.sqrt(20_000)
    np.testing.assert_allclose(found.std(0).numpy(), sigma.numpy(), rtol=0.03)


def test_each_segment_gets_a_draw_of_its_own() -> None:
    found = noise()(torch.zeros(2, 16, 12))
    assert not torch.equal(found[0], found[1])


def test_suppressed_elements_are_the_learned_value_alone_and_kept_ones_are_noisy() -> None:
    made, x = noise(), torch.randn(5, 16, 12)
    made.suppress(40.0)
    found, gone = made(x), made.keep == 0
    assert torch.equal(found[:, gone], made.mu[gone].expand(5, -1))
    assert bool((found[:, ~gone] != (x + made.mu)[:, ~gone]).all())
    drawn = torch.ones_like(x)
    torch.testing.assert_close(made(x, drawn), (x + made.sigma(x)) * made.keep + made.mu)


def test_where_deviations_saturate_the_greatest_parameters_are_suppressed() -> None:
    made = Noise(NoiseSettings(**SMALL))
    made.rho.data.copy_(50 + torch.arange(16.0 * 12).reshape(16, 12))  # all of the greatest deviation
    made.suppress(25.0)
    assert torch.equal(made.keep.flatten() == 0, torch.arange(16 * 12) >= 144)


def test_who_has_the_device_takes_the_shift_away() -> None:
    made, x = noise(), torch.randn(3, 16, 12)
    made.suppress(50.0)
    quiet = made(x, torch.zeros_like(x))
    torch.testing.assert_close(made.undone(quiet), x * made.keep)


def test_after_suppression_only_the_replacement_learns() -> None:
    made = noise("adaptive")
    made.suppress(60.0)
    assert [name for name, parameter in made.named_parameters() if parameter.requires_grad] == ["mu"]


def test_the_adaptive_form_begins_as_the_universal_one_and_then_depends_on_its_input() -> None:
    fresh = Noise(NoiseSettings(form="adaptive", **SMALL))
    x = torch.randn(2, 16, 12)
    torch.testing.assert_close(fresh.sigma(x), Noise(NoiseSettings(**SMALL)).sigma(x).expand(2, 16, 12))
    learned = noise("adaptive")
    assert not torch.equal(learned.sigma(x)[0], learned.sigma(x)[1])


def test_an_empty_range_of_deviations_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"least = 1\.0 must be smaller than most = 1\.0"):
        NoiseSettings(least=1.0, most=1.0)

"""The whole network ER(SO(x)): gain, silence, and the limits it promises, with random weights."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn

from aclipse.audio.budget import local_power
from aclipse.audio.signal import pad_stack
from aclipse.protections.cascade.modules import ModuleSettings
from aclipse.protections.cascade.network import CascadeNetwork, NetworkSettings

FORMS = ["strided", "samples"]


def network_of(form: str = "strided", spread: float = 0.3, **limits: object) -> CascadeNetwork:
    """A small network whose heads have random weights of standard deviation ``spread``."""
    module = ModuleSettings(form=form, channels=8, attention_seconds=0.2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = CascadeNetwork(NetworkSettings(module=module, **limits)).eval()
        for part in (network.so, network.er):
            for parameter in part.head.parameters():
                nn.init.normal_(parameter, std=spread)
    return network.requires_grad_(False)


def speech(samples: int, seed: int = 0) -> Tensor:
    """Coloured noise with the rhythm of syllables, at a level of about -26 dBFS."""
    noise = torch.randn(1, samples + 2, generator=torch.Generator().manual_seed(seed))
    smooth = noise[:, 2:] + noise[:, 1:-1] + noise[:, :-2]
    return 0.03 * smooth * (1.1 + torch.sin(torch.arange(samples) / 800))


def alone(network: CascadeNetwork, wave: Tensor) -> Tensor:
    return network(wave, torch.tensor([wave.shape[-1]]))


def level(wave: Tensor) -> Tensor:
    """Local level in dB."""
    return 10 * local_power(wave, torch.ones_like(wave)).log10()


@pytest.mark.parametrize("form", FORMS)
def test_a_new_network_is_the_identity(form: str) -> None:
    wave = speech(9001)
    torch.testing.assert_close(alone(network_of(form, spread=0.0), wave), wave, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=10)
@given(gain=st.floats(0.2, 30), seed=st.integers(0, 99))
def test_it_commutes_with_gain(form: str, gain: float, seed: int) -> None:
    network, wave = network_of(form), speech(4000, seed)
    expected = gain * alone(network, wave)
    torch.testing.assert_close(alone(network, gain * wave), expected, rtol=0, atol=2e-3 * expected.abs().max().item())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("match", [True, False])
@pytest.mark.parametrize("samples", [1, 400, 20_000])
def test_silence_stays_silent(form: str, match: bool, samples: int) -> None:
    out = alone(network_of(form, match_loudness=match), torch.zeros(1, samples))
    assert out.abs().max() <= 1e-4 * (1 if match else 10)


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=8)
@given(lengths=st.lists(st.integers(400, 5000), min_size=2, max_size=2), extra=st.integers(0, 500))
def test_a_recording_is_free_of_its_batch_and_padding(form: str, lengths: list[int], extra: int) -> None:
    network = network_of(form)
    waves = [speech(length, seed)[0] for seed, length in enumerate(lengths)]
    batch, counts = pad_stack(waves)
    together = network(nn.functional.pad(batch, (0, extra), value=0.7), counts)
    for row, wave in enumerate(waves):
        torch.testing.assert_close(together[row, : len(wave)], alone(network, wave[None])[0], rtol=0, atol=1e-5)
        assert not together[row, len(wave) :].any()


@pytest.mark.parametrize("spread", [0.03, 0.3, 3.0])
def test_loudness_is_matched_in_windows_of_a_second(spread: float) -> None:
    wave = speech(48_000) * torch.linspace(1.0, 0.1, 48_000)  # falls by 20 dB in three seconds
    gap = level(alone(network_of(spread=spread), wave)) - level(wave)
    assert gap.abs().max() < 2.0 and gap.abs().mean() < 0.5  # dB


def test_without_matching_the_level_is_free() -> None:
    wave = speech(24_000)
    free = alone(network_of(spread=3.0, match_loudness=False), wave)
    assert (level(free) - level(wave)).mean() > 6
    assert (level(alone(network_of(spread=3.0), wave)) - level(wave)).mean().abs() < 0.5


@pytest.mark.parametrize("limit", [0.0, 10.0, 30.0])
@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 99))
def test_the_snr_holds_with_any_weights(limit: float, seed: int) -> None:
    wave = speech(24_000, seed)
    change = alone(network_of(spread=3.0, min_snr_db=limit), wave) - wave
    assert change.abs().max() > 0
    snr = 10 * math.log10(wave.square().sum() / change.square().sum())
    assert limit - 0.5 < snr
    assert (level(wave) - level(change)).min() > limit - 1.5  # in every window of a second


@pytest.mark.parametrize("peak", [0.05, 0.5])
@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 99))
def test_no_sample_changes_by_more_than_the_peak(peak: float, seed: int) -> None:
    wave = speech(24_000, seed)
    change = alone(network_of(spread=3.0, max_peak=peak), wave) - wave
    relative = change / local_power(wave, torch.ones_like(wave)).sqrt()
    assert peak * 0.99 < relative.abs().max() <= peak * 1.001


def test_so_comes_before_er() -> None:
    network, wave = network_of(match_loudness=False), speech(4000)
    ones = torch.ones_like(wave)
    scale = local_power(wave, ones).sqrt()
    expected = network.er(network.so(wave / scale, ones), ones) * scale
    torch.testing.assert_close(alone(network, wave), expected)


def test_gradients_reach_both_modules_and_the_input() -> None:
    network, wave = network_of().requires_grad_(True), speech(4000).requires_grad_()
    alone(network, wave).square()[:, ::3].sum().backward()
    assert torch.isfinite(wave.grad).all() and wave.grad.any()
    for part in (network.so, network.er):
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in part.parameters())
        assert part.head.weight.grad.any()


def test_gradients_stay_finite_in_silence() -> None:
    network = network_of(min_snr_db=10.0, max_peak=0.5).requires_grad_(True)
    wave = torch.cat([torch.zeros(1, 4000), torch.zeros(1, 4000)]).requires_grad_()
    network(wave, torch.tensor([4000, 400])).sum().backward()
    assert torch.isfinite(wave.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_a_peak_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_peak"):
        NetworkSettings(max_peak=0.0)

"""Limits on a change: what each promises, for stationary signals exactly and for arbitrary ones as a bound."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aclipse.audio.budget import QUIET, WINDOW, limit_peak, limit_snr, local_power, match_loudness
from aclipse.audio.signal import mask_of

TIME = 32_000
ONES = torch.ones(1, TIME)


def noise(seed: int, time: int = TIME) -> Tensor:
    return torch.randn(1, time, generator=torch.Generator().manual_seed(seed))


def snr(waves: Tensor, changed: Tensor) -> float:
    return 10 * math.log10(waves.square().sum() / (changed - waves).square().sum().clamp(min=1e-20))


def swell(depth: float) -> Tensor:
    """An envelope that varies over two seconds."""
    return 1 + depth * torch.sin(2 * math.pi * torch.arange(TIME) / TIME)


def test_local_power_of_a_step_is_known() -> None:
    waves = torch.cat([torch.zeros(1, TIME), torch.full((1, TIME), 0.2)], 1)
    power = local_power(waves, torch.ones_like(waves))[0]
    centre = 0.04 * (WINDOW // 2 + 1) / (WINDOW + 1)  # at the first loud sample half of the window is loud
    assert power[0].item() == pytest.approx(QUIET) and power[-1].item() == pytest.approx(0.04, rel=1e-4)
    assert power[TIME].item() == pytest.approx(centre, rel=1e-4)


@pytest.mark.parametrize("gain", [1e-2, 0.5, 30.0])
def test_a_changed_level_is_put_back(gain: float) -> None:
    waves = 0.1 * noise(0)
    torch.testing.assert_close(
        match_loudness(waves, gain * waves, ONES), waves, rtol=1e-2 if gain < 0.1 else 1e-4, atol=0
    )


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999), depth=st.floats(0, 0.5), other=st.floats(0, 0.5))
def test_matched_loudness_is_equal_in_every_window(seed: int, depth: float, other: float) -> None:
    waves, changed = 0.1 * noise(seed) * swell(depth), 3.0 * noise(seed + 1) * swell(-other)
    matched = match_loudness(waves, changed, ONES)
    level = 10 * (local_power(matched, ONES) / local_power(waves, ONES)).log10()
    assert level.abs().max() < 2.5  # dB; the change was 30 dB, and up to 9 dB within a second
    assert level.mean().abs() < 0.5


def test_matched_loudness_ignores_padding() -> None:
    waves, changed = 0.1 * noise(0), noise(1)
    mask = mask_of(torch.tensor([TIME // 2]), TIME)
    alone = match_loudness(waves[:, : TIME // 2], changed[:, : TIME // 2], mask[:, : TIME // 2])
    padded = match_loudness(waves * mask, changed * mask, mask)
    torch.testing.assert_close(padded[:, : TIME // 2], alone)
    assert not padded[:, TIME // 2 :].any()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999), limit=st.floats(-5, 40), level=st.floats(-40, 20))
def test_a_stationary_change_is_held_to_the_snr_and_not_below(seed: int, limit: float, level: float) -> None:
    waves = 0.1 * noise(seed)
    changed = waves + 0.1 * 10 ** (-level / 20) * noise(seed + 1)
    limited = limit_snr(waves, changed, ONES, limit)
    assert snr(waves, limited) == pytest.approx(max(limit, snr(waves, changed)), abs=0.3)


@settings(deadline=None, max_examples=40)
@given(
    limit=st.floats(0, 40),
    loud=st.lists(st.integers(0, TIME - 1), min_size=1, max_size=6),
    bursts=st.lists(st.integers(0, TIME - 1), min_size=1, max_size=6),
)
def test_no_signal_whatever_passes_the_snr_by_more_than_3_db(limit: float, loud: list[int], bursts: list[int]) -> None:
    waves, change = 1e-3 * noise(0), torch.zeros(1, TIME)
    waves[:, loud] += 3.0
    change[:, bursts] = 5.0
    limited = limit_snr(waves, waves + change, ONES, limit)
    assert snr(waves, limited) >= limit - 10 * math.log10(2) - 0.05  # each half of a window can spend the budget once


def test_a_change_within_the_snr_is_left_alone() -> None:
    waves = 0.1 * noise(0)
    changed = waves + 1e-4 * noise(1)
    assert torch.equal(limit_snr(waves, changed, ONES, 30.0), waves + (changed - waves))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 999), peak=st.floats(1e-3, 2), scale=st.floats(0, 10))
def test_no_sample_changes_by_more_than_the_peak(seed: int, peak: float, scale: float) -> None:
    waves = noise(seed, 500)
    changed = waves + scale * noise(seed + 1, 500)
    change = limit_peak(waves, changed, peak) - waves
    assert change.abs().max() <= peak + 1e-6
    within = (changed - waves).abs() < peak
    torch.testing.assert_close(change[within], (changed - waves)[within], rtol=0, atol=1e-6)
    assert torch.equal(change[~within].sign(), (changed - waves)[~within].sign())


@pytest.mark.parametrize(
    "limit", [match_loudness, lambda w, c, m: limit_snr(w, c, m, 10.0), lambda w, c, m: limit_peak(w, c, 0.1)]
)
def test_gradients_are_finite_even_in_silence(limit) -> None:
    waves, changed = torch.zeros(1, 900), torch.zeros(1, 900, requires_grad=True)
    limit(waves, changed, torch.ones(1, 900)).sum().backward()
    assert torch.isfinite(changed.grad).all()

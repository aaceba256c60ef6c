"""Random changes of training speech do what they say, by measurement on tones and noise."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aclipse.audio.augment import VARIATION, add_background, add_noise, augment, change_speed, tilt_spectrum
from aclipse.audio.signal import rms

LENGTH = torch.tensor([16_000])


def tone(frequency: float) -> Tensor:
    return torch.sin(2 * math.pi * frequency * torch.arange(16_000) / 16_000)[None]


def pitch(wave: Tensor) -> float:
    """Frequency in Hz of the strongest component, by a zero-padded FFT."""
    return torch.fft.rfft(wave, 2**18).abs().argmax().item() * 16_000 / 2**18


@pytest.mark.parametrize("factor", [0.8, 0.92, 1.0, 1.08, 1.5])
def test_speed_scales_duration_and_pitch(factor: float) -> None:
    wave, length = change_speed(tone(440), LENGTH, factor)
    assert length.item() == wave.shape[-1] == int(16_000 / factor)
    assert pitch(wave[0]) == pytest.approx(440 * factor, rel=2e-3)


def test_speed_one_changes_nothing() -> None:
    wave, length = change_speed(tone(440), torch.tensor([9_000]), 1.0)
    assert torch.equal(wave, tone(440)) and length.item() == 9_000


@settings(deadline=None, max_examples=30)
@given(lengths=st.lists(st.integers(1, 4000), min_size=1, max_size=4), factor=st.floats(0.5, 2))
def test_speed_keeps_lengths_in_proportion_and_within_the_batch(lengths: list[int], factor: float) -> None:
    waves, after = change_speed(torch.zeros(len(lengths), max(lengths)), torch.tensor(lengths), factor)
    for before, count in zip(lengths, after.tolist(), strict=True):
        assert 1 <= count <= waves.shape[-1] and abs(count - before / factor) <= 1.01


@pytest.mark.parametrize(("slope", "frequency"), [(0.5, 200), (0.5, 7000), (-0.5, 200), (-0.5, 7000)])
def test_tilt_has_the_gain_of_a_first_order_filter(slope: float, frequency: int) -> None:
    tilted = tilt_spectrum(tone(frequency), torch.tensor([slope]))
    omega = 2 * math.pi * frequency / 16_000
    gain = math.sqrt(1 + slope**2 + 2 * slope * math.cos(omega))
    assert (rms(tilted, LENGTH) / rms(tone(frequency), LENGTH)).item() == pytest.approx(gain, rel=1e-3)


def test_tilt_of_a_hand_computed_case() -> None:
    tilted = tilt_spectrum(torch.tensor([[1.0, 2.0, 4.0], [1.0, 2.0, 4.0]]), torch.tensor([0.5, -1.0]))
    assert tilted.tolist() == [[1.0, 2.5, 5.0], [1.0, 1.0, 2.0]]


@pytest.mark.parametrize("snr_db", [-5.0, 10.0, 40.0])
def test_noise_has_its_snr_and_leaves_padding_silent(snr_db: float) -> None:
    wave = torch.cat([tone(300), torch.zeros(1, 4000)], 1)
    noise = add_background(wave, LENGTH, torch.tensor([snr_db])) - wave
    assert -20 * math.log10(rms(noise, LENGTH) / rms(wave, LENGTH)) == pytest.approx(snr_db, abs=0.3)
    assert not noise[:, 16_000:].any()


def test_each_recording_gets_noise_at_its_own_level() -> None:
    waves = torch.cat([tone(300), 0.01 * tone(300)])
    levels = rms(add_background(waves, LENGTH.expand(2), torch.tensor([20.0, 0.0])) - waves, LENGTH.expand(2))
    torch.testing.assert_close(levels, torch.tensor([0.1, 0.01]) / math.sqrt(2), rtol=0.03, atol=0)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_augmentation_is_light_and_repeats_with_the_seed(seed: int) -> None:
    lengths = torch.tensor([16_000, 9_000])
    waves = torch.cat([tone(440), tone(440)])
    outputs = []
    for _ in range(2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            outputs.append(augment(waves, lengths))
    (first, counts), (second, _) = outputs
    assert torch.equal(first, second)
    assert ((counts / lengths - 1).abs() < 0.09).all()
    assert 440 * 0.91 < pitch(first[0]) < 440 * 1.09
    assert (rms(first, counts) / rms(waves, lengths)).log10().abs().max() * 20 < 7  # slope up to ±0.5, noise at 10 dB


def test_features_are_varied_by_little_white_noise_and_keep_their_lengths() -> None:
    features, lengths = torch.randn(4, 400, 128), torch.tensor([400, 400, 200, 200])
    varied, after = add_noise(features, lengths)
    assert after is lengths
    assert float((varied - features).std()) == pytest.approx(VARIATION, rel=0.02)
    assert abs(float((varied - features).mean())) < VARIATION / 100

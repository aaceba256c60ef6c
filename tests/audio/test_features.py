"""Log-mel features against an independent construction, and the invariances recognisers build on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from aclipse.audio.features import Analysis, LogMel, frame_count, mel_filters
from aclipse.audio.signal import pad_stack
from aclipse.contracts import SAMPLE_RATE

MEL = LogMel(40)


def noise(samples: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def reference_filters(bands: int) -> np.ndarray:
    """Triangles by ``np.interp`` on the HTK scale, one at a time, each of unit sum."""
    mel = np.linspace(2595 * np.log10(1 + 60 / 700), 2595 * np.log10(1 + 7600 / 700), bands + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    bins = np.arange(257) * 16_000 / 512
    triangles = [np.interp(bins, edges[i : i + 3], [0, 1, 0]) for i in range(bands)]
    return np.stack([triangle / triangle.sum() for triangle in triangles], 1)


def reference_features(wave: np.ndarray, bands: int) -> np.ndarray:
    """Frame by frame with NumPy's FFT: a 400-sample Hann window centred on every 160th sample."""
    wave = wave / np.sqrt(np.mean(wave**2))
    padded = np.pad(wave, 200 + 400)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    starts = 400 + 160 * np.arange(len(wave) // 160 + 1)
    power = np.stack([np.abs(np.fft.rfft(padded[s : s + 400] * window, 512)) ** 2 / 400 for s in starts])
    mel = np.log(power @ reference_filters(bands) + 1e-4)
    return (mel - mel.mean()).T


@pytest.mark.parametrize("bands", [20, 40, 64])
def test_mel_filters_equal_an_independent_construction(bands: int) -> None:
    filters = mel_filters(bands).numpy()
    np.testing.assert_allclose(filters, reference_filters(bands), atol=1e-6)
    np.testing.assert_allclose(filters.sum(0), 1.0, rtol=1e-5)


@pytest.mark.parametrize("samples", [1, 400, 1599, 1600, 8001])
def test_features_equal_an_independent_construction(samples: int) -> None:
    wave = noise(samples)
    features, frames = MEL(wave[None], torch.tensor([samples]))
    assert frames.item() == features.shape[-1] == samples // 160 + 1
    np.testing.assert_allclose(features[0].numpy(), reference_features(wave.double().numpy(), 40), atol=2e-3)


@given(lengths=st.lists(st.integers(0, 10**6), min_size=1, max_size=4))
def test_one_frame_is_centred_on_every_160th_sample(lengths: list[int]) -> None:
    assert frame_count(torch.tensor(lengths)).tolist() == [len(range(0, length + 1, 160)) for length in lengths]


@settings(deadline=None, max_examples=20)
@given(gain=st.floats(0.01, 100))
def test_gain_tells_nothing(gain: float) -> None:
    wave, length = noise(8000)[None], torch.tensor([8000])
    torch.testing.assert_close(MEL(gain * wave, length)[0], MEL(wave, length)[0], rtol=0, atol=1e-3)


@settings(deadline=None, max_examples=20)
@given(lengths=st.lists(st.integers(400, 6000), min_size=2, max_size=4), extra=st.integers(0, 3000))
def test_a_recording_alone_equals_itself_in_any_batch(lengths: list[int], extra: int) -> None:
    waves = [noise(length, seed) for seed, length in enumerate(lengths)]
    batch, counts = pad_stack(waves)
    batch = torch.nn.functional.pad(batch, (0, extra), value=9.0)  # what lies past the end must not matter
    for order in (list(range(len(waves))), list(range(len(waves)))[::-1]):
        together, frames = MEL(batch[order], counts[order])
        for row, index in enumerate(order):
            alone = MEL(waves[index][None], counts[index : index + 1])[0][0]
            torch.testing.assert_close(together[row, :, : frames[row]], alone, rtol=0, atol=1e-4)
            assert not together[row, :, frames[row] :].any()


@pytest.mark.parametrize("frequency", [150, 440, 1000, 2500, 6000])
def test_a_sine_lands_in_its_band(frequency: int) -> None:
    wave = torch.sin(2 * torch.pi * frequency * torch.arange(8000) / SAMPLE_RATE)[None]
    loudest = MEL(wave, torch.tensor([8000]))[0][0, :, 5:-5].mean(1).argmax().item()
    mel = np.linspace(2595 * np.log10(1 + 60 / 700), 2595 * np.log10(1 + 7600 / 700), 42)
    low, high = 700 * (10 ** (mel[loudest : loudest + 3 : 2] / 2595) - 1)
    assert low < frequency < high


def test_each_recording_has_zero_mean() -> None:
    features, frames = MEL(*pad_stack([noise(4000), 5 * noise(9000)]))
    sums = features.sum((1, 2)) / (frames * 40)
    torch.testing.assert_close(sums, torch.zeros(2), rtol=0, atol=1e-5)


def test_silence_is_finite_and_flat() -> None:
    features, _ = MEL(torch.zeros(1, 1600), torch.tensor([1600]))
    torch.testing.assert_close(features, torch.zeros_like(features), rtol=0, atol=-np.log(Analysis().floor) * 1e-6)


def test_gradients_reach_every_true_sample_and_no_padding() -> None:
    wave = noise(3000)[None].requires_grad_()
    features, _ = MEL(wave, torch.tensor([2000]))
    (features * torch.randn(features.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    assert (wave.grad[0, :2000] != 0).float().mean() > 0.99
    assert not wave.grad[0, 2000:].any()


@pytest.mark.parametrize("silent", [True, False])
def test_gradients_are_finite(silent: bool) -> None:
    wave = (torch.zeros(1, 900) if silent else noise(900)[None]).requires_grad_()
    MEL(wave, torch.tensor([900]))[0].square().sum().backward()
    assert torch.isfinite(wave.grad).all()


@pytest.mark.parametrize("settings", [{"width": 600}, {"fft": 513}, {"low": 8000.0}])
def test_an_analysis_that_cannot_be_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="Fourier transform of even size"):
        Analysis(**settings)


def test_an_unlevelled_spectrogram_keeps_the_level() -> None:
    mel, wave, length = LogMel(40, Analysis(floor=1e-9), levelled=False), noise(8000)[None], torch.tensor([8000])
    louder, softer = mel(10 * wave, length)[0], mel(wave, length)[0]
    torch.testing.assert_close(louder - softer, torch.full_like(softer, 2 * math.log(10)), rtol=0, atol=1e-2)

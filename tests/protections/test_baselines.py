"""Trivial protections against physics: tones below and above a cut-off, noise at its level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aclipse.contracts import Release
from aclipse.errors import RecipeError
from aclipse.protections.baselines import Identity, LowPass, Silence, WhiteNoise

TIME = np.arange(16_000) / 16_000


def tone(frequency: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * frequency * TIME)).astype(np.float32)


def level(wave: np.ndarray) -> float:
    """dB relative to full scale, away from the ends."""
    return float(10 * np.log10(np.mean(np.square(wave[1000:-1000], dtype=np.float64)) + 1e-20))


@pytest.mark.parametrize("kind", [Identity, Silence, LowPass, WhiteNoise])
def test_all_release_a_waveform(kind: type) -> None:
    assert kind().releases is Release.WAVEFORM


def test_identity_gives_a_copy() -> None:
    wave = tone(440)
    out = Identity().release(wave)
    assert np.array_equal(out, wave) and not np.shares_memory(out, wave)


@pytest.mark.parametrize("samples", [0, 1, 999])
def test_silence_is_silent(samples: int) -> None:
    out = Silence().release(tone(440)[:samples])
    assert out.shape == (samples,) and out.dtype == np.float32 and not out.any()


@pytest.mark.parametrize("frequency", [100, 500, 1500])
def test_low_pass_keeps_what_lies_below_in_level_and_time(frequency: int) -> None:
    wave = tone(frequency)
    out = LowPass(2000).release(wave)
    assert abs(level(out) - level(wave)) < 0.1
    assert level(out - wave) - level(wave) < -40  # nor is it delayed


@pytest.mark.parametrize("frequency", [2600, 4000, 7500])
def test_low_pass_removes_what_lies_above(frequency: int) -> None:
    wave = tone(frequency)
    assert level(LowPass(2000).release(wave)) - level(wave) < -60


@settings(deadline=None, max_examples=30)
@given(samples=st.integers(0, 5000), cutoff=st.floats(50, 8000))
def test_low_pass_keeps_any_length(samples: int, cutoff: float) -> None:
    out = LowPass(cutoff).release(tone(300)[:samples])
    assert out.shape == (samples,) and out.dtype == np.float32 and np.isfinite(out).all()


@pytest.mark.parametrize("cutoff", [49.9, 8001, -1, float("nan")])
def test_a_cutoff_out_of_range_is_refused(cutoff: float) -> None:
    with pytest.raises(RecipeError, match=rf"cut-off of {cutoff} Hz was given; it must be from 50 to 8000 Hz"):
        LowPass(cutoff)


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 12.5, 40.0])
def test_white_noise_hits_its_snr(snr_db: float) -> None:
    wave = tone(440)
    assert level(wave) - level(WhiteNoise(snr_db).release(wave, seed=3) - wave) == pytest.approx(snr_db, abs=0.3)


def test_white_noise_is_white_and_follows_its_seed() -> None:
    wave = tone(440)
    noise = WhiteNoise(0).release(wave, seed=1) - wave
    spectrum = np.square(np.abs(np.fft.rfft(noise.astype(np.float64))))
    bands = [10 * np.log10(part.mean()) for part in np.array_split(spectrum, 8)]
    assert max(bands) - min(bands) < 1.5  # dB
    assert not np.array_equal(WhiteNoise(0).release(wave, seed=2), WhiteNoise(0).release(wave, seed=1))


def test_white_noise_leaves_silence_silent() -> None:
    assert not WhiteNoise(-20).release(np.zeros(800, np.float32)).any()
    assert WhiteNoise().release(np.zeros(0, np.float32)).shape == (0,)

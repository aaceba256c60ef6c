"""Linear prediction against SciPy, and resynthesis against synthetic vowels whose pitch and formants are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

from aclipse.contracts import SAMPLE_RATE, Wave
from aclipse.errors import RecipeError
from aclipse.protections.baselines import McAdams, SourceOnly, lpc
from aclipse.protections.baselines.resynthesis import warp

A, I = (730.0, 1090.0, 2440.0), (270.0, 2290.0, 3010.0)  # formants in Hz (Peterson & Barney 1952, men)  # noqa: E741


def vowel(formants: tuple[float, ...], pitch: float = 125.0, seconds: float = 1.0, level: float = 0.1) -> Wave:
    """A pulse train through two-pole resonances, with a breath of noise; ``level`` is its RMS."""
    wave = 1e-3 * np.random.default_rng(1).standard_normal(round(seconds * SAMPLE_RATE))
    wave[:: round(SAMPLE_RATE / pitch)] += 1.0
    for formant in formants:
        radius, angle = np.exp(-np.pi * 80 / SAMPLE_RATE), 2 * np.pi * formant / SAMPLE_RATE
        wave = lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], wave)
    return (level * wave / np.sqrt(np.mean(wave**2))).astype(np.float32)


def period(wave: Wave) -> int:
    """Lag of the highest peak of the autocorrelation between 60 and 400 Hz, in samples."""
    spectrum = np.abs(np.fft.rfft(wave.astype(np.float64), 2 * len(wave))) ** 2
    lags = np.fft.irfft(spectrum)[SAMPLE_RATE // 400 : SAMPLE_RATE // 60]
    return int(lags.argmax()) + SAMPLE_RATE // 400


def bands(wave: Wave) -> np.ndarray:
    """Levels of bands 250 Hz wide up to 4 kHz, in dB about their mean."""
    power = np.abs(np.fft.rfft(wave.astype(np.float64))) ** 2
    width = round(250 * len(wave) / SAMPLE_RATE)
    levels = 10 * np.log10(power[: 16 * width].reshape(16, width).mean(1))
    return levels - levels.mean()


def frame_levels(wave: Wave) -> np.ndarray:
    return 10 * np.log10(np.mean(np.square(wave.reshape(-1, lpc.FRAME), dtype=np.float64), axis=1) + 1e-12)


def peak(wave: Wave, near: float, reach: float) -> float:
    """Frequency of the strongest part of a spectrum smoothed over 250 Hz, within ``reach`` Hz of ``near``."""
    power = np.abs(np.fft.rfft(wave.astype(np.float64))) ** 2
    width = round(250 * len(wave) / SAMPLE_RATE)
    smooth = np.convolve(power, np.hanning(width), "same")
    frequency = np.arange(len(power)) * SAMPLE_RATE / len(wave)
    return float(frequency[np.where(np.abs(frequency - near) < reach, smooth, 0).argmax()])


# --- linear prediction


@settings(deadline=None, max_examples=25)
@given(samples=st.integers(0, 3000))
def test_overlap_add_undoes_cutting(samples: int) -> None:
    wave = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    np.testing.assert_allclose(lpc.overlap_add(lpc.cut(wave), samples), wave, atol=1e-6)


def test_predictors_solve_the_normal_equations() -> None:
    correlation = lpc.autocorrelation(lpc.cut(vowel(A))[5:9])
    for row, found in zip(correlation, lpc.predictor(correlation), strict=True):
        assert found[0] == 1
        np.testing.assert_allclose(found[1:], -solve_toeplitz(row[:-1], row[1:]), rtol=1e-4, atol=1e-6)


def test_residual_and_synthesis_are_the_filters_they_say() -> None:
    frames = lpc.cut(vowel(A))[5:9]
    predictors = lpc.predictor(lpc.autocorrelation(frames))
    source = lpc.residual(frames, predictors)
    for frame, found, a in zip(frames, source, predictors, strict=True):
        np.testing.assert_allclose(found, lfilter(a, [1], frame), atol=1e-10)
    other = predictors[::-1]
    for row, found, a in zip(source, lpc.synthesis(source, other), other, strict=True):
        np.testing.assert_allclose(found, lfilter([1], a, row), atol=1e-8)


@pytest.mark.parametrize("case", ["silence", "tone", "click"])
def test_hard_frames_give_stable_predictors(case: str) -> None:
    waves = {
        "silence": np.zeros(2000),
        "tone": np.sin(2 * np.pi * 1000 * np.arange(2000) / SAMPLE_RATE),
        "click": np.eye(1, 2000, 1000)[0],
    }
    predictors = lpc.predictor(lpc.autocorrelation(lpc.cut(waves[case].astype(np.float32))))
    assert np.isfinite(predictors).all()
    assert max(np.abs(np.roots(row)).max(initial=0) for row in predictors) < 1


# --- McAdams


@pytest.mark.parametrize("samples", [1, 333, 16_000])
def test_a_coefficient_of_one_changes_nothing(samples: int) -> None:
    wave = vowel(A)[:samples]
    np.testing.assert_allclose(McAdams(1.0).release(wave), wave, atol=2e-4)


@settings(deadline=None, max_examples=25)
@given(radius=st.floats(0.1, 0.99), angle=st.floats(0.05, 3.0), real=st.floats(-0.99, 0.99), power=st.floats(0.1, 1))
def test_poles_keep_their_radius_and_real_ones_their_place(
    radius: float, angle: float, real: float, power: float
) -> None:
    pair = np.array([1, -2 * radius * np.cos(angle), radius**2])
    moved = np.array([1, -2 * radius * np.cos(angle**power), radius**2])
    found = warp(np.convolve(pair, [1, -real])[None], power)[0]
    np.testing.assert_allclose(found, np.convolve(moved, [1, -real]), atol=1e-5)


@pytest.mark.parametrize("formant", [500.0, 1500.0, 3500.0])
@pytest.mark.parametrize("coefficient", [0.7, 0.8, 0.9])
def test_formants_move_as_the_law_says(formant: float, coefficient: float) -> None:
    wave = vowel((formant,))
    radians = 2 * np.pi / SAMPLE_RATE
    expected = (formant * radians) ** coefficient / radians
    assert peak(wave, formant, 300) == pytest.approx(formant, abs=80)
    assert peak(McAdams(coefficient).release(wave), expected, 600) == pytest.approx(expected, abs=100)


@pytest.mark.parametrize("pitch", [100.0, 125.0, 200.0])
def test_mcadams_keeps_pitch_and_level(pitch: float) -> None:
    wave = vowel(A, pitch)
    out = McAdams(0.8).release(wave)
    assert abs(period(out) - period(wave)) <= 1 and period(wave) == SAMPLE_RATE / pitch
    assert np.mean(out.astype(float) ** 2) == pytest.approx(np.mean(wave.astype(float) ** 2), rel=1e-3)


def test_mcadams_stays_within_full_scale() -> None:
    wave = vowel(A, level=0.3)
    wave /= np.abs(wave).max()
    assert np.abs(McAdams(0.6).release(wave)).max() <= 1.0 + 1e-6


@pytest.mark.parametrize("coefficient", [0.0, 0.09, 1.01, float("nan")])
def test_a_coefficient_out_of_range_is_refused(coefficient: float) -> None:
    with pytest.raises(RecipeError, match=rf"coefficient of {coefficient} was given; it must be from 0.1 to 1"):
        McAdams(coefficient)


# --- source only


@pytest.fixture(scope="module")
def pair() -> Wave:
    """Two vowels, the second four times as loud."""
    return np.concatenate([vowel(A, level=0.03), vowel(I, level=0.12)])


def test_source_only_keeps_the_energy_of_frames(pair: Wave) -> None:
    difference = frame_levels(SourceOnly().release(pair)) - frame_levels(pair)
    assert np.abs(difference[2:-2]).mean() < 0.5 and np.abs(difference[2:-2]).max() < 1.5  # dB


@pytest.mark.parametrize("pitch", [100.0, 125.0, 200.0])
def test_source_only_keeps_pitch(pitch: float) -> None:
    wave = np.concatenate([vowel(A, pitch), vowel(I, pitch)])
    for half in np.split(SourceOnly().release(wave), 2):
        assert abs(period(half) - SAMPLE_RATE / pitch) <= 1


def test_source_only_makes_envelopes_equal(pair: Wave) -> None:
    def apart(wave: Wave) -> float:
        return float(np.sqrt(np.mean((bands(wave[:16_000]) - bands(wave[16_000:])) ** 2)))

    assert apart(pair) > 10 and apart(SourceOnly().release(pair)) < 1  # dB

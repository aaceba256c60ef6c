"""Purifiers: what each takes away and what it leaves, and who is chosen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aclipse.attackers.purifiers import (
    FEATURE_PURIFIERS,
    JITTER,
    PURIFIERS,
    choose,
    fitting,
    purify,
    purify_features,
)
from aclipse.audio.segments import cut, join
from aclipse.contracts import SAMPLE_RATE, Features, Wave
from aclipse.errors import RecipeError


def tone(hertz: float, samples: int = 16_000) -> Wave:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(samples) / SAMPLE_RATE)).astype(np.float32)


def noise(samples: int, seed: int = 0, level: float = 0.1) -> Wave:
    return (level * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def inside(wave: Wave) -> Wave:
    """Without its ends, where a tone that starts at once is a click."""
    return wave[2000:-2000]


def power_at(wave: Wave, hertz: float) -> float:
    phase = np.exp(-2j * np.pi * hertz * np.arange(len(wave)) / SAMPLE_RATE)
    return float(np.abs(np.mean(wave * phase)) ** 2)


def snr_db(original: Wave, changed: Wave) -> float:
    return float(10 * np.log10(np.mean(original**2) / np.mean((changed - original) ** 2)))


@settings(deadline=None, max_examples=40)
@given(name=st.sampled_from(sorted(PURIFIERS)), samples=st.integers(0, 3000), seed=st.integers(0, 2**40))
def test_the_result_is_a_recording_as_long_and_the_input_is_untouched(name: str, samples: int, seed: int) -> None:
    wave = noise(samples, seed % 7)
    before = wave.copy()
    found = purify(wave, name, seed)
    assert found.shape == wave.shape and found.dtype == np.float32 and np.isfinite(found).all()
    np.testing.assert_array_equal(found, purify(wave, name, seed))
    np.testing.assert_array_equal(wave, before)
    assert found is not wave and not np.shares_memory(found, wave)


@pytest.mark.parametrize("name", PURIFIERS)
@pytest.mark.parametrize("samples", [0, 1, 5000])
def test_silence_stays_silence(name: str, samples: int) -> None:
    found = purify(np.zeros(samples, np.float32), name)
    assert found.shape == (samples,) and not found.any()


@pytest.mark.parametrize("name", PURIFIERS)
def test_what_was_said_comes_back_at_its_time(name: str) -> None:
    dull = np.convolve(noise(16_000), np.hanning(16), "same")  # most of it below 2 kHz
    wave = (0.3 * dull * np.hanning(16_000)).astype(np.float32)
    found, lags = purify(wave, name, 3), np.arange(-20, 21)
    match = [float(np.dot(found[7000:9000], wave[7000 - lag : 9000 - lag])) for lag in lags]
    furthest = JITTER * SAMPLE_RATE if name == "shift" else 1
    assert abs(lags[int(np.argmax(match))]) <= furthest


@pytest.mark.parametrize(
    ("name", "kept", "lost"),
    [
        ("low-pass-2k", (20, 500, 1900), (2500, 7000)),
        ("low-pass-4k", (20, 500, 3900), (4900, 7000)),
        ("high-pass-300", (320, 1000, 7500), (20, 100, 230)),
        ("gsm", (500,), (5000, 7000)),
    ],
)
def test_a_filter_keeps_its_band_and_nothing_else(name: str, kept: tuple[float, ...], lost: tuple[float, ...]) -> None:
    for hertz in kept:
        change = power_at(inside(purify(tone(hertz), name)), hertz) / power_at(inside(tone(hertz)), hertz)
        assert abs(10 * math.log10(change)) < 1
    for hertz in lost:
        left = np.mean(inside(purify(tone(hertz), name)) ** 2) / np.mean(tone(hertz) ** 2)
        assert 10 * math.log10(left + 1e-12) < -40


def test_low_passing_leaves_a_constant_as_it_is() -> None:
    constant = np.full(16_000, 0.25, np.float32)
    np.testing.assert_allclose(inside(purify(constant, "low-pass-2k")), 0.25, atol=1e-4)
    assert np.abs(inside(purify(constant, "high-pass-300"))).max() < 1e-3


def test_cheap_resampling_folds_what_lies_above_4_khz() -> None:
    found = purify(tone(5000), "resample-8k")
    assert power_at(found, 3000) > 0.1 * power_at(tone(5000), 5000)  # 5 kHz sampled at 8 kHz is 3 kHz
    np.testing.assert_array_equal(found[::2], tone(5000)[::2])


def test_eight_bits_are_255_levels() -> None:
    ramp = np.linspace(-1.2, 1.2, 10_001).astype(np.float32)
    found = purify(ramp, "requantise-8bit")
    assert len(np.unique(found)) == 255 and found.min() == -1 and found.max() == 1
    assert np.abs(found - ramp.clip(-1, 1)).max() <= 0.5 / 127 + 1e-6


@pytest.mark.parametrize(("name", "gained"), [("spectral-subtraction", 3.0), ("wiener", 6.0)])
def test_a_denoiser_finds_a_tone_in_noise(name: str, gained: float) -> None:
    clean = tone(1000, 40_000)
    clean[:8000] = clean[-8000:] = 0  # pauses, by which the noise is known
    clean[18_000:30_000] = 0
    noisy = clean + noise(40_000, level=0.1)
    assert snr_db(clean, purify(noisy, name)) > snr_db(clean, noisy) + gained


@pytest.mark.parametrize("name", ["spectral-subtraction", "wiener"])
def test_a_denoiser_lets_clean_speech_pass(name: str) -> None:
    clean = tone(1000, 40_000)
    clean[:12_000] = clean[-12_000:] = 0
    assert snr_db(clean, purify(clean + noise(40_000, level=1e-5), name)) > 20


def test_the_median_takes_outliers_out_and_keeps_what_rises_or_falls() -> None:
    wave = np.linspace(-0.5, 0.5, 100).astype(np.float32)
    spoiled = wave.copy()
    spoiled[[10, 50, 70]] += np.float32(0.5)
    found = purify(spoiled, "median")
    np.testing.assert_array_equal(purify(wave, "median"), wave)
    assert np.abs(found - wave).max() < 0.02
    expected = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(spoiled, 1, "edge"), 3), axis=1)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("seed", range(3))
def test_jitter_moves_moments_by_at_most_a_millisecond(seed: int) -> None:
    ramp = (np.arange(40_000) / 40_000).astype(np.float32)  # a clock: its value tells the time
    moved = 40_000 * (purify(ramp, "shift", seed) - ramp)[200:-200]
    assert 4 < np.abs(moved).max() < JITTER * SAMPLE_RATE + 1
    assert np.abs(np.diff(moved)).max() < 0.1  # a glide, not a jump
    assert np.abs(purify(ramp, "shift", seed) - purify(ramp, "shift", seed + 1)).max() > 1e-5


def test_jitter_leaves_high_tones_loud() -> None:
    found = inside(purify(tone(6000), "shift", 1))
    assert 10 * math.log10(np.mean(found**2) / np.mean(tone(6000) ** 2)) > -1


@pytest.mark.parametrize("name", PURIFIERS)
def test_nothing_but_jitter_draws(name: str) -> None:
    same = np.array_equal(purify(noise(4000), name, 1), purify(noise(4000), name, 2))
    assert same is (name != "shift")


def test_not_purifying_is_one_of_the_choices() -> None:
    np.testing.assert_array_equal(purify(noise(999), "none"), noise(999))


def test_the_best_is_chosen_and_of_equals_the_first() -> None:
    scores = {"none": 0.2, "gsm": 0.7, "median": 0.7, "wiener": math.nan}
    assert choose(["none", "median", "gsm"], scores.__getitem__)[0] == "median"
    best, seen = choose(["wiener", "none"], scores.__getitem__)
    assert best == "none" and math.isnan(seen["wiener"]) and seen["none"] == 0.2
    assert choose(["wiener"], scores.__getitem__)[0] == "wiener"


def test_each_is_scored_once_and_in_order() -> None:
    asked: list[str] = []
    choose(list(PURIFIERS), lambda name: float(asked.append(name) or 0))
    assert asked == list(PURIFIERS)


def test_an_unknown_purifier_is_refused_before_any_is_scored() -> None:
    with pytest.raises(RecipeError, match=r"no purifier 'magic'; choose from: none, low-pass-2k, .*shift"):
        purify(noise(100), "magic")
    with pytest.raises(RecipeError, match="no purifier 'magic'"):
        choose(["none", "magic"], lambda name: pytest.fail("scored"))
    with pytest.raises(RecipeError, match="no purifier was given; choose from: none"):
        choose([], lambda name: 0.0)


# --- of features

SEGMENT, HOP, BANDS = 20, 15, 12


def slow(frames: int) -> Features:
    """Features that hardly change from one element to the next."""
    time, band = np.mgrid[:frames, :BANDS]
    return np.sin(time / 15 + band / 8).astype(np.float32)


def deviation(one: Features, two: Features) -> float:
    return float((one - two).std())


@given(
    name=st.sampled_from(sorted(FEATURE_PURIFIERS)), frames=st.integers(1, 90), seed=st.integers(0, 99),
    hop=st.integers(1, SEGMENT),
)  # fmt: skip
def test_purified_features_have_their_shape_and_the_input_is_untouched(
    name: str, frames: int, seed: int, hop: int
) -> None:
    pieces = cut(np.random.default_rng(seed).normal(size=(frames, BANDS)).astype(np.float32), SEGMENT, hop)
    before = pieces.copy()
    found = purify_features(pieces, name, SEGMENT, hop)
    assert found.shape == pieces.shape and found.dtype == np.float32 and np.isfinite(found).all()
    assert np.array_equal(pieces, before) and not np.shares_memory(found, pieces)
    assert not purify_features(np.zeros_like(pieces), name, SEGMENT, hop).any()


@pytest.mark.parametrize(
    ("name", "left"), [("overlaps", 0.9), ("median-3x3", 0.5), ("smooth-50ms", 0.55), ("smooth-bands", 0.45)]
)
def test_noise_of_single_elements_is_taken_from_features(name: str, left: float) -> None:
    clean = cut(slow(95), SEGMENT, HOP)  # whole segments: nothing is padded
    noisy = clean + np.random.default_rng(0).normal(0, 0.5, clean.shape).astype(np.float32)
    assert deviation(purify_features(noisy, name, SEGMENT, HOP), clean) < left * deviation(noisy, clean)
    assert deviation(purify_features(clean, name, SEGMENT, HOP), clean) < 0.05


def test_noise_that_was_drawn_twice_is_halved_where_segments_overlap() -> None:
    pieces = np.random.default_rng(0).normal(size=(200 * SEGMENT, BANDS)).astype(np.float32)
    found = purify_features(pieces, "overlaps", SEGMENT, HOP)
    assert np.array_equal(found, cut(join(pieces, SEGMENT, HOP), SEGMENT, HOP))
    variance = found.reshape(200, SEGMENT, BANDS)[1:-1].var((0, 2))
    assert np.allclose(variance[:5], 0.5, atol=0.05) and np.allclose(variance[5:15], 1.0, atol=0.08)


def test_each_kind_of_signal_has_its_own_purifiers() -> None:
    asked = ("none", "gsm", "overlaps")
    assert (fitting(asked, PURIFIERS), fitting(asked, FEATURE_PURIFIERS)) == (("none", "gsm"), ("none", "overlaps"))
    with pytest.raises(RecipeError, match="'gsm' purifies sound; of features there are: none, overlaps"):
        purify_features(slow(20), "gsm", SEGMENT, HOP)
    with pytest.raises(RecipeError, match="'overlaps' purifies features; of sound there are: none, low-pass-2k"):
        purify(noise(400), "overlaps")
    with pytest.raises(RecipeError, match="there is no purifier 'soap'"):
        fitting(("none", "soap"), PURIFIERS)

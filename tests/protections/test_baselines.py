"""Simple protections against physics: tones below and above a cut-off, noise of its level and colour, a codec."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter, welch
from scipy.signal.windows import hann

from aclipse.contracts import Release
from aclipse.errors import RecipeError
from aclipse.protections.baselines import Identity, LowPass, Mp3, Silence, SpeechNoise, WhiteNoise
from aclipse.protections.baselines.noise import at_snr, long_term_spectrum

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


def babble(samples: int = 48_000) -> np.ndarray:
    """Noise of a falling spectrum with a resonance, silent in its last third."""
    source = np.random.default_rng(7).standard_normal(samples)
    source[2 * samples // 3 :] = 0
    radius, angle = 0.98, 2 * np.pi * 600 / 16_000
    return (0.01 * lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], source)).astype(np.float32)


def snr(wave: np.ndarray, released: np.ndarray) -> float:
    noise = released.astype(np.float64) - wave
    return float(10 * np.log10(np.sum(np.square(wave, dtype=np.float64)) / np.sum(np.square(noise))))


def likeness(wave: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two long-term spectra in dB."""
    return float(
        np.corrcoef(*(10 * np.log10(welch(w.astype(np.float64), nperseg=256)[1]) for w in (wave, other)))[0, 1]
    )


@pytest.mark.parametrize("kind", [WhiteNoise, SpeechNoise])
@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 12.5, 40.0])
@pytest.mark.parametrize("samples", [1, 700, 48_000])
def test_noise_hits_its_snr_exactly(kind: type, snr_db: float, samples: int) -> None:
    wave = babble()[:samples]
    assert snr(wave, kind(snr_db).release(wave, seed=3)) == pytest.approx(snr_db, abs=0.005)


@pytest.mark.parametrize("kind", [WhiteNoise, SpeechNoise])
@pytest.mark.parametrize("snr_db", [-100.5, 101.0, float("nan")])
def test_an_snr_out_of_range_is_refused(kind: type, snr_db: float) -> None:
    with pytest.raises(RecipeError, match=rf"ratio of {snr_db} dB was given; it must be from -100 to 100"):
        kind(snr_db)


def test_white_noise_is_white_and_follows_its_seed() -> None:
    wave = tone(440)
    noise = WhiteNoise(0).release(wave, seed=1) - wave
    spectrum = np.square(np.abs(np.fft.rfft(noise.astype(np.float64))))
    bands = [10 * np.log10(part.mean()) for part in np.array_split(spectrum, 8)]
    assert max(bands) - min(bands) < 1.5  # dB
    assert not np.array_equal(WhiteNoise(0).release(wave, seed=2), WhiteNoise(0).release(wave, seed=1))


def test_speech_noise_has_the_colour_of_the_recording_and_white_noise_has_not() -> None:
    wave = babble()
    assert likeness(wave, SpeechNoise(0).release(wave, seed=1) - wave) > 0.98
    assert abs(likeness(wave, WhiteNoise(0).release(wave, seed=1) - wave)) < 0.3


def test_speech_noise_is_stationary_where_the_recording_is_not() -> None:
    wave = babble()
    noise = SpeechNoise(0).release(wave, seed=1) - wave
    thirds = [level(part) for part in np.split(noise, 3)]
    assert max(thirds) - min(thirds) < 1  # dB; of the recording the last third is silent


def test_speech_noise_follows_its_seed() -> None:
    wave = babble()
    assert not np.array_equal(SpeechNoise(0).release(wave, seed=2), SpeechNoise(0).release(wave, seed=1))


def test_a_long_term_spectrum_is_that_of_its_windows() -> None:
    wave = babble(512 + 3 * 256)
    window = hann(1025)[1::2]  # between the samples of the usual one
    windows = [np.fft.rfft(wave[i : i + 512] * window) for i in range(0, len(wave) - 511, 256)]
    np.testing.assert_allclose(long_term_spectrum(wave), np.sqrt(np.mean(np.abs(windows) ** 2, axis=0)), rtol=1e-6)


def test_silent_noise_cannot_be_scaled_and_stays_silent() -> None:
    assert not at_snr(np.zeros(10), np.ones(10, np.float32), 0).any()


@pytest.mark.parametrize("kind", [WhiteNoise, SpeechNoise])
def test_noise_leaves_silence_silent(kind: type) -> None:
    assert not kind(-20).release(np.zeros(800, np.float32)).any()
    assert kind().release(np.zeros(0, np.float32)).shape == (0,)


def test_mp3_is_coarse_and_aligned() -> None:
    wave = babble()
    out = Mp3(8).release(wave)
    products = np.correlate(out.astype(np.float64), wave.astype(np.float64)[500:-500], "valid")
    assert products.argmax() == 500  # no delay
    assert 3 < snr(wave, out) < 30 and snr(wave, Mp3(64).release(wave)) > snr(wave, out) + 3


@pytest.mark.parametrize("kbits", [0, 9, 320])
def test_a_bit_rate_that_mp3_has_not_is_refused(kbits: int) -> None:
    with pytest.raises(RecipeError, match=rf"MP3 at {kbits} kbit/s was asked for; at 16 kHz it has 8, 16, .*160"):
        Mp3(kbits)

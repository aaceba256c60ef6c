"""Sound from log-mel features: the laws of the transform, of magnitudes and phase, and librosa beside them."""

from __future__ import annotations

import math

import librosa
import numpy as np
import numpy.typing as npt
import pytest
import torch

from aclipse.audio.features import WINDOWS, Analysis, LogMel, mel_filters
from aclipse.audio.segments import FeatureSettings, log_mel
from aclipse.audio.vocoder import Transform, griffin_lim, magnitudes, mel_to_wave
from aclipse.contracts import SAMPLE_RATE, Features, Wave
from aclipse.errors import UnusableAudio

SETTINGS = FeatureSettings()
ANALYSIS = SETTINGS.analysis
TIME = np.arange(24_000) / SAMPLE_RATE


def tone(frequency: float) -> Wave:
    return (0.3 * np.sin(2 * np.pi * frequency * TIME)).astype(np.float32)


def vowel(pitch: float) -> Wave:
    """Harmonics under four formants."""
    harmonics = pitch * np.arange(1, int(7000 / pitch))
    formants = ((600, 80), (1300, 100), (2500, 150), (3500, 200))
    gains = np.prod([f**2 / np.hypot(f**2 - harmonics**2, b * harmonics) for f, b in formants], axis=0)
    voice = np.cos(2 * np.pi * np.outer(TIME, harmonics)) @ gains
    return (0.2 * voice / np.abs(voice).max()).astype(np.float32)


def noise(samples: int = 24_000) -> Wave:
    return (0.1 * np.random.default_rng(0).standard_normal(samples)).astype(np.float32)


SOUNDS = {"440 Hz": tone(440), "low vowel": vowel(120), "high vowel": vowel(210), "noise": noise()}
sounds = pytest.mark.parametrize("wave", SOUNDS.values(), ids=SOUNDS)


def level_error(wave: Wave, mel: Features) -> float:
    """Root mean square difference of log-mel in dB, where there is sound: up to 40 dB below the loudest."""
    heard = mel > mel.max() - 4 * math.log(10)
    difference = (log_mel(wave, SETTINGS) - mel)[heard] * 10 / math.log(10)
    return float(np.sqrt(np.mean(difference**2)))


def convergence(wave: npt.NDArray[np.floating], magnitude: torch.Tensor) -> float:
    """How far the spectrum of some sound is from the magnitudes that it should have, relative."""
    found = Transform(ANALYSIS, len(wave)).spectrum(torch.from_numpy(np.float32(wave))).abs()
    return float((found - magnitude).norm() / magnitude.norm())


# --- the whole way


@sounds
def test_resynthesised_sound_has_the_features(wave: Wave) -> None:
    mel = log_mel(wave, SETTINGS)
    assert level_error(mel_to_wave(mel, SETTINGS, len(wave)), mel) < 2.0  # dB; 1.0 to 1.7 are measured, 1.0 in speech
    assert level_error(mel_to_wave(mel, SETTINGS, len(wave), iterations=0), mel) > 8.0  # without any phase


@sounds
def test_level_is_kept(wave: Wave) -> None:
    out = mel_to_wave(log_mel(wave, SETTINGS), SETTINGS, len(wave))
    assert np.linalg.norm(out) == pytest.approx(np.linalg.norm(wave), rel=0.06)  # half a dB


@pytest.mark.parametrize("frequency", [110, 440, 1000])
def test_a_tone_comes_back_at_its_frequency(frequency: float) -> None:
    out = mel_to_wave(log_mel(tone(frequency), SETTINGS), SETTINGS, len(TIME))
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    assert abs(np.argmax(spectrum) * SAMPLE_RATE / len(out) - frequency) <= SAMPLE_RATE / ANALYSIS.fft  # one bin


def test_the_same_seed_gives_the_same_sound_and_leaves_other_randomness_alone() -> None:
    mel = log_mel(vowel(120), SETTINGS)
    torch.manual_seed(1)
    first, expected = mel_to_wave(mel, SETTINGS, len(TIME), seed=3), torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), expected)
    assert np.array_equal(mel_to_wave(mel, SETTINGS, len(TIME), seed=3), first)
    assert not np.allclose(mel_to_wave(mel, SETTINGS, len(TIME), seed=4), first, atol=0.01)


@pytest.mark.parametrize("samples", [0, 1, 100, 159, 160, 161, 400, 5000, 16_001])
def test_length_is_exact(samples: int) -> None:
    mel = log_mel(noise(samples), SETTINGS)
    out = mel_to_wave(mel, SETTINGS, samples, iterations=4)
    assert out.shape == (samples,) and out.dtype == np.float32 and np.isfinite(out).all()


def test_silence_stays_silent() -> None:
    silence = np.zeros(16_000, np.float32)
    assert not mel_to_wave(log_mel(silence, SETTINGS), SETTINGS, 16_000).any()


def test_features_of_a_file_are_left_alone() -> None:
    mel = log_mel(vowel(120), SETTINGS)
    mel.flags.writeable = False
    out = mel_to_wave(mel, SETTINGS, len(TIME), iterations=1)
    out += 1
    assert np.array_equal(mel, log_mel(vowel(120), SETTINGS))


@pytest.mark.parametrize("deviation", [1, 3, 10, 100, math.inf])
def test_features_damaged_by_noise_give_sound_in_range(deviation: float) -> None:
    mel = log_mel(vowel(120), SETTINGS)
    mel += np.float32(deviation) * np.random.default_rng(0).standard_normal(mel.shape).astype(np.float32)
    out = mel_to_wave(mel, SETTINGS, len(TIME), iterations=4)
    assert np.isfinite(out).all() and 0.01 < np.abs(out).max() <= 1.0


def test_what_is_louder_than_any_sound_is_taken_for_the_loudest() -> None:
    loudest = log_mel(np.ones(16_000, np.float32), SETTINGS).max()
    assert loudest < 2 * math.log(WINDOWS[ANALYSIS.window](ANALYSIS.width).sum()) - math.log(ANALYSIS.width)
    first, second = (mel_to_wave(np.full((11, 128), value, np.float32), SETTINGS, 1600) for value in (30, 80))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("shape", [(100, 128), (102, 128), (101, 64), (101,)])
def test_features_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UnusableAudio, match=r"for 16000 samples, which have \(101, 128\). Join the segments"):
        mel_to_wave(np.zeros(shape, np.float32), SETTINGS, 16_000)


def test_features_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UnusableAudio, match=r"hold NaN.*Look for what made them so"):
        mel_to_wave(np.full((101, 128), np.nan, np.float32), SETTINGS, 16_000)


# --- magnitudes


@sounds
def test_magnitudes_have_the_features(wave: Wave) -> None:
    mel = log_mel(wave, SETTINGS)
    found = magnitudes(mel, SETTINGS)
    assert found.shape == (len(mel), ANALYSIS.fft // 2 + 1) and found.min() >= 0
    expected = torch.from_numpy(mel).exp() - ANALYSIS.floor
    power = found.square() / ANALYSIS.width @ mel_filters(128, ANALYSIS)
    assert (power - expected).norm() < 0.05 * expected.norm()


@sounds
def test_magnitudes_are_as_near_the_truth_as_least_squares_of_another_make(wave: Wave) -> None:
    """librosa.util.nnls, on which librosa.feature.inverse rests; its solutions are sparse, as a tone's spectrum is."""
    wave = wave[:4000]
    truth = Transform(ANALYSIS, len(wave)).spectrum(torch.from_numpy(wave)).abs().numpy()
    mel, filters = log_mel(wave, SETTINGS), mel_filters(128, ANALYSIS).numpy()
    heard = filters.sum(1) > 1e-6  # rounding leaves 1e-15 of a bin in a band: there it may put any power
    power = np.zeros_like(truth)
    power[:, heard] = librosa.util.nnls(filters[heard].T, np.exp(mel.T) - ANALYSIS.floor).T
    theirs = np.linalg.norm(np.sqrt(power * ANALYSIS.width) - truth)
    ours = np.linalg.norm(magnitudes(mel, SETTINGS).numpy() - truth)
    assert ours <= max(1.02 * theirs, 0.04 * np.linalg.norm(truth))


# --- phase


@sounds
def test_more_iterations_come_nearer(wave: Wave) -> None:
    magnitude = magnitudes(log_mel(wave, SETTINGS), SETTINGS)
    found = [convergence(griffin_lim(magnitude, ANALYSIS, len(wave), 0, n).numpy(), magnitude) for n in (0, 4, 16, 64)]
    assert found == sorted(found, reverse=True) and found[-1] < 0.25 * found[0]


def test_true_magnitudes_are_met() -> None:
    wave = vowel(120)
    truth = Transform(ANALYSIS, len(wave)).spectrum(torch.from_numpy(wave)).abs()
    assert convergence(griffin_lim(truth, ANALYSIS, len(wave)).numpy(), truth) < 0.12


@sounds
def test_phase_is_as_good_as_that_of_another_make(wave: Wave) -> None:
    magnitude = magnitudes(log_mel(wave, SETTINGS), SETTINGS)
    theirs = librosa.griffinlim(
        magnitude.T.numpy(), n_iter=32, hop_length=ANALYSIS.hop, win_length=ANALYSIS.width, n_fft=ANALYSIS.fft,
        window="hamming", pad_mode="constant", momentum=0.99, random_state=0, length=len(wave),
    )  # fmt: skip
    ours = griffin_lim(magnitude, ANALYSIS, len(wave)).numpy()
    assert convergence(ours, magnitude) <= 1.2 * convergence(theirs, magnitude)


# --- the transform

TRANSFORMS = {
    "of released features": ANALYSIS,
    "of recognisers": Analysis(),
    "odd": Analysis(width=401, hop=100),
    "wide hop": Analysis(width=400, hop=300, window="hamming"),
}
transforms = pytest.mark.parametrize("analysis", TRANSFORMS.values(), ids=TRANSFORMS)


@transforms
@pytest.mark.parametrize("samples", [1, 99, 400, 4001])
def test_the_inverse_undoes_the_transform(analysis: Analysis, samples: int) -> None:
    wave = torch.from_numpy(noise(samples))
    transform = Transform(analysis, samples)
    assert torch.allclose(transform.sound(transform.spectrum(wave)), wave, atol=1e-6)


@transforms
def test_the_transform_is_that_of_features(analysis: Analysis) -> None:
    wave = noise(4001)
    network = LogMel(40, analysis, levelled=False)
    mel, _ = network(torch.from_numpy(wave)[None], torch.tensor([4001]))
    power = Transform(analysis, 4001).spectrum(torch.from_numpy(wave)).abs().square() / analysis.width
    assert torch.allclose(torch.log(power @ network.filters + analysis.floor), mel[0].T, atol=1e-4)


def test_gaps_between_windows_stay_quiet() -> None:
    transform = Transform(Analysis(width=160, hop=320), 4000)
    out = transform.sound(transform.spectrum(torch.ones(4000)))
    assert out.abs().max() <= 1 + 1e-5 and not out[81:239].any()  # windows are centred on 0 and 320

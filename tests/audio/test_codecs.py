"""Codecs: as long as the input, aligned to it, at the bit rate asked for, and a loss in proportion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aclipse.audio.codecs import CODECS, MP3_KBITS, encode, round_trip
from aclipse.contracts import SAMPLE_RATE, Wave
from aclipse.errors import RecipeError

RATES = [
    *(("mp3", kbits) for kbits in MP3_KBITS),
    *(("opus", kbits) for kbits in (6, 12, 16, 32, 64, 256)),
    ("gsm", 13),
    ("mu-law", 64),
]


def buzz(samples: int, seed: int = 0) -> Wave:
    """Something like a vowel: pulses at 120 Hz through two resonances, a little noise, four swells a second."""
    random = np.random.default_rng(seed)
    time = np.arange(samples) / SAMPLE_RATE
    pulses = (np.arange(samples + 400) % 133 == 0).astype(float)
    ring = np.arange(400) / SAMPLE_RATE
    formants = sum(np.exp(-200 * ring) * np.sin(2 * np.pi * f * ring) for f in (600, 1500))
    voice = np.convolve(pulses, formants)[:samples] + 0.02 * random.standard_normal(samples)
    wave = voice * (1.1 + np.sin(2 * np.pi * 4 * time))
    return (0.4 * wave / max(np.abs(wave).max(initial=0), 1e-9)).astype(np.float32)


def lag(original: Wave, changed: Wave) -> int:
    """By how many samples ``changed`` comes later, where their correlation peaks."""
    size = 2 * len(original)
    spectrum = np.fft.rfft(changed, size) * np.fft.rfft(original, size).conj()
    peak = int(np.fft.irfft(spectrum, size).argmax())
    return peak if peak < size // 2 else peak - size


def snr_db(original: Wave, changed: Wave) -> float:
    return float(10 * np.log10(np.mean(original**2) / np.mean((changed - original) ** 2)))


@pytest.mark.parametrize(("codec", "kbits"), RATES)
def test_what_comes_back_is_aligned_to_the_sample(codec: str, kbits: float) -> None:
    wave, click = buzz(24_000), np.zeros(8000, np.float32)
    click[3000] = 0.9
    assert abs(lag(wave, round_trip(wave, codec, kbits))) <= 1
    assert abs(int(np.abs(round_trip(click, codec, kbits)).argmax()) - 3000) <= 1


@pytest.mark.parametrize(("codec", "kbits"), RATES)
def test_the_bit_rate_asked_for_is_held(codec: str, kbits: float) -> None:
    seconds = 20  # Opus's rate is an average, and the container's headers weigh on a short file
    size = len(encode(buzz(seconds * SAMPLE_RATE), codec, kbits))
    assert size * 8 / seconds / 1000 == pytest.approx(kbits, rel=0.2)


@pytest.mark.parametrize(("codec", "default"), [("mp3", 32), ("opus", 16), ("gsm", 13), ("mu-law", 64)])
def test_a_rate_not_given_is_the_usual_one(codec: str, default: float) -> None:
    wave = buzz(8000)
    np.testing.assert_array_equal(round_trip(wave, codec), round_trip(wave, codec, default))


@settings(deadline=None, max_examples=25)
@given(codec=st.sampled_from(sorted(CODECS)), samples=st.integers(0, 4000), gain=st.floats(0.01, 20))
def test_the_result_is_a_recording_of_the_same_length(codec: str, samples: int, gain: float) -> None:
    wave = np.float32(gain) * buzz(samples)
    before = wave.copy()
    found = round_trip(wave, codec)
    assert found.shape == wave.shape and found.dtype == np.float32
    assert np.abs(found).max(initial=0) <= 1  # NaN would fail too
    np.testing.assert_array_equal(wave, before)


@pytest.mark.parametrize("kbits", [8, 32, 64])
@pytest.mark.parametrize("samples", [1, 47, 575, 576, 577, 1105, 1152, 5000])
def test_mp3s_of_any_length_come_back_whole(samples: int, kbits: float) -> None:
    wave = buzz(16_000)
    part = round_trip(wave[:samples], "mp3", kbits)
    assert part.shape == (samples,)
    if samples > 1000:
        assert lag(wave[:samples], part) == 0
        assert np.abs(part[-300:]).max() > 0  # the end is not padding


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("samples", [0, 1, 3000])
def test_silence_stays_silence(codec: str, samples: int) -> None:
    found = round_trip(np.zeros(samples, np.float32), codec)
    assert found.shape == (samples,) and not found.any()


@pytest.mark.parametrize("codec", CODECS)
def test_the_same_recording_gives_the_same_sound(codec: str) -> None:
    np.testing.assert_array_equal(round_trip(buzz(8000), codec), round_trip(buzz(8000), codec))


@pytest.mark.parametrize("codec", ["mp3", "opus"])
def test_more_bits_are_heard(codec: str) -> None:
    wave = buzz(32_000)
    found = [snr_db(wave, round_trip(wave, codec, kbits)) for kbits in (8, 24, 64)]
    assert found == sorted(found) and found[-1] > found[0] + 6


@pytest.mark.parametrize(("codec", "least"), [("gsm", 5.0), ("mu-law", 25.0)])
def test_a_telephone_keeps_its_band_and_nothing_above(codec: str, least: float) -> None:
    time = np.arange(16_000) / SAMPLE_RATE
    low = (0.3 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    high = (0.3 * np.sin(2 * np.pi * 5000 * time)).astype(np.float32)
    assert snr_db(low[1000:-1000], round_trip(low, codec)[1000:-1000]) > least
    assert (
        np.abs(round_trip(high, codec)[1000:-1000]).max() < 0.001
    )  # its sudden start is a click, which any band hears


@pytest.mark.parametrize("call", [round_trip, encode])
@pytest.mark.parametrize(
    ("codec", "kbits", "message"),
    [
        ("vorbis", None, "no codec 'vorbis'; choose one of: mp3, opus, gsm, mu-law"),
        ("mp3", 33, "mp3 at 33 kbit/s.*must be one of: 8, 16, 24"),
        ("mp3", 0, "mp3 at 0"),
        ("opus", 5.9, "opus at 5.9 kbit/s.*must be from 6 to 256"),
        ("opus", float("nan"), "must be from 6 to 256"),
        ("gsm", 8, "gsm at 8 kbit/s.*must be one of: 13"),
    ],
)
def test_what_a_codec_does_not_have_is_refused(call: object, codec: str, kbits: float | None, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        call(np.zeros(100, np.float32), codec, kbits)  # type: ignore[operator]

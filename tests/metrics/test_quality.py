"""Quality measures against hand-computed cases, laws, and the ends of their scales."""

from __future__ import annotations

import math
import sys
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclipse.errors import MissingExtra, UnusableAudio
from aclipse.metrics.quality import level_change_db, pesq, si_sdr_db, snr_db, stoi

RNG = np.random.default_rng(0)
SPEECH = (RNG.standard_normal(16_000) * (1 + np.sin(np.arange(16_000) / 900))).astype(np.float32) * 0.1
SILENCE = np.zeros_like(SPEECH)
ALL = [snr_db, si_sdr_db, level_change_db, stoi, pesq]


@pytest.fixture
def pesq_package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stand-in with the real package's surface: the true one needs a C compiler."""
    package = ModuleType("pesq")
    package.BufferTooShortError = type("BufferTooShortError", (RuntimeError,), {})
    package.NoUtterancesError = type("NoUtterancesError", (RuntimeError,), {})
    package.pesq = lambda rate, reference, degraded, mode: 3.5
    monkeypatch.setitem(sys.modules, "pesq", package)
    return package


@pytest.mark.parametrize("measure", ALL)
def test_different_lengths_are_refused_by_both_names(measure: object, pesq_package: ModuleType) -> None:
    with pytest.raises(UnusableAudio, match=r"original has 16000 samples, the protected recording 15999;.*one length"):
        measure(SPEECH, SPEECH[1:])


@pytest.mark.parametrize("snr", [-5, 0, 12.5, 40])
def test_white_noise_at_a_known_snr(snr: float) -> None:
    noise = RNG.standard_normal(len(SPEECH))
    noise *= np.linalg.norm(SPEECH.astype(float)) / np.linalg.norm(noise) * 10 ** (-snr / 20)
    assert snr_db(SPEECH, SPEECH + noise) == pytest.approx(snr, abs=1e-6)


def test_the_snr_of_a_gain_is_known() -> None:
    assert snr_db(SPEECH, 0.5 * SPEECH) == pytest.approx(20 * math.log10(2), abs=1e-9)
    assert snr_db(SPEECH, -SPEECH) == pytest.approx(-20 * math.log10(2), abs=1e-9)


def test_si_sdr_of_a_hand_computed_case() -> None:
    # <y, x> / <x, x> = 1/2: target (1/2, 1/2, 0), residual (1/2, -1/2, 0) + (0, 0, 1): 10 lg(0.5 / 1.5)
    assert si_sdr_db(np.array([1, 1, 0]), np.array([1, 0, 1])) == pytest.approx(10 * math.log10(1 / 3))


def test_si_sdr_of_orthogonal_noise_is_its_snr() -> None:
    noise = RNG.standard_normal(len(SPEECH))
    noise -= SPEECH * (noise @ SPEECH) / (SPEECH.astype(float) @ SPEECH)
    assert si_sdr_db(SPEECH, SPEECH + noise) == pytest.approx(snr_db(SPEECH, SPEECH + noise), abs=1e-4)


@given(gain=st.floats(0.01, 100), sign=st.sampled_from([1, -1]))
def test_si_sdr_ignores_gain_and_polarity(gain: float, sign: int) -> None:
    x, y = SPEECH.astype(float), SPEECH + np.roll(SPEECH, 777).astype(float)
    assert si_sdr_db(x, sign * gain * y) == pytest.approx(si_sdr_db(x, y), abs=1e-6)


@given(gain=st.floats(0.01, 100))
def test_a_gain_is_its_level_change(gain: float) -> None:
    assert level_change_db(SPEECH, gain * SPEECH.astype(float)) == pytest.approx(20 * math.log10(gain), abs=1e-6)


@pytest.mark.parametrize(
    ("original", "protected", "snr", "si_sdr", "level"),
    [
        (SPEECH, SPEECH, math.inf, math.inf, 0.0),
        (SPEECH, SILENCE, 0.0, -math.inf, -math.inf),
        (SILENCE, SPEECH, -math.inf, math.nan, math.inf),
        (SILENCE, SILENCE, math.inf, math.nan, math.nan),
        (np.array([1.0, 0.0]), np.array([0.0, 1.0]), -10 * math.log10(2), -math.inf, 0.0),
    ],
    ids=["unchanged", "silenced", "from silence", "silence kept", "orthogonal"],
)
def test_the_ends_of_the_scales(
    original: np.ndarray, protected: np.ndarray, snr: float, si_sdr: float, level: float
) -> None:
    got = (snr_db(original, protected), si_sdr_db(original, protected), level_change_db(original, protected))
    assert got == pytest.approx((snr, si_sdr, level), nan_ok=True)


def test_the_faintest_and_the_loudest_have_a_ratio() -> None:
    faint = np.full(4, 1e-30)
    assert snr_db(np.ones(4), np.ones(4) + 1e-3) == pytest.approx(60, abs=1e-6)
    assert level_change_db(faint, np.full(4, 1e30)) == pytest.approx(1200)


def test_stoi_is_one_for_the_original_and_falls_with_noise() -> None:
    assert stoi(SPEECH, SPEECH) == pytest.approx(1, abs=1e-6)
    noise = RNG.standard_normal(len(SPEECH)) * np.std(SPEECH)
    scores = [stoi(SPEECH, SPEECH + gain * noise) for gain in (0.1, 1, 10)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.9
    assert scores[-1] < 0.5
    assert stoi(SPEECH, SILENCE) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("samples", [1, 400, 410, 411, 6_000])
def test_stoi_has_no_value_below_its_segment(samples: int) -> None:
    assert math.isnan(stoi(SPEECH[:samples], SPEECH[:samples]))


def test_stoi_has_no_value_for_silence_or_a_word_too_few() -> None:
    assert math.isnan(stoi(SILENCE, SPEECH))
    click = SILENCE.copy()
    click[5_000:6_000] = SPEECH[5_000:6_000]
    assert math.isnan(stoi(click, SPEECH))


def test_pesq_without_its_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pesq", None)
    with pytest.raises(MissingExtra, match=r"pip install 'aclipse\[pesq\]'"):
        pesq(SPEECH, SPEECH)


def test_pesq_is_measured_wide_band(pesq_package: ModuleType) -> None:
    calls = []
    pesq_package.pesq = lambda rate, x, y, mode: calls.append((rate, x[0], y[0], mode)) or 2.25
    assert pesq(SPEECH, 2 * SPEECH) == 2.25
    assert calls == [(16_000, SPEECH[0], 2 * SPEECH[0], "wb")]


@pytest.mark.parametrize("name", ["BufferTooShortError", "NoUtterancesError"])
def test_pesq_has_no_value_without_speech(pesq_package: ModuleType, name: str) -> None:
    def refuse(*arguments: object) -> float:
        raise getattr(pesq_package, name)

    pesq_package.pesq = refuse
    assert math.isnan(pesq(SPEECH, SPEECH))


def test_pesq_has_no_value_for_silence(pesq_package: ModuleType) -> None:
    assert math.isnan(pesq(SPEECH, SILENCE))
    assert math.isnan(pesq(SILENCE, SPEECH))


def test_the_true_pesq_gives_its_ends() -> None:
    pytest.importorskip("pesq", reason="the extra aclipse[pesq] is not installed")
    assert pesq(SPEECH, SPEECH) == pytest.approx(4.64, abs=0.01)
    assert pesq(SPEECH, RNG.standard_normal(len(SPEECH))) < 1.5
    assert math.isnan(pesq(SPEECH[:400], SPEECH[:400]))

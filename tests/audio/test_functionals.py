"""Functionals of one recording: against independent statistics, finite for any sound, each number with its name."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aclipse.audio import functionals as module
from aclipse.audio.functionals import KINDS, OPENSMILE, FunctionalSettings, functionals, names, size, version
from aclipse.audio.segments import FeatureSettings, log_mel
from aclipse.errors import MissingExtra, RecipeError

HERE = importlib.util.find_spec("opensmile") is not None
with_opensmile = pytest.mark.skipif(not HERE, reason="openSMILE is not installed: pip install 'aclipse[opensmile]'")
EACH = pytest.mark.parametrize("kind", [pytest.param(k, marks=with_opensmile if k in OPENSMILE else ()) for k in KINDS])
SETS = pytest.mark.parametrize("kind", [pytest.param(kind, marks=with_opensmile) for kind in OPENSMILE])
SIZES = {"compare": 6373, "egemaps": 88, "emobase": 988, "log-mel": 390}


def noise(samples: int, level: float = 0.1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, samples).astype(np.float32)


def tone(frequency: float, level: float = 0.3, seconds: float = 1.0) -> np.ndarray:
    """A whistle with a little noise."""
    time = np.arange(round(16_000 * seconds)) / 16_000
    return (level * np.sin(2 * np.pi * frequency * time)).astype(np.float32) + noise(len(time), 1e-3)


def value(wave: np.ndarray, kind: str, name: str) -> float:
    return float(functionals(wave, kind)[0, names(kind).index(name)])


AWKWARD = {
    "nothing": noise(0),
    "one sample": noise(1),
    "a sample too few": noise(959),
    "one window": noise(960),
    "silence": np.zeros(5000, np.float32),
    "a click": np.eye(1, 3000, 1500, dtype=np.float32)[0],
    "a constant": np.full(4000, 0.5, np.float32),
    "too loud": noise(8000, 3.0),
    "hardly there": noise(8000, 1e-9),
}


@EACH
def test_a_recording_becomes_one_row_with_a_name_for_each_number(kind: str) -> None:
    row = functionals(noise(8000), kind)
    assert row.shape == (1, SIZES[kind]) and row.dtype == np.float32 and row.flags.writeable
    assert size(kind) == len(names(kind)) == len(set(names(kind))) == SIZES[kind]
    assert np.ptp(row) > 1


@EACH
@pytest.mark.parametrize("case", AWKWARD)
def test_any_sound_gives_finite_numbers(kind: str, case: str) -> None:
    row = functionals(AWKWARD[case], kind)
    assert row.shape == (1, SIZES[kind]) and np.isfinite(row).all() and row.any()


@EACH
@settings(max_examples=15)
@given(samples=st.integers(0, 3000), level=st.sampled_from([0.0, 1e-4, 0.1, 2.0]), seed=st.integers(0, 99))
def test_any_length_gives_finite_numbers_and_the_same_again(kind: str, samples: int, level: float, seed: int) -> None:
    wave = noise(samples, level, seed)
    row = functionals(wave, kind)
    assert np.isfinite(row).all()
    np.testing.assert_array_equal(functionals(wave.copy(), kind), row)


@EACH
def test_the_recording_is_left_as_it_was(kind: str) -> None:
    wave = noise(4000, 2.0)
    before = wave.copy()
    wave.setflags(write=False)
    functionals(wave, kind)
    np.testing.assert_array_equal(wave, before)


@EACH
def test_threads_get_what_one_alone_gets(kind: str) -> None:
    waves = [noise(2000 + 500 * number, seed=number) for number in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda wave: functionals(wave, kind), waves))
    np.testing.assert_array_equal(np.concatenate(together), np.concatenate([functionals(w, kind) for w in waves]))


# --- statistics of log-mel bands


@pytest.mark.parametrize("samples", [0, 1, 160, 4800, 20_001])
def test_log_mel_statistics_equal_those_of_numpy_band_by_band(samples: int) -> None:
    wave = noise(samples) * np.linspace(0, 2, samples, dtype=np.float32)
    mel = log_mel(wave, FeatureSettings(bands=64)).astype(np.float64)
    found = dict(zip(names("log-mel"), functionals(wave, "log-mel")[0], strict=True))
    for number in range(64):
        (place,) = {name.partition(") ")[0] for name in found if name.startswith(f"band {number + 1} (")}
        assert_describes(
            {key.partition(") ")[2]: v for key, v in found.items() if key.startswith(place)}, mel[:, number]
        )
    level = np.log([sum(np.exp(value) for value in frame) for frame in mel])
    assert_describes({key[6:]: v for key, v in found.items() if key.startswith("level ")}, level)


def assert_describes(found: dict[str, np.float32], series: np.ndarray) -> None:
    """Sorting and loops in place of NumPy's own percentiles and differences."""
    ordered, steps = sorted(series), [abs(b - a) for a, b in pairwise(series)]
    ranks = {"5th percentile": 0.05, "median": 0.5, "95th percentile": 0.95}
    due = {name: np.interp(rank * (len(series) - 1), range(len(series)), ordered) for name, rank in ranks.items()}
    due["mean"] = sum(series) / len(series)
    due["deviation"] = (sum((series - due["mean"]) ** 2) / len(series)) ** 0.5
    due["mean step"] = sum(steps) / len(steps) if steps else 0.0
    assert set(found) == set(due)
    for name, expected in due.items():
        assert found[name] == pytest.approx(expected, abs=2e-5, rel=1e-5), name


def test_the_band_of_a_whistle_is_the_loudest() -> None:
    row = functionals(tone(1043), "log-mel")[0]
    loudest = names("log-mel")[int(row[:64].argmax())]
    assert abs(float(loudest.split("(")[1].split(" Hz")[0]) - 1043) < 60


def test_silence_stands_at_the_floor_and_does_not_move() -> None:
    silence = np.zeros(16_000, np.float32)
    assert value(silence, "log-mel", "level mean") == pytest.approx(np.log(64e-7), rel=1e-5)
    assert value(silence, "log-mel", "level deviation") == value(silence, "log-mel", "level mean step") == 0


# --- openSMILE


@with_opensmile
@pytest.mark.parametrize("frequency", [110.0, 220.0])
def test_egemaps_hears_pitch(frequency: float) -> None:
    partials = np.arange(1, 12)[:, None] * frequency * np.arange(16_000) / 16_000
    wave = (0.05 * np.sin(2 * np.pi * partials).sum(0)).astype(np.float32)
    found = value(wave, "egemaps", "F0semitoneFrom27.5Hz_sma3nz_amean")
    assert found == pytest.approx(12 * np.log2(frequency / 27.5), abs=0.2)


@SETS
def test_what_is_too_short_is_padded_to_one_window(kind: str) -> None:
    wave = noise(500)
    whole = np.concatenate([wave, np.zeros(460, np.float32)])
    np.testing.assert_array_equal(functionals(wave, kind), functionals(whole, kind))


@SETS
def test_what_is_too_loud_is_clipped_and_does_not_wrap_round(kind: str) -> None:
    loud = 2 * tone(200, level=0.7)
    clipped = np.clip(loud, -1, 32767 / 32768)
    np.testing.assert_array_equal(functionals(loud, kind), functionals(clipped, kind))
    assert loud.max() > 1.3


@SETS
def test_numbers_are_those_of_the_package_itself(kind: str) -> None:
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet[OPENSMILE[kind]], opensmile.FeatureLevel.Functionals)
    table = smile.process_signal(noise(20_000), 16_000)
    assert tuple(table.columns) == names(kind)
    np.testing.assert_array_equal(functionals(noise(20_000), kind), table.to_numpy())


@SETS
def test_the_version_names_the_package_and_the_set(kind: str) -> None:
    import opensmile

    assert version(kind) == f"opensmile {opensmile.__version__} {OPENSMILE[kind]}"


@SETS
def test_what_is_no_number_becomes_zero(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = np.float32([[[np.nan], [np.inf], [-np.inf], [3.5]]])
    monkeypatch.setattr(module, "_smile", lambda kind: lambda wave, rate: odd)
    np.testing.assert_array_equal(functionals(noise(1000), kind), [[0, 0, 0, 3.5]])


@pytest.mark.parametrize("kind", OPENSMILE)
def test_without_the_package_it_says_how_to_install_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    module._smile.cache_clear()
    for call in (functionals, lambda wave, kind: names(kind), lambda wave, kind: size(kind)):
        with pytest.raises(MissingExtra, match=r"opensmile is not installed.*pip install 'aclipse\[opensmile\]'"):
            call(noise(1000), kind)
    with pytest.raises(MissingExtra):
        version(kind)
    assert functionals(noise(1000), "log-mel").shape == (1, 390)  # needs no extra


def test_the_extra_is_one_that_can_be_installed() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert any(line.startswith("opensmile>=") for line in project["optional-dependencies"]["opensmile"])


# --- choosing


def test_kinds_that_do_not_exist_are_refused() -> None:
    for call in (names, version, size, lambda kind: functionals(noise(1000), kind)):
        with pytest.raises(RecipeError, match=r"kind 'mfcc'\. Choose one of: compare, egemaps, emobase, log-mel"):
            call("mfcc")
    with pytest.raises(ValidationError, match="'compare', 'egemaps', 'emobase' or 'log-mel'"):
        FunctionalSettings.model_validate({"kind": "mfcc"})
    assert FunctionalSettings().kind == "compare"
    assert [FunctionalSettings.model_validate({"kind": kind}).kind for kind in KINDS] == list(SIZES)


def test_the_licence_is_told_where_one_chooses() -> None:
    told = " ".join((FunctionalSettings.__doc__ or "").split())
    assert "made by openSMILE, whose free licence is for research: it excludes products" in told

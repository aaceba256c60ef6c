"""Cloak as sound, and the way through features without noise, on synthetic sound and on real speech."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from aclipse.audio import files
from aclipse.audio.features import Analysis
from aclipse.audio.segments import FeatureSettings, Scale, cut, join, log_mel, scale_of
from aclipse.audio.vocoder import mel_to_wave
from aclipse.contracts import SAMPLE_RATE, Protection, Release, Wave
from aclipse.corpora import crema_d
from aclipse.metrics.quality import stoi
from aclipse.protections.cloak.method import Cloak
from aclipse.protections.cloak.noise import Noise, NoiseSettings
from aclipse.protections.cloak.sound import CloakSound, Vocoded, sound_of

SETTINGS = FeatureSettings(bands=64, segment=40, train_hop=20, test_hop=30, analysis=Analysis(floor=1e-7))
WAVE = (0.1 * np.random.default_rng(0).standard_normal(20_000)).astype(np.float32)
WAVE *= 0.6 + 0.4 * np.sin(2 * np.pi * 3 * np.arange(len(WAVE)) / SAMPLE_RATE).astype(np.float32)  # syllables
SHORT = {"one sample": WAVE[:1], "400 samples": WAVE[:400], "silence": np.zeros(3000, np.float32), "nothing": WAVE[:0]}


def cloak(start: float = 0.0, fixed: bool = False) -> Cloak:
    """Noise with a deviation of about a half; of next to nothing if it starts at -10."""
    shape = NoiseSettings(segment=40, bands=64, start=start, least=0.0, most=1.0)
    return Cloak(Noise(shape), SETTINGS, fixed)


PROTECTIONS = {"cloak-sound": CloakSound(cloak()), "vocoded": Vocoded(SETTINGS)}


@pytest.fixture(params=PROTECTIONS)
def protection(request: pytest.FixtureRequest) -> Protection:
    return PROTECTIONS[request.param]


# --- what all protections keep


def test_it_says_its_name_and_that_it_releases_sound() -> None:
    assert {name: one.name for name, one in PROTECTIONS.items()} == {name: name for name in PROTECTIONS}
    assert all(one.releases is Release.WAVEFORM for one in PROTECTIONS.values())


def test_the_same_seed_gives_the_same_release(protection: Protection) -> None:
    first = protection.release(WAVE, seed=5)
    assert not np.array_equal(protection.release(WAVE, seed=6), first)
    assert np.array_equal(protection.release(WAVE, seed=5), first)


@pytest.mark.parametrize("samples", [1, 160, 161, 6400, 12_345])
def test_length_is_kept_and_the_input_untouched(protection: Protection, samples: int) -> None:
    wave = WAVE[:samples].copy()
    out = protection.release(wave)
    assert out.shape == (samples,) and out.dtype == np.float32 and np.abs(out).max() <= 1
    out += 1
    assert np.array_equal(wave, WAVE[:samples])


@pytest.mark.parametrize("case", SHORT)
def test_the_shortest_and_the_silent_work(protection: Protection, case: str) -> None:
    out = protection.release(SHORT[case])
    assert out.shape == SHORT[case].shape and out.dtype == np.float32 and np.isfinite(out).all()


@pytest.mark.parametrize("places", [[], [1], [160, 7000, 7000]])
def test_blocks_equal_the_whole(protection: Protection, places: list[int]) -> None:
    out = list(protection.release_blocks(iter(np.split(WAVE, places)), seed=3))
    assert np.array_equal(np.concatenate(out), protection.release(WAVE, seed=3))


def test_an_empty_stream_gives_nothing(protection: Protection) -> None:
    assert sum(len(block) for block in protection.release_blocks(iter([]))) == 0


def test_a_worker_process_gets_the_same(protection: Protection) -> None:
    sent = pickle.loads(pickle.dumps(protection))
    assert repr(sent) == repr(protection)
    assert np.array_equal(sent.release(WAVE, seed=4), protection.release(WAVE, seed=4))


def test_weights_tell_protections_apart() -> None:
    assert repr(CloakSound(cloak(0.0))) != repr(CloakSound(cloak(-1.0)))


# --- vocoded


def test_vocoded_has_the_features_of_the_paper_by_default() -> None:
    assert Vocoded().settings == FeatureSettings()


def test_vocoded_silence_is_silent() -> None:
    assert not Vocoded().release(np.zeros(8000, np.float32)).any()


# --- cloak


def test_without_noise_it_is_vocoded() -> None:
    out, expected = CloakSound(cloak(start=-10)).release(WAVE, seed=2), Vocoded(SETTINGS).release(WAVE, seed=2)
    difference = log_mel(out, SETTINGS) - log_mel(expected, SETTINGS)
    assert np.sqrt(np.mean(difference**2)) < 0.02  # nepers of power, 0.1 dB: features were rounded to half precision


def test_it_sounds_what_was_released() -> None:
    protection, scale = cloak(), scale_of(log_mel(WAVE, SETTINGS))
    out = CloakSound(protection).release(WAVE, seed=7)
    assert np.array_equal(out, sound_of(protection.release(WAVE, seed=7), SETTINGS, scale, len(WAVE), seed=7))


def test_overlaps_are_averaged_and_padding_is_dropped() -> None:
    released = np.random.default_rng(1).standard_normal((4 * 40, 64)).astype(np.float32)
    scale = Scale(np.full(64, -6, np.float32), np.full(64, 0.5, np.float32))
    frames = SETTINGS.analysis.frames(18_000)  # 113 of the 130 that the segments cover
    mel = 0.5 * join(released, 40, 30)[:frames] - 6
    assert np.array_equal(sound_of(released, SETTINGS, scale, 18_000, 3), mel_to_wave(mel, SETTINGS, 18_000, 3))


def test_noise_of_one_draw_is_halved_where_segments_overlap() -> None:
    noisy = cloak().noised(np.zeros((41 * 40, 64), np.float32))
    power = np.square(join(noisy, 40, 30)).mean(1)
    alone, twice = power[10:30].mean(), power[30:40].mean()
    assert twice / alone == pytest.approx(0.5, abs=0.08)


def test_another_scale_may_be_given() -> None:
    protection = CloakSound(cloak())
    mel = log_mel(WAVE, SETTINGS)
    own, wider = scale_of(mel), Scale(mel.mean(0), np.full(64, 4, np.float32))
    assert np.array_equal(protection.release(WAVE, 1, scale=own), protection.release(WAVE, 1))
    louder = protection.release(WAVE, 1, scale=wider)  # noise is relative to the scale: more of it in log-mel
    damage = [np.abs(log_mel(out, SETTINGS) - mel).mean() for out in (protection.release(WAVE, 1), louder)]
    assert damage[1] > 1.5 * damage[0]


def test_a_fixed_draw_stays_whatever_the_seed() -> None:
    mel = log_mel(WAVE, SETTINGS)
    pieces = cut(scale_of(mel).apply(mel), 40, 30)
    first, second = (cloak(fixed=True).noised(pieces, seed) for seed in (1, 2))
    assert np.array_equal(first, second)
    protection = CloakSound(cloak(fixed=True))  # phase is drawn anew, which tells nothing
    difference = log_mel(protection.release(WAVE, 1), SETTINGS) - log_mel(protection.release(WAVE, 2), SETTINGS)
    changing = CloakSound(cloak())
    other = log_mel(changing.release(WAVE, 1), SETTINGS) - log_mel(changing.release(WAVE, 2), SETTINGS)
    assert np.abs(difference).mean() < 0.5 * np.abs(other).mean()


# --- on real speech


@pytest.fixture(scope="module")
def speech() -> list[Wave]:
    """Some clips of CREMA-D, by different speakers."""
    folder = Path(os.environ.get("ACLIPSE_DATA", "")) / "crema-d"
    if "ACLIPSE_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("needs real recordings: set ACLIPSE_DATA to a folder that holds crema-d/")
    return [files.read(clip.path) for clip in crema_d.scan(folder).clips[::350]]


@pytest.mark.slow
def test_vocoded_speech_is_understood(speech: list[Wave]) -> None:
    with torch.random.fork_rng(devices=[]):
        found = [stoi(wave, Vocoded().release(wave)) for wave in speech]
    assert len(found) >= 6 and np.mean(found) > 0.93 and min(found) > 0.88

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aclipse.corpora import listen as module
from aclipse.corpora.listen import listen
from aclipse.errors import UnreadableAudio


def save(path: Path, samples, rate: int = 16000, subtype: str | None = None) -> Path:
    soundfile.write(path, np.asarray(samples, dtype=np.float32), rate, subtype=subtype)
    return path


def test_measures_a_known_wave(tmp_path):
    left = np.tile([0.5, 0.0, -0.25, 0.0], 1000)  # mean 1/16
    sound = listen(save(tmp_path / "a.wav", np.stack([left, np.zeros(4000)], axis=1), rate=8000))
    assert (sound.rate, sound.channels, sound.frames, sound.seconds) == (8000, 2, 4000, 0.5)
    assert (sound.peak, sound.offset, sound.clipped) == (0.5, 1 / 16, 0)
    assert sound.finite
    assert not sound.cut


def test_how_it_is_cut_into_blocks_does_not_matter(tmp_path, monkeypatch):
    path = save(tmp_path / "a.flac", np.random.default_rng(0).uniform(-1, 1, (5000, 2)))
    whole = listen(path)
    monkeypatch.setattr(module, "BLOCK", 700)
    assert listen(path).digest == whole.digest
    assert listen(path).offset == pytest.approx(whole.offset)
    assert (listen(path).frames, listen(path).peak) == (5000, whole.peak)


def test_an_hour_fits_in_memory(tmp_path):
    path = save(tmp_path / "hour.wav", np.zeros(3600 * 8000), rate=8000, subtype="PCM_U8")
    tracemalloc.start()
    assert listen(path).seconds == 3600
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6  # bytes; all its samples would be 115e6


def test_a_wav_and_its_flac_are_one_recording(tmp_path):
    noise = np.random.default_rng(0).integers(-30000, 30000, 800, dtype=np.int16)
    for name in ("a.wav", "a.flac"):
        soundfile.write(tmp_path / name, noise, 16000)
    noise[5] += 1
    soundfile.write(tmp_path / "b.wav", noise, 16000)
    first, second, other = (listen(tmp_path / name).digest for name in ("a.wav", "a.flac", "b.wav"))
    assert first == second != other


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
def test_full_scale_is_known_for_every_depth(subtype, tmp_path):
    wave = np.zeros(1000)
    wave[:5], wave[5:10] = 1.0, -1.0
    assert listen(save(tmp_path / "a.wav", wave, subtype=subtype)).clipped == 0.01


def test_nan_and_infinity_are_noticed_and_left_out_of_the_levels(tmp_path):
    sound = listen(save(tmp_path / "a.wav", [0.5, np.nan, np.inf, -np.inf, 0.5], subtype="FLOAT"))
    assert not sound.finite
    assert (sound.peak, sound.offset) == (0.5, pytest.approx(0.2))


def test_a_wav_that_was_cut_off_is_noticed(tmp_path):
    path = save(tmp_path / "a.wav", np.full(1000, 0.1))
    path.write_bytes(path.read_bytes()[:1000])
    assert listen(path).cut
    assert listen(path).frames == (1000 - 44) // 2


@pytest.mark.parametrize("name", ["a.wav", "a.raw", "a.txt"])
def test_what_is_no_audio_is_refused(name, tmp_path):
    (tmp_path / name).write_text("these are not samples")
    with pytest.raises(UnreadableAudio, match=rf"{name}: cannot be read as audio \(.+\)\. Copy it again or remove"):
        listen(tmp_path / name)


def test_a_flac_that_was_cut_off_is_refused(tmp_path):
    path = save(tmp_path / "a.flac", np.random.default_rng(0).uniform(-1, 1, 20000))
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(UnreadableAudio, match=r"a\.flac: cannot be read as audio"):
        listen(path)


@pytest.mark.parametrize("name", ["missing.wav", "."])
def test_a_missing_file_is_refused(name, tmp_path):
    with pytest.raises(UnreadableAudio, match=r"there is no such file\. Correct the path or remove the row"):
        listen(tmp_path / name)

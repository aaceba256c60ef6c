"""Anybody's protected folder: how files pair up, and which do not."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aclipse.contracts import SAMPLE_RATE, Clip, Wave
from aclipse.errors import AudioError, CorpusError, UnreadableAudio, UnusableAudio
from aclipse.experiments.recorded import TOLERANCE, Recorded

WAVE = np.linspace(-0.5, 0.5, 8000).astype(np.float32)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """An empty folder of originals and one of what a protector made of them."""
    for name in ("original", "protected"):
        (tmp_path / name).mkdir()
    return tmp_path / "original", tmp_path / "protected"


def put(path: Path, wave: Wave, rate: int = SAMPLE_RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate, subtype="PCM_24")
    return path


def clip(folder: Path, name: str = "a.wav") -> Clip:
    return Clip(name.rpartition(".")[0], folder / name)


def release(folders: tuple[Path, Path], protected: Wave, rate: int = SAMPLE_RATE) -> Wave:
    """What is looked up for WAVE when the protector made `protected` of it."""
    original, output = folders
    put(original / "a.wav", WAVE)
    put(output / "a.wav", protected, rate)
    return Recorded(original, output, [clip(original)])(WAVE, clip(original))


def test_a_recording_is_what_lies_in_the_protected_folder(folders: tuple[Path, Path]) -> None:
    assert np.allclose(release(folders, -WAVE), -WAVE, atol=2**-22)


@pytest.mark.parametrize("name", ["a.flac", "a.WAV", "a.aiff"])
def test_the_suffix_may_differ(folders: tuple[Path, Path], name: str) -> None:
    original, output = folders
    deep = clip(original, "deep/er/a.wav")
    put(deep.path, WAVE)
    put(output / "deep" / "er" / name, -WAVE)
    assert np.allclose(Recorded(original, output, [deep])(WAVE, deep), -WAVE, atol=2**-22)


def test_a_dot_in_a_name_is_no_suffix(folders: tuple[Path, Path]) -> None:
    original, output = folders
    for name, gain in (("take.1", 0.5), ("take.2", -0.5)):
        put(original / f"{name}.wav", WAVE)
        put(output / f"{name}.flac", np.float32(gain) * WAVE)
    takes = [clip(original, "take.1.wav"), clip(original, "take.2.wav")]
    recorded = Recorded(original, output, takes)
    for take, gain in zip(takes, (0.5, -0.5), strict=True):
        assert np.allclose(recorded(WAVE, take), gain * WAVE, atol=2**-22)


@pytest.mark.parametrize("name", ["a.txt", "a.json", ".a.wav"])
def test_what_is_no_audio_lies_beside_it_without_harm(folders: tuple[Path, Path], name: str) -> None:
    (folders[1] / name).write_text("made by some protector")
    put(folders[0] / "a.wav", WAVE)
    put(folders[1] / "a.flac", -WAVE)
    recorded = Recorded(*folders, [clip(folders[0])])
    assert np.allclose(recorded(WAVE, clip(folders[0])), -WAVE, atol=2**-22)


def test_it_is_read_at_the_originals_rate(folders: tuple[Path, Path]) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(4000) / 8000).astype(np.float32)
    found = release(folders, 0.5 * tone, 8000)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / SAMPLE_RATE)
    assert found.shape == (8000,)
    assert np.abs(found - expected)[400:-400].max() < 0.01


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(extra=st.integers(-TOLERANCE, TOLERANCE))
def test_up_to_50_ms_are_cut_or_padded_at_the_end(folders: tuple[Path, Path], extra: int) -> None:
    longer = np.resize(WAVE, len(WAVE) + extra)
    found = release(folders, longer)
    shared = min(len(WAVE), len(longer))
    assert found.shape == WAVE.shape
    assert np.allclose(found[:shared], longer[:shared], atol=2**-22)
    assert not found[shared:].any()


def test_the_tolerance_is_50_ms() -> None:
    assert TOLERANCE / SAMPLE_RATE == 0.05


def test_a_changed_length_is_logged(folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        release(folders, WAVE[:-3])
    assert "a.wav: -3 samples against its original; trimmed or padded" in caplog.text


@pytest.mark.parametrize("extra", [-TOLERANCE - 1, TOLERANCE + 1])
def test_more_than_50_ms_are_an_error(folders: tuple[Path, Path], extra: int) -> None:
    with pytest.raises(UnusableAudio, match=r"a\.wav lasts 0\.\d+ s and its original 0\.500 s.*50 ms at most.*aligned"):
        release(folders, np.resize(WAVE, len(WAVE) + extra))


def test_many_wrong_lengths_are_told_at_once_before_anything_is_read(folders: tuple[Path, Path]) -> None:
    original, output = folders
    clips = [clip(original, f"{name}.wav") for name in "abcde"]
    for one in clips:
        put(one.path, WAVE)
        put(output / one.path.name, WAVE[:4000])
    with pytest.raises(
        UnusableAudio, match=r"a\.wav lasts .*; .*b\.wav lasts .*; .*c\.wav lasts .*; and 2 more\. They"
    ):
        Recorded(original, output, clips).check_lengths(clips)


def test_lengths_are_compared_in_seconds(folders: tuple[Path, Path]) -> None:
    original, output = folders
    put(original / "a.wav", np.resize(WAVE, 24_000), 48_000)
    put(output / "a.wav", WAVE)
    recorded = Recorded(original, output, [clip(original)])
    recorded.check_lengths([clip(original)])
    assert recorded(WAVE, clip(original)).shape == WAVE.shape


def test_silence_is_a_way_to_protect(folders: tuple[Path, Path]) -> None:
    assert not release(folders, np.zeros_like(WAVE)).any()


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [(b"", UnreadableAudio, r"a\.wav is damaged or not audio"), (b"RIFF", UnreadableAudio, "not audio")],
)
def test_a_broken_output_is_named(
    folders: tuple[Path, Path], content: bytes, error: type[AudioError], message: str
) -> None:
    put(folders[0] / "a.wav", WAVE)
    (folders[1] / "a.wav").write_bytes(content)
    with pytest.raises(error, match=message):
        Recorded(*folders, [clip(folders[0])])(WAVE, clip(folders[0]))


def test_originals_without_a_counterpart_are_counted_and_the_first_named(folders: tuple[Path, Path]) -> None:
    original, output = folders
    put(output / "b.wav", WAVE)
    clips = [clip(original, name) for name in ("c.wav", "b.wav", "a.wav")]
    with pytest.raises(CorpusError, match=r"protected has no counterpart of 2 of 3 originals \(the first: 'a'\)"):
        Recorded(original, output, clips)


def test_the_relative_path_or_the_id_must_agree(folders: tuple[Path, Path]) -> None:
    original, output = folders
    put(output / "a.wav", WAVE)
    with pytest.raises(CorpusError, match="must keep the originals' relative paths or carry their ids"):
        Recorded(original, output, [clip(original, "anna/a.wav")])


def test_a_corpus_protected_by_its_manifest_is_found_by_id(folders: tuple[Path, Path]) -> None:
    original, output = folders
    put(original / "anna" / "a.wav", WAVE)
    put(output / "first.wav", -WAVE)
    one = Clip("first", original / "anna" / "a.wav")
    assert np.allclose(Recorded(original, output, [one])(WAVE, one), -WAVE, atol=2**-22)


def test_the_path_goes_before_the_id(folders: tuple[Path, Path]) -> None:
    original, output = folders
    for name, gain in (("a", 0.5), ("b", -0.5)):
        put(original / f"{name}.wav", WAVE)
        put(output / f"{name}.wav", np.float32(gain) * WAVE)
    misnamed = Clip("b", original / "a.wav")
    assert np.allclose(Recorded(original, output, [misnamed])(WAVE, misnamed), 0.5 * WAVE, atol=2**-22)


def test_two_outputs_for_one_original_are_refused(folders: tuple[Path, Path]) -> None:
    original, output = folders
    for path in (original / "a.wav", output / "a.wav", output / "a.flac"):
        put(path, WAVE)
    with pytest.raises(CorpusError, match=r"a\.flac and .*a\.wav differ in their suffix alone\. Keep the one"):
        Recorded(original, output, [clip(original)])


def test_an_original_outside_the_folder_is_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"elsewhere/a\.wav \(clip 'a'\) is not inside .*original\. Give the"):
        Recorded(*folders, [clip(tmp_path / "elsewhere")])


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_folder_is_named(folders: tuple[Path, Path], missing: int) -> None:
    folders[missing].rmdir()
    with pytest.raises(CorpusError, match=f"{folders[missing].name}: no such folder. Give the folder that holds"):
        Recorded(*folders, [])


def test_a_relative_folder_and_a_link_are_the_same_folder(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in folders:
        put(folder / "a.wav", WAVE)
    (tmp_path / "link").symlink_to(folders[0])
    monkeypatch.chdir(tmp_path)
    recorded = Recorded(Path("original"), Path("protected"), [clip(tmp_path / "link")])
    assert np.allclose(recorded(WAVE, clip(tmp_path / "link")), WAVE, atol=2**-22)


def test_the_fingerprint_changes_with_any_output_and_with_nothing_else(folders: tuple[Path, Path]) -> None:
    original, output = folders
    for name in ("a.wav", "b.wav"):
        put(original / name, WAVE)
        put(output / name, WAVE)
    clips = [clip(original, name) for name in ("a.wav", "b.wav")]
    before = Recorded(original, output, clips).fingerprint
    put(output / "unused.wav", WAVE)
    assert Recorded(original, output, clips[::-1]).fingerprint == before
    put(output / "b.wav", WAVE[:-1])
    assert Recorded(original, output, clips).fingerprint != before

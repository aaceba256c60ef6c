"""Functionals of a corpus: computed once, the same for any number of threads and however it was cut short."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from aclipse.audio import files
from aclipse.audio.functionals import FunctionalSettings, functionals
from aclipse.contracts import Clip, Wave
from aclipse.errors import AudioError, CorpusError, MissingExtra, RunError, UnusableAudio
from aclipse.training import functionals as module
from aclipse.training.functionals import functionals_of, is_kept

OWN = FunctionalSettings(kind="log-mel")
COMPARE = FunctionalSettings(kind="compare")
with_opensmile = pytest.mark.skipif(
    importlib.util.find_spec("opensmile") is None,
    reason="openSMILE is not installed: pip install 'aclipse[opensmile]'",
)
read = files.read


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Clip]:
    """Seven recordings of noise; chunks are of three, so that there are two whole ones and one of a single clip."""
    monkeypatch.setattr(module, "CHUNK", 3)
    found = [Clip(f"c{number}", tmp_path / "speech" / f"{number}.wav") for number in range(7)]
    found[0].path.parent.mkdir()
    for number, clip in enumerate(found):
        noise = np.random.default_rng(number).normal(0, 0.1, 3000 + 500 * number)
        sf.write(clip.path, noise.astype(np.float32), 16_000, subtype="FLOAT")
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run" / "functionals"


def alone(clips: list[Clip], settings: FunctionalSettings = OWN) -> np.ndarray:
    return np.concatenate([functionals(read(clip.path), settings.kind) for clip in clips])


def count_reading(monkeypatch: pytest.MonkeyPatch, allowed: int = 99) -> list[str]:
    """The stems of files as they are read; after ``allowed`` of them the reader ends as Ctrl-C ends it."""
    names: list[str] = []

    def counted(path: Path) -> Wave:
        if len(names) == allowed:
            raise KeyboardInterrupt
        names.append(path.stem)
        return read(path)

    monkeypatch.setattr(module.files, "read", counted)
    return names


@pytest.mark.parametrize("settings", [OWN, pytest.param(COMPARE, marks=with_opensmile)], ids=["own", "compare"])
@pytest.mark.parametrize("threads", [0, 1, 2, 5])
def test_rows_are_those_of_each_recording_alone(
    clips: list[Clip], folder: Path, settings: FunctionalSettings, threads: int
) -> None:
    rows = functionals_of(clips[::-1], settings, folder, threads=threads)
    assert rows.dtype == np.float32 and rows.flags.writeable
    np.testing.assert_array_equal(rows, alone(clips[::-1], settings))


def test_rows_keep_the_clips_order_though_the_first_takes_longest(
    clips: list[Clip], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_start(path: Path) -> Wave:
        time.sleep(0.1 if path.stem in "036" else 0)
        return read(path)

    monkeypatch.setattr(module.files, "read", slow_start)
    heard: list[tuple[int, int]] = []
    rows = functionals_of(clips, OWN, folder, lambda done, total: heard.append((done, total)), threads=3)
    np.testing.assert_array_equal(rows, alone(clips))
    assert heard == [(done, 7) for done in range(1, 8)]


def test_as_many_threads_work_as_asked(clips: list[Clip], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meet, before = threading.Barrier(3), torch.get_num_threads()

    def met(wave: Wave, kind: str) -> np.ndarray:
        if len(wave) < 4500:  # the first three: none goes on before the others are here
            meet.wait(timeout=20)
        assert torch.get_num_threads() == 1
        return functionals(wave, kind)

    monkeypatch.setattr(module, "functionals", met)
    functionals_of(clips, OWN, folder, threads=3)
    assert torch.get_num_threads() == before


def test_what_is_computed_once_is_not_read_again(
    clips: list[Clip], folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "aclipse"):
        first = functionals_of(clips, OWN, folder)
    assert caplog.messages == [f"functionals of 7 recordings (log-mel statistics 1) lie in {folder}"]
    assert len(list(folder.iterdir())) == 3
    names = count_reading(monkeypatch)
    np.testing.assert_array_equal(functionals_of(clips, OWN, folder, lambda *_: pytest.fail("all was kept")), first)
    assert names == []


def test_what_was_cut_short_goes_on_from_its_last_chunk(
    clips: list[Clip], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = count_reading(monkeypatch, allowed=5)
    with pytest.raises(KeyboardInterrupt):
        functionals_of(clips, OWN, folder, threads=1)
    assert names == list("01234")
    assert not is_kept(clips, OWN, folder)
    assert [path.suffix for path in folder.iterdir()] == [".npy"]  # the first chunk, and nothing half-written
    names = count_reading(monkeypatch)
    heard: list[int] = []
    rows = functionals_of(clips, OWN, folder, lambda done, total: heard.append(done), threads=1)
    assert names == list("3456") and heard == [4, 5, 6, 7]
    np.testing.assert_array_equal(rows, alone(clips))


def test_a_stop_waits_for_no_more_than_was_begun(
    clips: list[Clip], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 7)
    names = count_reading(monkeypatch)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    def slow(wave: Wave, kind: str) -> np.ndarray:
        time.sleep(0.05)
        return functionals(wave, kind)

    monkeypatch.setattr(module, "functionals", slow)
    with pytest.raises(KeyboardInterrupt):
        functionals_of(clips, OWN, folder, stop, threads=1)
    assert len(names) <= 3 and not folder.exists()


def test_a_chunk_of_another_version_is_not_used(
    clips: list[Clip], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    functionals_of(clips, OWN, folder)
    for path in folder.iterdir():
        np.save(path, np.zeros_like(np.load(path)))
    assert not functionals_of(clips, OWN, folder).any()  # the cache is read, so what follows tells
    with monkeypatch.context() as patch:
        patch.setattr(module, "version", lambda kind: "log-mel statistics 2")
        assert not is_kept(clips, OWN, folder)
        np.testing.assert_array_equal(functionals_of(clips, OWN, folder), alone(clips))
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    np.testing.assert_array_equal(functionals_of(clips, OWN, folder), alone(clips))
    assert len(list(folder.iterdir())) == 9


@with_opensmile
def test_kinds_live_side_by_side(clips: list[Clip], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, width in (("log-mel", 390), ("egemaps", 88)):
        settings = FunctionalSettings.model_validate({"kind": kind})
        assert functionals_of(clips, settings, folder).shape == (7, width)
        assert is_kept(clips, settings, folder)
    assert len(list(folder.iterdir())) == 6 and not is_kept(clips, COMPARE, folder)


@pytest.mark.parametrize("same_size", [True, False])
def test_only_the_chunk_of_a_recording_that_changed_is_computed_anew(
    clips: list[Clip], folder: Path, same_size: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    functionals_of(clips, OWN, folder)
    path = clips[4].path
    stamp = path.stat().st_mtime_ns
    noise = np.random.default_rng(99).normal(0, 0.1, 5000 if same_size else 5160)
    sf.write(path, noise.astype(np.float32), 16_000, subtype="FLOAT")
    os.utime(path, ns=(stamp, stamp + 1000 if same_size else stamp))  # either alone tells
    assert not is_kept(clips, OWN, folder) and is_kept(clips[:3], OWN, folder)
    names = count_reading(monkeypatch)
    np.testing.assert_array_equal(functionals_of(clips, OWN, folder, threads=1), alone(clips))
    assert names == list("345")


def test_clips_of_another_number_order_or_name_have_chunks_of_their_own(clips: list[Clip], folder: Path) -> None:
    for given in (clips, clips[:4], clips[::-1], [replace(clip, id=f"x{clip.id}") for clip in clips]):
        assert not is_kept(given, OWN, folder)
        np.testing.assert_array_equal(functionals_of(given, OWN, folder), alone(given))
        assert is_kept(given, OWN, folder)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "cut off": lambda chunk: os.truncate(chunk, chunk.stat().st_size - 4),
    "cut in its header": lambda chunk: os.truncate(chunk, 20),
    "empty": lambda chunk: os.truncate(chunk, 0),
    "text": lambda chunk: chunk.write_text("functionals", "utf-8"),
    "other numbers": lambda chunk: np.save(chunk, np.load(chunk).astype(np.float64)),
    "fewer rows": lambda chunk: np.save(chunk, np.load(chunk)[:-1]),
    "other columns": lambda chunk: np.save(chunk, np.load(chunk)[:, :-1]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_chunk_is_computed_anew_and_says_so(
    clips: list[Clip], folder: Path, damage: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    functionals_of(clips[:3], OWN, folder)
    (chunk,) = folder.iterdir()
    DAMAGE[damage](chunk)
    names = count_reading(monkeypatch)
    np.testing.assert_array_equal(functionals_of(clips, OWN, folder, threads=1), alone(clips))
    (told,) = caplog.messages
    assert told.startswith(f"{chunk} is damaged and computed anew: ")
    assert names == list("0123456")
    assert is_kept(clips, OWN, folder)


def test_two_that_compute_the_same_at_once_both_have_it(clips: list[Clip], folder: Path) -> None:
    inner: list[np.ndarray] = []

    def meanwhile(done: int, total: int) -> None:
        if done == 2:
            inner.append(functionals_of(clips, OWN, folder))

    outer = functionals_of(clips, OWN, folder, meanwhile)
    np.testing.assert_array_equal(outer, inner[0])
    assert len(list(folder.iterdir())) == 3


def test_stereo_at_another_rate_is_taken_as_it_is_read(clips: list[Clip], folder: Path) -> None:
    noise = np.random.default_rng(7).normal(0, 0.1, (22_050, 2)).astype(np.float32)
    sf.write(clips[1].path, noise, 44_100, subtype="FLOAT")
    rows = functionals_of(clips[:2], OWN, folder)
    np.testing.assert_array_equal(rows[1:], functionals(read(clips[1].path), "log-mel"))
    assert len(read(clips[1].path)) == 8000


# --- what is refused


@pytest.mark.parametrize("threads", [1, 2])
def test_recordings_that_cannot_be_used_are_named(clips: list[Clip], folder: Path, threads: int) -> None:
    path = clips[4].path
    sf.write(path, np.zeros(16_000), 16_000)
    with pytest.raises(UnusableAudio, match=r"4\.wav"):
        functionals_of(clips, OWN, folder, threads=threads)
    assert is_kept(clips[:3], OWN, folder)
    path.unlink()
    for call in (functionals_of, is_kept):
        with pytest.raises(AudioError, match=r"4\.wav cannot be read: No such file"):
            call(clips, OWN, folder)


def test_clips_that_cannot_be_told_apart_are_refused(clips: list[Clip], folder: Path) -> None:
    with pytest.raises(CorpusError, match="No clips were given to compute functionals of"):
        functionals_of([], OWN, folder)
    with pytest.raises(CorpusError, match=r"The id 'c0' occurs twice.*rename one"):
        functionals_of([*clips, clips[0]], OWN, folder)
    assert not folder.exists()


def test_a_folder_that_takes_no_file_is_named(
    clips: list[Clip], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(RunError, match=r"taken takes no functionals: .*choose another folder"):
        functionals_of(clips, OWN, tmp_path / "taken")
    assert caplog.messages == [] and not is_kept(clips, OWN, tmp_path / "taken")


def test_without_the_package_nothing_is_begun(clips: list[Clip], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    names = count_reading(monkeypatch)
    with pytest.raises(MissingExtra, match=r"pip install 'aclipse\[opensmile\]'"):
        functionals_of(clips, COMPARE, folder)
    assert names == [] and not folder.exists()

"""Batches: what is protected, at which length and rate, where it goes, and what is left after a failure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aclipse.audio import files
from aclipse.contracts import Release, Wave
from aclipse.deploy.batch import Job, plan, protect
from aclipse.errors import AudioError, CorpusError
from aclipse.protections.blend import Blend


class Gain:
    """Scales a recording, holding back a few samples as a protection with look-ahead does."""

    releases = Release.WAVEFORM

    def __init__(self, gain: float = 0.5, delay: int = 0) -> None:
        self.name, self.gain, self.delay = "gain", np.float32(gain), delay
        self.largest = 0

    def __repr__(self) -> str:
        return f"Gain({self.gain})"

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        return self.gain * wave

    def release_blocks(self, blocks: Iterable[Wave], seed: int = 0) -> Iterator[Wave]:
        held = np.zeros(0, np.float32)
        for block in blocks:
            self.largest = max(self.largest, len(block))
            held = np.concatenate([held, self.gain * block])
            ready = max(0, len(held) - self.delay)
            yield held[:ready]
            held = held[ready:]
        yield held


class Noise(Gain):
    def release_blocks(self, blocks: Iterable[Wave], seed: int = 0) -> Iterator[Wave]:
        generator = np.random.default_rng(seed)
        for block in blocks:
            yield block + generator.uniform(-0.1, 0.1, len(block)).astype(np.float32)


class Breaking(Gain):
    """Works on quiet recordings and stops in the middle of loud ones."""

    def release_blocks(self, blocks: Iterable[Wave], seed: int = 0) -> Iterator[Wave]:
        for block in blocks:
            yield block[: len(block) // 2]
            if np.abs(block).max() > 0.9:
                raise RuntimeError("out of memory")
            yield block[len(block) // 2 :]


class Shortening(Gain):
    def release_blocks(self, blocks: Iterable[Wave], seed: int = 0) -> Iterator[Wave]:
        for block in blocks:
            yield block[:-3]


def speech(frames: int, *channels: int, peak: float = 0.5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-peak, peak, (frames, *channels)).astype(np.float32)


def record(path: Path, wave: np.ndarray | None = None, rate: int = 16_000, **how: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, speech(2_000) if wave is None else wave, rate, **how)
    return path


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# ---- what comes out


def test_a_file_is_protected_to_the_sample(tmp_path: Path) -> None:
    source = record(tmp_path / "größe 声.flac", speech(44_100, 2), 44_100)
    report = protect([source], tmp_path / "out", Gain(0.5, delay=700))
    target = tmp_path / "out" / "größe 声.wav"
    assert (report.done, report.skipped, report.failed) == ([target], [], [])
    assert report.audio_seconds == 1.0
    assert 0 < report.wall_seconds < 10
    assert sf.info(target).subtype == "PCM_16"
    assert sf.info(target).channels == 1
    np.testing.assert_allclose(files.read(target), 0.5 * files.read(source), atol=2**-15)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.sampled_from([8_000, 22_050, 44_100, 48_000]) | st.integers(4_000, 192_000),
    seconds=st.floats(0.03, 0.4),
    channels=st.integers(1, 6),
    delay=st.integers(0, 5_000),
    keep_rate=st.booleans(),
)
def test_the_length_is_exact(
    tmp_path: Path, rate: int, seconds: float, channels: int, delay: int, keep_rate: bool
) -> None:
    frames = int(seconds * rate)
    source = record(tmp_path / "in" / "a.wav", speech(frames, channels), rate)
    report = protect([source], tmp_path / "out", Gain(delay=delay), keep_rate=keep_rate, overwrite=True)
    assert not report.failed
    written = files.info(tmp_path / "out" / "a.wav")
    expected = files.Info(rate, frames) if keep_rate else files.Info(16_000, round(frames * 16_000 / rate))
    assert written == expected


def test_keeping_the_rate_keeps_speech_in_place(tmp_path: Path) -> None:
    wave = (0.5 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)).astype(np.float32)
    source = record(tmp_path / "a.wav", wave, 44_100)
    protect([source], tmp_path / "out", Gain(1.0), keep_rate=True)
    back = sf.read(tmp_path / "out" / "a.wav", dtype="float32")[0]
    np.testing.assert_allclose(back[2_000:-2_000], wave[2_000:-2_000], atol=1e-3)


def test_a_long_file_passes_in_small_blocks_with_the_samples_of_one_piece(tmp_path: Path) -> None:
    wave = np.tile(speech(8_000), 180)  # three minutes
    source = record(tmp_path / "long.wav", wave, 8_000)
    protection = Gain(0.5, delay=10_000)
    protect([source], tmp_path / "out", protection)
    assert protection.largest <= 31 * 16_000
    assert len(files.read(source)) == 180 * 16_000
    np.testing.assert_allclose(
        files.read(tmp_path / "out" / "long.wav"), protection.release(files.read(source)), atol=2**-15
    )


def test_silence_gives_what_the_protection_gives(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = record(tmp_path / "zeros.wav", np.zeros(1_000))
    report = protect([source], tmp_path / "out", Noise())
    assert len(report.done) == 1
    assert "zeros.wav is silent" in caplog.text
    assert np.std(files.read(report.done[0])) == pytest.approx(0.1 / np.sqrt(3), rel=0.1)


def test_each_recording_has_its_own_noise_and_keeps_it(tmp_path: Path) -> None:
    for name in ("a", "b"):
        record(tmp_path / "in" / f"{name}.wav", np.zeros(1_000))

    def release(output: str, *inputs: Path, seed: int = 0) -> list[Wave]:
        return [files.read(path) for path in protect(inputs, tmp_path / output, Noise(), seed=seed).done]

    a, b = release("both", tmp_path / "in")
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.2
    np.testing.assert_array_equal(release("alone", tmp_path / "in" / "b.wav")[0], b)
    assert abs(np.corrcoef(release("other seed", tmp_path / "in" / "b.wav", seed=1)[0], b)[0, 1]) < 0.2


# ---- strength


def test_a_blend_without_strength_is_the_input_exactly(tmp_path: Path) -> None:
    source = record(tmp_path / "a.wav", speech(20_000))
    protect([source], tmp_path / "out", Blend(Noise(), 0.0))
    np.testing.assert_array_equal(files.read(tmp_path / "out" / "a.wav"), files.read(source))


# ---- where it goes


def test_folders_are_mirrored_and_other_files_ignored(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    for name in ("a.wav", "mon/b.FLAC", "mon/tue/c.ogg", "ärger.mp3"):
        record(calls / name, format=name.split(".")[1].upper())
    (calls / "notes.txt").write_text("no audio")
    (calls / "mon" / "._b.wav").write_bytes(b"left by macOS")
    report = protect([calls], tmp_path / "out", Gain())
    assert listing(tmp_path / "out") == ["a.wav", "mon/b.wav", "mon/tue/c.wav", "ärger.wav"]
    assert len(report.done) == 4


def test_a_manifest_is_protected_under_its_ids(tmp_path: Path) -> None:
    record(tmp_path / "in" / "1.flac")
    record(tmp_path / "in" / "2.flac")
    (tmp_path / "m.csv").write_text("id,path\nanna/one.v2,in/1.flac\n./two,in/2.flac\n")
    protect([tmp_path / "m.csv"], tmp_path / "out", Gain())
    assert listing(tmp_path / "out") == ["anna/one.v2.wav", "two.wav"]


@pytest.mark.parametrize("id", ["../a", "/a", "x/../../a"])
def test_an_id_that_leads_out_of_the_output_is_refused(tmp_path: Path, id: str) -> None:
    (tmp_path / "m.csv").write_text(f"id,path\n{id},a.wav\n")
    with pytest.raises(CorpusError, match=r"m\.csv: the id .* would lead out of the output folder. Use"):
        plan([tmp_path / "m.csv"], tmp_path / "out")


def test_an_input_named_twice_is_protected_once(tmp_path: Path) -> None:
    source = record(tmp_path / "in" / "a.wav")
    assert plan([source, tmp_path / "in", source], tmp_path / "out") == [Job(source, "a")]


def test_two_inputs_for_one_output_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    record(tmp_path / "in" / "a.wav")
    record(tmp_path / "in" / "a.flac")
    record(tmp_path / "in" / "A0.wav")
    with pytest.raises(AudioError, match=r"a\.flac and .*a\.wav would both become .*out/a\.wav\. Rename one"):
        protect([tmp_path / "in"], tmp_path / "out", Gain())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "output", "message"),
    [
        ("talk.wav", ".", "contains .*talk.wav, an input"),
        ("calls", "calls", "contains .*a.wav, an input"),
        ("calls", ".", "contains .*a.wav, an input"),
        ("calls", "calls/out", "lies in .*calls, an input. Choose a folder apart"),
        ("calls", "talk.wav", "names a file; the output is a folder"),
        ("calls", "new.wav", "names a file; the output is a folder"),
        ("empty", "out", r"empty holds no recordings \(.*\.wav.*\)\. Name another folder"),
    ],
)
def test_places_that_cannot_be_right_are_refused(tmp_path: Path, given: str, output: str, message: str) -> None:
    record(tmp_path / "talk.wav")
    record(tmp_path / "calls" / "a.wav")
    (tmp_path / "empty").mkdir()
    before = listing(tmp_path)
    with pytest.raises(AudioError, match=message):
        protect([tmp_path / given], tmp_path / output, Gain())
    assert listing(tmp_path) == before


def test_an_output_that_links_to_an_input_is_refused(tmp_path: Path) -> None:
    record(tmp_path / "calls" / "a.wav")
    (tmp_path / "link").symlink_to(tmp_path / "calls", target_is_directory=True)
    with pytest.raises(AudioError, match=r"link contains .*a\.wav, an input"):
        plan([tmp_path / "calls"], tmp_path / "link")


def test_nothing_to_protect_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"nothing to protect\. Name at least one recording"):
        protect([], tmp_path / "out", Gain())


# ---- failures, and going on


def test_a_batch_goes_on_and_lists_what_failed(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    good = record(folder / "a good.wav")
    short = record(folder / "b short.wav", speech(399))
    (folder / "c text.wav").write_text("not audio " * 100)
    record(folder / "d loud.wav", speech(50_000, peak=0.99))
    cut = record(folder / "sub" / "e cut.wav", speech(99_000))
    cut.write_bytes(cut.read_bytes()[:50_000])
    seen: list[tuple[str, int, int]] = []
    report = protect(
        [folder, tmp_path / "missing.wav"],
        tmp_path / "out",
        Breaking(),
        on_file=lambda path, done, total: seen.append((path.name, done, total)),
    )
    assert report.done == [tmp_path / "out" / "a good.wav"]
    reasons = {path.name: reason for path, reason in report.failed}
    assert list(reasons) == ["b short.wav", "c text.wav", "d loud.wav", "e cut.wav", "missing.wav"]
    assert f"{short} lasts 24.9 ms; at least 25 ms" in reasons["b short.wav"]
    assert "not audio" in reasons["c text.wav"]
    assert reasons["d loud.wav"] == "RuntimeError: out of memory"
    assert "cut off" in reasons["e cut.wav"]
    assert "cannot be read: No such file" in reasons["missing.wav"]
    assert listing(tmp_path / "out") == ["a good.wav"]
    assert seen[0] == (good.name, 1, 6)
    assert seen[-1] == ("missing.wav", 6, 6)
    assert report.audio_seconds == 2_000 / 16_000


def test_nan_in_the_middle_leaves_nothing_half_written(tmp_path: Path) -> None:
    wave = speech(35 * 16_000)
    wave[-1] = np.nan
    source = record(tmp_path / "a.wav", wave, subtype="FLOAT")
    report = protect([source], tmp_path / "out", Gain())
    assert "a.wav has NaN or infinite samples from 35.00 s on" in report.failed[0][1]
    assert listing(tmp_path / "out") == []


def test_a_protection_that_changes_the_length_fails(tmp_path: Path) -> None:
    report = protect([record(tmp_path / "a.wav")], tmp_path / "out", Shortening())
    assert report.failed[0][1].endswith("gain gave 1997 samples for 2000; it must keep the length.")
    assert listing(tmp_path / "out") == []


def test_an_output_that_cannot_be_written_fails_by_name(tmp_path: Path) -> None:
    source = record(tmp_path / "in" / "x" / "a.wav")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").touch()
    report = protect([tmp_path / "in"], tmp_path / "out", Gain())
    assert report.failed[0][0] == source
    assert "out/x/a.wav cannot be written" in report.failed[0][1]


def test_what_is_there_is_skipped_unless_overwritten(tmp_path: Path) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    record(folder / "a.wav")
    first = protect([folder], output, Gain(0.5))
    record(folder / "b.wav", speech(1_000))
    second = protect([folder], output, Gain(0.5))
    assert (second.skipped, second.done) == (first.done, [output / "b.wav"])
    assert second.audio_seconds == 1_000 / 16_000
    refused = protect([folder], output, Gain(0.25))
    assert [path for path, _ in refused.failed] == [folder / "a.wav", folder / "b.wav"]
    assert "made by another protection, strength or seed" in refused.failed[0][1]
    np.testing.assert_allclose(files.read(output / "a.wav"), 0.5 * files.read(folder / "a.wav"), atol=2**-15)
    third = protect([folder], output, Gain(0.25), overwrite=True)
    assert (third.skipped, third.done) == ([], [output / "a.wav", output / "b.wav"])
    np.testing.assert_allclose(files.read(output / "a.wav"), 0.25 * files.read(folder / "a.wav"), atol=2**-15)


def test_a_job_cut_short_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for name in "abc":
        record(tmp_path / "in" / f"{name}.wav")

    def stop(path: Path, done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        protect([tmp_path / "in"], tmp_path / "out", Gain(), on_file=stop)
    assert listing(tmp_path / "out") == ["a.wav", "b.wav"]
    report = protect([tmp_path / "in"], tmp_path / "out", Gain())
    assert [path.stem for path in report.skipped] == ["a", "b"]
    assert [path.stem for path in report.done] == ["c"]

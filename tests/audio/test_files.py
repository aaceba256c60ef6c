"""Files: what is read, at which length, in which pieces; what is refused; what is left on the disk."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aclipse.audio import files
from aclipse.contracts import MIN_SAMPLES
from aclipse.errors import AudioError, UnreadableAudio, UnusableAudio

RATES = [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000]


def tone(rate: int, frames: int, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(frames) / rate)).astype(np.float32)


def noise(frames: int, *channels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (frames, *channels)).astype(np.float32)


# ---- reading


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_pitch_phase_and_level_at_any_rate(tmp_path: Path, rate: int) -> None:
    sf.write(tmp_path / "a.wav", tone(rate, rate), rate, subtype="FLOAT")
    wave = files.read(tmp_path / "a.wav")
    assert wave.dtype == np.float32
    assert wave.shape == (16_000,)
    np.testing.assert_allclose(wave[500:-500], tone(16_000, 16_000)[500:-500], atol=1e-4)


@pytest.mark.parametrize(
    ("suffix", "subtype", "step"),
    [
        ("wav", "PCM_U8", 2**-7),
        ("wav", "PCM_16", 2**-15),
        ("wav", "PCM_24", 2**-23),
        ("wav", "PCM_32", 2**-24),
        ("wav", "FLOAT", 0),
        ("wav", "DOUBLE", 0),
        ("flac", "PCM_16", 2**-15),
        ("aiff", "PCM_24", 2**-23),
    ],
)
def test_any_sample_format_is_read_to_its_precision(tmp_path: Path, suffix: str, subtype: str, step: float) -> None:
    wave = noise(1000)
    sf.write(tmp_path / f"a.{suffix}", wave, 16_000, subtype=subtype)
    np.testing.assert_allclose(files.read(tmp_path / f"a.{suffix}"), wave, atol=step)


@pytest.mark.parametrize(("suffix", "subtype"), [("ogg", "VORBIS"), ("ogg", "OPUS"), ("mp3", "MPEG_LAYER_III")])
def test_lossy_containers_are_read_at_their_length_in_any_pieces(tmp_path: Path, suffix: str, subtype: str) -> None:
    path = tmp_path / f"a.{suffix}"
    sf.write(path, tone(16_000, 16_000), 16_000, subtype=subtype)
    wave = files.read(path)
    assert len(wave) == 16_000
    np.testing.assert_allclose(wave[2000:-2000], tone(16_000, 16_000)[2000:-2000], atol=0.05)
    np.testing.assert_allclose(np.concatenate(list(files.blocks(path, 0.11))), wave, atol=1e-6)


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_averaged(tmp_path: Path, channels: int) -> None:
    wave = noise(1000, channels)
    sf.write(tmp_path / "a.wav", wave, 16_000, subtype="FLOAT")
    np.testing.assert_allclose(files.read(tmp_path / "a.wav"), wave.mean(axis=1), atol=1e-7)


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".raw", ".vox", ".txt", ""])
def test_content_decides_and_not_the_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ñandú 声{suffix}"
    wave = noise(1000)
    sf.write(path, wave, 16_000, format="FLAC")
    np.testing.assert_allclose(files.read(path), wave, atol=2**-15)


def test_a_dc_offset_and_clipping_are_kept(tmp_path: Path) -> None:
    wave = np.clip(5 * tone(16_000, 16_000) + 0.5, -1, 1)
    sf.write(tmp_path / "a.wav", wave, 16_000, subtype="FLOAT")
    np.testing.assert_array_equal(files.read(tmp_path / "a.wav"), wave)


def test_float_samples_beyond_full_scale_are_kept_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wave = 6 * tone(16_000, 32_000)
    sf.write(tmp_path / "loud.wav", wave, 16_000, subtype="FLOAT")
    pieces = list(files.blocks(tmp_path / "loud.wav", seconds=0.1))
    np.testing.assert_array_equal(np.concatenate(pieces), wave)
    assert [record.getMessage().split("loud.wav ")[1] for record in caplog.records] == [
        "peaks at 3, beyond full scale; it is read as it is"
    ]


def test_bad_files_are_refused_by_name_with_a_remedy(bad_file: tuple[Path, type[AudioError], str]) -> None:
    path, error, message = bad_file
    with pytest.raises(error, match=message) as caught:
        files.read(path)
    assert str(path) in str(caught.value)
    with pytest.raises(error, match=message):
        list(files.blocks(path, seconds=0.2))


def test_a_forbidden_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sf.write(tmp_path / "a.wav", noise(1000), 16_000)

    def refuse(path: Path, mode: str) -> None:  # what the system says; a superuser may read anything
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(
        UnreadableAudio, match=r"a\.wav cannot be read: Permission denied\. Check its name and permissions"
    ):
        files.read(tmp_path / "a.wav")


def test_silence_is_refused_or_let_through_with_a_note(silent_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UnusableAudio, match=r"is silent: .*Leave it out"):
        files.read(silent_file)
    assert not caplog.records
    assert np.ptp(files.read(silent_file, allow_silence=True)) == 0
    assert "is silent" in caplog.text


def test_the_faintest_sound_is_no_silence(tmp_path: Path) -> None:
    wave = np.zeros(1000, np.int16)
    wave[500] = 1
    sf.write(tmp_path / "a.wav", wave, 16_000)
    assert files.read(tmp_path / "a.wav").max() == 2**-15


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_F000, 0x7FFF_FFFF])
def test_a_wav_written_into_a_pipe_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    path, wave = tmp_path / "a.wav", noise(1000)
    sf.write(path, wave, 16_000)
    data = bytearray(path.read_bytes())
    start = data.index(b"data") + 4
    data[start : start + 4] = size.to_bytes(4, "little")
    path.write_bytes(data)
    np.testing.assert_allclose(files.read(path), wave, atol=2**-15)
    assert files.info(path) == files.Info(16_000, 1000)


def unnumber_flac(path: Path) -> None:
    """Set the total number of samples in STREAMINFO to 0, which means unknown (RFC 9639, section 8.2)."""
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)


def test_a_streamed_flac_is_counted_by_decoding(tmp_path: Path) -> None:
    path, wave = tmp_path / "a.flac", noise(5000)
    sf.write(path, wave, 44_100)
    unnumber_flac(path)
    assert files.info(path) == files.Info(44_100, 5000)
    assert len(files.read(path)) == files.resampled_length(5000, 44_100, 16_000)


def test_a_streamed_flac_too_short_is_refused(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.flac", noise(MIN_SAMPLES - 1), 16_000)
    unnumber_flac(tmp_path / "a.flac")
    with pytest.raises(UnusableAudio, match="at least 25 ms"):
        files.read(tmp_path / "a.flac")


def test_an_mp3_without_a_xing_tag_is_counted_by_decoding(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    sf.write(path, tone(16_000, 16_000) * np.linspace(0, 1, 16_000) ** 4, 16_000, bitrate_mode="VARIABLE")
    data = path.read_bytes()
    path.write_bytes(data[data.index(data[:2], 2) :])  # the tag is the first frame, and each starts alike
    assert files.info(path).frames == len(files.read(path))


# ---- blocks and lengths


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.sampled_from(RATES) | st.integers(4_000, 192_000),
    seconds=st.floats(0.03, 0.6),
    channels=st.integers(1, 6),
    block=st.floats(1e-4, 0.3),
)
def test_blocks_joined_are_the_whole(tmp_path: Path, rate: int, seconds: float, channels: int, block: float) -> None:
    wave = noise(int(seconds * rate), channels)
    path = tmp_path / "a.wav"
    sf.write(path, wave, rate, subtype="FLOAT")
    pieces = list(files.blocks(path, max(block, 20 / rate)))
    whole = files.read(path)
    assert max(map(len, pieces)) <= 16_000 * max(block, 20 / rate) + 4_000  # what soxr holds back
    assert len(whole) == files.resampled_length(len(wave), rate, 16_000)
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-6)


@pytest.mark.parametrize("rate", [rate for rate in RATES if rate != 16_000])
def test_streaming_gives_what_soxr_gives_in_one_piece(tmp_path: Path, rate: int) -> None:
    wave = noise(rate + 7)
    sf.write(tmp_path / "a.wav", wave, rate, subtype="FLOAT")
    expected = soxr.resample(wave, rate, 16_000, quality="HQ")
    joined = np.concatenate(list(files.blocks(tmp_path / "a.wav", seconds=0.21)))
    common = min(len(joined), len(expected))
    assert abs(len(joined) - len(expected)) <= 1
    np.testing.assert_allclose(joined[:common], expected[:common], atol=1e-6)


@given(frames=st.integers(1, 20_000), rate=st.integers(4_000, 192_000))
@settings(max_examples=40, deadline=None)
def test_there_and_back_again_keeps_every_frame(frames: int, rate: int) -> None:
    there = list(files.resample_blocks([noise(frames)], rate, 16_000))
    assert sum(map(len, there)) == files.resampled_length(frames, rate, 16_000)
    assert sum(map(len, files.resample_blocks(there, 16_000, rate, frames))) == frames


def test_a_long_file_is_read_in_small_blocks(tmp_path: Path) -> None:
    wave = np.tile(noise(8_000), 180)
    sf.write(tmp_path / "a.wav", wave, 8_000)
    sizes = [len(block) for block in files.blocks(tmp_path / "a.wav", seconds=10)]
    assert sum(sizes) == 180 * 16_000
    assert max(sizes) <= 10.2 * 16_000
    assert len(sizes) >= 18


# ---- writing


@pytest.mark.parametrize(
    ("suffix", "subtype", "step"),
    [(".wav", "PCM_16", 2**-15), (".wav", "PCM_24", 2**-23), (".WAV", "FLOAT", 0), (".flac", "PCM_16", 2**-15)],
)
def test_what_is_written_is_read_to_half_a_step_without_bias(
    tmp_path: Path, suffix: str, subtype: str, step: float
) -> None:
    wave = noise(20_000)
    files.write(tmp_path / f"a{suffix}", wave, subtype=subtype)
    back, rate = sf.read(tmp_path / f"a{suffix}", dtype="float32")
    assert rate == 16_000
    assert sf.info(tmp_path / f"a{suffix}").subtype == subtype
    np.testing.assert_allclose(back, wave, atol=0.5001 * step)
    assert abs(np.mean(back - wave)) <= 0.05 * step


def test_every_16_bit_value_survives_a_round_trip(tmp_path: Path) -> None:
    values = np.arange(-(2**15), 2**15).astype(np.int16)
    sf.write(tmp_path / "a.wav", values, 16_000)
    files.write_blocks(tmp_path / "b.wav", files.blocks(tmp_path / "a.wav", seconds=0.7))
    np.testing.assert_array_equal(sf.read(tmp_path / "b.wav", dtype="int16")[0], values)


def test_samples_beyond_full_scale_are_clipped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    wave = np.array([0, 1.5, -1.5, 1, -1] * 200, np.float32)
    assert files.write_blocks(tmp_path / "a.wav", [wave[:100], wave[100:]], rate=8_000) == 1000
    np.testing.assert_array_equal(
        sf.read(tmp_path / "a.wav", dtype="int16")[0][:5], [0, 2**15 - 1, -(2**15), 2**15 - 1, -(2**15)]
    )
    assert "400 of 1000 samples" in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("name", "subtype", "message"),
    [
        ("a.mp3", "PCM_16", r"suffix '\.mp3'; write to one of: \.wav, \.flac"),
        ("a", "PCM_16", "suffix ''"),
        ("a.flac", "FLOAT", "'FLOAT'; choose one of: PCM_16, PCM_24"),
    ],
)
def test_an_unknown_container_is_refused(tmp_path: Path, name: str, subtype: str, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        files.write(tmp_path / name, noise(500), subtype=subtype)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("before", [None, b"an older recording"])
def test_a_failing_source_leaves_the_place_as_it_was(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "a.wav"
    if before:
        path.write_bytes(before)

    def source() -> object:
        yield noise(500)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_blocks(path, source())
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([before] if before else [])


def test_a_source_that_fails_at_once_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudio):
        files.write_blocks(tmp_path / "new" / "a.wav", files.blocks(tmp_path / "missing.wav"))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_not_written(tmp_path: Path, value: float) -> None:
    with pytest.raises(UnusableAudio, match=r"a\.wav was not written: samples from 500 on are NaN or infinite"):
        files.write_blocks(tmp_path / "a.wav", [noise(500), np.full(9, value, np.float32)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_full_disk_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))  # the kernel refuses what is beyond, as on a full disk
    try:
        with pytest.raises(AudioError, match=r"cannot be written: the disk is full or broken\. Check its space"):
            files.write(tmp_path / f"a{suffix}", noise(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_place_that_takes_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(path: Path, mode: str) -> None:  # what the system says; a superuser may write anywhere
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(AudioError, match=rf"a\.wav cannot be written: {os.strerror(number)}.*or choose another"):
        files.write(tmp_path / "a.wav", noise(500))
    assert not list(tmp_path.iterdir())


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AudioError, match=r"a\.wav cannot be written: File exists.*or choose another"):
        files.write(tmp_path / "file" / "a.wav", noise(500))


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 125 + ".wav")
    files.write(path, noise(500), rate=8_000)
    assert files.info(path) == files.Info(8_000, 500)


def test_what_libsndfile_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="does not support this sample rate"):
        files.write(tmp_path / "a.flac", noise(500), rate=768_000)
    assert not list(tmp_path.iterdir())

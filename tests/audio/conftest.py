"""Recordings that cannot be used, written on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from aclipse.errors import AudioError, UnreadableAudio, UnusableAudio

TONE = (0.3 * np.sin(np.arange(16_000) / 5)).astype(np.float32)


def _spoiled(position: int, value: float) -> np.ndarray:
    wave = TONE.copy()
    wave[position] = value
    return wave


def _halve(path: Path, **how: str) -> None:
    sf.write(path, TONE, 16_000, **how)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _write(path: Path, wave: np.ndarray, rate: int = 16_000, **how: str) -> None:
    sf.write(path, wave, rate, **how)


BAD: dict[str, tuple[Callable[[Path], object], type[AudioError], str]] = {
    "missing.wav": (lambda path: None, UnreadableAudio, "No such file.*Check its name"),
    "folder.wav": (lambda path: path.mkdir(), UnreadableAudio, "Is a directory"),
    "no bytes.wav": (lambda path: path.touch(), UnreadableAudio, "not audio.*Give a complete"),
    "text.wav": (lambda path: path.write_text("not audio " * 500), UnreadableAudio, "not audio"),
    "headerless.au": (lambda path: path.write_bytes(bytes(range(256)) * 99), UnreadableAudio, "not audio"),
    "header.wav": (lambda path: path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt "), UnreadableAudio, "damaged"),
    "no frames.wav": (lambda path: _write(path, TONE[:0]), UnreadableAudio, "a header and no samples"),
    "cut.wav": (_halve, UnreadableAudio, "cut off: its header promises 32000 bytes, it holds 15978"),
    "cut float.wav": (lambda path: _halve(path, subtype="FLOAT"), UnreadableAudio, "cut off"),
    "cut.aiff": (_halve, UnreadableAudio, "cut off"),
    "cut.au": (_halve, UnreadableAudio, "cut off"),
    "cut.w64": (_halve, UnreadableAudio, "cut off"),
    "cut.rf64": (_halve, UnreadableAudio, "cut off"),
    "cut.flac": (_halve, UnreadableAudio, "cut off|damaged"),
    "cut.ogg": (_halve, UnreadableAudio, "damaged"),
    "399.wav": (lambda path: _write(path, TONE[:399]), UnusableAudio, r"lasts 24\.9 ms; at least 25 ms.*Leave it out"),
    "1199.wav": (lambda path: _write(path, TONE[:1197], 48_000), UnusableAudio, "at least 25 ms"),
    "nan.wav": (
        lambda path: _write(path, _spoiled(9, np.nan), subtype="FLOAT"),
        UnusableAudio,
        r"NaN or infinite samples from 0\.00 s on",
    ),
    "inf.wav": (lambda path: _write(path, _spoiled(9, np.inf), subtype="FLOAT"), UnusableAudio, "NaN or infinite"),
    "double.wav": (lambda path: _write(path, np.full(999, 1e300), subtype="DOUBLE"), UnusableAudio, "NaN or infinite"),
    "slow.wav": (lambda path: _write(path, TONE, 100), UnusableAudio, "sampled at 100 Hz; 4000 to 768000"),
    "größe 声.wav": (lambda path: _write(path, TONE[:10]), UnusableAudio, "größe 声.wav"),
}
SILENT = {
    "zeros.wav": np.zeros(16_000),
    "only DC.wav": np.full(16_000, 0.25),
    "opposite channels.wav": np.stack([TONE, -TONE], axis=1),
}


@pytest.fixture(params=BAD)
def bad_file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, type[AudioError], str]:
    """A file that cannot be used, the error it deserves and a pattern of its message."""
    make, error, message = BAD[request.param]
    make(tmp_path / request.param)
    return tmp_path / request.param, error, message


@pytest.fixture(params=SILENT)
def silent_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file without any sound in it."""
    _write(tmp_path / request.param, SILENT[request.param], subtype="FLOAT")
    return tmp_path / request.param

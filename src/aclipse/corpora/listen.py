"""One pass over a recording, block by block, for what can be wrong with it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from aclipse.errors import UnreadableAudio

BLOCK = 1 << 18  # samples read at a time, so that an hour fits in memory
FULL_SCALE = {"PCM_S8": 127 / 128, "PCM_U8": 127 / 128}  # the largest positive sample; by default that of 16 bit
_SHORTENED = re.compile(r"^data\s*:.*should be", re.MULTILINE)  # in libsndfile's log of a WAV file cut off


@dataclass(frozen=True)
class Sound:
    """What was heard in one recording; levels are over all channels, full scale is 1."""

    rate: int  # Hz
    channels: int
    frames: int
    finite: bool
    peak: float
    clipped: float  # share of samples at full scale
    offset: float  # largest mean of a channel
    cut: bool  # the file ends before its header says
    digest: str  # of all samples: equal for a WAV and its FLAC

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate


def listen(path: Path) -> Sound:
    """Measure a recording in bounded memory.

    Raises UnreadableAudio if it is missing, forbidden, damaged or no audio.
    """
    if not path.is_file():
        raise UnreadableAudio(f"{path}: there is no such file. Correct the path or remove the row.")
    try:
        with soundfile.SoundFile(path) as file:
            return _measure(file)
    except (soundfile.SoundFileError, OSError, TypeError) as problem:  # TypeError: a headerless .raw file
        raise UnreadableAudio(
            f"{path}: cannot be read as audio ({problem}). Copy it again or remove the row."
        ) from None


def _measure(file: soundfile.SoundFile) -> Sound:
    frames, full, peak, finite = 0, 0, 0.0, True
    total = np.zeros(file.channels)
    digest = hashlib.blake2b(digest_size=16)
    limit = FULL_SCALE.get(file.subtype, 1 - 2**-15)
    for block in file.blocks(BLOCK, dtype="float32", always_2d=True):  # (time, channels)
        digest.update(block.tobytes())
        sane = np.isfinite(block)
        finite = finite and bool(sane.all())
        level = np.abs(np.where(sane, block, 0))
        frames += len(block)
        full += int((level >= limit).sum())
        peak = max(peak, float(level.max(initial=0)))
        total += np.where(sane, block, 0).sum(axis=0, dtype=np.float64)
    count = max(frames, 1)
    return Sound(
        rate=file.samplerate,
        channels=file.channels,
        frames=frames,
        finite=finite,
        peak=peak,
        clipped=full / (count * file.channels),
        offset=float(np.abs(total / count).max()),
        cut=frames < file.frames or bool(_SHORTENED.search(file.extra_info)),
        digest=digest.hexdigest(),
    )

"""Lossy codecs as one meets them in calls and files: a recording there and back, in memory."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import soundfile as sf

from aclipse.audio.files import resample_blocks
from aclipse.contracts import SAMPLE_RATE, Wave
from aclipse.errors import RecipeError

MP3_DELAY = 1105  # samples: LAME's encoder delay of 576 and its decoder's of 529
MP3_KBITS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # what MPEG-2 layer III has at 16 kHz


@dataclass(frozen=True, slots=True)
class Codec:
    """How libsndfile is asked for a codec, and which bit rates the codec has."""

    format: str
    subtype: str
    kbits: tuple[float, ...]  # kbit/s, every rate there is, or the lowest and the highest if `between`
    default: float  # kbit/s
    rate: int = SAMPLE_RATE  # Hz, of what is encoded
    between: bool = False  # any rate from the lowest to the highest; compression levels fall linearly with the rate


CODECS = {
    "mp3": Codec("MP3", "MPEG_LAYER_III", MP3_KBITS, 32),
    "opus": Codec("OGG", "OPUS", (6, 256), 16, between=True),
    "gsm": Codec("WAV", "GSM610", (13,), 13, rate=8000),
    "mu-law": Codec("WAV", "ULAW", (64,), 64, rate=8000),
}


def round_trip(wave: Wave, codec: str, kbits: float | None = None) -> Wave:
    """What is heard of a recording after a lossy codec, ``(time,) -> (time,)``, aligned to it and within [-1, 1].

    ``codec`` is "mp3" (LAME at a constant rate of MP3_KBITS, 32 if not given), "opus" (6 to 256 kbit/s, 16 if not
    given), "gsm" (GSM 06.10 full rate, 13 kbit/s) or "mu-law" (G.711, 64 kbit/s); the last two at 8 kHz, as on a
    telephone. Silence stays silence. Raises RecipeError for another codec or a rate it does not have.

    >>> wave = np.sin(np.arange(16_000) / 5).astype(np.float32)
    >>> round_trip(wave, "gsm").shape, bool(np.abs(round_trip(wave, "mp3", 64) - wave)[800:-800].max() < 0.1)
    ((16000,), True)
    """
    data, known = encode(wave, codec, kbits), CODECS[codec]
    if not wave.any():
        return np.zeros_like(wave)
    narrow = _decoded(data, _narrow_length(wave, known))
    return np.clip(_resampled(narrow, known.rate, SAMPLE_RATE, len(wave)), -1, 1)


def encode(wave: Wave, codec: str, kbits: float | None = None) -> bytes:
    """The file a codec makes of a recording; the container's headers come on top of the bit rate.

    Arguments and errors as in `round_trip`.
    """
    known = _known(codec)
    how = _compression(codec, known, known.default if kbits is None else kbits)
    buffer = io.BytesIO()
    narrow = _resampled(wave, SAMPLE_RATE, known.rate, _narrow_length(wave, known))
    sf.write(buffer, narrow, known.rate, known.subtype, format=known.format, **how)
    return buffer.getvalue()


def _known(codec: str) -> Codec:
    if codec not in CODECS:
        raise RecipeError(f"there is no codec {codec!r}; choose one of: {', '.join(CODECS)}")
    return CODECS[codec]


def _compression(name: str, codec: Codec, kbits: float) -> dict[str, object]:
    """libsndfile's compression level, 0 for the highest rate and 1 for the lowest."""
    low, high = codec.kbits[0], codec.kbits[-1]
    if not (low <= kbits <= high if codec.between else kbits in codec.kbits):
        allowed = f"from {low} to {high}" if codec.between else f"one of: {', '.join(map(str, codec.kbits))}"
        raise RecipeError(f"{name} at {kbits} kbit/s was asked for; its rate must be {allowed}")
    if low == high:
        return {}
    level = (high - kbits) / (high - low)
    if codec.between:
        return {"compression_level": level}
    return {"compression_level": min(level, 0.999), "bitrate_mode": "CONSTANT"}  # libsndfile refuses an MP3 at 1.0


def _narrow_length(wave: Wave, codec: Codec) -> int:
    return -(-len(wave) * codec.rate // SAMPLE_RATE)  # rounded up: a single sample stays one


def _resampled(wave: Wave, rate_in: int, rate_out: int, length: int) -> Wave:
    return np.concatenate(list(resample_blocks([wave], rate_in, rate_out, length)))


def _decoded(data: bytes, length: int) -> Wave:
    """The first ``length`` samples of a file, less what an MP3's coder put before them."""
    with sf.SoundFile(io.BytesIO(data)) as file:
        file.seekable = lambda: False  # else reading stops at the frame count, a guess for an MP3
        found = file.read(length + MP3_DELAY, dtype="float32")
        # Below 40 kbit/s LAME's tag does not fit into a frame, so that no decoder can know the delay.
        start = MP3_DELAY if file.format == "MP3" and len(found) > length else 0
    return found[start : start + length]

"""Recordings on disk: read, stream and write; mono float32, 16 kHz unless asked otherwise.

Content decides how a file is read, never its suffix. Channels are averaged. A DC offset and float samples beyond full
scale are kept as they are: removing them is a choice for whoever protects or recognises. Writing is atomic.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from aclipse.atomic import replacing
from aclipse.contracts import MIN_SAMPLES, SAMPLE_RATE, Wave
from aclipse.errors import AudioError, UnreadableAudio, UnusableAudio

logger = logging.getLogger(__name__)

SUBTYPES = {".wav": ("PCM_16", "PCM_24", "FLOAT"), ".flac": ("PCM_16", "PCM_24")}  # what can be written
RATES = (4_000, 768_000)  # Hz, lowest and highest that is taken for a recording of speech
_STEPS = {"PCM_16": 2**15, "PCM_24": 2**23}  # per unit amplitude
_SILENCE = 2.0**-15  # peak to peak: one step of 16 bits
_UNKNOWN = 2**63 - 1  # libsndfile's frame count for a header that leaves it open
_STREAMED = 0x7FFF_0000  # bytes: programs writing into a pipe promise this much or more, meaning "until the end"
_SHORTFALL = re.compile(r"^\s*(?:data|SSND|Data Size|riff|Riff size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Info:
    """A file's own rate and length, before it is resampled."""

    rate: int  # Hz
    frames: int  # samples per channel


def info(path: Path) -> Info:
    """Look up a recording's own rate and exact frame count.

    Decodes the file where its header does not tell the count (MP3, streamed FLAC). Raises as `read` does.
    """
    with _opened(path) as file:
        frames = file.frames if _counts(file) else sum(map(len, _mono(path, file, 30.0)))
        return Info(file.samplerate, frames)


def read(path: Path, rate: int = SAMPLE_RATE, *, allow_silence: bool = False) -> Wave:
    """Read a recording as mono float32 ``(time,)`` at ``rate``, `resampled_length` samples long.

    Raises UnreadableAudio for a file that is missing, forbidden, cut off or not audio; UnusableAudio for one shorter
    than MIN_SAMPLES, with NaN or infinite samples, or silent unless ``allow_silence``.
    """
    return np.concatenate(list(_stream(path, 30.0, rate, allow_silence)))


def blocks(path: Path, seconds: float = 30.0, rate: int = SAMPLE_RATE) -> Iterator[Wave]:
    """Read a recording in blocks of about ``seconds``, in bounded memory; joined they are what `read` gives.

    Silence passes with a logged note. Raises as `read` does, once iterated; what only samples tell, as they come.
    """
    return _stream(path, seconds, rate, allow_silence=True)


def resampled_length(frames: int, rate_in: int, rate_out: int) -> int:
    """How many samples ``frames`` become at another rate.

    >>> resampled_length(44_100, 44_100, 16_000), resampled_length(3, 48_000, 16_000)
    (16000, 1)
    """
    return round(frames * rate_out / rate_in)


def resample_blocks(blocks: Iterable[Wave], rate_in: int, rate_out: int, length: int | None = None) -> Iterator[Wave]:
    """Resample a stream with soxr (HQ) to exactly ``length`` samples, by default `resampled_length` of what came in.

    ``length`` undoes a resampling to the sample: it is the count before, at most a few samples from the default.
    """
    if rate_in == rate_out:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate_in, rate_out, num_channels=1, dtype="float32", quality="HQ")
    given = made = 0
    for block in blocks:
        piece = stream.resample_chunk(np.asarray(block, dtype=np.float32))
        given, made = given + len(block), made + len(piece)
        if len(piece):
            yield piece
    due = (resampled_length(given, rate_in, rate_out) if length is None else length) - made
    tail = stream.resample_chunk(np.zeros(0, np.float32), last=True)[:due]
    yield np.pad(tail, (0, due - len(tail)))


def comment(path: Path) -> str:
    """The comment that a file carries, empty if it has none or is no audio."""
    try:
        with sf.SoundFile(path) as file:
            return str(file.comment)
    except (OSError, sf.LibsndfileError):
        return ""


def write(path: Path, wave: Wave, rate: int = SAMPLE_RATE, subtype: str = "PCM_16") -> None:
    """Write a mono recording atomically; samples beyond [-1, 1] are clipped and their count is logged.

    ``subtype`` is one of SUBTYPES for the path's suffix. Raises as `write_blocks` does.
    """
    write_blocks(path, [wave], rate, subtype)


def write_blocks(
    path: Path, blocks: Iterable[Wave], rate: int = SAMPLE_RATE, subtype: str = "PCM_16", comment: str = ""
) -> int:
    """Write a stream as `write` does and return its samples; what ``blocks`` raises leaves nothing behind.

    Raises AudioError for a suffix or subtype that is not in SUBTYPES and for a folder or disk that takes no more,
    UnusableAudio for samples that are NaN or infinite. A killed process leaves at most a hidden .part file.
    """
    path = Path(path)
    container = _container(path, subtype)
    stream = iter(blocks)
    first = list(islice(stream, 1))  # an input that fails at once leaves no folder behind
    try:
        with (
            replacing(path) as part,
            part.open("xb") as handle,  # opened here, because libsndfile hides why it could not
            sf.SoundFile(handle.fileno(), "w", rate, 1, subtype, format=container, closefd=False) as file,
        ):
            if comment:
                file.comment = comment
            written = _fill(file, path, chain(first, stream))
    except (OSError, sf.LibsndfileError) as error:
        raise AudioError(
            f"{path} cannot be written: {_cause(error)}. Check its space and permissions, or choose another."
        ) from error
    return written


def _stream(path: Path, seconds: float, rate: int, allow_silence: bool) -> Iterator[Wave]:
    with _opened(path) as file:
        yield from resample_blocks(_mono(path, file, seconds, allow_silence), file.samplerate, rate)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sf.SoundFile]:
    try:
        # A descriptor has no name, so libsndfile cannot take headerless noise for what its suffix says.
        with Path(path).open("rb") as handle, sf.SoundFile(handle.fileno(), closefd=False) as file:
            file.seekable = lambda: False  # else soundfile seeks after each read, which streamed FLAC cannot
            _check_header(path, file)
            yield file
    except sf.LibsndfileError as error:
        raise UnreadableAudio(f"{path} is damaged or not audio: {_cause(error)}. Give a complete file.") from error
    except OSError as error:
        raise UnreadableAudio(f"{path} cannot be read: {_cause(error)}. Check its name and permissions.") from error


def _cause(error: OSError | sf.LibsndfileError) -> str | None:
    if isinstance(error, OSError):
        return error.strerror
    if error.code == 2:  # libsndfile's "system error", which a full disk comes as
        return "the disk is full or broken"
    return error.error_string.rstrip(".")


def _check_header(path: Path, file: sf.SoundFile) -> None:
    for promised, held in _SHORTFALL.findall(file.extra_info):
        if int(held) < int(promised) < _STREAMED:
            _refuse_cut(path, f"{promised} bytes", held)
    if file.frames == 0:
        raise UnreadableAudio(f"{path} has a header and no samples. Copy or record it again.")
    if not RATES[0] <= file.samplerate <= RATES[1]:
        allowed = f"{RATES[0]} to {RATES[1]} Hz are allowed"
        raise UnusableAudio(f"{path} is sampled at {file.samplerate} Hz; {allowed}. Correct its header.")
    _check_length(path, file.frames, file.samplerate)


def _check_length(path: Path, frames: int, rate: int) -> None:
    if resampled_length(frames, rate, SAMPLE_RATE) < MIN_SAMPLES:
        raise UnusableAudio(
            f"{path} lasts {1000 * frames / rate:.1f} ms; at least {1000 * MIN_SAMPLES / SAMPLE_RATE:.0f} ms "
            f"({MIN_SAMPLES} samples at {SAMPLE_RATE} Hz) are needed. Leave it out."
        )


def _refuse_cut(path: Path, promised: str, held: object) -> None:
    raise UnreadableAudio(f"{path} is cut off: its header promises {promised}, it holds {held}. Copy it again.")


def _counts(file: sf.SoundFile) -> bool:
    """Whether the header's frame count is exact; without a Xing tag an MP3's is guessed from its first frame."""
    return file.frames != _UNKNOWN and file.format != "MP3"


def _mono(path: Path, file: sf.SoundFile, seconds: float, allow_silence: bool = True) -> Iterator[Wave]:
    """Average the channels block by block at the file's own rate, refusing what cannot be used."""
    size = max(1, round(seconds * file.samplerate))
    frames, low, high = 0, np.inf, -np.inf
    while len(block := file.read(size, dtype="float32", always_2d=True)):
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            place = f"{(frames + int(finite.argmin())) / file.samplerate:.2f} s"
            raise UnusableAudio(f"{path} has NaN or infinite samples from {place} on. Export it again.")
        mono = block.mean(axis=1, dtype=np.float64).astype(np.float32)
        frames, low, high = frames + len(mono), min(low, mono.min()), max(high, mono.max())
        yield mono
    if _counts(file) and frames < file.frames:
        _refuse_cut(path, f"{file.frames} frames", frames)
    _check_length(path, frames, file.samplerate)
    _check_level(path, low, high, allow_silence)


def _check_level(path: Path, low: float, high: float, allow_silence: bool) -> None:
    if high - low < _SILENCE and not allow_silence:
        raise UnusableAudio(f"{path} is silent: its channels' mean stays within one 16-bit step. Leave it out.")
    if high - low < _SILENCE:
        logger.warning("%s is silent", path)
    if max(high, -low) > 1:
        logger.warning("%s peaks at %.3g, beyond full scale; it is read as it is", path, max(high, -low))


def _container(path: Path, subtype: str) -> str:
    allowed = SUBTYPES.get(path.suffix.lower())
    if allowed is None:
        raise AudioError(f"{path} has the suffix {path.suffix!r}; write to one of: {', '.join(SUBTYPES)}")
    if subtype not in allowed:
        raise AudioError(f"{path} cannot hold samples of type {subtype!r}; choose one of: {', '.join(allowed)}")
    return path.suffix[1:].upper()


def _fill(file: sf.SoundFile, path: Path, blocks: Iterable[Wave]) -> int:
    written = clipped = 0
    for block in blocks:
        if not np.isfinite(block).all():
            raise UnusableAudio(f"{path} was not written: samples from {written} on are NaN or infinite.")
        file.write(quantized(block, file.subtype))
        written += len(block)
        clipped += int(np.count_nonzero(np.abs(block) > 1))
    if clipped:
        logger.warning("%s: %d of %d samples lay beyond full scale and were clipped", path, clipped, written)
    return written


def quantized(wave: Wave, subtype: str = "PCM_16") -> Wave:
    """What a file of a subtype holds of a recording: clipped to [-1, 1] and rounded to whole steps.

    Rounded here because libsndfile rounds down, which is a bias and a louder error.

    >>> (quantized(np.array([2.0, 0.3 / 32768, 0.6 / 32768], np.float32)) * 32768).tolist()
    [32767.0, 0.0, 1.0]
    """
    wave, steps = np.clip(wave, -1, 1), _STEPS.get(subtype)
    if steps is None:
        return wave
    whole: Wave = np.minimum(np.rint(wave * np.float32(steps)), np.float32(steps - 1))
    return whole / np.float32(steps)

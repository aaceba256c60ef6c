"""Features as they leave a device: normalised log-mel, cut into segments of one length, laid end to end."""

from __future__ import annotations

import math
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, model_validator

from aclipse.audio.features import Analysis, LogMel
from aclipse.contracts import Features, Settings, Wave

Array = npt.NDArray[np.float32]
BLOCK = 6000  # frames that are worked on at once: 1 min, so that an hour needs no more memory than its features


class FeatureSettings(Settings):
    """Log-mel features as in "Cloak with adversarial training", section 3; times are in frames of 10 ms."""

    bands: int = Field(128, ge=8)
    analysis: Analysis = Analysis(window="hamming", width=800, fft=800, floor=1e-7)
    normalisation: Literal["speaker", "recording", "corpus", "none"] = "speaker"  # over whose frames, band by band
    segment: int = Field(200, ge=8)
    train_hop: int = Field(100, ge=1)  # from one segment to the next of what is learned from: they overlap by 1 s
    test_hop: int = Field(150, ge=1)  # of what is released and judged: they overlap by 0.5 s

    @model_validator(mode="after")
    def _nothing_is_skipped(self) -> FeatureSettings:
        if max(self.train_hop, self.test_hop) > self.segment:
            raise ValueError("a hop longer than the segment would leave frames out")
        return self


class Scale(NamedTuple):
    """What normalisation takes away: mean and deviation of each band, ``(bands,)``."""

    mean: Array
    deviation: Array

    def apply(self, features: Features) -> Features:
        """Each band at zero mean and unit deviation over the frames that the scale is of."""
        return ((features - self.mean) / self.deviation).astype(np.float32)

    def undo(self, features: Features) -> Features:
        """Log-mel again."""
        return (features * self.deviation + self.mean).astype(np.float32)


def scale_of(*recordings: Features) -> Scale:
    """The scale of all frames of some recordings, each ``(frames, bands)``; a band that never changes keeps its unit.

    >>> mean, deviation = scale_of(np.float32([[1, 5]]), np.float32([[3, 5]]))
    >>> mean.tolist(), deviation.tolist()
    ([2.0, 5.0], [1.0, 1.0])
    """
    bands = recordings[0].shape[1]
    total, squares = np.zeros(bands), np.zeros(bands)
    for features in recordings:
        for start in range(0, len(features), BLOCK):
            block = features[start : start + BLOCK].astype(np.float64)
            total, squares = total + block.sum(0), squares + np.square(block).sum(0)
    frames = sum(map(len, recordings))
    deviation = np.sqrt(np.maximum(squares / frames - np.square(total / frames), 0.0))
    wide = np.where(deviation > 1e-4, deviation, 1.0)
    return Scale((total / frames).astype(np.float32), wide.astype(np.float32))


def log_mel(wave: Wave, settings: FeatureSettings) -> Features:
    """Log-mel of one recording, ``(time,) -> (frames, bands)``, neither normalised nor cut."""
    a = settings.analysis
    mel = np.empty((a.frames(len(wave)), settings.bands), np.float32)
    margin = math.ceil(a.fft / a.hop)  # frames by which a block begins early, so that its edge reaches none it gives
    for start in range(0, len(mel), BLOCK):
        first = max(start - margin, 0)
        piece = np.array(wave[first * a.hop : (start + BLOCK) * a.hop + a.fft], np.float32)
        with torch.no_grad():
            found, _ = _front_end(settings.bands, a)(torch.from_numpy(piece)[None], torch.tensor([len(piece)]))
        mel[start : start + BLOCK] = found[0, :, start - first :][:, :BLOCK].T.numpy()
    return mel


@cache
def _front_end(bands: int, analysis: Analysis) -> LogMel:
    return LogMel(bands, analysis, levelled=False)


def cut(features: Features, segment: int, hop: int) -> Features:
    """Segments of a recording end to end, ``(frames, bands) -> (count · segment, bands)``; the last is zero-padded.

    >>> cut(np.arange(5, dtype=np.float32)[:, None], segment=4, hop=3)[:, 0].tolist()
    [0.0, 1.0, 2.0, 3.0, 3.0, 4.0, 0.0, 0.0]
    """
    count = segments(len(features), segment, hop)
    padded = np.zeros(((count - 1) * hop + segment, features.shape[1]), np.float32)
    padded[: len(features)] = features
    return np.concatenate([padded[start : start + segment] for start in range(0, count * hop, hop)])


def join(pieces: Features, segment: int, hop: int) -> Features:
    """Undo `cut`: where segments overlap their mean; zeros that were added at the end stay.

    >>> join(np.float32([[0], [1], [2], [3], [5], [4], [0], [0]]), segment=4, hop=3)[:, 0].tolist()
    [0.0, 1.0, 2.0, 4.0, 4.0, 0.0, 0.0]
    """
    count = len(pieces) // segment
    total = np.zeros(((count - 1) * hop + segment, pieces.shape[1]), np.float32)
    times = np.zeros((len(total), 1), np.float32)
    for number in range(count):
        total[number * hop :][:segment] += pieces[number * segment :][:segment]
        times[number * hop :][:segment] += 1
    return total / times


def segments(frames: int, segment: int, hop: int) -> int:
    """How many segments cover a recording of so many frames, at least one."""
    return 1 + max(math.ceil((frames - segment) / hop), 0)


def centres(settings: FeatureSettings) -> Array:
    """Centre frequencies of the bands in Hz, ``(bands,)``: equally spaced on the HTK mel scale, as the filters are.

    >>> centres(FeatureSettings(bands=8)).round().tolist()
    [291.0, 593.0, 986.0, 1499.0, 2168.0, 3041.0, 4179.0, 5664.0]
    """
    low, high = (2595 * math.log10(1 + edge / 700) for edge in (settings.analysis.low, settings.analysis.high))
    mel = np.linspace(low, high, settings.bands + 2)[1:-1]
    return (700 * (10 ** (mel / 2595) - 1)).astype(np.float32)

"""Read first: the nouns every part of aclipse meets.

A *protection* decides what leaves the device; a *recognizer* that attacks sees only that; a recognizer that
evaluates says whether emotion is still readable in it.

Shapes: a single recording is a float32 array ``(time,)`` in [-1, 1] at 16 kHz; a batch is a float32 tensor
``(batch, time)``, zero-padded on the right, beside ``lengths`` ``(batch,)``, its true sample counts. Features are
``(frames, bands)`` and ``(batch, frames, bands)`` in the same way. A *signal* is either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_RATE = 16_000  # Hz, of every waveform inside aclipse
MIN_SAMPLES = 400  # 25 ms, one analysis window: below it no recogniser has anything to read

Wave = npt.NDArray[np.float32]  # (time,), mono, 16 kHz, in [-1, 1]
Features = npt.NDArray[np.float32]  # (frames, bands)
Signal = Wave | Features  # what leaves a device for one recording, time first


class Settings(BaseModel):
    """Base of all settings: frozen, typed strictly, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording and what is known of it; an empty string means unknown.

    >>> Clip("a1", Path("a1.wav"), speaker="anna", emotion="happy").sex
    ''
    """

    id: str
    path: Path
    speaker: str = ""
    sex: str = ""  # "female" or "male"
    emotion: str = ""  # an adjective of corpora.manifest.EMOTIONS
    transcript: str = ""  # as said, any case and punctuation
    session: str = ""
    extra: dict[str, str] = field(default_factory=dict, compare=False)  # what a corpus adds


class Release(StrEnum):
    """What leaves the device."""

    WAVEFORM = "waveform"
    FEATURES = "features"
    UPDATE = "update"


class Protection(Protocol):
    """Turns a recording into what may leave the device; of the same length and aligned to it if a waveform."""

    name: str
    releases: Release

    def release(self, wave: Wave, seed: int = 0) -> Signal:
        """Protect one recording; the same seed gives the same result and the input is untouched."""

    def release_blocks(self, blocks: Iterable[Wave], seed: int = 0) -> Iterator[Signal]:
        """Protect a recording that arrives in blocks; what comes out, end to end, equals `release`'s."""


class Reader(Protocol):
    """Reads one thing in speech: an emotion, a sentence, words, a voice.

    A reading depends on one recording alone: never on its batch, its place in the batch or the padding. ``waves`` are
    signals of the one kind that the reader has learned: sound, or features.
    """

    def read(self, waves: Tensor, lengths: Tensor) -> list[Any]:
        """What is heard in each recording: a label, a transcript, or an embedding ``(dim,)``."""


class Recognizer(Reader, Protocol):
    """A reader that learns: differentiable to the waveform."""

    def loss(self, waves: Tensor, lengths: Tensor, targets: Sequence[str]) -> Tensor:
        """How badly each recording's target is read, in nats, ``(batch,)``."""


class Guides(NamedTuple):
    """The frozen recognisers that steer a protection while it is fitted."""

    emotion: Recognizer
    words: Any = None  # a Recognizer; none where what is released holds no words

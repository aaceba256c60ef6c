"""What leaves the device in a run, and all that the flow and the ladder do differently for sound and for features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from aclipse.attackers.purifiers import PURIFIERS, fitting, purify
from aclipse.audio import files
from aclipse.contracts import SAMPLE_RATE, Clip, Guides, Release, Signal, Wave
from aclipse.experiments.ladder import signals
from aclipse.experiments.ladder.subjects import Releaser, Seeded, build
from aclipse.experiments.levels import AuditSettings, Level
from aclipse.models.compact import CharacterRecognizer, ClipClassifier
from aclipse.models.recurrent import RecurrentClassifier, RecurrentRecognizer
from aclipse.models.speaker import SpeakerEmbedder
from aclipse.training.batches import Speech
from aclipse.training.recognition import Task

STEPS = 32_768  # of 16-bit samples: what `protect` writes, and what attackers get

_KINDS: dict[tuple[str, str], Any] = {
    ("compact", ""): ClipClassifier,
    ("compact", "words"): CharacterRecognizer,
    ("compact", "speaker"): SpeakerEmbedder,
    ("recurrent", ""): RecurrentClassifier,
    ("recurrent", "words"): RecurrentRecognizer,
}


class Medium(ABC):
    """One kind of signal that may leave a device."""

    releases: ClassVar[Release]
    protection: ClassVar[str]  # the part of a run that is fitted to release it
    stranger: ClassVar[str] = "recurrent"  # the family of the networks of `other`
    sounds: ClassVar[bool] = True  # whether a release can be listened to
    recognisers: ClassVar[tuple[str, ...]] = ("emotion", "words")  # that a run begins with

    def __getstate__(self) -> dict[str, Any]:
        """What another process opens again is not sent there: the store, where there is one."""
        return {name: value for name, value in self.__dict__.items() if name != "store"}

    @property
    def sensitive(self) -> tuple[str, ...]:
        """The emotions that a protection of this medium is to hide, if any."""
        return ()

    # ------------------------------------------------------------------ what a run learns from

    @abstractmethod
    def speech(self, clips: Sequence[Clip]) -> Speech:
        """What an unprotected device would release of some clips."""

    @abstractmethod
    def enter(self, wave: Wave, clip: Clip) -> Signal:
        """What it would release if a clip sounded like this."""

    @abstractmethod
    def lesson(self, train: Speech, seed: int) -> Speech:
        """What the emotion recogniser learns from, of the training part."""

    @abstractmethod
    def task(self, task: Task) -> Task:
        """The same task for networks that read this medium."""

    @abstractmethod
    def other(self, task: Task) -> Task:
        """The same task for a network of another architecture, that guided nobody."""

    def kind(self, family: str, secret: str) -> Any:
        """The class of the networks that `task` (family "compact") and `other` build."""
        return _KINDS.get((family, secret), _KINDS[family, ""])

    @abstractmethod
    def reads(self, network: Any) -> bool:
        """Whether a network made elsewhere reads this medium."""

    # ------------------------------------------------------------------ what leaves the device

    @abstractmethod
    def seeded(self, protection: Any, seed: int) -> Releaser:
        """What a protection of this medium releases of a clip."""

    @abstractmethod
    def trivial(self, name: str, snr_db: float, guides: Guides, seed: int) -> Releaser:
        """What a trivial protection releases; raises RecipeError for one that is not registered."""

    @abstractmethod
    def quantized(self, signal: Signal) -> Signal:
        """What attackers get of a signal: what a file or a message holds of it."""

    @abstractmethod
    def packed(self, signal: Signal) -> npt.NDArray[Any]:
        """A signal as it is kept, once quantised without loss."""

    @abstractmethod
    def unpacked(self, kept: npt.NDArray[Any]) -> Signal:
        """What `packed` was given."""

    # ------------------------------------------------------------------ what an audit does with it

    @abstractmethod
    def able(self, level: Level) -> Level:
        """What of a level can be done; raises RecipeError for a purifier that there is not at all."""

    @abstractmethod
    def left_out(self, settings: AuditSettings) -> list[str]:
        """What an audit would do and cannot, a sentence each."""

    @abstractmethod
    def purify(self, signal: Signal, name: str, seed: int) -> Signal:
        """A release after a purifier."""

    @abstractmethod
    def measured(self, original: Signal, protected: Signal) -> dict[str, float]:
        """How far a release has moved from its original."""

    @abstractmethod
    def seconds(self, signal: Signal) -> float:
        """How much speech there is in a signal."""

    @abstractmethod
    def sound(self, signal: Signal, clip: Clip) -> Wave:
        """A release to listen to."""


@dataclass(frozen=True)
class Waveforms(Medium):
    """Sound: 16 kHz mono, 16 bits."""

    releases = Release.WAVEFORM
    protection = "cascade"

    def speech(self, clips: Sequence[Clip]) -> Speech:
        return Speech(clips)

    def enter(self, wave: Wave, clip: Clip) -> Wave:
        return wave

    def lesson(self, train: Speech, seed: int) -> Speech:
        return train

    def task(self, task: Task) -> Task:
        return task

    def other(self, task: Task) -> Task:
        if task.name == "words":
            return replace(task, build=lambda targets: RecurrentRecognizer())
        return replace(task, build=lambda targets: RecurrentClassifier(labels(targets)))

    def reads(self, network: Any) -> bool:
        return "segment" not in settings_of(network) and not settings_of(network).get("cut")

    def seeded(self, protection: Any, seed: int) -> Releaser:
        return Seeded(protection, seed)

    def trivial(self, name: str, snr_db: float, guides: Guides, seed: int) -> Releaser:
        return Seeded(build(name, snr_db, guides), seed)

    def quantized(self, signal: Wave) -> Wave:
        return files.quantized(signal)

    def packed(self, signal: Wave) -> npt.NDArray[np.int16]:
        return np.rint(files.quantized(signal) * STEPS).astype(np.int16)

    def unpacked(self, kept: npt.NDArray[np.int16]) -> Wave:
        return kept.astype(np.float32) / np.float32(STEPS)

    def able(self, level: Level) -> Level:
        return level.model_copy(update={"purifiers": fitting(level.purifiers, PURIFIERS)})

    def left_out(self, settings: AuditSettings) -> list[str]:
        return list(signals.available()[1])

    def purify(self, signal: Wave, name: str, seed: int) -> Wave:
        return purify(signal, name, seed)

    def measured(self, original: Wave, protected: Wave) -> dict[str, float]:
        return signals.measured(original, protected)

    def seconds(self, signal: Wave) -> float:
        return len(signal) / SAMPLE_RATE

    def sound(self, signal: Wave, clip: Clip) -> Wave:
        return signal


SOUND = Waveforms()


def labels(targets: Sequence[str]) -> list[str]:
    """What a classifier of these targets tells apart."""
    return sorted(set(targets) - {""})


def settings_of(network: Any) -> dict[str, Any]:
    """What rebuilds a network of ours; nothing of others."""
    return getattr(network, "settings", {})

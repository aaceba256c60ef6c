"""Features as what leaves a device: how they are learned from, released, attacked and listened to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aclipse.attackers.purifiers import FEATURE_PURIFIERS, fitting, purify_features
from aclipse.audio import files
from aclipse.audio.augment import add_noise
from aclipse.audio.segments import FeatureSettings, Scale, cut, log_mel, scale_of
from aclipse.contracts import SAMPLE_RATE, Clip, Features, Guides, Release, Wave
from aclipse.evaluators.emotion import EMOTION
from aclipse.experiments.ladder import signals
from aclipse.experiments.ladder.subjects import FrontEnd, Noised, Releaser, Seeded, WhiteFeatures
from aclipse.experiments.levels import AuditSettings, Level
from aclipse.experiments.medium import Medium, labels, settings_of
from aclipse.models.compact import CharacterRecognizer, ClipClassifier
from aclipse.models.recurrent import RecurrentClassifier, RecurrentRecognizer
from aclipse.models.segmental import SegmentClassifier
from aclipse.models.speaker import SpeakerEmbedder
from aclipse.protections.baselines import LowPass, Silence
from aclipse.protections.cloak.method import rounded
from aclipse.protections.cloak.sound import sound_of
from aclipse.registry import PROTECTIONS, load
from aclipse.seeds import derive
from aclipse.training.balance import balanced
from aclipse.training.batches import Speech
from aclipse.training.features import FeatureStore
from aclipse.training.recognition import Task

SEGMENTAL = ("emotion", "sex")  # what is read segment by segment
BASELINES = ("silence", "low-pass", "white-noise")  # what means something for features
RUNGS = ("rungs", "baseline_rungs")


@dataclass(frozen=True)
class LogMels(Medium):
    """Normalised log-mel features in segments end to end, ``(count · segment, bands)``, in half precision.

    ``clips`` are all that a run may ever hear of, ``train`` those that the scale of a corpus is fitted to; what is
    computed of them lies in ``folder``.
    """

    releases = Release.FEATURES
    protection = "cloak"

    settings: FeatureSettings
    clips: tuple[Clip, ...]
    train: tuple[Clip, ...]
    folder: Path

    @cached_property
    def store(self) -> FeatureStore:
        """Where the features are."""
        store = FeatureStore(self.clips, self.settings, self.folder)
        store.fit(self.train)
        return store

    @property
    def public(self) -> Scale:
        """What others put in the place of a scale that stays on the device: that of the training part, if any is used.

        It tells nothing of anybody, where the scale of a speaker tells sex and voice by itself.
        """
        return self.store.scale(self.train[0]) if self.settings.normalisation == "none" else self.store.corpus

    @property
    def shape(self) -> dict[str, Any]:
        """Of the networks that read joined features."""
        return {"bands": self.settings.bands, "cut": (self.settings.segment, self.settings.test_hop)}

    def enter(self, wave: Wave, clip: Clip) -> Features:
        return self.scaled(self.analysed(wave), self.store.scale(clip))

    def analysed(self, wave: Wave) -> Features:
        """Features of a sound, neither normalised nor cut."""
        return log_mel(wave, self.settings)

    def scale_of(self, analysed: Sequence[Features]) -> Scale:
        """What normalises a speaker who has made these recordings."""
        return scale_of(*analysed)

    def scale(self, analysed: Features, clip: Clip) -> Scale:
        """What normalises a sound of a clip, where speakers are not normalised."""
        return scale_of(analysed) if self.settings.normalisation == "recording" else self.store.scale(clip)

    def scaled(self, analysed: Features, scale: Scale) -> Features:
        """Features as they are released."""
        return cut(scale.apply(analysed), self.settings.segment, self.settings.test_hop)

    def speech(self, clips: Sequence[Clip]) -> Speech:
        return self.store.speech(clips, self.settings.test_hop)

    def lesson(self, train: Speech, seed: int) -> Speech:
        return balanced(self.store.speech(train.clips, self.settings.train_hop), EMOTION.target, seed)

    def task(self, task: Task) -> Task:
        if task.name in SEGMENTAL:
            return self.segmental(task)
        builders = {
            "words": lambda targets: CharacterRecognizer(**self.shape),
            "speaker": lambda targets: SpeakerEmbedder(labels(targets), **self.shape),
        }
        whole = builders.get(task.name, lambda targets: ClipClassifier(labels(targets), **self.shape))
        return replace(task, build=whole, vary=add_noise)

    def segmental(self, task: Task) -> Task:
        """The same task for a network that reads one segment after the other."""
        sizes = self.settings.segment, self.settings.bands
        return replace(
            task, judge=f"segmental-{task.name}", vary=add_noise,
            build=lambda targets: SegmentClassifier(labels(targets), *sizes),
        )  # fmt: skip

    def other(self, task: Task) -> Task:
        if task.name == "words":
            return replace(task, build=lambda targets: RecurrentRecognizer(**self.shape))
        return replace(task, build=lambda targets: RecurrentClassifier(labels(targets), **self.shape))

    def kind(self, family: str, secret: str) -> Any:
        by_segments = family == "compact" and secret in SEGMENTAL
        return SegmentClassifier if by_segments else super().kind(family, secret)

    def reads(self, network: Any) -> bool:
        own, given = self.settings, settings_of(network)
        hops = given.get("cut") or [given.get("segment"), own.test_hop]
        return given.get("bands") == own.bands and list(hops) == [own.segment, own.test_hop]

    def seeded(self, protection: Any, seed: int) -> Releaser:
        return Seeded(Noised(protection), seed, rounded)

    def trivial(self, name: str, snr_db: float, guides: Guides, seed: int) -> Releaser:
        if name == "low-pass":
            return FrontEnd(Seeded(LowPass(), seed), self)
        return Seeded(WhiteFeatures(snr_db) if name == "white-noise" else Silence(), seed, rounded)

    def quantized(self, signal: Features) -> Features:
        return rounded(signal)

    def packed(self, signal: Features) -> npt.NDArray[np.float16]:
        return rounded(signal).astype(np.float16)

    def unpacked(self, kept: npt.NDArray[np.float16]) -> Features:
        return kept.astype(np.float32)

    def able(self, level: Level) -> Level:
        fit = {name: tuple(rung for rung in getattr(level, name) if rung != "inverting") for name in RUNGS}
        for name in level.baselines:
            load(PROTECTIONS, "pgd" if name.startswith("pgd-") else name)  # one that there is not is an error here, too
        baselines = tuple(name for name in level.baselines if name in BASELINES)
        purifiers = fitting(level.purifiers, FEATURE_PURIFIERS)
        return level.model_copy(update={**fit, "baselines": baselines, "purifiers": purifiers})

    def left_out(self, settings: AuditSettings) -> list[str]:
        level = settings.effort
        found = []
        if {*settings.listeners, *settings.more_listeners}:
            found.append(
                "Listeners that others have trained hear sound; they are left out where features are released."
            )
        if "inverting" in level.rungs:
            found.append("Nobody inverts the protection: the network that undoes one works on sound.")
        if beyond := [name for name in level.baselines if name not in BASELINES]:
            found.append(f"Simple means that work on sound alone are left out: {', '.join(beyond)}.")
        return found

    def purify(self, signal: Features, name: str, seed: int) -> Features:
        return purify_features(signal, name, self.settings.segment, self.settings.test_hop)

    def measured(self, original: Features, protected: Features) -> dict[str, float]:
        return signals.measured_features(rounded(original), protected)

    def seconds(self, signal: Features) -> float:
        own = self.settings
        frames = (len(signal) // own.segment - 1) * own.test_hop + own.segment
        return frames * own.analysis.hop / SAMPLE_RATE

    def sound(self, signal: Features, clip: Clip) -> Wave:
        samples = len(files.read(clip.path))
        return sound_of(signal, self.settings, self.public, samples, derive(0, clip.id))

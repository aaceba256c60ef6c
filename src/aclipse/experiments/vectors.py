"""Vectors of functionals as what leaves a device: one for a recording, and nothing that could be listened to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from aclipse.audio.functionals import functionals
from aclipse.contracts import Clip, Features, Guides, Release, Wave
from aclipse.errors import RunError
from aclipse.evaluators.emotion import required
from aclipse.experiments.ladder import signals
from aclipse.experiments.ladder.subjects import FrontEnd, Releaser, Replaced, Seeded, WhiteFeatures
from aclipse.experiments.levels import LEVELS, PRIVATE, AuditSettings, Level
from aclipse.experiments.medium import Medium, labels, settings_of
from aclipse.models.dense import DenseClassifier, DenseEmbedder
from aclipse.protections.baselines import LowPass, Silence
from aclipse.protections.replacement.roles import Roles
from aclipse.registry import PROTECTIONS, load
from aclipse.training.batches import Speech
from aclipse.training.projection import ProjectionSettings, Ranges, VectorStore, ranges_of
from aclipse.training.recognition import Task

BASELINES = ("silence", "low-pass", "white-noise")  # what means something for vectors
TELLABLE = tuple(secret for secret in PRIVATE if secret != "words")  # one vector holds no sequence of words


@dataclass(frozen=True)
class Vectors(Medium):
    """Functionals of a recording after min-max scaling and principal components, ``(1, components)``.

    ``clips`` are all that a run may ever hear of, ``train`` those that the projection is fitted to; what is computed of
    them lies in ``folder``. ``roles`` say which emotions are to be told and which are secrets.
    """

    releases = Release.FEATURES
    protection = "replacement"
    stranger = "linear"
    sounds = False
    recognisers = ("emotion",)

    settings: ProjectionSettings
    roles: Roles
    clips: tuple[Clip, ...]
    train: tuple[Clip, ...]
    folder: Path

    @cached_property
    def store(self) -> VectorStore:
        """Where the vectors are."""
        store = VectorStore(self.clips, self.settings, self.folder)
        store.fit(self.train)
        return store

    @property
    def sensitive(self) -> tuple[str, ...]:
        return self.roles.sensitive

    def speech(self, clips: Sequence[Clip]) -> Speech:
        return self.store.speech(clips)

    def enter(self, wave: Wave, clip: Clip) -> Features:
        return self.store.of(wave, clip)

    def lesson(self, train: Speech, seed: int) -> Speech:
        return train

    def task(self, task: Task) -> Task:
        return replace(self._asked(task), judge=f"dense-{task.name}", build=self._builder(task), vary=_as_it_is)

    def other(self, task: Task) -> Task:
        size = self.store.projection.size
        build = lambda targets: DenseClassifier(labels(targets), size, widths=(), dropout=0.0)  # noqa: E731
        return replace(self._asked(task), judge=f"linear-{task.name}", build=build, vary=_as_it_is)

    def _asked(self, task: Task) -> Task:
        """An app that uses such a protection needs to be told some emotions alone."""
        if task.name != "emotion":
            return task
        told = required(self.roles.required)
        return replace(task, target=told.target, marks=told.marks)

    def _builder(self, task: Task) -> Any:
        size = self.store.projection.size
        if task.name == "speaker":
            return lambda targets: DenseEmbedder(labels(targets), size)
        return lambda targets: DenseClassifier(labels(targets), size)

    def kind(self, family: str, secret: str) -> Any:
        return DenseEmbedder if secret == "speaker" else DenseClassifier

    def reads(self, network: Any) -> bool:
        given = settings_of(network)
        return given.get("inputs", given.get("size")) == self.store.projection.size

    def analysed(self, wave: Wave) -> Features:
        """Functionals of a sound, not scaled."""
        return functionals(wave, self.settings.kind)

    def scale_of(self, analysed: Sequence[Features]) -> Ranges:
        """What scales a speaker who has made these recordings."""
        return ranges_of(np.concatenate(analysed))

    def scale(self, analysed: Features, clip: Clip) -> Ranges:
        """What scales a sound of a clip, where speakers are not normalised."""
        return self.store.ranges(clip)

    def scaled(self, analysed: Features, scale: Ranges) -> Features:
        """The vector as it is released."""
        return self.store.projection.apply(analysed, scale)

    def seeded(self, protection: Any, seed: int) -> Releaser:
        return Seeded(Replaced(protection), seed, self.quantized)

    def trivial(self, name: str, snr_db: float, guides: Guides, seed: int) -> Releaser:
        if name == "low-pass":
            return FrontEnd(Seeded(LowPass(), seed), self)
        return Seeded(WhiteFeatures(snr_db) if name == "white-noise" else Silence(), seed, self.quantized)

    def quantized(self, signal: Features) -> Features:
        return signal.astype(np.float32)

    def packed(self, signal: Features) -> npt.NDArray[np.float32]:
        return self.quantized(signal)

    def unpacked(self, kept: npt.NDArray[np.float32]) -> Features:
        return np.array(kept)

    def able(self, level: Level) -> Level:
        fit = {
            name: tuple(rung for rung in getattr(level, name) if rung in ("retrained", "scratch"))
            for name in ("rungs", "baseline_rungs")
        }
        for name in level.baselines:
            load(PROTECTIONS, "pgd" if name.startswith("pgd-") else name)  # one that there is not is an error here, too
        usual = any(level.secrets == own.secrets for own in LEVELS.values())  # else they are what somebody asked for
        after = (*level.secrets, *(["sensitive"] if usual else []))
        asked = {
            "secrets": tuple(name for name in TELLABLE if name in after),
            "baselines": tuple(name for name in level.baselines if name in BASELINES),
            "baseline_secrets": tuple(
                dict.fromkeys((*(name for name in level.baseline_secrets if name != "words"), "sensitive"))
            ),
            "purifiers": ("none",),
            "independent": tuple(name for name in level.independent if name != "words"),
        }
        return level.model_copy(update={**fit, **asked})

    def left_out(self, settings: AuditSettings) -> list[str]:
        found = ["Words and sound: one vector of a recording holds no sequence of words, and cannot be made to sound."]
        if {*settings.listeners, *settings.more_listeners}:
            found.append("Listeners that others have trained hear sound; they are left out where vectors are released.")
        found.append("Nobody purifies or inverts a single vector; who learns from released ones is tried.")
        if beyond := [name for name in settings.effort.baselines if name not in BASELINES]:
            found.append(f"Simple means that work on sound alone are left out: {', '.join(beyond)}.")
        return found

    def purify(self, signal: Features, name: str, seed: int) -> Features:
        return signal

    def measured(self, original: Features, protected: Features) -> dict[str, float]:
        return signals.measured_features(original, protected)

    def seconds(self, signal: Features) -> float:
        return 0.0

    def sound(self, signal: Features, clip: Clip) -> Wave:
        raise RunError("One vector of a recording cannot be made to sound.")


def _as_it_is(waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    return waves, lengths

"""What the jobs of one rotation and repeat share: the parts' features, and the readers that were trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from aclipse.attackers.attributes import SEX
from aclipse.audio.augment import add_noise
from aclipse.evaluators.emotion import EMOTION
from aclipse.experiments.fitting import SECRETS
from aclipse.experiments.study.jobs import Place
from aclipse.models.segmental import SegmentClassifier
from aclipse.protections.cloak.method import Adversary
from aclipse.seeds import derive
from aclipse.training import checkpoint, processes
from aclipse.training.balance import balanced
from aclipse.training.batches import Speech
from aclipse.training.features import FeatureStore, OnDone
from aclipse.training.recognition import Task

if TYPE_CHECKING:
    from aclipse.experiments.cloaking.plan import Plan

LEARNED_FROM = {"emotion": "primary", "sex": "adversary"}


def open_store(plan: Plan, on_done: OnDone | None = None) -> FeatureStore:
    """Features of all clips of a plan, computed where they are not there yet."""
    return FeatureStore(plan.manifest.clips, plan.settings.features, plan.root / "features", on_done)


class Bench:
    """One rotation and repeat; features are loaded when they are first needed, and stay."""

    def __init__(self, plan: Plan, place: Place) -> None:
        self.plan, self.place, self.settings = plan, place, plan.settings
        self.split = plan.split(place.rotation)
        self.seed = derive(plan.settings.seed, "repeat", place.repeat)
        self._speech: dict[str, Speech] = {}
        self._lessons: dict[str, Speech] = {}

    @cached_property
    def store(self) -> FeatureStore:
        """The features; if a corpus normalises them, it is the primary part."""
        store = open_store(self.plan)
        store.fit(self.split.of(self.plan.manifest.clips, "primary"))
        return store

    def speech(self, part: str) -> Speech:
        """Segments of a part: of what is learned from by the training hop, else as they are released."""
        if part not in self._speech:
            features = self.settings.features
            hop = features.train_hop if part in LEARNED_FROM.values() else features.test_hop
            self._speech[part] = self.store.speech(self.split.of(self.plan.manifest.clips, part), hop)
        return self._speech[part]

    def lesson(self, task: str) -> Speech:
        """What a reader learns from: for emotion, balanced within speakers."""
        if task not in self._lessons:
            speech = self.speech(LEARNED_FROM[task])
            self._lessons[task] = balanced(speech, EMOTION.target, self.seed) if task == "emotion" else speech
        return self._lessons[task]

    def validation(self, task: str) -> Speech:
        """What chooses a reader's epoch."""
        return self.speech(f"{LEARNED_FROM[task]}-validation")

    def task(self, name: str) -> Task:
        """Emotion or sex, for networks that read segments."""
        return replace(EMOTION if name == "emotion" else SEX, build=self.network, vary=add_noise)

    def network(self, targets: Sequence[str]) -> SegmentClassifier:
        """A reader or adversary with random weights, for the labels among ``targets``."""
        features, own = self.settings.features, self.settings.network
        return SegmentClassifier(sorted(set(targets)), features.segment, features.bands, own.form, own.dropout)

    def adversary(self, secret: str) -> Adversary:
        """Who learns a secret while φ does, beginning with random weights."""
        task = SECRETS[secret]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(self.seed, "adversary", secret))
            network = self.network([task.target(clip) for clip in self.lesson("emotion").clips])
        return Adversary(secret, network, task.target)

    def reader(self, folder: Path) -> Any:
        """A trained reader, frozen."""
        network, _ = checkpoint.load_module(folder / "weights.safetensors", SegmentClassifier)
        return checkpoint.freeze(network.to(processes.device()))

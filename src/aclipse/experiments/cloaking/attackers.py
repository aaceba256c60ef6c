"""Who reads what φ releases: who knows clean features alone, who has the device, who learns from it, who averages."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from aclipse.experiments.cloaking.bench import Bench
from aclipse.experiments.ladder.subjects import Noised
from aclipse.protections.cloak.method import Cloak
from aclipse.seeds import derive
from aclipse.training import checkpoint
from aclipse.training.batches import Speech, read_all
from aclipse.training.recognition import new_recognizer, train_recognizer

FIRST = {"emotion": "guide", "sex": "ignorant"}  # who learned from clean features


class Reading(NamedTuple):
    """What one attacker reads in the test part; of ``released``, whatever it makes of that before it reads."""

    attacker: str
    draw: str  # "anew" for each release, "fixed" for each utterance, "" where nothing is drawn
    released: Speech
    readings: list[Any]


class Gain(NamedTuple):
    """What an attacker's lesson was worth on validation clips; ``before`` is empty for random weights."""

    attacker: str
    before: float | str
    after: float
    kept: str  # "yes" if the new weights were used


@dataclass(frozen=True)
class Redraw:
    """φ as the variation of training batches: who has the device draws anew for every batch.

    The mean of ``draws`` releases has the noise of one by √draws smaller, so that it is drawn as such.
    """

    cloak: Cloak
    draws: int = 1

    def __call__(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, count · segment, bands)``, segments after their padding too."""
        noise = self.cloak.noise.to(features.device)
        pieces = features.unflatten(1, (-1, self.cloak.features.segment)).flatten(0, 1)
        with torch.no_grad():
            noisy = noise(pieces, torch.randn_like(pieces) / math.sqrt(self.draws))
        return noisy.reshape(features.shape), lengths


class LogOdds(NamedTuple):
    """By how much likelier a reader takes its first label to be than its last."""

    reader: Any

    def read(self, waves: Tensor, lengths: Tensor) -> list[float]:
        """In nats, one number a recording."""
        found = self.reader(waves, lengths)
        odds: list[float] = (found[:, 0] - found[:, -1]).tolist()
        return odds


def calibrated(reader: Any, unlabelled: Speech, speech: Speech) -> list[str]:
    """What a reader of two labels reads, its threshold moved to where ``unlabelled`` clips have both equally often.

    Whoever knows that half of the speakers are women needs no label to see that a reader says "female" too often.
    """
    first, last, odds = reader.labels[0], reader.labels[-1], LogOdds(reader)
    middle = float(np.median(read_all(odds, unlabelled)))
    return [first if each > middle else last for each in read_all(odds, speech)]


class Attack:
    """All attackers of one task on one φ."""

    def __init__(self, bench: Bench, cloak: Cloak, task: str, first: Any, folder: Path) -> None:
        self.bench, self.cloak, self.task, self.first, self.folder = bench, cloak, bench.task(task), first, folder
        self.gains: list[Gain] = []
        self.test = bench.speech("test")

    def readings(self, learning: bool) -> Iterator[Reading]:
        """Attackers one after the other; some learn from φ only if ``learning``."""
        once = self._released(self.test, "test")
        tuned = self._tuned(1) if learning else None
        readers = {FIRST[self.task.name]: self.first, "fine-tuned": tuned}
        readers |= {"scratch": self._scratch()} if learning else {}
        yield from (_read(name, "anew", once, reader) for name, reader in readers.items() if reader is not None)
        yield from self._informed(once)
        if self.task.name == "sex":
            yield from self._averaging(tuned)

    def _informed(self, once: Speech) -> Iterator[Reading]:
        """Who has the device takes its shift away, and learns nothing; of sex, it may then move its threshold, too."""
        undone = self._undone(once)
        yield Reading("informed", "anew", once, read_all(self.first, undone))
        if self.task.name == "sex":
            unlabelled = self._undone(self._released(self.bench.validation("sex"), "validation"))
            yield Reading("informed + calibrated", "anew", once, calibrated(self.first, unlabelled, undone))

    def _averaging(self, tuned: Any) -> Iterator[Reading]:
        """With one fixed draw the mean of releases is each of them, so that who learned from single ones reads it."""
        fixed = Cloak(self.cloak.noise, self.cloak.features, fixed=True)
        yield _read("ignorant", "fixed", self._released(self.test, "test", fixed), self.first)
        for draw, cloak in (("anew", self.cloak), ("fixed", fixed)):
            mean = self._released(self.test, "test", cloak, self.bench.settings.averaged)
            yield _read("averaged", draw, mean, self.first)
            if tuned is not None:
                learned = tuned if draw == "fixed" else self._tuned(self.bench.settings.averaged)
                yield _read("averaged + fine-tuned", draw, mean, learned)

    def _tuned(self, draws: int) -> Any:
        """Who goes on from clean features, or stays there if that reads validation clips better."""
        name = "fine-tuned" if draws == 1 else "averaged + fine-tuned"
        validation = self._released(self.bench.validation(self.task.name), "validation", draws=draws)
        before = self.task.score(
            [self.task.target(clip) for clip in validation.clips], read_all(self.first, validation)
        )
        network = copy.deepcopy(self.first).requires_grad_(True)
        after = self._train(network, name, validation, draws)
        better = after > before
        self.gains.append(Gain(name, round(before, 4), round(after, 4), "yes" if better else "no"))
        return checkpoint.freeze(network) if better else self.first

    def _scratch(self) -> Any:
        validation = self._released(self.bench.validation(self.task.name), "validation")
        network = new_recognizer(self.task, self.bench.lesson(self.task.name), derive(self.bench.seed, "scratch"))
        after = self._train(network, "scratch", validation, 1)
        self.gains.append(Gain("scratch", "", round(after, 4), "yes"))
        return checkpoint.freeze(network)

    def _train(self, network: Any, name: str, validation: Speech, draws: int) -> float:
        settings = self.bench.settings
        loop = (settings.scratch if name == "scratch" else settings.fine_tuned).model_copy(update={"augment": True})
        task = replace(self.task, name=f"{self.task.name}, {name}", vary=Redraw(self.cloak, draws))
        parts = self.bench.lesson(self.task.name), validation
        seed = derive(self.bench.seed, "attacker", name)
        return train_recognizer(task, network, parts, loop, self.folder / name.replace(" ", ""), seed).best_score

    def _undone(self, released: Speech) -> Speech:
        return released.released(lambda signal, clip: self.cloak.undone(signal))

    def _released(self, speech: Speech, part: str, cloak: Cloak | None = None, draws: int = 1) -> Speech:
        noised, seed = Noised(cloak or self.cloak, draws), derive(self.bench.seed, "release", part)
        return speech.released(lambda signal, clip: noised.release(signal, derive(seed, clip.id)))


def _read(attacker: str, draw: str, released: Speech, reader: Any) -> Reading:
    return Reading(attacker, draw, released, read_all(reader, released))

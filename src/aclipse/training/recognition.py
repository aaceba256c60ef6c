"""Training a recogniser of one thing, on clean speech as an evaluator or on protected speech as an attacker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aclipse.audio.augment import augment
from aclipse.contracts import Clip
from aclipse.seeds import derive
from aclipse.training.batches import Batch, Speech, read_all
from aclipse.training.loop import Job, LoopSettings, Order, Progress, fit

Marks = dict[str, tuple[float, float]]  # metric → (value, weight) of one clip; a corpus's score is Σ value / Σ weight


class RecognizerLoop(LoopSettings):
    """How a recogniser learns."""

    augment: bool = True  # vary the training signals: speed, spectral slope and background of sound


@dataclass(frozen=True)
class Task:
    """One thing to be read in speech, and how well a reading is marked."""

    name: str  # "emotion", "words", …
    role: str  # "utility" if it should survive protection, "privacy" if it should not
    judge: str  # the recogniser's name in tables
    target: Callable[[Clip], str]  # empty: the clip has none and is left out
    build: Callable[[Sequence[str]], nn.Module]  # targets of the training clips → a new recogniser
    marks: Callable[[Clip, Any], Marks]  # clip, reading → marks of that clip
    score: Callable[[Sequence[str], Sequence[Any]], float]  # true targets, readings → what validation maximises
    vary: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = augment  # a training batch and its lengths → another one

    def clips(self, speech: Speech) -> Speech:
        """The clips that have a target."""
        return speech.subset([index for index, clip in enumerate(speech.clips) if self.target(clip)])


def new_recognizer(task: Task, train: Speech, seed: int) -> Any:
    """A network with random weights for what occurs in ``train``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, task.name))
        return task.build([task.target(clip) for clip in train.clips])


def train_recognizer(
    task: Task, network: Any, parts: tuple[Speech, Speech], settings: RecognizerLoop, folder: Path, seed: int
) -> Progress:
    """Fit ``network`` to varied training speech and keep the epoch that reads validation speech best."""
    train, validation = parts
    truth = [task.target(clip) for clip in validation.clips]

    def batches(epoch: int) -> Order:
        return train, train.shuffled(settings.batch_size, derive(seed, task.name, "order", epoch))

    def objective(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        waves, lengths = task.vary(batch.waves, batch.lengths) if settings.augment else (batch.waves, batch.lengths)
        loss = network.loss(waves, lengths, [task.target(clip) for clip in batch.clips]).mean()
        return loss, {"loss": loss}

    job = Job(
        name=task.name,
        network=network,
        batches=batches,
        objective=objective,
        validate=lambda: {"validation": task.score(truth, read_all(network, validation))},
        score=lambda row: row["validation"],
    )
    return fit(job, settings, folder, seed)

"""How an attacker learns from shadow updates, whose secrets it knows; other speakers choose its epoch."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from aclipse.attackers.updates.networks import PaperClassifier, RowsClassifier, RowsEmbedder, Shape
from aclipse.contracts import Clip
from aclipse.errors import CorpusError, RecipeError
from aclipse.metrics.classification import uar
from aclipse.metrics.verification import Trials
from aclipse.seeds import derive
from aclipse.training import checkpoint
from aclipse.training.batches import Batch, Speech, read_all
from aclipse.training.loop import Job, LoopSettings, Order, fit

READ_AT_ONCE = 64  # updates; a first layer has some 100,000 numbers
HELD_OUT = 5  # one of so many speakers of each sex chooses the epoch

Target = Callable[[Clip], str]
FORMS: dict[str, Callable[..., RowsClassifier | PaperClassifier]] = {"rows": RowsClassifier, "paper": PaperClassifier}
SECRETS: dict[str, Target] = {
    "sex": lambda clip: clip.sex,
    "member": lambda clip: clip.extra.get("member", ""),  # "yes" or "no", say; of a shadow federation it is known
}


class UpdateLoop(LoopSettings):
    """How an attacker learns; the defaults are for ``rows``, which finds more than the paper's and costs less."""

    form: Literal["rows", "paper"] = "rows"
    epochs: int = Field(12, ge=1)
    batch_size: int = Field(20, ge=1)
    learning_rate: float = Field(3e-4, gt=0)
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    warm_up: float = Field(0.0, ge=0, lt=1)
    weight_decay: float = Field(1e-3, ge=0)  # as Adam's: half of it times the squared norm of the weights, in the loss
    refit: bool = False  # once the epoch is chosen, learn again from its judges too: more voices for twice the time


# What the paper's code asks for, but for its plateau scheduler and Adam's second beta, 0.98.
PAPER_LOOP = UpdateLoop(form="paper", epochs=40, learning_rate=1e-4, weight_decay=1e-4, patience=10)


@dataclass(frozen=True)
class Lesson:
    """What is learned: a network for some updates, what it reads in each, and how well it has read others."""

    build: Callable[[Speech], Any]
    target: Target
    score: Callable[[Sequence[str], Sequence[Any]], float]  # true targets, readings


def learn(speech: Speech, secret: str, loop: UpdateLoop, folder: Path, seed: int) -> RowsClassifier | PaperClassifier:
    """An attacker of one layer who reads ``secret``, ``sex`` or ``member``, frozen.

    Learned from shadow updates ``(rows, columns + 1)``, all of one shape; those without the secret are left out. The
    epoch with the best UAR on speakers who are not learned from is kept; with ``loop.refit`` another network then
    learns from all of them for as long. Goes on in ``folder`` after a kill.
    Raises RecipeError for a secret there is not, CorpusError for fewer than two classes or too few speakers, and
    updates that do not fit together.
    """
    if secret not in SECRETS:
        raise RecipeError(f"There is no secret {secret!r} to learn. Choose from: {', '.join(SECRETS)}.")
    target, shape = SECRETS[secret], shape_of(speech)

    def build(train: Speech) -> RowsClassifier | PaperClassifier:
        return FORMS[loop.form](sorted({target(clip) for clip in train.clips}), shape)

    network: RowsClassifier | PaperClassifier = _learned(
        Lesson(build, target, uar), parts(speech, target, seed), loop, folder, seed
    )
    return network


def learn_voices(speech: Speech, loop: UpdateLoop, folder: Path, seed: int) -> RowsEmbedder:
    """An embedder of who sent an update, frozen; for speakers it has not met. The epoch of the least EER is kept.

    Errors as of `learn`; there is an embedder of the form ``rows`` alone.
    """
    if loop.form != "rows":
        raise RecipeError(f"There is no embedder of the form {loop.form!r}. Use form = rows.")
    shape = shape_of(speech)

    def build(train: Speech) -> RowsEmbedder:
        return RowsEmbedder(sorted({clip.speaker for clip in train.clips}), shape)

    sides = parts(speech, SECRETS["sex"], seed)
    network: RowsEmbedder = _learned(Lesson(build, lambda clip: clip.speaker, _likeness), sides, loop, folder, seed)
    return network


def parts(speech: Speech, target: Target, seed: int) -> tuple[Speech, Speech]:
    """Updates to learn from, and those of other speakers to choose an epoch by: a fifth of the speakers of each sex.

    However many clients and rounds a speaker has, all are on one side. Raises CorpusError where a side would lack a
    class, there is only one, or a speaker has no name.
    """
    kept = speech.subset([place for place, clip in enumerate(speech.clips) if target(clip)])
    if nameless := next((clip for clip in kept.clips if not clip.speaker), None):
        raise CorpusError(f"update {nameless.id} is of no speaker, so it cannot be put on one side. Name its speaker.")
    held_out = _held_out(kept.clips, target, seed)
    sides: tuple[list[int], list[int]] = [], []
    for place, clip in enumerate(kept.clips):
        sides[clip.speaker in held_out].append(place)
    train, validation = (kept.subset(side) for side in sides)
    _check_classes(train.clips, validation.clips, target)
    return train, validation


def shape_of(speech: Speech) -> Shape:
    """Rows and columns + 1 of a layer; raises CorpusError where updates differ in them or are not such arrays."""
    shapes = {speech.wave(place).shape for place in range(len(speech))}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 2 or shape[1] < 2:
        raise CorpusError(
            "updates of one layer are arrays (rows, columns + 1), all of one shape. Give one layer's, with its bias."
        )
    return shape[0], shape[1]


def _held_out(clips: Sequence[Clip], target: Target, seed: int) -> set[str]:
    """Speakers of the validation side, a fifth of those of each sex with the same labels, one at least of two."""
    told: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for clip in clips:
        told[clip.speaker].add((clip.sex, target(clip)))
    alike: dict[tuple[tuple[str, str], ...], list[str]] = defaultdict(list)
    for speaker in sorted(told):
        alike[tuple(sorted(told[speaker]))].append(speaker)
    chosen: set[str] = set()
    for kind, speakers in alike.items():
        count = max(1, round(len(speakers) / HELD_OUT)) if len(speakers) > 1 else 0
        chosen.update(random.Random(derive(seed, "held out", *kind)).sample(speakers, count))
    return chosen


def _check_classes(train: Sequence[Clip], validation: Sequence[Clip], target: Target) -> None:
    told, asked = ({target(clip) for clip in side} for side in (train, validation))
    if len(told | asked) < 2:
        raise CorpusError(
            f"updates of {len(told | asked)} class{'' if told | asked else 'es'} {sorted(told | asked)} teach nothing "
            "to tell apart. Give shadow speakers of two at least."
        )
    if told != asked:
        raise CorpusError(
            f"too few speakers: {sorted(told ^ asked)} would be learned from or validated on alone. "
            "Give two speakers at least of each class."
        )


def _learned(lesson: Lesson, sides: tuple[Speech, Speech], loop: UpdateLoop, folder: Path, seed: int) -> Any:
    """A network of the best epoch by the second side; or, refitted, of as many epochs on both."""
    train, validation = sides
    truth = [lesson.target(clip) for clip in validation.clips]
    network = _new(lesson, train, seed)

    def validate() -> dict[str, float]:
        return {"validation": lesson.score(truth, read_all(network, validation, READ_AT_ONCE))}

    batches, objective = _batches(train, loop, seed), _objective(network, lesson.target, loop.weight_decay)
    job = Job("updates", network, batches, objective, validate, lambda row: row["validation"])
    best = fit(job, loop, folder, seed).best_epoch
    if loop.refit:
        network = _refitted(lesson, sides, loop.model_copy(update={"epochs": best + 1, "patience": None}), folder, seed)
    return checkpoint.freeze(network)


def _refitted(lesson: Lesson, sides: tuple[Speech, Speech], loop: UpdateLoop, folder: Path, seed: int) -> Any:
    """A network of the last epoch on both sides."""
    every = Speech(
        [clip for side in sides for clip in side.clips], [side.wave(i) for side in sides for i in range(len(side))]
    )
    network = _new(lesson, every, seed)
    batches, objective = _batches(every, loop, seed), _objective(network, lesson.target, loop.weight_decay)
    job = Job("updates of all", network, batches, objective, dict, lambda row: row["epoch"])
    fit(job, loop, folder / f"all-{loop.epochs}", seed)
    return network


def _new(lesson: Lesson, train: Speech, seed: int) -> Any:
    """A network with random weights, scaled by what it will learn from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "weights"))
        network = lesson.build(train)
    network.scaling.fit([train.wave(place) for place in range(len(train))])
    return network


def _batches(train: Speech, loop: UpdateLoop, seed: int) -> Callable[[int], Order]:
    return lambda epoch: (train, train.shuffled(loop.batch_size, derive(seed, "order", epoch)))


def _objective(network: Any, target: Target, decay: float) -> Callable[[Batch], tuple[Tensor, dict[str, Tensor]]]:
    def objective(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        loss = network.loss(batch.waves, batch.lengths, [target(clip) for clip in batch.clips]).mean()
        squares = torch.stack([weight.square().sum() for weight in network.parameters()]).sum()
        return loss + decay / 2 * squares, {"loss": loss}

    return objective


def _likeness(speakers: Sequence[str], embeddings: Sequence[Any]) -> float:
    return -Trials(embeddings, speakers).eer(np.arange(len(speakers)))

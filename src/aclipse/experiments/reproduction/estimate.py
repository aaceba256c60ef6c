"""What a plan will cost: how many trainings are left, and their time from one measured step of each kind."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from aclipse.contracts import Guides
from aclipse.corpora import splits
from aclipse.experiments import guides
from aclipse.experiments.recipe import Recipe
from aclipse.experiments.reproduction import paper
from aclipse.experiments.reproduction.cells import reading
from aclipse.experiments.reproduction.plan import Plan
from aclipse.experiments.run import chosen, parts, usable
from aclipse.models import selfsupervised
from aclipse.protections.cascade.method import CascadeSettings, Trainer
from aclipse.training import checkpoint, processes
from aclipse.training.batches import Speech, read_all
from aclipse.training.recognition import Task, new_recognizer

READ = 16  # clips that are read to time the reading of all


@dataclass(frozen=True)
class Cost:
    """Of one backbone: what is left to be trained, and its seconds in one process of this machine."""

    backbone: str
    recognisers: int
    cascades: int
    trained: int  # cascades that are there already
    seconds: float


def costs(plan: Plan) -> list[Cost]:
    """The cost of what the plan lacks, one row a backbone; nothing is written.

    Raises what carrying it out would raise before its first training.
    """
    plan.check()
    return [_cost(plan, backbone) for backbone in plan.backbones]


def _cost(plan: Plan, backbone: str) -> Cost:
    folders = [plan.run_folder(*place) for place in plan.places() if place[0] == backbone]
    pairs = sum(not (folder / "clean.csv").exists() for folder in folders)
    cells = [cell for cell in plan.cells() if cell.backbone == backbone]
    todo = [cell for cell in cells if not (plan.cell_folder(cell) / "clips.csv").exists()]
    others = [judge for judge in plan.backbones if judge != backbone] if plan.study.transfer else []
    unread = sum(not (plan.cell_folder(cell) / reading(cell, judge)).exists() for cell in cells for judge in others)
    seconds = 0.0
    if pairs or todo or unread:
        pair, epoch, test = _measure(plan, backbone)
        seconds = pairs * pair + sum(_epochs(plan.cascade(cell), cell.variant.shares) for cell in todo) * epoch
        seconds += (len(todo) + unread) * test
    return Cost(backbone, 2 * pairs, len(todo), len(cells) - len(todo), seconds)


def _epochs(settings: CascadeSettings, shares: bool) -> int:
    return settings.epochs - shares * (settings.stage_one_epochs or settings.epochs // 2)


def _measure(plan: Plan, backbone: str) -> tuple[float, float, float]:
    """Seconds of a fold's two recognisers, of an epoch of a cascade, and of reading the test part."""
    recipe = plan.recipe(backbone, plan.kinds[0], 0)
    clips, emotions = usable(chosen(plan.manifest, recipe.corpus.only)), recipe.corpus.emotions
    split = splits.split(clips, **recipe.split.model_dump(), seed=recipe.seed, emotions=emotions)
    speech, networks, fine_tuning = parts(clips, split, emotions), [], 0.0
    for task in guides.tasks(recipe.evaluators):
        heard = parts(clips, split)["train"] if task.name == "words" else speech["train"]  # as `prepare` does
        networks.append(new_recognizer(task, speech["train"], recipe.seed).to(processes.device()))
        fine_tuning += _fine_tuning(task, networks[-1], recipe, heard, speech["validation"])
    selfsupervised.share(*map(checkpoint.freeze, networks))
    epoch, read = _cascade(Guides(*networks), recipe, speech)
    watched = len(speech["test"]) if backbone == paper.ABLATED else 0
    return fine_tuning, epoch + (len(speech["validation"]) + watched) * read, len(speech["test"]) * read


def _fine_tuning(task: Task, network: Any, recipe: Recipe, train: Speech, validation: Speech) -> float:
    loop = getattr(recipe.evaluators, task.name)
    batch = train.batch(_typical(train, loop.batch_size))
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad])

    def step() -> None:
        optimizer.zero_grad()
        with processes.autocast(loop.precision):
            loss = network.train().loss(batch.waves, batch.lengths, [task.target(clip) for clip in batch.clips]).sum()
        loss.backward()
        optimizer.step()

    few = validation.subset(_typical(validation, READ))
    reading = _seconds(lambda: read_all(network.eval(), few)) / len(few)
    return loop.epochs * (math.ceil(len(train) / loop.batch_size) * _seconds(step) + len(validation) * reading)


def _cascade(networks: Guides, recipe: Recipe, speech: dict[str, Speech]) -> tuple[float, float]:
    """Seconds of an epoch's steps, and of reading one clip."""
    settings = recipe.cascade
    few = {part: clips.subset(_typical(clips, READ)) for part, clips in speech.items()}
    trainer = Trainer(settings, networks, few, recipe.seed)
    trainer.network.to(processes.device())
    batch = few["train"].batch(_typical(few["train"], settings.batch_size))

    def step() -> None:
        with processes.autocast(settings.precision):
            loss = trainer.stage_one(batch)
        loss.backward()

    reading = _seconds(lambda: trainer.measure(trainer.network.eval(), "validation")) / len(few["validation"])
    steps = math.ceil(min(settings.subset, len(speech["train"])) / settings.batch_size)
    return steps * _seconds(step), reading


def _typical(speech: Speech, count: int) -> list[int]:
    """Clips of every length, in equal shares."""
    order = sorted(range(len(speech)), key=lambda index: len(speech.wave(index)))
    count = min(count, len(order))
    return [order[(2 * place + 1) * len(order) // (2 * count)] for place in range(count)]


def _seconds(work: Callable[[], object]) -> float:
    """Of the second call: the first one also loads and compiles."""
    work()
    _finish()
    started = time.perf_counter()
    work()
    _finish()
    return time.perf_counter() - started


def _finish() -> None:
    if processes.device().type != "cpu":  # an accelerator works on while Python goes on
        torch.accelerator.synchronize()

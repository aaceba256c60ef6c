"""What a plan will cost: how many trainings are left, and their time from one measured step of each kind."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aclipse.contracts import Guides
from aclipse.corpora import splits
from aclipse.experiments import guides
from aclipse.experiments.recipe import Recipe
from aclipse.experiments.reproduction.plan import Plan
from aclipse.experiments.run import parts, usable
from aclipse.models import selfsupervised
from aclipse.protections.cascade.method import Trainer
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
    """The cost of what the plan lacks, one row a backbone; nothing is written."""
    return [_cost(plan, backbone) for backbone in plan.backbones]


def _cost(plan: Plan, backbone: str) -> Cost:
    folders = [plan.run_folder(*place) for place in plan.places() if place[0] == backbone]
    pairs = sum(not (folder / "clean.csv").exists() for folder in folders)
    cells = [cell for cell in plan.cells() if cell.backbone == backbone]
    cascades = sum(not (plan.cell_folder(cell) / "clips.csv").exists() for cell in cells)
    seconds = 0.0
    if pairs or cascades:
        pair, cascade = _measure(plan, backbone)
        seconds = pairs * pair + cascades * cascade
    return Cost(backbone, 2 * pairs, cascades, len(cells) - cascades, seconds)


def _measure(plan: Plan, backbone: str) -> tuple[float, float]:
    """Seconds that a fold's two recognisers take, and one cascade."""
    recipe = plan.recipe(backbone, plan.kinds[0], 0)
    emotions, clips = recipe.corpus.emotions, usable(plan.manifest)
    split = splits.split(clips, **recipe.split.model_dump(), seed=recipe.seed, emotions=emotions)
    speech = parts(clips, split, emotions)
    networks, fine_tuning = [], 0.0
    for task in guides.tasks(recipe.evaluators):
        networks.append(new_recognizer(task, speech["train"], recipe.seed).to(processes.device()))
        fine_tuning += _fine_tuning(task, networks[-1], recipe, speech)
    selfsupervised.share(*map(checkpoint.freeze, networks))
    return fine_tuning, _cascade(Guides(*networks), recipe, speech)


def _fine_tuning(task: Task, network: Any, recipe: Recipe, speech: dict[str, Speech]) -> float:
    loop = getattr(recipe.evaluators, task.name)

    def step() -> None:
        batch = speech["train"].batch(_typical(speech["train"], loop.batch_size))
        network.train().loss(batch.waves, batch.lengths, [task.target(clip) for clip in batch.clips]).sum().backward()

    few = speech["validation"].subset(_typical(speech["validation"], READ))
    reading = _seconds(lambda: read_all(network.eval(), few)) / len(few)
    steps = math.ceil(len(speech["train"]) / loop.batch_size)
    return loop.epochs * (steps * _seconds(step) + len(speech["validation"]) * reading)


def _cascade(networks: Guides, recipe: Recipe, speech: dict[str, Speech]) -> float:
    settings = recipe.cascade
    few = {part: clips.subset(_typical(clips, READ)) for part, clips in speech.items()}
    trainer = Trainer(settings, networks, few, recipe.seed)
    trainer.network.to(processes.device())
    subset = min(settings.subset, len(speech["train"]))
    reading = _seconds(lambda: trainer.measure(trainer.network.eval(), "validation")) / len(few["validation"])
    step = _seconds(lambda: trainer.step(few["train"].batch(_typical(few["train"], settings.batch_size))))
    read = len(speech["validation"]) + len(speech["test"])
    return settings.epochs * (math.ceil(subset / settings.batch_size) * step + read * reading)


def _typical(speech: Speech, count: int) -> list[int]:
    """Clips of every length, in equal shares."""
    order = sorted(range(len(speech)), key=lambda index: len(speech.wave(index)))
    count = min(count, len(order))
    return [order[(2 * place + 1) * len(order) // (2 * count)] for place in range(count)]


def _seconds(work: Callable[[], object]) -> float:
    """Of the second call: the first one also loads and compiles."""
    work()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started

"""From a bench to finished jobs: what is planned, how long it will take, and in how many processes it is done."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from aclipse.experiments import run as runs
from aclipse.experiments.ladder import cost, pool
from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.jobs import Job
from aclipse.experiments.ladder.plan import plan
from aclipse.experiments.ladder.subjects import Subject
from aclipse.experiments.levels import Level
from aclipse.experiments.recipe import Recipe
from aclipse.experiments.sharing import OnDone, cores
from aclipse.training import processes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opening:
    """What a process needs to open a bench of its own."""

    folder: Path
    recipe: Recipe
    subjects: dict[str, Subject]
    level: Level

    def __call__(self) -> Bench:
        """Read the run again."""
        prepared = replace(runs.reopen(self.folder), recipe=self.recipe)
        return Bench(prepared, self.subjects, self.folder / "audit", self.level)


def climb(
    bench: Bench, threads: int, on_done: OnDone | None = None, others: Sequence[tuple[str, Bench]] = ()
) -> list[Job]:
    """Do all jobs of a bench, after saying how long they and those of ``others``, by name, will take; gives them."""
    jobs, workers, units = plan(bench), processes_of(threads, bench.recipe), dict[str, float]()
    costs = cost.seconds_of(jobs, bench, units)
    beside = [(name, sum(cost.seconds_of(plan(other), other, units).values())) for name, other in others]
    log.info(
        "%d pieces of work, about %s in %s, less what is done already%s",
        len(jobs), _minutes(sum(costs.values()) / workers), f"{workers} processes" if workers > 1 else "one process",
        "".join(f"; level {name} {_minutes(seconds / workers)}" for name, seconds in beside),
    )  # fmt: skip
    opening = Opening(bench.prepared.run.folder, bench.recipe, bench.subjects, bench.level)
    pool.run(jobs, bench, opening, workers, costs, on_done)
    return jobs


def processes_of(threads: int, recipe: Recipe) -> int:
    """How many processes ``threads`` (0: all cores) make: one each for compact networks on a CPU, else one in all."""
    return (threads or cores()) if _is_light(recipe) else 1


@contextmanager
def on_one_core(threads: int, recipe: Recipe) -> Iterator[None]:
    """Let this process compute as worker processes do, so that scores do not depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if _is_light(recipe) else threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _is_light(recipe: Recipe) -> bool:
    return recipe.evaluators.backbone == "compact" and processes.device().type == "cpu"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"

"""Who does a study's jobs: one process, or several that compute on one core each; each job once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from aclipse.experiments.sharing import OnDone, Teller, cores, share_out
from aclipse.experiments.study.jobs import Job, Place, name_of
from aclipse.experiments.study.plan import Plan
from aclipse.training import processes

MOST = 4  # processes: each holds the features that it works on


def workers(threads: int) -> int:
    """How many processes share the jobs: one for each core that may be used; one alone on an accelerator."""
    if processes.count() > 1 or processes.device().type != "cpu":
        return 1
    return min(threads or cores(), MOST)


def run(plan: Plan, left: Sequence[Job], count: int, costs: Mapping[Job, float], on_done: OnDone | None = None) -> None:
    """Do what is left; a job that fails ends the others' queue and its error is raised."""
    tell = Teller({name_of(job): costs[job] for job in left}, on_done)
    if count == 1 or len(left) < 2:
        with on_one_core():
            for job in sorted(left, key=lambda job: job.place):  # stable: others are still done before
                tell(name_of(job), perform(plan, job))
                processes.wait()
        return
    share_out(
        _ordered(left, costs), lambda job, waiting: not {*job.after} & {*waiting},
        lambda pool, job: pool.submit(perform, plan, job), count, (_start, ()),
        lambda job, seconds: tell(name_of(job), seconds),
    )  # fmt: skip


def perform(plan: Plan, job: Job) -> float:
    """Do a job; gives the seconds it took."""
    started = time.perf_counter()
    job.work(_opened(plan, job.place))
    return time.perf_counter() - started


_open: tuple[Plan, Place, Any] | None = None  # of this process: the bench of the job it did last


def _opened(plan: Plan, place: Place) -> Any:
    global _open
    if _open is None or _open[:2] != (plan, place):
        _open = plan, place, plan.open(place)
    return _open[2]


def _start() -> None:
    torch.set_num_threads(1)


@contextmanager
def on_one_core() -> Iterator[None]:
    """Compute as worker processes do, so that results do not depend on how many there are."""
    before = torch.get_num_threads()
    if processes.count() == 1 and processes.device().type == "cpu":
        _start()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _ordered(left: Sequence[Job], costs: Mapping[Job, float]) -> list[Job]:
    """By what there is still to do from a job on, the longest first; a rotation before the next."""
    following: dict[Job, float] = {}
    for job in reversed(left):  # jobs come after those that they build on
        after = [following[other] for other in left if job in other.after]
        following[job] = costs[job] + max(after, default=0.0)
    return sorted(left, key=lambda job: (job.place, -following[job]))

"""Who does a study's jobs: one process, or several that compute on one core each; each job once."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

import torch

from aclipse.errors import RunError
from aclipse.experiments.cloaking.bench import Bench
from aclipse.experiments.cloaking.jobs import Job
from aclipse.experiments.cloaking.plan import Place, Plan
from aclipse.training import processes

log = logging.getLogger(__name__)

MOST = 4  # processes: each holds the features that it works on
OnDone = Callable[[str, float, float], None]  # a job's name, seconds of work done and in all, by the estimate


def workers(threads: int) -> int:
    """How many processes share the jobs: one for each core that may be used; one alone on an accelerator."""
    if processes.count() > 1 or processes.device().type != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(threads or cores, MOST)


def run(plan: Plan, left: Sequence[Job], count: int, costs: Mapping[Job, float], on_done: OnDone | None = None) -> None:
    """Do what is left; a job that fails ends the others' queue and its error is raised."""
    tell = _Teller(costs, left, on_done)
    if count == 1 or len(left) < 2:
        with _as_workers_do():
            for job in sorted(left, key=lambda job: job.place):  # stable: others are still done before
                tell(job, perform(plan, job))
                processes.wait()
        return
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(count, context, _start) as pool:
        try:
            _share_out(plan, _ordered(left, costs), pool, count, tell)
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            if isinstance(error, BrokenProcessPool):
                raise RunError(
                    "a process of the study died, most likely for want of memory. Go on with one: --threads 1"
                ) from error
            raise


def perform(plan: Plan, job: Job) -> float:
    """Do a job; gives the seconds it took."""
    started = time.perf_counter()
    job.work(_opened(plan, job.place))
    return time.perf_counter() - started


_bench: Bench | None = None  # of this process: that of the job it did last


def _opened(plan: Plan, place: Place) -> Bench:
    global _bench
    if _bench is None or (_bench.plan, _bench.place) != (plan, place):
        _bench = Bench(plan, place)
    return _bench


def _start() -> None:
    torch.set_num_threads(1)


@contextmanager
def _as_workers_do() -> Iterator[None]:
    """Compute on one core too, so that results do not depend on how many processes there are."""
    before = torch.get_num_threads()
    if processes.count() == 1 and processes.device().type == "cpu":
        _start()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _share_out(
    plan: Plan, left: list[Job], pool: ProcessPoolExecutor, count: int, tell: Callable[[Job, float], None]
) -> None:
    running: dict[Future[float], Job] = {}
    while left or running:
        waiting = {*left, *running.values()}
        for job in [job for job in left if not waiting & set(job.after)][: count - len(running)]:
            left.remove(job)
            running[pool.submit(perform, plan, job)] = job
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            tell(running.pop(future), future.result())


def _ordered(left: Sequence[Job], costs: Mapping[Job, float]) -> list[Job]:
    """By what there is still to do from a job on, the longest first; a rotation before the next."""
    following: dict[Job, float] = {}
    for job in reversed(left):  # jobs come after those that they build on
        after = [following[other] for other in left if job in other.after]
        following[job] = costs[job] + max(after, default=0.0)
    return sorted(left, key=lambda job: (job.place, -following[job]))


class _Teller:
    """Adds up what is done and says so."""

    def __init__(self, costs: Mapping[Job, float], left: Sequence[Job], on_done: OnDone | None) -> None:
        self.costs, self.on_done = costs, on_done
        self.total, self.done, self.count, self.number = sum(costs[job] for job in left), 0.0, len(left), 0

    def __call__(self, job: Job, seconds: float) -> None:
        self.done += self.costs[job]
        self.number += 1
        name = f"rotation {job.place.rotation}, repeat {job.place.repeat}, {job.title}"
        log.info("%d/%d  %s  %.0f s", self.number, self.count, name, seconds)
        if self.on_done:
            self.on_done(name, self.done, self.total)

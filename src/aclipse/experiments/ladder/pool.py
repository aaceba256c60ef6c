"""Who does the jobs and in which order: one process or several, each job once, the longest first."""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

import torch

from aclipse import __version__
from aclipse.atomic import write_text
from aclipse.errors import RunError
from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.jobs import Job, Release

log = logging.getLogger(__name__)

Open = Callable[[], Bench]  # plain data that a process can be sent
OnDone = Callable[[str, float, float], None]  # a job's name, seconds of work done and in all, by the estimate


def perform(job: Job, bench: Bench, mark: str) -> float:
    """Do a job that was not done before, or with another mark; gives the seconds it took."""
    folder, started = bench.place(job.name), time.perf_counter()
    if is_done(job, bench, mark):
        return 0.0
    if (folder / "spec.json").exists() and (folder / "spec.json").read_text("utf-8") != mark:
        shutil.rmtree(folder)
    write_text(folder / "spec.json", mark)
    result = job.work(bench, folder)
    seconds = time.perf_counter() - started
    write_text(folder / "result.json", json.dumps({**result, "wall": round(seconds, 2)}))
    return seconds


def is_done(job: Job, bench: Bench, mark: str) -> bool:
    """Whether the job has left its result, with the same mark."""
    folder = bench.place(job.name)
    spec = folder / "spec.json"
    return (folder / "result.json").exists() and spec.exists() and spec.read_text("utf-8") == mark


def marks(jobs: Sequence[Job], bench: Bench) -> dict[str, str]:
    """What each job's result depends on, in a line: its spec, and the marks of the jobs that it builds on.

    What a subject releases is in every spec; how many of its clips are measured is the release's own affair.
    """
    planned, found = {job.name: job for job in jobs}, dict[str, str]()

    def mark(job: Job) -> str:
        if job.name not in found:
            others = [planned[name] for name in job.after if name in planned]
            before = [mark(other) for other in others if not isinstance(other, Release)]
            facts = {"aclipse": __version__, "run": bench.fingerprint, "spec": job.spec(bench), "after": before}
            digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
            found[job.name] = json.dumps({"job": job.name, "hash": digest})
        return found[job.name]

    return {job.name: mark(job) for job in jobs}


def run(jobs: Sequence[Job], bench: Bench, opening: Open, workers: int, costs: dict[str, float],
        on_done: OnDone | None = None) -> None:  # fmt: skip
    """Do all jobs; with several workers each is a process that opens a bench of its own, and computes on one core.

    What is done is kept: after a kill the same call goes on. A job that fails ends the others' queue and its error is
    raised.
    """
    marked = marks(jobs, bench)
    left = [job for job in _ordered(jobs, costs) if not is_done(job, bench, marked[job.name])]
    tell = _Teller(costs, left, on_done)
    if workers == 1 or len(left) < 2:
        while left:
            job = next(job for job in left if _is_free(job, left))
            left.remove(job)
            tell(job, perform(job, bench, marked[job.name]))
        return
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(workers, context, _start, (opening,)) as pool:
        try:
            _share_out(left, marked, pool, workers, tell)
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            if isinstance(error, BrokenProcessPool):
                raise RunError(
                    "a process of the audit died, most likely for want of memory. Go on with fewer of them: --threads 1"
                ) from error
            raise


def _share_out(
    left: list[Job], marked: dict[str, str], pool: ProcessPoolExecutor, workers: int, tell: Callable[[Job, float], None]
) -> None:
    running: dict[Future[float], Job] = {}
    while left or running:
        waiting = [*left, *running.values()]
        for job in [job for job in left if _is_free(job, waiting)][: workers - len(running)]:
            left.remove(job)
            running[pool.submit(_perform, job, marked[job.name])] = job
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            tell(running.pop(future), future.result())


_bench: Bench | None = None  # of a worker process


def _start(opening: Open) -> None:
    global _bench
    torch.set_num_threads(1)
    _bench = opening()


def _perform(job: Job, mark: str) -> float:
    assert _bench is not None
    return perform(job, _bench, mark)


class _Teller:
    """Adds up what is done and says so."""

    def __init__(self, costs: dict[str, float], jobs: Sequence[Job], on_done: OnDone | None) -> None:
        self.costs, self.on_done = costs, on_done
        self.total, self.done, self.count, self.number = sum(costs[job.name] for job in jobs), 0.0, len(jobs), 0

    def __call__(self, job: Job, seconds: float) -> None:
        self.done += self.costs[job.name]
        self.number += 1
        log.info("%d/%d  %s  %.0f s", self.number, self.count, job.name, seconds)
        if self.on_done:
            self.on_done(job.name, self.done, self.total)


def _ordered(jobs: Iterable[Job], costs: dict[str, float]) -> list[Job]:
    """The longest first, those that others wait for before all."""
    jobs = list(jobs)
    needed = {name for job in jobs for name in job.after}
    return sorted(jobs, key=lambda job: (job.name not in needed, -costs[job.name]))


def _is_free(job: Job, waiting: Sequence[Job]) -> bool:
    return not {other.name for other in waiting if other is not job} & set(job.after)

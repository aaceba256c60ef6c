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

import torch

from aclipse.atomic import write_text
from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.jobs import Job

log = logging.getLogger(__name__)

Open = Callable[[], Bench]  # plain data that a process can be sent
OnDone = Callable[[str, float, float], None]  # a job's name, seconds of work done and in all, by the estimate


def perform(job: Job, bench: Bench) -> float:
    """Do a job that was not done before, or with another spec; gives the seconds it took."""
    folder, started = bench.place(job.name), time.perf_counter()
    if is_done(job, bench):
        return 0.0
    mark = _mark(job, bench)
    if (folder / "spec.json").exists() and (folder / "spec.json").read_text("utf-8") != mark:
        shutil.rmtree(folder)
    write_text(folder / "spec.json", mark)
    result = job.work(bench, folder)
    seconds = time.perf_counter() - started
    write_text(folder / "result.json", json.dumps({**result, "wall": round(seconds, 2)}))
    return seconds


def is_done(job: Job, bench: Bench) -> bool:
    """Whether the job has left its result, of the same spec."""
    folder = bench.place(job.name)
    spec = folder / "spec.json"
    return (folder / "result.json").exists() and spec.exists() and spec.read_text("utf-8") == _mark(job, bench)


def run(jobs: Sequence[Job], bench: Bench, opening: Open, workers: int, costs: dict[str, float],
        on_done: OnDone | None = None) -> None:  # fmt: skip
    """Do all jobs; with several workers each is a process that opens a bench of its own, and computes on one core.

    What is done is kept: after a kill the same call goes on. A job that fails ends the others' queue and its error is
    raised.
    """
    left = [job for job in _ordered(jobs, costs) if not is_done(job, bench)]
    tell = _Teller(costs, left, on_done)
    if workers == 1 or len(left) < 2:
        while left:
            job = next(job for job in left if _is_free(job, left))
            left.remove(job)
            tell(job, perform(job, bench))
        return
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(workers, context, _start, (opening,)) as pool:
        try:
            _share_out(left, pool, workers, tell)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _share_out(left: list[Job], pool: ProcessPoolExecutor, workers: int, tell: Callable[[Job, float], None]) -> None:
    running: dict[Future[float], Job] = {}
    while left or running:
        waiting = [*left, *running.values()]
        for job in [job for job in left if _is_free(job, waiting)][: workers - len(running)]:
            left.remove(job)
            running[pool.submit(_perform, job)] = job
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            tell(running.pop(future), future.result())


_bench: Bench | None = None  # of a worker process


def _start(opening: Open) -> None:
    global _bench
    torch.set_num_threads(1)
    _bench = opening()


def _perform(job: Job) -> float:
    assert _bench is not None
    return perform(job, _bench)


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


def _mark(job: Job, bench: Bench) -> str:
    """What a result depends on, in a line."""
    facts = {"run": bench.fingerprint, "job": job.name, **job.spec(bench)}
    return json.dumps({"job": job.name, "hash": hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()})

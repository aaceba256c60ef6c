"""Who does the jobs and in which order: one process or several, each job once, the longest first."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Sequence

import torch

from aclipse import __version__
from aclipse.atomic import write_text
from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.jobs import Job, Release
from aclipse.experiments.sharing import OnDone, Teller, share_out

Open = Callable[[], Bench]  # plain data that a process can be sent


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
    tell = Teller({job.name: costs[job.name] for job in left}, on_done)
    if workers == 1 or len(left) < 2:
        while left:
            job = next(job for job in left if _is_free(job, left))
            left.remove(job)
            tell(job.name, perform(job, bench, marked[job.name]))
        return
    share_out(
        left, _is_free, lambda pool, job: pool.submit(_perform, job, marked[job.name]), workers, (_start, (opening,)),
        lambda job, seconds: tell(job.name, seconds),
    )  # fmt: skip


_bench: Bench | None = None  # of a worker process


def _start(opening: Open) -> None:
    global _bench
    torch.set_num_threads(1)
    _bench = opening()


def _perform(job: Job, mark: str) -> float:
    assert _bench is not None
    return perform(job, _bench, mark)


def _ordered(jobs: Iterable[Job], costs: dict[str, float]) -> list[Job]:
    """The longest first, those that others wait for before all."""
    jobs = list(jobs)
    needed = {name for job in jobs for name in job.after}
    return sorted(jobs, key=lambda job: (job.name not in needed, -costs[job.name]))


def _is_free(job: Job, waiting: Iterable[Job]) -> bool:
    return not {other.name for other in waiting if other is not job} & set(job.after)

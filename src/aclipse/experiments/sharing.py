"""Jobs shared out to processes that compute on one core each; a kill loses only what was being worked on."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aclipse.errors import RunError

log = logging.getLogger(__name__)

J = TypeVar("J")
OnDone = Callable[[str, float, float], None]  # a job's name, seconds of work done and in all, by the estimate


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Teller:
    """Adds up what is done and says so; ``costs`` are the seconds that each job, by its name, should take."""

    costs: dict[str, float]
    on_done: OnDone | None = None
    count: int = field(init=False)
    done: float = field(init=False, default=0.0)
    number: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.count, self.total = len(self.costs), sum(self.costs.values())

    def __call__(self, name: str, seconds: float) -> None:
        self.done += self.costs[name]
        self.number += 1
        log.info("%d/%d  %s  %.0f s", self.number, self.count, name, seconds)
        if self.on_done:
            self.on_done(name, self.done, self.total)


def share_out(
    left: Sequence[J],
    is_free: Callable[[J, Collection[J]], bool],
    work: Callable[[ProcessPoolExecutor, J], Future[float]],
    workers: int,
    start: tuple[Callable[..., None], tuple[Any, ...]],
    tell: Callable[[J, float], None],
) -> None:
    """Do jobs in their order, each as soon as none that it builds on is waiting, in fresh processes.

    ``work`` submits a job, whose result is the seconds it took; ``start``, a function and its arguments, is called in
    each process first. A job that fails ends the others' queue and its error is raised; RunError if a process dies.
    """
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(workers, context, _begin, start) as pool:
        try:
            _keep_busy(list(left), is_free, lambda job: work(pool, job), workers, tell)
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            if isinstance(error, BrokenProcessPool):
                raise RunError(
                    "a process died, most likely for want of memory. Go on with fewer of them: --threads 1"
                ) from error
            raise


def _begin(start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    start(*arguments)


def _leave_with_parent() -> None:
    """End this process when the one that started it is gone: a kill must leave nobody waiting, with all in memory."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _keep_busy(
    left: list[J], is_free: Callable[[J, Collection[J]], bool], submit: Callable[[J], Future[float]], workers: int,
    tell: Callable[[J, float], None],
) -> None:  # fmt: skip
    running: dict[Future[float], J] = {}
    while left or running:
        waiting = {*left, *running.values()}
        for job in [job for job in left if is_free(job, waiting)][: workers - len(running)]:
            left.remove(job)
            running[submit(job)] = job
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            tell(running.pop(future), future.result())

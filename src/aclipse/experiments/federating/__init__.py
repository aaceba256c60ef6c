"""Every study of federated emotion recognition and its leaks: plan → jobs (resumable) → one CSV table a study."""

from __future__ import annotations

import logging
from pathlib import Path

from aclipse.atomic import sweep
from aclipse.experiments.federating import tables
from aclipse.experiments.federating.bench import functionals
from aclipse.experiments.federating.estimate import costs, job_seconds
from aclipse.experiments.federating.needed import missing
from aclipse.experiments.federating.plan import STUDIES, Plan, make_plan
from aclipse.experiments.sharing import OnDone
from aclipse.experiments.study import pool
from aclipse.experiments.study.pool import workers
from aclipse.training import processes

__all__ = ["STUDIES", "costs", "make_plan", "reproduce", "workers"]

log = logging.getLogger(__name__)


def reproduce(plan: Plan, threads: int = 0, on_done: OnDone | None = None) -> Path:
    """Train and read what a study lacks and write its numbers; gives the path of the CSV table.

    On a processor jobs are shared out to one process for each of ``threads`` cores (0: all), four at most. What an
    interrupted call has done is kept. Raises AudioError for a recording that cannot be used, MissingExtra without the
    package that accounts for privacy, or that computes the functionals.
    """
    log.info(plan.title)
    left = missing(plan)
    if processes.is_main():
        sweep(plan.root)
        if left:
            functionals(plan, on_done and (lambda done, total: on_done("functionals", done, total)), threads)
    processes.wait()
    pool.run(plan, left, workers(threads), job_seconds(plan, left), on_done)
    if processes.is_main():
        tables.write(plan)
    return plan.output / f"{plan.name}.csv"

"""Which jobs a study needs, and which of them are left."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from aclipse.experiments.cloaking.jobs import Job, Suppress
from aclipse.experiments.cloaking.plan import METHODS, NOISE, Place, Plan
from aclipse.experiments.cloaking.readings import TASKS, Read


def jobs_of(plan: Plan) -> list[Job]:
    """All that a study needs, each job after those that it builds on."""
    return _with_others(plan, lambda job: True)


def missing(plan: Plan) -> list[Job]:
    """The jobs that have not left their file, in the same order; what only finished jobs needed is left out."""
    return _with_others(plan, lambda job: not job.result(plan).exists())


def _with_others(plan: Plan, counts: Callable[[Job], bool]) -> list[Job]:
    found: dict[Job, None] = {}

    def need(job: Job) -> None:
        if job not in found and counts(job):
            for other in job.after:
                need(other)
            found[job] = None

    for place in plan.places():
        for job in _wanted(plan, place):
            need(job)
    return list(found)


def _wanted(plan: Plan, place: Place) -> Iterator[Job]:
    """What a study's numbers are read from."""
    s = plan.settings
    if plan.name == "cloak-fig5":
        yield from (Suppress(place, method, s.cloak.suppression) for method in METHODS)
    if plan.name in ("cloak-table2", "cloak-fig4"):
        yield from (Read(place, task) for task in TASKS)
    if plan.name == "cloak-fig4":
        yield from (Read(place, task, method, sr) for sr in s.srs for method in (*METHODS, NOISE) for task in TASKS)

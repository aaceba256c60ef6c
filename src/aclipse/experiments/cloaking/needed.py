"""Which jobs a study needs, and which of them are left."""

from __future__ import annotations

from collections.abc import Iterator

from aclipse.experiments.cloaking.jobs import Suppress
from aclipse.experiments.cloaking.plan import METHODS, NOISE, Plan
from aclipse.experiments.cloaking.readings import TASKS, Read
from aclipse.experiments.study import jobs
from aclipse.experiments.study.jobs import Job, Place


def jobs_of(plan: Plan) -> list[Job]:
    """All that a study needs, each job after those that it builds on."""
    return jobs.all_of(_wanted(plan))


def missing(plan: Plan) -> list[Job]:
    """The jobs that have not left their file, in the same order; what only finished jobs needed is left out."""
    return jobs.missing(plan, _wanted(plan))


def _wanted(plan: Plan) -> Iterator[Job]:
    """What a study's numbers are read from."""
    for place in plan.places():
        yield from _wanted_at(plan, place)


def _wanted_at(plan: Plan, place: Place) -> Iterator[Job]:
    s = plan.settings
    if plan.name == "cloak-fig5":
        yield from (Suppress(place, method, s.cloak.suppression) for method in METHODS)
    if plan.name in ("cloak-table2", "cloak-fig4"):
        yield from (Read(place, task) for task in TASKS)
    if plan.name == "cloak-fig4":
        yield from (Read(place, task, method, sr) for sr in s.srs for method in (*METHODS, NOISE) for task in TASKS)

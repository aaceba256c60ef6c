"""Which jobs a study needs, and which of them are left."""

from __future__ import annotations

from collections.abc import Iterator

from aclipse.experiments.replacing.plan import Plan
from aclipse.experiments.replacing.readings import Read
from aclipse.experiments.study import jobs
from aclipse.experiments.study.jobs import Job


def jobs_of(plan: Plan) -> list[Job]:
    """All that a study needs, each job after those that it builds on."""
    return jobs.all_of(_wanted(plan))


def missing(plan: Plan) -> list[Job]:
    """The jobs that have not left their file, in the same order; what only finished jobs needed is left out."""
    return jobs.missing(plan, _wanted(plan))


def _wanted(plan: Plan) -> Iterator[Job]:
    """What a study's numbers are read from."""
    if plan.name == "rae-table1":
        return
    for place in plan.places():
        for scenario in plan.settings.roles:
            yield from (Read(place, scenario, method) for method in plan.settings.methods)

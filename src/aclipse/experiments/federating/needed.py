"""Which jobs a study needs, and which of them are left."""

from __future__ import annotations

from collections.abc import Iterator

from aclipse.experiments.federating.plan import Plan
from aclipse.experiments.federating.readings import CENTRALLY, Read
from aclipse.experiments.federating.settings import CLEAN
from aclipse.experiments.study import jobs
from aclipse.experiments.study.jobs import Job

ALGORITHMS = ("fedavg", "fedsgd")


def jobs_of(plan: Plan) -> list[Job]:
    """All that a study needs, each job after those that it builds on."""
    return jobs.all_of(wanted(plan))


def missing(plan: Plan) -> list[Job]:
    """The jobs that have not left their file, in the same order; what only finished jobs needed is left out."""
    return jobs.missing(plan, wanted(plan))


def wanted(plan: Plan) -> Iterator[Read]:
    """What a study's numbers are read from."""
    for place in plan.places():
        for corpus in plan.private:
            if plan.name == "fed-utility":
                yield from (Read(place, corpus, name, CLEAN, "emotion") for name in (*ALGORITHMS, CENTRALLY))
            elif plan.name == "fed-attack":
                yield from (Read(place, corpus, name, CLEAN, "layers") for name in ALGORITHMS)
            else:
                yield from (Read(place, corpus, "fedavg", one, "leaked") for one in plan.settings.variants)

"""What a study consists of: jobs that are each done once, after others, and leave a file in the end.

A job's folder is named after all that its result depends on, so that other settings have another place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from aclipse.contracts import Settings


class Place(NamedTuple):
    """One training of everything: a rotation of the speakers, and a seed."""

    rotation: int
    repeat: int


class Job(Protocol):
    """Something to be done once, after others; plan and bench are those of its study."""

    @property
    def place(self) -> Place:
        """The rotation and repeat that it is of."""

    @property
    def after(self) -> tuple[Job, ...]:
        """What must be done before."""

    @property
    def title(self) -> str:
        """What it does, in a few words."""

    def folder(self, plan: Any) -> Path:
        """Where it works."""

    def result(self, plan: Any) -> Path:
        """The file that it leaves in the end."""

    def work(self, bench: Any) -> None:
        """Do it; what an interrupted attempt has left is gone on with."""


def all_of(wanted: Iterable[Job]) -> list[Job]:
    """What some results need, each job after those that it builds on."""
    return _with_others(wanted, lambda job: True)


def missing(plan: Any, wanted: Iterable[Job]) -> list[Job]:
    """The jobs that have not left their file, in the same order; what only finished jobs needed is left out."""
    return _with_others(wanted, lambda job: not job.result(plan).exists())


def _with_others(wanted: Iterable[Job], counts: Callable[[Job], bool]) -> list[Job]:
    found: dict[Job, None] = {}

    def need(job: Job) -> None:
        if job not in found and counts(job):
            for other in job.after:
                need(other)
            found[job] = None

    for job in wanted:
        need(job)
    return list(found)


def name_of(job: Job) -> str:
    """A job in a line."""
    return f"rotation {job.place.rotation}, repeat {job.place.repeat}, {job.title}"


def digest(depends: Sequence[Settings], *names: str) -> str:
    """8 hexadecimal digits that change with any of the settings or names, and not with who follows the training."""
    text = "\n".join([*(settings.model_dump_json(exclude={"tracker"}) for settings in depends), *names])
    return hashlib.sha256(text.encode()).hexdigest()[:8]

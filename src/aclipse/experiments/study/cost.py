"""What a study will cost: how many jobs are left, and how long they take by what was measured here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from aclipse.audio import files
from aclipse.audio.functionals import FunctionalSettings, functionals
from aclipse.contracts import SAMPLE_RATE, Clip
from aclipse.experiments.study.jobs import Job
from aclipse.training import loop, processes
from aclipse.training.functionals import is_kept


@dataclass(frozen=True)
class Cost:
    """Of one kind of job: how many are left and there already, and the seconds of those left, on one core."""

    kind: str
    left: int
    there: int
    seconds: float


def by_kind(kinds: Mapping[type, str], every: Sequence[Job], seconds: Mapping[Job, float]) -> list[Cost]:
    """One row a kind of job; ``seconds`` are of those left."""
    rows = []
    for kind, name in kinds.items():
        mine = [job for job in every if isinstance(job, kind)]
        left = [seconds[job] for job in mine if job in seconds]
        rows.append(Cost(name, len(left), len(mine) - len(left), sum(left)))
    return rows


def of_functionals(clips: Sequence[Clip], settings: FunctionalSettings, folder: Path) -> Cost:
    """Of the functionals of all clips, where ``folder`` lacks them: from those of a second of noise."""
    whole = is_kept(clips, settings, folder)
    left = 0 if whole else len(clips)
    second = 0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
    audio = 0.0 if whole else sum(samples(clips).values()) / SAMPLE_RATE
    seconds = audio * seconds_of(lambda: functionals(second, settings.kind)) if left else 0.0
    return Cost("clips to make functionals of", left, len(clips) - left, seconds)


def samples(clips: Sequence[Clip]) -> dict[str, int]:
    """Length of each clip at 16 kHz, by the header of its file."""
    infos = {clip.id: files.info(clip.path) for clip in clips}
    return {name: files.resampled_length(info.frames, info.rate, SAMPLE_RATE) for name, info in infos.items()}


def seconds_of(work: Callable[[], object]) -> float:
    """The median of three calls after the first, which also loads and compiles."""
    found = []
    for _ in range(4):
        started = time.perf_counter()
        work()
        if processes.device().type != "cpu":  # an accelerator works on while Python goes on
            torch.accelerator.synchronize()
        found.append(time.perf_counter() - started)
    return float(np.median(found[1:]))


@contextmanager
def unheard() -> Iterator[None]:
    """Trainings that are only timed log nothing, as if they were of the study."""
    loop.log.disabled = True
    try:
        yield
    finally:
        loop.log.disabled = False

"""What a study will cost: the jobs that are left, and their time from two epochs of each kind on random vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from aclipse.contracts import Clip
from aclipse.experiments.replacing.attackers import HEADS, OTHERS, train_risk_model
from aclipse.experiments.replacing.jobs import Learn, Replace
from aclipse.experiments.replacing.needed import jobs_of, missing
from aclipse.experiments.replacing.plan import Plan
from aclipse.experiments.replacing.readings import Read
from aclipse.experiments.replacing.settings import DRAWN, RAW
from aclipse.experiments.study.cost import Cost, by_kind, of_functionals, seconds_of, unheard
from aclipse.experiments.study.jobs import Job
from aclipse.experiments.study.pool import on_one_core
from aclipse.protections.replacement.training import SEXES, Lesson
from aclipse.training.batches import Speech
from aclipse.training.loop import LoopSettings, fit

KINDS = {Learn: "risk models", Replace: "autoencoders", Read: "readings, with attackers that learn"}
SAMPLE = 512  # random vectors
EPOCHS = 2  # of a timed training
USUAL = 3  # times its patience a training lasts, about

Rates = Mapping[str, float]  # kind of training → seconds a vector and epoch, in one process on one core


def costs(plan: Plan) -> list[Cost]:
    """The cost of what the plan lacks, one row a kind of job, functionals first; nothing is written."""
    every, left = jobs_of(plan), missing(plan)
    first = of_functionals(plan.manifest.clips if every else (), plan.settings.functionals, plan.root / "features")
    return [first, *by_kind(KINDS, every, job_seconds(plan, left))]


def job_seconds(plan: Plan, left: Sequence[Job]) -> dict[Job, float]:
    """Seconds that each job will take on one core."""
    if not left:
        return {}
    rates = _rates(plan)
    return {job: _seconds(plan, job, rates) for job in left}


def _seconds(plan: Plan, job: Job, rates: Rates) -> float:
    s, split = plan.settings, plan.split(job.place.rotation)
    learned = _epochs(s.risk.epochs, s.risk.patience) * len(split.ids("adversary")) * rates["risk"]
    if isinstance(job, Learn):
        return len(s.risk.widths) * learned
    if isinstance(job, Read):
        retrained = 0 if job.method == RAW else len(s.risk.widths) + len(HEADS)  # together, and each alone
        return (retrained + len(OTHERS)) * learned
    assert isinstance(job, Replace)
    own = s.trained(job.scenario, job.method)
    each = _epochs(own.epochs, own.patience) * len(split.ids("primary"))
    trained = len(own.embeddings) * rates["autoencoder"] + bool(own.guide) * rates["risk"]
    return each * (0 if job.method == DRAWN else trained)  # whose autoencoder is there already


def _epochs(most: int, patience: int | None) -> int:
    return min(most, USUAL * patience) if patience else most


def _rates(plan: Plan) -> Rates:
    """Time two epochs of each kind of training on random vectors."""
    s = plan.settings
    scenario, roles = next(iter(s.roles.items()))
    felt = [(emotion, sex) for emotion in roles.emotions for sex in SEXES]
    clips = [
        Clip(str(index), Path(), "nobody", felt[index % len(felt)][1], felt[index % len(felt)][0])
        for index in range(SAMPLE)
    ]  # fmt: skip
    vectors = np.random.default_rng(0).standard_normal((SAMPLE, 1, s.functionals.components), dtype=np.float32)
    speech, few = Speech(clips, list(vectors)), s.risk.model_copy(update={"epochs": EPOCHS})
    own = s.trained(scenario, "rae + grl").model_copy(update={"redraw": True})
    loop = LoopSettings(epochs=EPOCHS, batch_size=own.batch_size)

    def risk(folder: Path) -> None:
        train_risk_model(roles, (speech, speech), few, s.risk.widths[0], folder, 0)

    def autoencoder(folder: Path) -> None:
        lesson = Lesson(own, own.embeddings[-1], {"train": speech, "validation": speech}, None, 0)
        fit(lesson.job(), loop, folder)

    with on_one_core(), unheard():
        return {"risk": _timed(risk), "autoencoder": _timed(autoencoder)}


def _timed(train: Callable[[Path], object]) -> float:
    """Seconds a vector and epoch, of a training in a folder that is gone afterwards."""

    def once() -> None:
        with TemporaryDirectory() as folder:
            train(Path(folder))

    return seconds_of(once) / (SAMPLE * EPOCHS)

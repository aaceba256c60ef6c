"""What a federated study will cost: the jobs that are left, and their time from a few updates of each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from aclipse.audio.functionals import size
from aclipse.contracts import Clip
from aclipse.experiments.federating import paper
from aclipse.experiments.federating.attackers import learned, odds, opened
from aclipse.experiments.federating.jobs import Learn
from aclipse.experiments.federating.needed import jobs_of, missing
from aclipse.experiments.federating.plan import Plan
from aclipse.experiments.federating.readings import CENTRALLY, Read
from aclipse.experiments.study.cost import Cost, by_kind, of_functionals, seconds_of, unheard
from aclipse.experiments.study.jobs import Job
from aclipse.experiments.study.pool import on_one_core
from aclipse.experiments.updates.leaks import overheard
from aclipse.protections.user_level_dp.clients import CUT, partition
from aclipse.protections.user_level_dp.simulate import Federation

KINDS = {Learn: "attackers, with their shadow federations", Read: "private federations, read by attackers"}
PEOPLE, EACH = 8, 20  # invented speakers and their recordings
ROUNDS = 40  # so many updates that what a training begins and ends with does not count

Rates = Mapping[str, float]  # kind of work → seconds an update, in one process on one core


def costs(plan: Plan) -> list[Cost]:
    """The cost of what the plan lacks, one row a kind of job, functionals first; nothing is written."""
    every, left = jobs_of(plan), missing(plan)
    first = of_functionals(plan.manifest.clips, plan.settings.functionals, plan.root / "features")
    return [first, *by_kind(KINDS, every, job_seconds(plan, left))]


def job_seconds(plan: Plan, left: Sequence[Job]) -> dict[Job, float]:
    """Seconds that each job will take on one core."""
    if not left:
        return {}
    rates = _rates(plan)
    return {job: _seconds(plan, job, rates) for job in left}


def _seconds(plan: Plan, job: Job, rates: Rates) -> float:
    s, rounds = plan.settings, plan.settings.federation.rounds
    assert isinstance(job, Learn | Read)
    own = _speakers(plan, [job.corpus])
    if isinstance(job, Learn):
        others = _speakers(plan, [corpus for corpus in plan.corpora if corpus != job.corpus])
        share = max(s.federation.share * others * s.shadow.cut, s.shadow.clients)
        updates = s.shadow.models * rounds * share
        return updates * (rates["simulate"] + s.networks * s.attack.epochs * rates["learn"])
    if job.algorithm == CENTRALLY:
        return rounds / 10 * own * rates["simulate"]
    read = {"emotion": 0, "layers": 3 * s.draws, "leaked": 2 * s.draws * len(s.leaked)}[job.question]
    return rounds * max(1.0, s.federation.share * own) * rates["simulate"] + read * own * s.networks * rates["read"]


def _speakers(plan: Plan, corpora: Sequence[str]) -> int:
    """Clients of some corpora, each speaker cut as the paper cuts it."""
    return sum(CUT.get(corpus, 1) * len({clip.speaker for clip in plan.clips_of(corpus)}) for corpus in corpora)


def _rates(plan: Plan) -> Rates:
    """Time some rounds of a federation of invented speakers, two epochs of an attacker and its reading."""
    s, drawn = plan.settings, np.random.default_rng(0)
    clips = [
        Clip(f"{one}-{clip}", Path(), f"speaker {one}", ("female", "male")[one % 2], paper.EMOTIONS[clip % 4])
        for one in range(PEOPLE) for clip in range(EACH)
    ]  # fmt: skip
    rows = drawn.standard_normal((len(clips), size(s.functionals.kind)), dtype=np.float32)
    rules = s.federation.model_copy(update={"rounds": ROUNDS, "share": 1.0})
    clients = partition(clips, rows, paper.EMOTIONS, 0)

    def simulated() -> None:
        overheard([Federation(clients, len(paper.EMOTIONS), rules)])

    with on_one_core(), unheard(), TemporaryDirectory() as folder:
        speech = overheard([Federation(clients, len(paper.EMOTIONS), rules)])[0].leaks.of_layer("first")
        places = iter(range(1000))

        def learn(epochs: int) -> float:
            loop = s.attack.model_copy(update={"epochs": epochs})
            return seconds_of(lambda: learned(speech, loop, 1, Path(folder) / str(next(places)), 0))

        each = max(learn(3) - learn(1), 1e-3) / 2  # an epoch, without what a training begins and ends with
        networks = opened(Path(folder) / "0", s.attack, 1)
        read = seconds_of(lambda: odds(networks, speech))
        return {
            "simulate": seconds_of(simulated) / (ROUNDS * PEOPLE), "learn": each / len(speech),
            "read": read / len(speech),
        }  # fmt: skip

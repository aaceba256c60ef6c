"""What a cloak study will cost: the jobs that are left, and their time from one measured step of each kind of work."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from aclipse.audio.segments import log_mel, segments
from aclipse.contracts import SAMPLE_RATE, Clip
from aclipse.experiments.cloaking.bench import LEARNED_FROM, Bench
from aclipse.experiments.cloaking.jobs import Learn, Perturb, Suppress, settings_of
from aclipse.experiments.cloaking.needed import jobs_of, missing
from aclipse.experiments.cloaking.plan import NOISE, Plan
from aclipse.experiments.cloaking.readings import Read
from aclipse.experiments.study.cost import Cost, by_kind, samples, seconds_of
from aclipse.experiments.study.jobs import Job, Place
from aclipse.experiments.study.pool import on_one_core
from aclipse.models.reversal import reverse
from aclipse.protections.cloak.noise import Noise
from aclipse.training import processes
from aclipse.training.features import is_kept
from aclipse.training.recognition import RecognizerLoop

KINDS = {
    Learn: "readers of clean features",
    Perturb: "perturbation trainings",
    Suppress: "suppression trainings",
    Read: "readings, with attackers that learn",
}
BATCH = 16  # segments of a timed step

Rates = Mapping[str, float]  # kind of work → seconds a segment, in one process on one core
Load = dict[str, float]  # kind of work → segments that go through it


def costs(plan: Plan) -> list[Cost]:
    """The cost of what the plan lacks, one row a kind of job, features first; nothing is written."""
    every, left = jobs_of(plan), missing(plan)
    seconds = job_seconds(plan, left)
    whole = is_kept(plan.manifest.clips, plan.settings.features, plan.root / "features")
    clips = len(plan.manifest.clips)
    features = Cost(
        "clips to make features of", 0 if whole else clips, clips * whole, 0.0 if whole else _features(plan)
    )
    return [features, *by_kind(KINDS, every, seconds)]


def job_seconds(plan: Plan, left: Sequence[Job]) -> dict[Job, float]:
    """Seconds that each job will take on one core."""
    if not left:
        return {}
    rates, sizes = _rates(plan), _Sizes(plan)
    return {job: sum(rates[kind] * count for kind, count in _load(plan, job, sizes).items()) for job in left}


def _features(plan: Plan) -> float:
    """Seconds to make the features of all clips, from that of a second of noise."""
    second = np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
    audio = sum(frames for frames in _lengths(plan).values()) * plan.settings.features.analysis.hop / SAMPLE_RATE
    return audio * seconds_of(lambda: log_mel(second, plan.settings.features))


def _lengths(plan: Plan) -> dict[str, int]:
    """Frames of each clip, by the header of its file."""
    analysis = plan.settings.features.analysis
    return {name: analysis.frames(count) for name, count in samples(plan.manifest.clips).items()}


class _Sizes:
    """Segments of each part of each rotation."""

    def __init__(self, plan: Plan) -> None:
        features, frames = plan.settings.features, _lengths(plan)
        self.plan = plan
        self.hops = {
            hop: {name: segments(count, features.segment, hop) for name, count in frames.items()}
            for hop in {features.train_hop, features.test_hop}
        }

    def lesson(self, place: Place, task: str) -> float:
        clips = self._clips(place, LEARNED_FROM[task])
        own = self._segments(clips, self.plan.settings.features.train_hop)
        return own * (_copied(clips) if task == "emotion" else 1.0)

    def validation(self, place: Place, task: str) -> float:
        return self._segments(self._clips(place, f"{LEARNED_FROM[task]}-validation"))

    def test(self, place: Place) -> float:
        return self._segments(self._clips(place, "test"))

    def _clips(self, place: Place, part: str) -> list[Clip]:
        return self.plan.split(place.rotation).of(self.plan.manifest.clips, part)

    def _segments(self, clips: Sequence[Clip], hop: int = 0) -> float:
        counts = self.hops[hop or self.plan.settings.features.test_hop]
        return float(sum(counts[clip.id] for clip in clips))


def _copied(clips: Sequence[Clip]) -> float:
    """By how much `balanced` makes a part larger."""
    felt: dict[str, Counter[str]] = defaultdict(Counter)
    for clip in clips:
        felt[clip.speaker][clip.emotion] += 1
    return sum(max(counts.values()) * len(counts) for counts in felt.values()) / max(len(clips), 1)


def _load(plan: Plan, job: Job, sizes: _Sizes) -> Load:
    if isinstance(job, Learn):
        return _training(getattr(plan.settings, job.task), job.task, job.place, sizes)
    if isinstance(job, Perturb | Suppress):
        s = settings_of(plan, job.method)
        epochs = s.epochs if isinstance(job, Perturb) else s.suppression_epochs * (job.sr > 0)
        train, read = sizes.lesson(job.place, "emotion"), sizes.validation(job.place, "emotion")
        return {"guide": epochs * train, "adversary": epochs * train * len(s.secrets), "read": epochs * read}
    assert isinstance(job, Read)
    return _reading(plan, job, sizes)


def _reading(plan: Plan, job: Read, sizes: _Sizes) -> Load:
    s, test = plan.settings, sizes.test(job.place)
    if job.sr is None or job.method == NOISE:
        return {"read": test, "release": test * (job.sr is not None)}
    times = 2 if job.task == "sex" else 1  # of single releases, and of averaged ones
    load = {"read": (2 + 4 * (times - 1)) * test, "release": (2 + 2 * (times - 1) * s.averaged) * test}
    if times == 2:  # clips by which a threshold is moved
        load["read"] += sizes.validation(job.place, job.task)
    if job.learns(plan):
        load["read"] += 2 * times * test
        for loop, count in ((s.fine_tuned, times), (s.scratch, 1)):
            for kind, amount in _training(loop, job.task, job.place, sizes).items():
                load[kind] = load.get(kind, 0.0) + count * amount
    return load


def _training(loop: RecognizerLoop, task: str, place: Place, sizes: _Sizes) -> Load:
    lesson, validation = sizes.lesson(place, task), sizes.validation(place, task)
    return {"learn": loop.epochs * lesson, "read": loop.epochs * validation}


def _rates(plan: Plan) -> Rates:
    """Time one step of each kind of work on random segments, on one core."""
    with on_one_core(), torch.random.fork_rng(devices=[]):
        return _measure(plan)


def _measure(plan: Plan) -> Rates:
    s, place = plan.settings, processes.device()
    bench = Bench(plan, Place(0, 0))
    pieces = torch.randn(BATCH, s.features.segment, s.features.bands, device=place)
    lengths = torch.full((BATCH,), s.features.segment, device=place)
    guide, network = bench.network(s.emotions).to(place).eval(), bench.network(s.emotions).to(place)
    guide.requires_grad_(False)
    noise = Noise(s.cloak.noise(s.features)).to(place)
    targets = [s.emotions[0]] * BATCH

    def step(reader: Any, x: torch.Tensor, loop: str) -> None:
        with processes.autocast(loop):
            loss = reader.loss(x, lengths, targets).mean()
        loss.backward()

    def both() -> None:
        protected = noise(pieces)
        step(guide, protected, s.cloak.precision)

    return {
        "learn": seconds_of(lambda: step(network.train(), pieces, s.emotion.precision)) / BATCH,
        "guide": seconds_of(both) / BATCH,
        "adversary": seconds_of(lambda: step(network.train(), reverse(noise(pieces), 0.1), s.cloak.precision)) / BATCH,
        "read": seconds_of(torch.no_grad()(lambda: network.eval().read(pieces, lengths))) / BATCH,
        "release": seconds_of(torch.no_grad()(lambda: noise(pieces, torch.randn_like(pieces)))) / BATCH,
    }

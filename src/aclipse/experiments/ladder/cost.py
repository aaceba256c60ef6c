"""How long an audit will take: a few clips of each kind of work are timed, and the plan counts the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from aclipse.attackers.purifiers import purify
from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.jobs import Job, recurrent
from aclipse.experiments.ladder.signals import measured
from aclipse.models.inverter import Inverter
from aclipse.training.batches import Speech
from aclipse.training.recognition import new_recognizer

CLIPS = 8  # that are timed


def seconds_of(jobs: Sequence[Job], bench: Bench, units: dict[str, float]) -> dict[str, float]:
    """About how long each job takes on one core; ``units`` holds what is known of a clip of each kind of work."""
    loads = {job.name: job.load(bench) for job in jobs}
    for kind in {kind for load in loads.values() for kind, count in load.items() if count} - set(units):
        units[kind] = _unit(kind, bench)
    return {
        name: 0.2 + sum(units[kind] * count for kind, count in load.items() if count) for name, load in loads.items()
    }


def _unit(kind: str, bench: Bench) -> float:
    """Seconds that a clip takes."""
    verb, _, what = kind.partition(" ")
    test = bench.speech["test"]
    few = test.subset(range(min(CLIPS, len(test))))
    if verb == "release":
        return bench.pace(what)
    if verb == "measure":
        return _timed(lambda: measured(few.wave(0), few.wave(0)))
    if verb == "purify":
        own = bench.level.purifiers
        return _timed(lambda: [purify(few.wave(0), name) for name in own]) / len(own)
    return _network_unit(verb, what, few, bench) / len(few)


def _network_unit(verb: str, what: str, few: Speech, bench: Bench) -> float:
    batch = few.batch(range(len(few)))
    external = {one.judge: one.reader for one in bench.external}
    if what in external:
        one = few.batch([0])
        return _timed(lambda: external[what].read(one.waves, one.lengths)) * len(few)
    if what == "inverter":
        inverter = Inverter()
        return _timed(lambda: inverter(batch.waves, batch.lengths).square().mean().backward())
    secret = what.removeprefix("recurrent ")
    task = bench.tasks[secret] if what == secret else recurrent(bench.tasks[secret])
    network = new_recognizer(task, few, 0).to(batch.waves.device)
    if verb == "read":
        with torch.no_grad():
            return _timed(lambda: network.eval().read(batch.waves, batch.lengths))
    targets = [task.target(clip) for clip in batch.clips]
    return _timed(lambda: network.loss(batch.waves, batch.lengths, targets).mean().backward())


def _timed(work: Callable[[], Any]) -> float:
    """Seconds of the second of two runs, as the first one warms up."""
    work()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started

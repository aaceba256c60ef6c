"""How long an audit will take: a few clips of each kind of work are timed, and the plan counts the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.jobs import Job
from aclipse.models.inverter import Inverter
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
    signal, medium = bench.speech["test"].wave(0), bench.medium
    if verb == "release":
        return bench.pace(what)
    if verb == "measure":
        return _timed(lambda: medium.measured(signal, signal))
    if verb == "purify":
        own = bench.level.purifiers
        return _timed(lambda: [medium.purify(signal, name, 0) for name in own]) / len(own)
    return _network_unit(verb, what, bench)


def _network_unit(verb: str, what: str, bench: Bench) -> float:
    external, secret = {one.judge: one.reader for one in bench.external}, what.removeprefix("other ")
    test = bench.speech["test"]
    able = bench.tasks[secret].clips(test) if secret in bench.tasks else test
    few = able.subset(range(min(1 if what in external else CLIPS, len(able))))
    batch = few.batch(range(len(few)))
    if what in external:
        return _timed(lambda: external[what].read(batch.waves, batch.lengths))
    if what == "inverter":
        inverter = Inverter().to(batch.waves.device)
        return _timed(lambda: inverter(batch.waves, batch.lengths).square().mean().backward()) / len(few)
    task = bench.tasks[secret] if what == secret else bench.medium.other(bench.tasks[secret])
    network = new_recognizer(task, few, 0).to(batch.waves.device)
    if verb == "read":
        with torch.no_grad():
            return _timed(lambda: network.eval().read(batch.waves, batch.lengths)) / len(few)
    targets = [task.target(clip) for clip in batch.clips]
    return _timed(lambda: network.loss(batch.waves, batch.lengths, targets).mean().backward()) / len(few)


def _timed(work: Callable[[], Any]) -> float:
    """Seconds of the second of two runs, as the first one warms up."""
    work()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started

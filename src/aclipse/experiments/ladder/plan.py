"""Which jobs a level means for the subjects of an audit."""

from __future__ import annotations

from collections.abc import Iterable

from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.jobs import Clean, Invert, Job, Listen, Purify, Release, Retrain
from aclipse.experiments.ladder.subjects import Subject

CLOSED = ("emotion", "sentence", "sex", "sensitive")  # what has a chance level that shuffled labels must come down to


def plan(bench: Bench) -> list[Job]:
    """Every job of an audit, each once."""
    clean: list[Job] = [Clean(name) for name in bench.tasks if name not in ("emotion", "words")]
    clean += [Clean(name, "recurrent") for name in bench.independents]
    trained = tuple(job.name for job in clean)
    jobs = clean + [job for subject in bench.subjects.values() for job in _climb(bench, subject, trained)]
    if bench.level.shuffled:
        first = ("identity/released", *trained)
        budget = bench.level.attacker_clips
        jobs += [Retrain("identity", s, "shuffled", budget, after=first) for s in CLOSED if s in bench.tasks]
    return jobs


def _climb(bench: Bench, subject: Subject, trained: tuple[str, ...]) -> Iterable[Job]:
    released, ready = f"{subject.name}/released", (f"{subject.name}/released", *trained)
    yield Release(subject.name)
    yield Listen(subject.name, ready if subject.clean else (*ready, "identity/listen"))
    purify = Purify(subject.name, ready)
    if "purifying" in subject.rungs or "purified" in subject.rungs:
        yield purify
    for secret in bench.tasks if subject.secrets is None else subject.secrets:
        if secret in bench.tasks:
            yield from _attack(bench, subject, secret, ready)
    if "inverting" in subject.rungs:
        yield Invert(subject.name, subject.clips, (released, *trained))


def _attack(bench: Bench, subject: Subject, secret: str, ready: tuple[str, ...]) -> Iterable[Job]:
    name, clips = subject.name, min(subject.clips, len(bench.speech["train"]))
    if "purified" in subject.rungs:
        yield Retrain(name, secret, "purified", clips, after=(*ready, Purify(name).name))
    if "scratch" in subject.rungs:
        yield Retrain(name, secret, "scratch", clips, after=ready)
    if "retrained" in subject.rungs:
        for seed in range(bench.level.seeds if subject.judged else 1):
            yield Retrain(name, secret, "retrained", clips, seed, after=ready)
        if subject.judged:
            for budget in bench.level.budgets:
                if budget < clips:
                    yield Retrain(name, secret, "retrained", budget, curve=True, after=ready)

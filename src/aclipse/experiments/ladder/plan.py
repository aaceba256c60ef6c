"""Which jobs a level means for the subjects of an audit."""

from __future__ import annotations

from collections.abc import Iterable

from aclipse.experiments.ladder.attacks import Invert, Purify, Retrain
from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.jobs import Clean, Job, Listen, Release
from aclipse.experiments.ladder.subjects import Subject

CLOSED = ("emotion", "sentence", "sex", "sensitive")  # what has a chance level that shuffled labels must come down to


def plan(bench: Bench) -> list[Job]:
    """Every job of an audit, each once."""
    own = [Clean(name) for name in bench.tasks if name not in bench.medium.recognisers]
    other = [Clean(name, bench.medium.stranger) for name in bench.independents]
    ready = tuple(job.name for job in own)
    jobs: list[Job] = [*own, *other]
    for subject in bench.subjects.values():
        jobs += _climb(bench, subject, ready)
        first = () if subject.clean else ("identity/listen",)  # which tells who is deaf
        jobs.append(Listen(subject.name, (_released(subject), *ready, *(job.name for job in other), *first)))
    if bench.level.shuffled:
        budget = bench.level.attacker_clips
        jobs += [
            Retrain("identity", secret, "shuffled", budget, after=("identity/released", f"clean/compact-{secret}"))
            for secret in CLOSED if secret in bench.tasks
        ]  # fmt: skip
    return jobs


def _climb(bench: Bench, subject: Subject, ready: tuple[str, ...]) -> Iterable[Job]:
    yield Release(subject.name)
    if "purifying" in subject.rungs or "purified" in subject.rungs:
        yield Purify(subject.name, (_released(subject), *ready))
    for secret in bench.tasks if subject.secrets is None else subject.secrets:
        if secret in bench.tasks:
            yield from _attack(bench, subject, secret)
    if "inverting" in subject.rungs:
        yield Invert(subject.name, subject.clips, (_released(subject), *ready))


def _attack(bench: Bench, subject: Subject, secret: str) -> Iterable[Job]:
    name, clips = subject.name, min(subject.clips, len(bench.speech["train"]))
    after = (_released(subject), f"clean/compact-{secret}")
    if "purified" in subject.rungs:
        yield Retrain(name, secret, "purified", clips, after=(*after, Purify(name).name))
    if "scratch" in subject.rungs:
        yield Retrain(name, secret, "scratch", clips, after=after)
    if "retrained" not in subject.rungs:
        return
    yield Retrain(name, secret, "retrained", clips, after=after)
    if subject.judged:
        for seed in range(1, bench.level.seeds):
            yield Retrain(name, secret, "retrained", clips, seed, curve=True, after=after)
        for budget in bench.level.budgets:
            if budget < clips:
                yield Retrain(name, secret, "retrained", budget, curve=True, after=after)


def _released(subject: Subject) -> str:
    return Release(subject.name).name

"""Which jobs a level means, and how long they are said to take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from aclipse.experiments.ladder import cost
from aclipse.experiments.ladder.attacks import Invert, Purify, Retrain
from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.jobs import Clean, Listen, Release
from aclipse.experiments.ladder.plan import plan
from aclipse.experiments.ladder.subjects import Subject, clean_speech
from aclipse.experiments.levels import LEVELS, Level

Opened = Callable[..., Bench]
SECRETS = ("words", "sentence")


def subjects(level: Level) -> list[Subject]:
    """One judged, clean speech, and a level's baselines, none of which is ever applied."""
    own = Subject("mine", lambda wave, clip: wave, "v1", level.rungs, level.attacker_clips, judged=True)
    others = [
        replace(own, name=name, rungs=() if name == "pgd-100" else level.baseline_rungs, judged=False,
                secrets=level.baseline_secrets, costly=name == "pgd-100")
        for name in level.baselines
    ]  # fmt: skip
    return [own, clean_speech(level, 0), *others]


def bench_of(opened: Opened, name: str, **changes: object) -> Bench:
    level = LEVELS[name]
    bench = opened(*subjects(level.model_copy(update=changes)))
    bench.level = level.model_copy(update={"secrets": SECRETS, **changes})
    return bench


@pytest.mark.parametrize("name", ["quick", "standard", "full"])
def test_every_job_is_planned_once_and_nobody_waits_for_ever(opened: Opened, name: str) -> None:
    jobs = plan(bench_of(opened, name))
    names = [job.name for job in jobs]
    assert len(names) == len(set(names))
    left, done = list(jobs), set[str]()
    while left:  # somebody is always free
        free = next(job for job in left if set(job.after) & set(names) <= done)
        left.remove(free)
        done.add(free.name)


def test_a_level_means_these_jobs(opened: Opened) -> None:
    jobs = plan(bench_of(opened, "quick", baselines=("silence",), budgets=(8, 100)))
    found = {job.name for job in jobs}
    secrets = ("emotion", "words", "sentence")
    expected = {"clean/compact-sentence", "clean/recurrent-emotion"}
    expected |= {f"{name}/{what}" for name in ("mine", "identity", "silence") for what in ("released", "listen")}
    expected |= {"mine/purifying", "identity/purifying"}
    expected |= {f"{name}/{secret}-retrained-24-0" for name in ("mine", "identity") for secret in secrets}
    expected |= {f"mine/{secret}-retrained-8-0" for secret in secrets}  # 100 clips are more than there are
    expected |= {f"silence/{secret}-retrained-24-0" for secret in ("words", "emotion")}
    assert found == expected


def test_what_is_judged_meets_several_seeds_and_budgets_and_others_one(opened: Opened) -> None:
    jobs = plan(bench_of(opened, "standard", baselines=("silence",), budgets=(4, 8), seeds=3))
    words = [job for job in jobs if isinstance(job, Retrain) and (job.secret, job.knowledge) == ("words", "retrained")]
    assert Counter(job.subject for job in words) == {"mine": 3 + 2, "identity": 1, "silence": 1}
    assert {(job.clips, job.seed, job.curve) for job in words if job.subject == "mine"} == {
        (24, 0, False),
        *((24, seed, True) for seed in (1, 2)),
        *((clips, 0, True) for clips in (4, 8)),
    }


def test_every_rung_is_climbed_against_what_is_judged(opened: Opened) -> None:
    jobs = plan(bench_of(opened, "standard", baselines=()))
    own = [job for job in jobs if getattr(job, "subject", "") == "mine"]
    assert {job.knowledge for job in own if isinstance(job, Retrain)} == {"retrained", "purified", "scratch"}
    assert {type(job) for job in own} == {Release, Listen, Purify, Retrain, Invert}
    for job in own:
        if isinstance(job, Retrain) and job.knowledge == "purified":
            assert "mine/purifying" in job.after


def test_a_costly_protection_is_heard_and_nobody_learns_from_it(opened: Opened) -> None:
    jobs = plan(bench_of(opened, "standard", baselines=("pgd-100",)))
    assert {type(job) for job in jobs if getattr(job, "subject", "") == "pgd-100"} == {Release, Listen}


def test_the_control_is_trained_on_clean_speech_for_what_has_a_chance_level(opened: Opened) -> None:
    def control(shuffled: bool) -> set[tuple[str, str]]:
        jobs = plan(bench_of(opened, "quick", baselines=(), shuffled=shuffled))
        return {(j.subject, j.secret) for j in jobs if isinstance(j, Retrain) and j.knowledge == "shuffled"}

    assert control(True) == {("identity", "emotion"), ("identity", "sentence")}
    assert control(False) == set()


def test_independent_listeners_are_trained_only_for_what_is_asked(opened: Opened) -> None:
    jobs = plan(bench_of(opened, "full", baselines=()))
    assert {job.secret for job in jobs if isinstance(job, Clean) and job.family == "recurrent"} == {
        "emotion",
        "words",
        "sentence",
    }


# --- how long


def units_of(jobs: list[object], bench: Bench) -> dict[str, float]:
    """A thousandth of a second for each clip of every kind of work."""
    return {kind: 1e-3 for job in jobs for kind in job.load(bench)}  # type: ignore[attr-defined]


def test_the_estimate_is_positive_and_a_sum_over_jobs(opened: Opened) -> None:
    bench = bench_of(opened, "standard")
    jobs = plan(bench)
    units = units_of(list(jobs), bench)
    found = cost.seconds_of(jobs, bench, units)
    assert set(found) == {job.name for job in jobs} and all(seconds > 0 for seconds in found.values())
    half = len(jobs) // 2
    parts = cost.seconds_of(jobs[:half], bench, units) | cost.seconds_of(jobs[half:], bench, units)
    assert parts == found
    for job in jobs:
        assert found[job.name] == pytest.approx(0.2 + 1e-3 * sum(job.load(bench).values()))


def test_a_higher_level_costs_more(opened: Opened) -> None:
    totals = []
    for name in ("quick", "standard", "full"):
        bench = bench_of(opened, name)
        jobs = plan(bench)
        totals.append(sum(cost.seconds_of(jobs, bench, units_of(list(jobs), bench)).values()))
    assert totals[0] < totals[1] < totals[2]


def test_twice_the_epochs_cost_twice_the_training(opened: Opened) -> None:
    bench = opened()
    more = opened(words=bench.settings.words.model_copy(update={"epochs": 2}))
    job = Retrain("identity", "words", "retrained", 24)
    once, twice = job.load(bench), job.load(more)
    assert twice["train words"] == 2 * once["train words"] == 2 * 24


def test_each_kind_of_work_is_timed_once_and_for_real(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = opened(independent=())
    jobs = plan(bench)
    units: dict[str, float] = {}
    cost.seconds_of(jobs, bench, units)
    assert {"release identity", "purify", "train words", "read emotion", "train inverter"} <= set(units)
    assert all(0 < seconds < 1 for seconds in units.values())
    monkeypatch.setattr(cost, "_unit", None)  # all is known
    assert cost.seconds_of(jobs, bench, units)

"""Who does a study's jobs: in which order, each once, and what an error leaves behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from aclipse.errors import RunError
from aclipse.experiments import sharing
from aclipse.experiments.cloaking.bench import open_store
from aclipse.experiments.cloaking.estimate import KINDS, costs, job_seconds
from aclipse.experiments.cloaking.jobs import Learn, Perturb, Suppress
from aclipse.experiments.cloaking.needed import jobs_of, missing
from aclipse.experiments.cloaking.plan import Plan
from aclipse.experiments.cloaking.readings import Read
from aclipse.experiments.study import pool
from aclipse.experiments.study.jobs import Place

Planned = Callable[..., Plan]
HERE = Place(0, 0)


@dataclass(frozen=True)
class Note:
    """A job that notes that it was done."""

    title: str
    after: tuple[Note, ...] = ()
    place: Place = HERE
    fails: bool = False
    log: list[str] = field(default_factory=list, compare=False)

    def folder(self, plan: Any) -> Path:
        return Path(plan.root) / self.title

    def result(self, plan: Any) -> Path:
        return self.folder(plan) / "done"

    def work(self, bench: Any) -> None:
        if self.fails:
            raise ValueError(f"{self.title} has failed")
        self.log.append(self.title)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes need no features."""
    monkeypatch.setattr(pool, "_opened", lambda plan, place: None)


# --- what is needed


def test_each_study_needs_no_more_than_its_numbers(planned: Planned, tmp_path: Path) -> None:
    counted = {
        study: [sum(isinstance(job, kind) for job in jobs_of(planned(study, tmp_path))) for kind in KINDS]
        for study in ("cloak-table1", "cloak-table2", "cloak-fig5", "cloak-fig4")
    }
    assert counted == {
        "cloak-table1": [0, 0, 0, 0],
        "cloak-table2": [2, 0, 0, 2],
        "cloak-fig5": [1, 2, 2, 0],
        "cloak-fig4": [2, 2, 4, 14],  # read: clean, and two methods and white noise at two rates, twice each
    }


def test_jobs_come_after_what_they_build_on_and_once(planned: Planned, tmp_path: Path) -> None:
    found = jobs_of(planned("cloak-fig4", tmp_path, size=(2, 2)))
    assert len(found) == len(set(found)) == 4 * 22
    for number, job in enumerate(found):
        assert set(job.after) <= set(found[:number])


def test_what_has_left_its_file_is_not_done_again_nor_what_only_that_needed(planned: Planned, tmp_path: Path) -> None:
    plan = planned("cloak-fig5", tmp_path)
    done = Suppress(HERE, "cloak", 60.0).result(plan)
    done.parent.mkdir(parents=True)
    done.touch()
    left = [Learn(HERE, "emotion"), Perturb(HERE, "cloak + adversary"), Suppress(HERE, "cloak + adversary", 60.0)]
    assert missing(plan) == left


def test_some_attackers_learn_only_where_they_are_asked_to_and_cost_most(planned: Planned, tmp_path: Path) -> None:
    plan = planned("cloak-fig4", tmp_path, "srs=[0, 40, 60]", "fine_tuned.epochs=10")
    reads = [Read(HERE, "sex", "cloak", sr) for sr in (0.0, 40.0, 60.0)]
    assert [job.learns(plan) for job in reads] == [False, False, True]
    assert not Read(HERE, "sex", "noise", 60.0).learns(plan)
    seconds = job_seconds(plan, reads)
    assert seconds[reads[2]] > 3 * seconds[reads[0]] > 0
    assert job_seconds(plan, []) == {}


def test_features_of_other_settings_are_not_there(planned: Planned, tmp_path: Path) -> None:
    plan, other = planned("cloak-table1", tmp_path), planned("cloak-table1", tmp_path, "features.bands=24")
    open_store(plan)
    first, second = costs(plan)[0], costs(other)[0]
    assert (first.left, first.there, first.seconds) == (0, 200, 0.0)
    assert (second.left, second.there) == (200, 0) and second.seconds > 0


def test_one_process_finishes_a_rotation_before_the_next_and_tells_its_progress(alone: None, tmp_path: Path) -> None:
    log: list[str] = []
    told: list[tuple[str, float, float]] = []
    late = Note("late", place=Place(1, 0), log=log)
    first = Note("first", log=log)
    left = [late, first, Note("then", (first,), log=log)]
    plan: Any = SimpleNamespace(root=tmp_path)
    pool.run(plan, left, 1, {left[0]: 3.0, left[1]: 1.0, left[2]: 2.0}, lambda *facts: told.append(facts))
    assert log == ["first", "then", "late"]
    assert [facts[1:] for facts in told] == [(1.0, 6.0), (3.0, 6.0), (6.0, 6.0)]
    assert told[2][0] == "rotation 1, repeat 0, late"


def test_of_several_the_one_goes_first_on_which_most_work_waits() -> None:
    short, long = Note("short"), Note("long")
    after = Note("after", (short,))
    costs = {short: 1.0, long: 3.0, after: 9.0}
    assert pool._ordered([long, short, after], costs) == [short, after, long]


def test_a_failure_is_raised_and_the_rest_is_left(alone: None, tmp_path: Path) -> None:
    log: list[str] = []
    left = [Note("a", log=log), Note("b", fails=True), Note("c", log=log)]
    plan: Any = SimpleNamespace(root=tmp_path)
    with pytest.raises(ValueError, match="b has failed"):
        pool.run(plan, left, 1, dict.fromkeys(left, 1.0))
    assert log == ["a"]


def test_threads_are_given_back(alone: None, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    pool.run(SimpleNamespace(root=tmp_path), [Note("a")], 1, {Note("a"): 1.0})  # type: ignore[arg-type]
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_there_is_one_process_for_each_core_but_four_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [pool.workers(threads) for threads in (1, 3, 16)] == [1, 3, 4]
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    assert pool.workers(0) == 2
    monkeypatch.setattr(pool.processes, "count", lambda: 2)
    assert pool.workers(3) == 1


def test_a_process_that_died_is_an_error_that_says_what_to_do(
    planned: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*given: Any) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr(sharing, "_keep_busy", die)
    left = [Read(HERE, task) for task in ("emotion", "sex")]
    with pytest.raises(RunError, match="--threads 1"):
        pool.run(planned("cloak-table2", tmp_path), left, 2, dict.fromkeys(left, 1.0))


@pytest.mark.slow
def test_an_error_in_another_process_is_raised_here(planned: Planned, tmp_path: Path) -> None:
    left = [Read(HERE, task) for task in ("emotion", "sex")]
    with pytest.raises(RunError, match=r"weights\.safetensors"):
        pool.run(planned("cloak-table2", tmp_path), left, 2, dict.fromkeys(left, 1.0))

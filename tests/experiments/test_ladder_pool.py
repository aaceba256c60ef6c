"""Who does the jobs of an audit: in which order, each once, and what an error leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import interrupt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aclipse.experiments.ladder import pool
from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.climb import Opening
from aclipse.experiments.ladder.jobs import Listen, Release

Opened = Callable[..., Bench]


@dataclass(frozen=True)
class Note:
    """A job that notes that it was done."""

    name: str
    after: tuple[str, ...] = ()
    asked: int = 0
    fails: bool = False
    log: list[str] = field(default_factory=list, compare=False)

    def spec(self, bench: Any) -> dict[str, Any]:
        return {"asked": self.asked}

    def load(self, bench: Any) -> dict[str, float]:
        return {}

    def work(self, bench: Any, folder: Path) -> dict[str, Any]:
        if self.fails:
            raise ValueError(f"{self.name} has failed")
        self.log.append(self.name)
        (folder / "left.txt").write_text(self.name)
        return {"found": self.asked}


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    """As much of a bench as a note needs."""
    return SimpleNamespace(place=lambda job: tmp_path / "work" / job, fingerprint="run 1")


def nothing() -> Bench:
    raise AssertionError("one process opens no other bench")


def run(jobs: list[Note], desk: Any, costs: dict[str, float] | None = None, **more: Any) -> None:
    pool.run(jobs, desk, nothing, 1, costs or {job.name: 1.0 for job in jobs}, **more)


def done(jobs: list[Note], desk: Any) -> dict[str, bool]:
    marks = pool.marks(jobs, desk)
    return {job.name: pool.is_done(job, desk, marks[job.name]) for job in jobs}


# --- in which order


def test_the_longest_goes_first_and_what_others_wait_for_before_all(desk: Any) -> None:
    log: list[str] = []
    jobs = [Note("short", log=log), Note("long", log=log), Note("first", log=log), Note("then", ("first",), log=log)]
    run(jobs, desk, {"short": 1.0, "long": 5.0, "first": 0.1, "then": 9.0})
    assert log == ["first", "then", "long", "short"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), count=st.integers(1, 7))
def test_every_job_is_done_once_and_after_what_it_needs(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, count: int
) -> None:
    folder, log = tmp_path_factory.mktemp("work"), []  # type: tuple[Path, list[str]]
    bench = SimpleNamespace(place=lambda job: folder / job, fingerprint="")
    names = [f"j{i}" for i in range(count)]
    waits = [tuple(data.draw(st.sets(st.sampled_from([*names[:i], "unplanned"])))) for i in range(count)]
    jobs = [Note(name, after, log=log) for name, after in zip(names, waits, strict=True)]
    costs = {name: data.draw(st.floats(0, 10)) for name in names}
    run(data.draw(st.permutations(jobs)), bench, costs)
    assert sorted(log) == names
    for job in jobs:
        assert all(log.index(name) < log.index(job.name) for name in job.after if name in names)


def test_progress_is_told_by_the_estimate(desk: Any) -> None:
    told: list[tuple[str, float, float]] = []
    costs = {"a": 3.0, "b": 1.0, "c": 2.0}
    run([Note(name) for name in costs], desk, costs, on_done=lambda *facts: told.append(facts))
    assert told == [("a", 3.0, 6.0), ("c", 5.0, 6.0), ("b", 6.0, 6.0)]


# --- each once


def test_what_is_done_is_not_done_again(desk: Any) -> None:
    log: list[str] = []
    jobs = [Note("a", log=log), Note("b", ("a",), log=log)]
    run(jobs, desk)
    run(jobs, desk)
    assert log == ["a", "b"]
    assert all(done(jobs, desk).values())
    assert json.loads((desk.place("a") / "result.json").read_text())["found"] == 0


def test_a_job_that_is_asked_for_otherwise_is_done_again_from_nothing(desk: Any) -> None:
    log: list[str] = []
    run([Note("a", log=log), Note("b", log=log)], desk)
    (desk.place("a") / "checkpoint.safetensors").touch()
    run([Note("a", asked=1, log=log), Note("b", log=log)], desk)
    assert log == ["a", "b", "a"]
    assert not (desk.place("a") / "checkpoint.safetensors").exists()
    assert json.loads((desk.place("a") / "result.json").read_text())["found"] == 1


def test_a_job_cut_short_is_gone_on_with(desk: Any) -> None:
    run([Note("a")], desk)
    (desk.place("a") / "result.json").unlink()
    (desk.place("a") / "checkpoint.safetensors").touch()
    run([Note("a")], desk)
    assert (desk.place("a") / "checkpoint.safetensors").exists() and (desk.place("a") / "result.json").exists()


def test_other_recognisers_or_another_split_make_another_job(desk: Any) -> None:
    run([Note("a")], desk)
    desk.fingerprint = "run 2"
    assert done([Note("a")], desk) == {"a": False}


def test_what_builds_on_another_job_is_done_again_with_it(desk: Any) -> None:
    log: list[str] = []

    def chain(asked: int) -> list[Note]:
        return [
            Note("a", asked=asked, log=log),
            Note("b", ("a",), log=log),
            Note("c", ("b",), log=log),
            Note("d", log=log),
        ]

    run(chain(0), desk)
    assert done(chain(1), desk) == {"a": False, "b": False, "c": False, "d": True}
    run(chain(1), desk)
    assert sorted(log) == ["a", "a", "b", "b", "c", "c", "d"]
    assert all(done(chain(1), desk).values())


def test_a_job_that_is_not_planned_changes_nothing(desk: Any) -> None:
    run([Note("a")], desk)
    assert done([Note("a", after=("b", "c"))], desk) == {"a": True}


def test_the_order_of_the_plan_changes_no_mark(desk: Any) -> None:
    jobs = [Note("a"), Note("b", ("a",)), Note("c", ("a", "b"))]
    assert pool.marks(jobs, desk) == pool.marks(jobs[::-1], desk)


# --- errors


def test_an_error_is_raised_and_the_rest_is_left(desk: Any) -> None:
    log: list[str] = []
    jobs = [Note("a", log=log), Note("b", fails=True), Note("c", log=log)]
    with pytest.raises(ValueError, match="b has failed"):
        run(jobs, desk, {"a": 3.0, "b": 2.0, "c": 1.0})
    assert log == ["a"] and not (desk.place("b") / "result.json").exists()


def test_an_interrupt_leaves_what_was_done(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    jobs = [Note("a", log=log), Note("b", log=log), Note("c", log=log)]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt(patch, Note, "work", 2)
        run(jobs, desk)
    assert log == ["a"]
    run(jobs, desk)
    assert log == ["a", "b", "c"]


@pytest.mark.slow
def test_an_error_in_another_process_is_raised_here(opened: Opened) -> None:
    bench = opened()
    opening = Opening(bench.prepared.run.folder, bench.recipe, bench.subjects, bench.level)
    jobs = [Release("nobody"), Listen("nobody")]
    with pytest.raises(KeyError, match="nobody"):
        pool.run(jobs, bench, opening, 2, {job.name: 1.0 for job in jobs})

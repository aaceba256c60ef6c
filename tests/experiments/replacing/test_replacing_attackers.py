"""Who reads releases: what each learns from and is chosen by, found again from what a finished study left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from aclipse.atomic import read_table
from aclipse.contracts import Clip
from aclipse.experiments.replacing import readings
from aclipse.experiments.replacing.attackers import farther, read_each, train_readers, train_replaced
from aclipse.experiments.replacing.bench import Bench
from aclipse.experiments.replacing.plan import Plan
from aclipse.experiments.replacing.readings import Read
from aclipse.experiments.study.jobs import Place
from aclipse.protections.replacement.roles import ROLES, Roles
from aclipse.seeds import derive

HERE = Place(0, 0)


@pytest.mark.slow
def test_whoever_has_the_device_looks_which_way_its_own_clips_move(plan: Plan) -> None:
    """Of each question by the validation clips that it is about, and the same way for all that are tested."""
    job, bench = Read(HERE, "sad", "rae"), Bench(plan, HERE)
    rows = [row for row in read_table(job.result(plan)) if row["attacker"] == "again"]
    roles, again = plan.settings.roles["sad"], job.once_more(bench)
    own = bench.speech("adversary-validation").released(job.release(bench))
    moved = [np.sqrt(np.mean((again(own.wave(i), clip) - own.wave(i)) ** 2)) for i, clip in enumerate(own.clips)]
    for question, others in {"neutral": {"neutral"}, "all": {"neutral", "required"}}.items():
        heard = [(roles.of(c.emotion) == "sensitive", far) for c, far in zip(own.clips, moved, strict=True)
                 if roles.of(c.emotion) in {"sensitive", *others}]  # fmt: skip
        outward = metrics.roc_auc_score(*zip(*heard, strict=True)) >= 0.5
        odds = [float(row[f"odds_{question}"]) for row in rows if row[f"odds_{question}"]]
        assert all((value > 0) == outward for value in odds) and len(set(odds)) == len(odds) > 0


def test_who_moves_farther_is_asked_of_the_clips_in_question_alone() -> None:
    roles, emotions = Roles(), ("neutral", "sad", "sad", "happy", "angry")
    clips = [Clip(str(place), Path(), "a", "male", emotion) for place, emotion in enumerate(emotions)]
    moved = [1.0, 5.0, 6.0, 2.0, 3.0]  # sensitive farther than neutral, and nearer than required
    assert farther(moved, roles, clips, "neutral") == 1 and farther(moved, roles, clips, "all") == -1
    assert farther([-one for one in moved], roles, clips, "neutral") == -1


@pytest.mark.slow
def test_who_asks_what_was_replaced_learns_for_each_question_of_its_clips_alone(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[set[str], set[str], str]] = []
    roles = plan.settings.roles["sad"]

    def watch(roles: Roles, parts: Any, loop: Any, widths: Any, folder: Path, seed: int) -> Any:
        learned, validation = ({roles.of(clip.emotion) for clip in part.clips} for part in parts)
        heard.append((learned, validation, folder.name))
        return train_replaced(roles, parts, loop, widths, tmp_path / folder.name, seed)

    monkeypatch.setattr(readings, "train_replaced", watch)
    crowd = readings.Crowd(Read(HERE, "sad", "raw"), Bench(plan, HERE))
    *_, found = crowd.readings()
    neutral, every = {"neutral", "sensitive"}, set(ROLES)
    assert heard == [(neutral, neutral, "neutral"), (every, every, "all")]
    rows = [row for row in read_table(crowd.job.result(plan)) if row["attacker"] == "replaced?"]
    assert found.odds is not None and [float(row["odds_all"]) for row in rows] == found.odds["all"]
    told = [clip for clip in plan.split(0).of(plan.manifest.clips, "test") if roles.of(clip.emotion) != "required"]
    assert sum(bool(row["odds_neutral"]) for row in rows) == len(told)


@pytest.mark.slow
def test_of_those_that_retrain_the_best_on_validation_answers_each_question(plan: Plan) -> None:
    """Of both sizes, together and alone; the choice is found again from what each network left."""
    job, bench = Read(HERE, "sad", "guided"), Bench(plan, HERE)
    folder = job.folder(plan) / "retrained"
    scores: dict[str, list[float]] = {"role": [], "sex": []}
    for history in sorted(folder.rglob("history.csv")):
        heads = history.parent.parent.name.split("+")
        rows = [{head: float(row[f"uar of {head}"]) for head in heads} for row in read_table(history)]
        best = max(rows, key=lambda row: sum(row.values()))
        for head, value in best.items():
            scores[head].append(value)
    assert [len(values) for values in scores.values()] == [3, 3]  # of both in two sizes, and alone
    released = [bench.speech(part).released(job.release(bench)) for part in ("adversary", "adversary-validation")]
    seed = derive(bench.seed, "retrained", "sad")
    readers = train_readers(plan.settings.roles["sad"], (released[0], released[1]), plan.settings.risk, folder, seed)
    truth = {"role": [plan.settings.roles["sad"].of(clip.emotion) for clip in released[1].clips],
             "sex": [clip.sex for clip in released[1].clips]}  # fmt: skip
    read = read_each(readers, released[1])
    for head, values in scores.items():
        found = metrics.balanced_accuracy_score(truth[head], [one[head] for one in read])
        assert found == pytest.approx(max(values))
    test = read_each(readers, bench.speech("test").released(job.release(bench)))
    rows = [row for row in read_table(job.result(plan)) if row["attacker"] == "retrained"]
    assert [{"role": row["read_role"], "sex": row["read_sex"]} for row in rows] == test

"""Every cloak study whole, from the command to its table; that it resumes, and depends on no batch or process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import interrupt

from aclipse.atomic import read_table
from aclipse.corpora import crema_d
from aclipse.corpora.manifest import Manifest
from aclipse.experiments import cloaking
from aclipse.experiments.cloaking import readings
from aclipse.experiments.cloaking.attackers import Attack
from aclipse.experiments.cloaking.bench import Bench
from aclipse.experiments.cloaking.jobs import Suppress
from aclipse.experiments.cloaking.plan import CLOAK, Plan, make_plan
from aclipse.experiments.cloaking.readings import Read
from aclipse.experiments.study.jobs import Place
from aclipse.protections.cloak.method import Cloak
from aclipse.training import loop
from aclipse.training.batches import read_all

Planned = Callable[..., Plan]
Reproduce = Callable[..., int]
HERE = Place(0, 0)


# --- whole


@pytest.mark.slow
def test_every_study_ends_with_its_table_what_it_was_made_with_and_a_page(whole: Path) -> None:
    for study in cloaking.STUDIES:
        assert read_table(whole / f"{study}.csv")
        facts = json.loads((whole / f"{study}.json").read_text("utf-8"))
        assert (facts["study"], facts["corpora"], facts["folds"]) == (cloaking.STUDIES[study], ["spoken"], 1)
        assert "srs=[0, 60]" in facts["changed settings"] and "crema-d" in facts["the paper's corpora"]
        assert (whole / f"{study}.md").stat().st_size > 100
    assert len(list(whole.glob("cloak-????????/"))) == 1  # what is trained is shared


@pytest.mark.slow
def test_table_two_has_all_corpora_first_with_chance_and_the_papers_numbers(whole: Path) -> None:
    rows = read_table(whole / "cloak-table2.csv")
    assert list(rows[0]) == [
        "corpus", "task", "metric", "value", "std", "low", "high", "clips", "speakers", "chance", "paper", "split",
    ]  # fmt: skip
    assert [(row["corpus"], row["task"], row["metric"]) for row in rows] == [
        (corpus, task, metric)
        for corpus in ("all", "spoken")
        for task in ("emotion", "sex")
        for metric in ("accuracy", "uar")
    ]
    assert [row["paper"] for row in rows] == ["57.7", "58.9", "97.2", "96.8", "", "", "", ""]
    assert [row["chance"] for row in rows if row["metric"] == "uar"] == ["25.0", "50.0"] * 2
    assert {(row["clips"], row["speakers"]) for row in rows} == {(rows[0]["clips"], "6")}


@pytest.mark.slow
def test_figure_four_has_every_attacker_where_it_should_be(whole: Path) -> None:
    rows = read_table(whole / "cloak-fig4.csv")
    assert list(rows[0]) == [
        "method", "sr", "task", "attacker", "draw", "metric", "value", "std", "low", "high", "change", "change_low",
        "change_high", "clips", "snr_db", "chance", "paper", "split",
    ]  # fmt: skip
    methods = list(dict.fromkeys(row["method"] for row in rows))
    assert methods == ["clean", "cloak", "cloak + adversary", "noise"]

    def who(method: str, sr: str, task: str) -> list[tuple[str, str]]:
        own = [row for row in rows if (row["method"], row["sr"], row["task"]) == (method, sr, task)]
        return list(dict.fromkeys((row["attacker"], row["draw"]) for row in own))

    assert (who("clean", "", "emotion"), who("clean", "", "sex")) == ([("guide", "")], [("ignorant", "")])
    assert who("noise", "60", "emotion") == [("guide", "anew")]
    informed = [("informed", "anew"), ("informed + calibrated", "anew")]
    averaging = [*informed, ("ignorant", "fixed"), ("averaged", "anew"), ("averaged", "fixed")]
    learned = ["anew", "fixed"]
    for method in methods[1:3]:
        assert who(method, "0", "emotion") == [("guide", "anew"), *informed[:1]]
        assert who(method, "0", "sex") == [("ignorant", "anew"), *averaging]
        assert who(method, "60", "emotion") == [
            (name, "anew") for name in ("guide", "fine-tuned", "scratch", "informed")
        ]  # fmt: skip
        assert set(who(method, "60", "sex")) == {
            ("ignorant", "anew"), ("fine-tuned", "anew"), ("scratch", "anew"), *averaging,
            *(("averaged + fine-tuned", draw) for draw in learned),
        }  # fmt: skip


@pytest.mark.slow
def test_figure_four_has_the_papers_numbers_beside_the_papers_attackers(whole: Path) -> None:
    rows = read_table(whole / "cloak-fig4.csv")
    reported = {(row["method"], row["sr"], row["task"], row["attacker"]): row["paper"] for row in rows if row["paper"]}
    assert reported == {
        ("clean", "", "emotion", "guide"): "57.5", ("clean", "", "sex", "ignorant"): "96.8",
        ("cloak", "60", "emotion", "guide"): "56.3", ("cloak", "60", "sex", "ignorant"): "73.0",
        ("cloak + adversary", "60", "emotion", "guide"): "56.0",
        ("cloak + adversary", "60", "sex", "ignorant"): "65.8",
    }  # fmt: skip
    metrics = {row["metric"] for row in rows if row["task"] == "sex"}
    assert metrics == {"accuracy", "uar", "recall female", "recall male"}


@pytest.mark.slow
def test_in_figure_four_recalls_average_to_uar_and_averaging_fixed_draws_gains_nothing(whole: Path) -> None:
    rows = read_table(whole / "cloak-fig4.csv")
    values: dict[tuple[str, ...], dict[str, float]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("method", "sr", "task", "attacker", "draw"))
        values.setdefault(key, {})[row["metric"]] = float(row["value"])
    for found in values.values():
        recalls = [value for metric, value in found.items() if metric.startswith("recall")]
        assert np.mean(recalls) == pytest.approx(found["uar"], abs=0.01)
    for method in ("cloak", "cloak + adversary"):
        fixed = [values[method, "60", "sex", attacker, "fixed"] for attacker in ("ignorant", "averaged")]
        assert fixed[0] == fixed[1]
    for (method, _, task, *_), found in values.items():
        before = values["clean", "", task, "guide" if task == "emotion" else "ignorant", ""]
        own = [row for row in rows if (row["method"], row["task"]) == (method, task) and row["metric"] == "uar"]
        changes = {row["change"] for row in own if float(row["value"]) == found["uar"]}
        assert (
            changes == {""}
            if method == "clean"
            else any(float(change) == pytest.approx(found["uar"] - before["uar"], abs=0.02) for change in changes)
        )
    assert all((row["snr_db"] == "") == (row["method"] == "clean") for row in rows)
    noise = {row["sr"]: float(row["snr_db"]) for row in rows if row["method"] == "noise"}
    first = [row for row in rows if row["method"] == "cloak + adversary" and row["attacker"] in ("guide", "ignorant")]
    assert {row["sr"]: float(row["snr_db"]) for row in first} == pytest.approx(noise, abs=0.05)


@pytest.mark.slow
def test_figure_five_suppresses_what_it_says_and_its_maps_are_beside_it(whole: Path) -> None:
    rows = read_table(whole / "cloak-fig5.csv")
    assert list(rows[0]) == ["method", "sr", "band", "sigma", "suppressed %", "rotation"]
    bands = ["under 500 Hz", "500–2000 Hz", "over 2000 Hz", "all"]
    assert [(row["method"], row["band"]) for row in rows] == [
        (method, band) for method in ("cloak", "cloak + adversary") for band in bands
    ]
    assert {row["suppressed %"] for row in rows if row["band"] == "all"} == {"60.0"}
    hz = np.load(whole / "cloak-fig5" / "hz.npy")
    for row in rows:
        found = np.load(whole / "cloak-fig5" / f"{row['method'].replace(' + ', '-')}.npy")
        assert found.shape == (2, 40, 16) and found.dtype == np.float32
        low, high = {"u": (0, 500), "5": (500, 2000), "o": (2000, 1e9), "a": (0, 1e9)}[row["band"][0]]
        inside = (low <= hz) & (hz < high)
        assert float(row["sigma"]) == pytest.approx(found[0][:, inside].mean(), abs=1e-4)
        assert float(row["suppressed %"]) == pytest.approx(100 - 100 * found[1][:, inside].mean(), abs=0.01)


@pytest.mark.slow
def test_a_cloak_whose_noise_depends_on_the_segment_has_a_map_of_its_mean(planned: Planned, tmp_path: Path) -> None:
    plan = planned("cloak-fig5", tmp_path, "cloak.form=adaptive", "cloak.secrets=['sex', 'speaker']")
    rows = read_table(cloaking.reproduce(plan, threads=1))
    shares = [float(row["suppressed %"]) for row in rows if row["band"] == "all"]
    assert shares == pytest.approx([60.0, 60.0], abs=0.01)


# --- what is on disk


@pytest.mark.slow
def test_an_interrupted_study_goes_on_where_it_stopped_and_ends_the_same(
    whole: Path, planned: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, two = planned("cloak-fig4", tmp_path), planned("cloak-fig4", tmp_path, "cloak.epochs=2")
    uninterrupted = planned("cloak-fig4", tmp_path / "whole", "cloak.epochs=2")
    for place, name, call in ((loop, "_save", 4), (Suppress, "work", 2), (readings, "write_table", 5)):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            interrupt(patch, place, name, call)
            cloaking.reproduce(two, threads=1)
        assert not (tmp_path / "cloak-fig4.csv").exists()
    (plan.root / ".abc.part").touch()
    os.utime(plan.root / ".abc.part", (0, 0))
    resumed = cloaking.reproduce(two, threads=1)
    assert resumed.read_text("utf-8") == cloaking.reproduce(uninterrupted, threads=1).read_text("utf-8")
    assert not list(tmp_path.rglob(".*.part"))
    assert [cost.left for cost in cloaking.costs(two)] == [0] * 5


@pytest.mark.slow
def test_two_processes_find_what_one_finds(whole: Path, planned: Planned, tmp_path: Path) -> None:
    plan = planned("cloak-table2", tmp_path)
    told: list[float] = []
    cloaking.reproduce(plan, threads=2, on_done=lambda name, done, total: told.append(done / total))
    assert (tmp_path / "cloak-table2.csv").read_text("utf-8") == (whole / "cloak-table2.csv").read_text("utf-8")
    assert told[-1] == pytest.approx(1.0)


@pytest.mark.slow
def test_readings_depend_on_no_batch(whole: Path, spoken: Manifest, small: tuple[str, ...]) -> None:
    plan = make_plan("cloak-fig4", [spoken], whole, (1, 1), small)
    bench, job = Bench(plan, HERE), Read(HERE, "emotion", CLOAK, 60.0)
    rows = [row for row in read_table(job.result(plan)) if row["attacker"] == "guide"]
    cloak, guide = Cloak.load(job.after[1].result(plan)), bench.reader(job.after[0].folder(plan))
    released = Attack(bench, cloak, "emotion", guide, whole)._released(bench.speech("test"), "test")
    for size in (1, 7):
        assert read_all(guide, released, size) == [row["read"] for row in rows]
    assert [row["id"] for row in rows] == [clip.id for clip in bench.speech("test").clips]
    assert {row["corpus"] for row in rows} == {"spoken"}
    assert len({row["read"] for row in rows}) > 1  # else nothing is compared


@pytest.mark.slow
def test_each_lesson_of_an_attacker_leaves_what_it_was_worth(
    whole: Path, spoken: Manifest, small: tuple[str, ...]
) -> None:
    plan = make_plan("cloak-fig4", [spoken], whole, (1, 1), small)
    gains = read_table(Read(HERE, "sex", CLOAK, 60.0).folder(plan) / "attackers.csv")
    assert [gain["attacker"] for gain in gains] == ["fine-tuned", "scratch", "averaged + fine-tuned"]
    tuned = gains[0]
    assert (tuned["kept"] == "yes") == (float(tuned["after"]) > float(tuned["before"]))
    assert gains[1]["before"] == ""


# --- the command


@pytest.mark.slow
def test_a_dry_run_counts_and_writes_nothing(
    reproduce: Reproduce, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce("cloak-fig4", tmp_path / "out", "--dry-run") == 0
    shown = capsys.readouterr().out
    counted = {line.split("  ")[0].strip(): line.split()[-3:-1] for line in shown.splitlines() if "  " in line}
    assert counted["clips to make features of"] == ["200", "0"]
    assert counted["readings, with attackers that learn"] == ["14", "0"]
    assert "minutes on one core" in shown
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", [("--backbone", "hubert-base"), ("--split", "speaker-kfold")])
def test_a_cloak_study_has_no_backbone_and_no_other_split(
    option: tuple[str, str], reproduce: Reproduce, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce("cloak-fig4", tmp_path / "out", *option) == 2
    assert "takes no --backbone and no --split" in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_other_studies_take_one_corpus(
    reproduce: Reproduce, spoken_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce("table1", tmp_path / "out", "--corpus", str(spoken_csv)) == 2
    assert "takes one --corpus" in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_the_same_corpus_twice_is_refused(
    reproduce: Reproduce, spoken_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce("cloak-table1", tmp_path / "out", "--corpus", str(spoken_csv)) == 1
    assert "both hold a corpus named 'spoken'" in capsys.readouterr().err


# --- real speech


@pytest.mark.slow
def test_table_one_of_crema_d(tmp_path: Path) -> None:
    data = Path(os.environ.get("ACLIPSE_DATA", "nowhere")) / "crema-d"
    if not data.is_dir():
        pytest.skip("needs CREMA-D: set ACLIPSE_DATA to a folder with crema-d in it")
    plan = make_plan("cloak-table1", [crema_d.scan(data)], tmp_path)
    rows: dict[str, Any] = {row["emotion"]: row for row in read_table(cloaking.reproduce(plan, threads=1))}
    every = rows.pop("all")
    assert int(every["clips"]) == sum(int(row["clips"]) for row in rows.values()) == len(plan.manifest.clips)
    assert int(every["segments"]) == sum(int(row["segments"]) for row in rows.values())
    for row in rows.values():  # recordings of 1.3 to 5 s: two segments on average
        assert 1.5 < int(row["segments"]) / int(row["clips"]) < 2.5
        assert int(row["test segments"]) <= int(row["segments"])
    assert every["paper"] == "6954"

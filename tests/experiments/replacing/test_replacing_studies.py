"""Every study of the replacement autoencoder whole, from the command to its table; that it resumes, and its laws."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import interrupt

from aclipse.atomic import read_table
from aclipse.audio.functionals import version
from aclipse.corpora.manifest import Manifest
from aclipse.experiments import replacing
from aclipse.experiments.replacing import jobs, readings
from aclipse.experiments.replacing.bench import Bench
from aclipse.experiments.replacing.jobs import Learn, Replace
from aclipse.experiments.replacing.plan import Plan
from aclipse.experiments.replacing.readings import COLUMNS, Read
from aclipse.experiments.replacing.settings import METHODS, TRAINED
from aclipse.experiments.study.jobs import Place
from aclipse.protections.replacement.method import Replacement
from aclipse.protections.replacement.roles import ROLES
from aclipse.training import loop
from aclipse.training.batches import read_all
from aclipse.training.projection import VectorStore

Planned = Callable[..., Plan]
Replaced = Callable[..., int]
HERE = Place(0, 0)
NUMBERS = [
    "metric", "value", "std", "low", "high", "change", "change_low", "change_high", "clips", "snr_db", "chance",
    "paper", "split",
]  # fmt: skip


# --- whole


@pytest.mark.slow
def test_every_study_ends_with_its_table_what_it_was_made_with_and_a_page(finished: Path) -> None:
    for study in replacing.STUDIES:
        assert read_table(finished / f"{study}.csv")
        facts = json.loads((finished / f"{study}.json").read_text("utf-8"))
        assert (facts["study"], facts["corpora"]) == (replacing.STUDIES[study], ["voices"])
        assert facts["folds"] == 1
        assert "risk.epochs=4" in facts["changed settings"] and facts["functionals"] == "log-mel"
        assert facts["functionals made by"] == (version("log-mel") if study != "rae-table1" else "")
        assert facts["risk"]["widths"] == [[16, 16, 8], [16, 8, 8]]
        assert (facts["replacement"]["embeddings"], facts["replacement"]["epochs"]) == ([4, 8], 3)
        assert (finished / f"{study}.md").stat().st_size > 100
    assert len(list(finished.glob("rae-????????/"))) == 1  # what is trained is shared


@pytest.mark.slow
def test_table_one_counts_clips_and_speakers(finished: Path, voices: Manifest) -> None:
    rows = {row["emotion"]: row for row in read_table(finished / "rae-table1.csv")}
    assert list(rows) == ["neutral", "happy", "sad", "angry", "all"]
    for emotion, row in rows.items():
        own = [clip for clip in voices.clips if emotion in (clip.emotion, "all")]
        assert (row["clips"], row["speakers"]) == (str(len(own)), str(len({clip.speaker for clip in own})))
        assert (row["corpus"], row["paper"]) == ("voices", "")


@pytest.mark.slow
def test_table_three_has_every_method_attacker_and_metric_where_it_should_be(finished: Path) -> None:
    rows = read_table(finished / "rae-table3.csv")
    assert list(rows[0]) == ["scenario", "method", "attacker", "role", *NUMBERS]
    assert [*dict.fromkeys(row["scenario"] for row in rows)] == ["happy", "sad", "angry"]
    for scenario in ("happy", "sad", "angry"):
        for method in METHODS:
            own = [row for row in rows if (row["scenario"], row["method"]) == (scenario, method)]
            found: dict[str, list[tuple[str, str]]] = {}
            for row in own:
                found.setdefault(row["attacker"], []).append((row["role"], row["metric"]))
            risk = [(role, metric) for role in ROLES for metric in ("f1", "u", "recall")] + [("all", "uar")]
            asked = [("sensitive", "auc neutral"), ("sensitive", "auc all")]
            expected = {"risk": risk, "retrained": [cell for cell in risk if cell[1] != "u"], "replaced?": asked}
            if method == "raw":
                expected.pop("retrained")
            if method in TRAINED:
                expected["again"] = asked
            assert found == expected


@pytest.mark.slow
def test_the_papers_numbers_are_beside_the_papers_model(finished: Path) -> None:
    rows = read_table(finished / "rae-table3.csv")
    reported = {
        (row["scenario"], row["role"], row["method"], row["metric"]): float(row["paper"])
        for row in rows
        if row["paper"]
    }
    assert len(reported) == 9 * 5
    assert {row["attacker"] for row in rows if row["paper"]} == {"risk"}
    assert reported["sad", "required", "rae", "u"] == 82.3
    rows = read_table(finished / "rae-table4.csv")
    assert list(rows[0]) == ["scenario", "method", "attacker", *NUMBERS]
    reported = {(row["scenario"], row["method"], row["metric"]): float(row["paper"]) for row in rows if row["paper"]}
    assert len(reported) == 3 * 6 and reported["happy", "rae + grl", "privacy"] == 43.8


@pytest.mark.slow
def test_as_they_are_vectors_keep_everything_and_alike_they_tell_nothing(finished: Path) -> None:
    rows = read_table(finished / "rae-table3.csv")
    raw = [row for row in rows if row["method"] == "raw"]
    assert {row["value"] for row in raw if row["metric"] == "u"} <= {"100.0", ""}
    assert {row["change"] for row in raw} == {""} and {row["snr_db"] for row in raw} == {""}
    nothing = {
        (row["attacker"], row["metric"]): row["value"]
        for row in rows if row["method"] == "nothing" and row["role"] in ("all", "sensitive")
    }  # fmt: skip
    assert nothing["risk", "uar"] == nothing["retrained", "uar"] == "33.33"
    assert nothing["replaced?", "auc neutral"] == nothing["replaced?", "auc all"] == "50.0"
    sex = [row for row in read_table(finished / "rae-table4.csv") if row["method"] == "nothing"]
    assert {row["value"] for row in sex if row["metric"] in ("privacy", "uar")} == {"50.0"}


@pytest.mark.slow
def test_changes_are_differences_to_vectors_as_they_are(finished: Path) -> None:
    for study in ("rae-table3", "rae-table4"):
        rows = read_table(finished / f"{study}.csv")
        like = {"retrained": "risk"}
        values = {
            (row["scenario"], row["attacker"], row.get("role", ""), row["metric"]): float(row["value"])
            for row in rows if row["method"] == "raw" and row["value"]
        }  # fmt: skip
        changed = [row for row in rows if row["method"] != "raw" and row["attacker"] != "again" and row["change"]]
        assert changed
        for row in changed:
            attacker = like.get(row["attacker"], row["attacker"])
            before = values[row["scenario"], attacker, row.get("role", ""), row["metric"]]
            assert float(row["change"]) == pytest.approx(float(row["value"]) - before, abs=0.02)
            assert float(row["change_low"]) <= float(row["change_high"])
            assert 0 <= float(row["low"]) <= float(row["high"]) <= 100
        assert all(not row["change"] for row in rows if row["attacker"] == "again")


@pytest.mark.slow
def test_noise_changes_vectors_as_much_as_the_guided_autoencoder(plan: Plan) -> None:
    bench = Bench(plan, HERE)
    test = bench.speech("primary")
    moved = {}
    for method in ("guided", "noise"):
        release = Read(HERE, "sad", method).release(bench)
        moved[method] = np.mean([(release(test.wave(i), c) - test.wave(i)) ** 2 for i, c in enumerate(test.clips)])
    assert moved["noise"] == pytest.approx(moved["guided"], rel=0.1)


@pytest.mark.slow
def test_figure_three_shares_add_up_and_agree_with_recalls(finished: Path, plan: Plan) -> None:
    rows = read_table(finished / "rae-fig3.csv")
    columns = ["scenario", "method", "attacker", "truth", "read", "share", "clips", "rotation", "split"]
    assert list(rows[0]) == columns
    sums: dict[tuple[str, ...], float] = {}
    for row in rows:
        key = tuple(row[name] for name in columns[:4])
        sums[key] = sums.get(key, 0) + float(row["share"])
    assert len(sums) == 3 * (7 + 6) * 3
    assert all(total == pytest.approx(100, abs=0.02) for total in sums.values())
    first = read_table(Read(HERE, "angry", "rae").result(plan))
    own = [row["read_role"] for row in first if row["attacker"] == "risk" and row["role"] == "sensitive"]
    key = "angry", "rae", "risk", "sensitive"
    shown = {row["read"]: row for row in rows if tuple(row[name] for name in columns[:4]) == key}
    for role in ROLES:
        assert float(shown[role]["share"]) == pytest.approx(100 * own.count(role) / len(own), abs=0.01)


@pytest.mark.slow
def test_clips_have_a_row_for_each_attacker_with_what_it_read(plan: Plan) -> None:
    rows = read_table(Read(HERE, "happy", "drawn").result(plan))
    test = plan.split(0).ids("test")
    assert list(rows[0]) == COLUMNS
    for attacker in ("risk", "retrained", "replaced?", "again"):
        own = [row for row in rows if row["attacker"] == attacker]
        assert sorted(row["id"] for row in own) == list(test)
        labels = {bool(row["read_role"]) for row in own}, {bool(row["read_sex"]) for row in own}
        reads = attacker in ("risk", "retrained")
        assert labels == ({reads}, {reads})
        assert {bool(row["odds_all"]) for row in own} == {not reads}
        assert all(bool(row["odds_neutral"]) == (not reads and row["role"] != "required") for row in own)
    assert {row["role"] for row in rows if row["emotion"] == "sad"} == {"sensitive"}
    assert {row["role"] for row in rows if row["emotion"] == "happy"} == {"required"}


# --- laws


@pytest.mark.slow
def test_who_draws_is_the_guided_autoencoder_but_for_what_it_draws_from(plan: Plan) -> None:
    guided, drawn = (Replacement.load(Replace(HERE, "sad", method).result(plan)) for method in ("guided", "drawn"))
    assert guided.drawer is None and drawn.drawer is not None
    for name, tensor in guided.network.state_dict().items():
        assert tensor.equal(drawn.network.state_dict()[name])


@pytest.mark.slow
def test_no_other_clip_matters_to_a_reading_and_no_tested_one_to_what_reads(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tested clip's functionals are changed: the projection stays, and of other speakers all that is read."""
    before, job = Bench(plan, HERE), Read(HERE, "sad", "drawn")
    clip = before.speech("test").clips[0]
    after = Bench(plan, HERE)
    rows = after.store._rows.copy()
    rows[after.store._place(clip)] *= 3
    store = VectorStore(plan.manifest.clips, plan.settings.functionals, plan.root / "features")
    monkeypatch.setattr(store, "_rows", rows)
    store.fit(plan.split(0).of(plan.manifest.clips, "adversary"))
    after.__dict__["store"] = store
    for tensor, other in zip(*(bench.store.projection.state()[0].values() for bench in (before, after)), strict=True):
        assert tensor.equal(other)
    for part in ("primary", "adversary"):
        pairs = zip(before.speech(part)._waves, after.speech(part)._waves, strict=True)
        assert all(np.array_equal(first, second) for first, second in pairs)  # type: ignore[arg-type]
    found = []
    for bench in (before, after):
        risk = bench.risk_model(job.after[0].result(plan))
        released = bench.speech("test").released(job.release(bench))
        others = released.subset([i for i, other in enumerate(released.clips) if other.speaker != clip.speaker])
        found.append((np.stack([others.wave(i) for i in range(len(others))]), read_all(risk, others)))
    assert np.array_equal(found[0][0], found[1][0]) and found[0][1] == found[1][1]
    assert not np.array_equal(before.speech("test").wave(0), after.speech("test").wave(0))


@pytest.mark.slow
def test_readings_depend_on_no_batch(plan: Plan) -> None:
    job, bench = Read(HERE, "sad", "noise"), Bench(plan, HERE)
    rows = [row for row in read_table(job.result(plan)) if row["attacker"] == "risk"]
    risk = bench.risk_model(job.after[0].result(plan))
    released = bench.speech("test").released(job.release(bench))
    for size in (1, 7):
        assert [read["role"] for read in read_all(risk, released, size)] == [row["read_role"] for row in rows]
    assert len({row["read_role"] for row in rows}) > 1  # else nothing is compared


@pytest.mark.slow
def test_the_risk_model_is_the_best_of_its_sizes(plan: Plan) -> None:
    folder = Learn(HERE, "sad").folder(plan)
    scores = {}
    for widths in ("16-16-8", "16-8-8"):
        history = read_table(folder / widths / "history.csv")
        scores[widths] = max(float(row["uar of role"]) + float(row["uar of sex"]) for row in history)
    kept = Bench(plan, HERE).risk_model(Learn(HERE, "sad").result(plan)).settings["widths"]
    assert scores["-".join(map(str, kept))] == max(scores.values())


# --- what is on disk


ONE = ('scenarios=[{required=["sad"], sensitive=["happy", "angry"]}]', "methods=['guided', 'drawn', 'noise']")


@pytest.mark.slow
def test_an_interrupted_study_goes_on_where_it_stopped_and_ends_the_same(
    planned: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, uninterrupted = planned("rae-table3", tmp_path, *ONE), planned("rae-table3", tmp_path / "whole", *ONE)
    for place, name, call in ((loop, "_save", 4), (jobs, "fit_replacement", 2), (readings, "write_table", 2)):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            interrupt(patch, place, name, call)
            replacing.reproduce(plan, threads=1)
        assert not (tmp_path / "rae-table3.csv").exists()
    resumed = replacing.reproduce(plan, threads=1)
    assert resumed.read_text("utf-8") == replacing.reproduce(uninterrupted, threads=1).read_text("utf-8")
    assert not list(tmp_path.rglob(".*.part"))
    assert [cost.left for cost in replacing.costs(plan)] == [0] * 4


@pytest.mark.slow
def test_two_processes_find_what_one_finds(planned: Planned, tmp_path: Path) -> None:
    told: list[float] = []
    tables = [
        replacing.reproduce(
            planned("rae-table3", tmp_path / str(threads), *ONE), threads,
            lambda name, done, total: told.append(done / total),
        )
        for threads in (1, 2)
    ]  # fmt: skip
    assert tables[0].read_text("utf-8") == tables[1].read_text("utf-8")
    assert told[-1] == pytest.approx(1.0)


# --- the command


@pytest.mark.slow
def test_a_dry_run_counts_and_writes_nothing(
    replaced: Replaced, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replaced("rae-table3", tmp_path / "out", "--dry-run") == 0
    shown = capsys.readouterr().out
    counted: Any = {line.split("  ")[0].strip(): line.split()[-3:-1] for line in shown.splitlines() if "  " in line}
    assert counted["clips to make functionals of"] == ["200", "0"]
    assert counted["readings, with attackers that learn"] == ["21", "0"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", [("--backbone", "hubert-base"), ("--split", "speaker-kfold")])
def test_such_a_study_has_no_backbone_and_no_other_split(
    option: tuple[str, str], replaced: Replaced, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replaced("rae-fig3", tmp_path / "out", *option) == 2
    assert "takes no --backbone and no --split" in " ".join(capsys.readouterr().err.replace("│", " ").split())

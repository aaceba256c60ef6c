"""What an audit writes, checked against the recognisers, jiwer and scikit-learn; and anybody's protected folder."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
import soundfile
from conftest import brief, interrupt
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, recall_score

from aclipse.attackers.words import WORDS
from aclipse.audio import files
from aclipse.contracts import Clip
from aclipse.corpora.manifest import Manifest
from aclipse.deploy.batch import protect
from aclipse.errors import CorpusError, RecipeError, RunError, UnusableAudio
from aclipse.experiments.audit import Audit, audit, audit_folders
from aclipse.experiments.ladder import attacks, pool
from aclipse.experiments.ladder.bench import spread
from aclipse.experiments.ladder.signals import SILENT_DB
from aclipse.experiments.recipe import Recipe, read_recipe
from aclipse.experiments.run import load_cascade, reopen
from aclipse.protections.baselines import Identity
from aclipse.records import Run
from aclipse.training import processes
from aclipse.training.batches import read_all

Rows = list[dict[str, str]]
SUBJECTS = {"cascade", "identity", "silence", "low-pass", "white-noise"}
METRICS = {
    "emotion": {"accuracy", "uar", "recall:angry", "recall:happy", "recall:neutral", "recall:sad"},
    "words": {"wer", "cer", "words_missed"},
    "sentence": {"sentence_accuracy", "sentence_bits"},
}
TABLES = ("scores", "clips", "learning", "budget", "purifiers", "slices", "pairs")


@pytest.fixture(autouse=True)
def only_the_level_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    brief(monkeypatch)


def rows(path: Path, **wanted: str) -> Rows:
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if all(row[key] == value for key, value in wanted.items())]


def value(scores: Rows, metric: str, subject: str, knowledge: str) -> float:
    (row,) = [
        r
        for r in scores
        if (r["metric"], r["subject"], r["knowledge"]) == (metric, subject, knowledge)
        and r["judge"] != "recurrent-emotion"
    ]
    return float(row["value"])


@pytest.fixture(scope="module")
def scores(audited: Path) -> Rows:
    return rows(audited / "audit" / "scores.csv")


@pytest.fixture(scope="module")
def marks(audited: Path) -> Rows:
    return rows(audited / "audit" / "clips.csv")


@pytest.fixture
def copied(audited: Path, tmp_path: Path) -> Path:
    return shutil.copytree(audited, tmp_path / "copy", ignore=shutil.ignore_patterns("report", "stage-*"))


@pytest.fixture
def guided(recipe_toml: Path, trained: Path) -> Recipe:
    """The tiny recipe with the recognisers of the finished run, no baseline and few rungs."""
    few = ["audit.baselines=[]", 'audit.rungs=["retrained"]', "audit.budgets=[]", "audit.shuffled=false"]
    return read_recipe(recipe_toml, [f"evaluators.source={trained}", *few])


# --- scores.csv


def test_scores_are_in_long_form(audited: Path) -> None:
    header = (audited / "audit" / "scores.csv").read_text("utf-8").splitlines()[0]
    assert header == "subject,role,secret,metric,judge,knowledge,via,value,low,high,n,split"


def test_every_subject_meets_every_listener_of_the_plan(scores: Rows) -> None:
    judged = {(r["subject"], r["judge"], r["knowledge"], r["metric"]) for r in scores if r["role"] != "quality"}
    ladder = {(subject, secret, "ignorant") for subject in SUBJECTS for secret in METRICS}
    ladder |= {
        (s, k, rung)
        for s in ("cascade", "identity")
        for k in METRICS
        for rung in ("purifying", "retrained", "inverting")
    }
    ladder |= {(s, k, "retrained") for s in ("silence", "low-pass", "white-noise") for k in ("words", "emotion")}
    ladder |= {("identity", secret, "shuffled") for secret in ("emotion", "sentence")}
    expected = {(s, f"compact-{secret}", rung, m) for s, secret, rung in ladder for m in METRICS[secret]}
    expected |= {(s, "recurrent-emotion", "transferred", m) for s in SUBJECTS for m in METRICS["emotion"]}
    assert judged == expected
    places = [tuple(row[k] for k in ("subject", "metric", "judge", "knowledge")) for row in scores]
    assert len(places) == len(set(places))


def test_every_subject_has_its_quality(scores: Rows) -> None:
    for subject in SUBJECTS:
        found = {(r["metric"], r["judge"], r["knowledge"]) for r in scores if r["subject"] == subject}
        measures = ("snr_db", "si_sdr_db", "level_db", "stoi", "seconds")
        assert {(m, "signal", "none") for m in measures} <= found


def test_roles_say_what_should_survive(scores: Rows) -> None:
    assert {(row["secret"], row["role"]) for row in scores} == {
        ("emotion", "utility"),
        ("words", "privacy"),
        ("sentence", "privacy"),
        ("sound", "quality"),
    }
    assert all(row["judge"].endswith(f"-{row['secret']}") for row in scores if row["role"] != "quality")


def test_who_purifies_says_by_what(scores: Rows) -> None:
    for row in scores:
        assert (row["via"] in ("none", "low-pass-4k", "shift")) == (row["knowledge"] == "purifying"), row


def test_each_score_names_its_split_and_the_clips_it_comes_from(scores: Rows, audited: Path) -> None:
    split = Run(audited).facts["split"]
    assert {row["split"] for row in scores} == {f"{split['name']} [{split['hash']}]"}
    assert {row["n"] for row in scores if row["role"] != "quality"} == {str(split["test"])}


def test_intervals_hold_their_values(scores: Rows) -> None:
    filled = [row for row in scores if row["value"] and row["low"]]
    assert len(filled) > 100
    for row in filled:
        assert float(row["low"]) <= float(row["value"]) <= float(row["high"]), row


def test_scores_of_clean_speech_are_the_recognisers_own(scores: Rows, audited: Path) -> None:
    prepared = reopen(audited)
    test = prepared.speech["test"]
    felt, read = [clip.emotion for clip in test.clips], read_all(prepared.guides.emotion, test)
    said, heard = [WORDS.target(clip) for clip in test.clips], read_all(prepared.guides.words, test)
    expected = {
        "uar": recall_score(felt, read, average="macro", zero_division=0),
        "accuracy": accuracy_score(felt, read),
        "recall:sad": recall_score(felt, read, labels=["sad"], average="macro", zero_division=0),
        "wer": jiwer.wer(said, heard),
        "cer": jiwer.cer(said, heard),
    }
    found = {metric: value(scores, metric, "identity", "ignorant") for metric in expected}
    assert found == pytest.approx(expected, abs=1e-6)


# --- clips.csv


def test_marks_of_clips_add_up_to_the_scores(scores: Rows, marks: Rows) -> None:
    checked = Counter[str]()
    for row in scores:
        if row["metric"] in ("seconds", "sentence_bits"):  # of no clip, and of all of them together
            continue
        of = [mark for mark in marks if all(mark[key] == row[key] for key in ("subject", "judge", "knowledge"))]
        own = [mark for mark in of if mark["metric"] == row["metric"]]
        if row["role"] == "quality":
            values = [float(mark["value"]) for mark in own if mark["value"]]
            expected = float(np.mean(values)) if values else None
        elif row["secret"] == "words":
            expected = sum(float(mark["value"]) for mark in own) / sum(float(mark["weight"]) for mark in own)
        elif row["metric"] in ("accuracy", "sentence_accuracy"):
            expected = float(np.mean([float(mark["value"]) for mark in of]))
        else:
            truth, read = ([mark[key] for mark in of] for key in ("reference", "prediction"))
            label = row["metric"].partition(":")[2]
            labels = [label] if label else sorted(set(truth))
            expected = recall_score(truth, read, labels=labels, average="macro", zero_division=0)
        assert (float(row["value"]) if row["value"] else None) == pytest.approx(expected, abs=1e-5), row
        checked[row["role"]] += 1
    assert checked["utility"] > 60 and checked["privacy"] > 30 and checked["quality"] >= 20


def test_marks_are_of_test_clips_alone_and_tell_what_was_said_and_heard(marks: Rows, audited: Path) -> None:
    test = {clip.id: clip for clip in reopen(audited).speech["test"].clips}
    assert {mark["id"] for mark in marks} == set(test)
    for mark in marks:
        clip = test[mark["id"]]
        assert mark["speaker"] == clip.speaker
        truth = (
            clip.emotion
            if mark["judge"].endswith("emotion")
            else ""
            if mark["judge"] == "signal"
            else WORDS.target(clip)
        )
        assert mark["reference"] == truth
        if mark["judge"].endswith(("emotion", "sentence")):
            assert float(mark["value"]) == (mark["reference"] == mark["prediction"])


# --- the baselines


def test_clean_speech_is_unchanged(scores: Rows) -> None:
    assert value(scores, "level_db", "identity", "none") == 0
    assert value(scores, "stoi", "identity", "none") == pytest.approx(1, abs=1e-5)
    (snr,) = [r for r in scores if (r["metric"], r["subject"]) == ("snr_db", "identity")]
    assert (snr["value"], snr["low"], snr["high"]) == ("", "", "")  # infinite


def test_silence_hides_all_and_is_worth_nothing(scores: Rows) -> None:
    assert value(scores, "level_db", "silence", "none") == SILENT_DB
    assert value(scores, "si_sdr_db", "silence", "none") == SILENT_DB
    assert value(scores, "snr_db", "silence", "none") == 0
    assert value(scores, "wer", "silence", "ignorant") >= 0.9
    assert value(scores, "sentence_accuracy", "silence", "ignorant") <= 0.7  # lengths alone can be told
    for knowledge in ("ignorant", "retrained"):
        assert value(scores, "uar", "silence", knowledge) <= 0.5


def test_white_noise_is_as_loud_as_the_cascades_change(scores: Rows) -> None:
    ours, noise = (value(scores, "snr_db", name, "none") for name in ("cascade", "white-noise"))
    assert noise == pytest.approx(ours, abs=3)  # set on validation clips, measured on test clips


def test_white_noise_beside_an_untouched_recording_is_very_faint(audited: Path) -> None:
    auditor = Audit(reopen(audited), "same", lambda wave, clip: wave, "same")
    speech = auditor.prepared.speech["validation"]
    subject = auditor.bench(auditor.settings.effort).subjects["white-noise"]
    assert auditor.snr_db == 100
    assert np.abs(subject.release(speech.wave(0), speech.clips[0]) - speech.wave(0)).max() <= 2**-15


# --- what lies beside the scores


def test_chance_is_what_guessing_gives(audited: Path) -> None:
    found = json.loads((audited / "audit" / "chance.json").read_text())
    assert found == {"uar": 0.25, "sentence_accuracy": 0.5, "sentence_bits": 0.0}


def test_the_audit_says_how_hard_it_tried_and_what_it_left_out(audited: Path) -> None:
    facts = json.loads((audited / "audit" / "audit.json").read_text())
    assert facts["level"] == "quick" and facts["work_seconds"] > 0 and facts["seconds"] > 0
    assert facts["effort"]["purifiers"] == ["none", "low-pass-4k", "shift"]
    assert all("PESQ" in sentence for sentence in facts["left_out"])


def test_clips_to_listen_to_are_the_same_for_all(audited: Path) -> None:
    folder, test = audited / "audit" / "listen", reopen(audited).speech["test"]
    heard = {subject.name: sorted(path.stem for path in subject.iterdir()) for subject in folder.iterdir()}
    assert set(heard) == {"original", *SUBJECTS}
    assert len(heard["original"]) == 2 and all(names == heard["original"] for names in heard.values())
    for index, clip in enumerate(test.clips):
        if clip.id in heard["original"]:
            original = files.read(folder / "original" / f"{clip.id}.wav")
            assert np.abs(original - test.wave(index)).max() <= 2**-15
            assert not files.read(folder / "silence" / f"{clip.id}.wav", allow_silence=True).any()
            protected = load_cascade(audited).release(test.wave(index))
            assert np.abs(files.read(folder / "cascade" / f"{clip.id}.wav") - protected).max() <= 2**-15


def test_attackers_tell_what_they_had_and_what_they_gained(audited: Path, recipe: Recipe) -> None:
    found = rows(audited / "audit" / "attackers.csv")
    assert Counter(row["knowledge"] for row in found) == {
        "retrained": 2 * 3 + 3 + 3 * 2,
        "inverting": 2 * 3,
        "shuffled": 2,
    }
    for row in found:
        fresh = (row["secret"], row["knowledge"]) == ("emotion", "shuffled")  # as long as the recogniser itself
        assert int(row["epochs"]) == (recipe.evaluators.emotion.epochs if fresh else 1) > int(row["best_epoch"])
        assert float(row["minutes"]) > 0
        assert bool(row["before"]) == (row["knowledge"] != "shuffled")
    assert {row["clips"] for row in found if row["subject"] == "cascade"} == {"24", "8"}
    assert {row["clips"] for row in found if row["subject"] != "cascade"} == {"24"}
    lessons = rows(audited / "audit" / "learning.csv")
    assert len(lessons) == sum(int(row["epochs"]) for row in found)
    for row in found:
        place = ("subject", "secret", "knowledge", "clips", "seed")
        own = [one for one in lessons if all(one[key] == row[key] for key in place)]
        assert row["after"] == own[int(row["best_epoch"])]["validation"]


def test_leak_against_budget_goes_from_no_clip_to_all(audited: Path, scores: Rows) -> None:
    found = rows(audited / "audit" / "budget.csv")
    assert {(row["secret"], row["clips"]) for row in found} == {(s, c) for s in METRICS for c in ("0", "8", "24")}
    assert {row["subject"] for row in found} == {"cascade"}
    for row in found:
        if row["clips"] != "8":
            knowledge = "ignorant" if row["clips"] == "0" else "retrained"
            assert float(row["value"]) == value(scores, row["metric"], "cascade", knowledge), row
    minutes = {row["clips"]: float(row["minutes"]) for row in found}
    assert minutes["0"] == 0 < minutes["8"] < minutes["24"]


def test_one_purifier_is_chosen_and_it_did_best_on_validation(audited: Path) -> None:
    found = rows(audited / "audit" / "purifiers.csv")
    assert len(found) == 2 * 3 * 3
    for subject in ("cascade", "identity"):
        for secret in METRICS:
            tried = [row for row in found if (row["subject"], row["secret"]) == (subject, secret)]
            assert [row["purifier"] for row in tried] == ["none", "low-pass-4k", "shift"]
            best = max(tried, key=lambda row: float(row["validation"]))
            assert [row["purifier"] for row in tried if row["chosen"] == "1"] == [best["purifier"]]


def test_groups_of_several_speakers_are_told_apart_for_clean_speech_and_what_is_judged(audited: Path) -> None:
    found = rows(audited / "audit" / "slices.csv")
    assert {row["subject"] for row in found} == {"cascade", "identity"}
    assert {(row["by"], row["group"]) for row in found} == {  # of either sex there is one speaker
        ("emotion", emotion) for emotion in ("neutral", "happy", "sad", "angry")
    }
    assert {row["metric"] for row in found} == {"wer", "sentence_accuracy"}


def test_what_is_judged_is_compared_with_every_other_release_on_the_same_clips(audited: Path, scores: Rows) -> None:
    found = rows(audited / "audit" / "pairs.csv")

    def met(subject: str) -> set[tuple[str, str, str]]:
        own = [
            row for row in scores if row["subject"] == subject and row["metric"] in ("uar", "wer", "sentence_accuracy")
        ]
        return {(row["metric"], row["judge"], row["knowledge"]) for row in own}

    compared = {(row["other"], row["metric"], row["judge"], row["knowledge"]) for row in found}
    assert compared == {(other, *place) for other in SUBJECTS - {"cascade"} for place in met("cascade") & met(other)}
    assert len(compared) == len(found) and {row["subject"] for row in found} == {"cascade"}
    for row in found:
        if row["judge"] != "recurrent-emotion":
            ours, other = (value(scores, row["metric"], row[who], row["knowledge"]) for who in ("subject", "other"))
            assert float(row["difference"]) == pytest.approx(ours - other, abs=2e-6)
        assert 0 < float(row["p"]) <= 1


# --- again


def tables(folder: Path) -> dict[str, Any]:
    """What an audit leaves, but for the seconds that anything took."""
    found: dict[str, Any] = {name: rows(folder / "audit" / f"{name}.csv") for name in TABLES}
    found["scores"] = [row for row in found["scores"] if row["metric"] != "seconds"]
    found["attackers"] = [{**row, "seconds": ""} for row in rows(folder / "audit" / "attackers.csv")]
    return {**found, "chance": (folder / "audit" / "chance.json").read_bytes()}


def test_an_audit_cut_short_and_done_again_gives_the_same_tables(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some results are there, one attacker is cut off in the middle, the others have to be trained anew."""
    before, work = tables(copied), copied / "audit" / "work"
    for path in copied.glob("audit/*.csv"):
        path.unlink()
    for left in ("cascade/emotion-retrained-24-0", "low-pass/released", "clean/recurrent-emotion", "cascade/purifying"):
        shutil.rmtree(work / left)
    (work / "identity" / "sentence-retrained-24-0" / "result.json").unlink()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt(patch, attacks, "train_recognizer", 1)
        audit(copied)
    assert not (copied / "audit" / "scores.csv").exists()
    done: list[str] = []
    assert audit(str(copied), on_done=lambda name, *_: done.append(name)) == copied / "audit" / "scores.csv"
    assert 0 < len(done) < 5
    assert tables(copied) == before


def test_a_finished_audit_is_told_again_in_the_same_bytes(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in copied.glob("audit/*.csv")}
    monkeypatch.setattr(pool, "perform", None)  # there is nothing to do
    audit(copied)
    assert {path.name: path.read_bytes() for path in copied.glob("audit/*.csv")} == before


def test_an_audit_may_be_made_with_other_settings_of_its_own(copied: Path) -> None:
    done: list[str] = []
    cheap = ['audit.baselines=["silence"]', "audit.draws=120", "audit.budgets=[]"]
    scores = rows(audit(copied, cheap, on_done=lambda name, *_: done.append(name)))
    assert {row["subject"] for row in scores} == {"cascade", "identity", "silence"}
    assert {path.name for path in (copied / "audit" / "listen").iterdir()} == {
        "original",
        "cascade",
        "identity",
        "silence",
    }
    assert Run(copied).facts["recipe"]["audit"]["draws"] == 100  # what was trained is what was asked for then
    assert done == []  # no attacker is trained anew


def test_fewer_clips_may_be_measured_and_kept_to_listen_to(copied: Path) -> None:
    cheap = ["audit.baselines=[]", "audit.rungs=[]", "audit.shuffled=false", "audit.listen=1", "audit.quality_clips=4"]
    scores = rows(audit(copied, cheap))
    assert {row["n"] for row in scores if row["metric"] == "stoi"} == {"4"}
    assert len(list((copied / "audit" / "listen" / "cascade").iterdir())) == 1
    assert {row["knowledge"] for row in scores} == {"ignorant", "transferred", "none"}


def test_a_listener_whose_package_is_missing_is_named_in_what_was_left_out(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    few = ["audit.baselines=[]", "audit.rungs=[]", "audit.shuffled=false", "audit.slow_clips=3"]
    audit(copied, [*few, 'audit.listeners=["words=pocketsphinx"]'])
    left_out = json.loads((copied / "audit" / "audit.json").read_text())["left_out"]
    assert any(said.startswith("The listener pocketsphinx for words is left out: ") for said in left_out)


def test_a_higher_level_does_only_what_is_new(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brief(monkeypatch, "standard")
    rungs = '["purifying", "retrained", "purified", "inverting"]'
    same = ['baselines=["silence"]', 'purifiers=["none", "low-pass-4k", "shift"]', "purifier_clips=8", "seeds=1"]
    less = [*same, "attacker_clips=300", "slow_clips=0", "budgets=[8]", 'secrets=["words", "sentence"]']
    done: list[str] = []
    changes = [f"audit.{change}" for change in ("level=standard", f"rungs={rungs}", *less, "shuffled=false")]
    scores = rows(audit(copied, changes, on_done=lambda name, *_: done.append(name)))
    secrets = ("emotion", "words", "sentence")
    new = {f"{subject}/{secret}-purified-24-0" for subject in ("cascade", "identity") for secret in secrets}
    assert set(done) == new | {"silence/purifying", "silence/sentence-retrained-24-0"}
    assert {row["via"] for row in scores if row["knowledge"] == "purified"} <= {"low-pass-4k", "shift"}


def test_releases_are_not_kept(audited: Path) -> None:
    """They can be made again, and of a corpus they are a gigabyte."""
    assert not list((audited / "audit").rglob("*.npy")) and not list((audited / "audit").rglob("checkpoint*"))
    assert not list((audited / "audit").rglob("*.part"))


@pytest.mark.slow
def test_two_processes_write_the_tables_of_one(copied: Path) -> None:
    before = tables(copied)
    shutil.rmtree(copied / "audit")
    done: list[float] = []
    audit(copied, threads=2, on_done=lambda name, seconds, total: done.append(seconds / total))
    assert tables(copied) == before
    assert done == sorted(done) and done[-1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("cascade.epochs=3", r"--set cascade\.epochs=3: after training, only settings of the section audit"),
        ("seed=1", "only settings of the section audit"),
        ("audit.draws=1", r"audit\.draws = 1 is not allowed"),
        ("audit.level=deep", r"audit\.level = 'deep' is not allowed: .*'quick', 'standard' or 'full'"),
        ('audit.baselines=["lowpass"]', "'lowpass' is not known here.*low-pass"),
        ('audit.listeners=["pocketsphinx"]', "'pocketsphinx' is not SECRET=SOURCE, such as words=pocketsphinx"),
        ('audit.listeners=["size=pocketsphinx"]', "'size=pocketsphinx' is not SECRET=SOURCE"),
    ],
)
def test_an_audit_cannot_be_asked_for_what_it_does_not_know(audited: Path, change: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        audit(audited, [change])


# --- runs that cannot be audited


def test_a_run_without_a_cascade_is_told_to_be_trained(copied: Path) -> None:
    Run(copied).weights("cascade").unlink()
    with pytest.raises(RunError, match=r"cascade/weights\.safetensors: no such file\. Train first"):
        audit(copied)


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run"):
        audit(tmp_path)


def test_an_audit_makes_its_own_processes(audited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "count", lambda: 2)
    with pytest.raises(RunError, match=r"an audit runs in one process\. Start it without `accelerate launch`"):
        audit(audited)


# --- anybody's folder


@pytest.fixture(scope="module")
def speech(corpus: Manifest) -> Path:
    """The folder of the originals."""
    return corpus.clips[0].path.parents[1]


@pytest.fixture
def same(speech: Path, tmp_path: Path) -> Path:
    """What a protector that changes nothing makes of them, as our own command writes it."""
    report = protect([speech], tmp_path / "same", Identity())
    assert len(report.done) == 48
    return tmp_path / "same"


def test_a_protector_that_changes_nothing_scores_like_clean_speech(
    guided: Recipe, corpus: Manifest, speech: Path, same: Path, tmp_path: Path, audited: Path
) -> None:
    made = rows(audit_folders(guided, corpus, speech, same, tmp_path / "judged"))

    def of(table: Rows, subject: str) -> Rows:
        return [{**row, "subject": ""} for row in table if row["subject"] == subject and row["metric"] != "seconds"]

    assert {row["subject"] for row in made} == {"same", "identity"}
    before = of(rows(audited / "audit" / "scores.csv"), "identity")
    assert of(made, "same") == of(made, "identity")
    assert [row for row in before if row in of(made, "same")] == of(made, "same")
    assert len(of(made, "same")) > 20
    assert not (tmp_path / "judged" / "cascade").exists()
    assert {path.name for path in (tmp_path / "judged" / "audit" / "listen").iterdir()} == {
        "original",
        "same",
        "identity",
    }


def test_a_missing_file_is_named_before_anything_is_trained(
    guided: Recipe, corpus: Manifest, speech: Path, same: Path, tmp_path: Path
) -> None:
    (same / "bea" / "bea-sad-1.wav").unlink()
    with pytest.raises(CorpusError, match=r"same has no counterpart of 1 of 48 originals \(the first: 'bea-sad-1'\)"):
        audit_folders(guided, corpus, speech, same, tmp_path / "judged")
    assert not (tmp_path / "judged").exists()


def test_clips_of_other_emotions_need_no_counterpart(
    guided: Recipe, corpus: Manifest, speech: Path, same: Path, tmp_path: Path
) -> None:
    """They are neither judged nor learned from, so nobody has to protect them."""
    (same / "bea" / "bea-sad-1.wav").unlink()
    mixed = tuple(replace(c, emotion="fearful") if c.id == "bea-sad-1" else c for c in corpus.clips)
    recipe = guided.model_copy(update={"audit": guided.audit.model_copy(update={"rungs": (), "listen": 0})})
    scores = rows(audit_folders(recipe, replace(corpus, clips=mixed), speech, same, tmp_path / "judged"))
    assert {row["subject"] for row in scores} == {"same", "identity"}
    assert not list((tmp_path / "judged" / "audit" / "listen").rglob("*.wav"))


def test_a_recording_of_another_length_is_named_before_anything_is_trained(
    guided: Recipe, corpus: Manifest, speech: Path, same: Path, tmp_path: Path
) -> None:
    path = same / "ann" / "ann-sad-0.wav"
    wave, rate = soundfile.read(path)
    soundfile.write(path, wave[:-801], rate)
    with pytest.raises(UnusableAudio, match=r"ann-sad-0\.wav lasts .* 50 ms at most"):
        audit_folders(guided, corpus, speech, same, tmp_path / "judged")
    assert not (tmp_path / "judged").exists()


def test_originals_outside_their_folder_are_named(
    guided: Recipe, corpus: Manifest, speech: Path, same: Path, tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match=r"is not inside .*/ann\. Give the manifest's own folder"):
        audit_folders(guided, corpus, speech / "ann", same, tmp_path / "judged")


@pytest.mark.parametrize("name", ["identity", "original", "clean", "cascade", "pgd-10"])
def test_a_folder_named_like_a_row_of_the_table_is_refused(
    guided: Recipe, corpus: Manifest, speech: Path, same: Path, tmp_path: Path, name: str
) -> None:
    """Its scores, or its clips to listen to, would be taken for those of clean speech."""
    with pytest.raises(CorpusError, match=f"is named like a row of the table, '{name}'. Rename the folder"):
        audit_folders(guided, corpus, speech, same.rename(tmp_path / name), tmp_path / "judged")
    assert not (tmp_path / "judged").exists()


# --- which clips to listen to


CLIPS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(("happy", "sad", "angry"))), max_size=15).map(
    lambda pairs: [Clip(f"c{i}", Path("x.wav"), who, emotion=how) for i, (who, how) in enumerate(pairs)]
)


@given(clips=CLIPS, count=st.integers(0, 8), data=st.data())
def test_clips_to_listen_to_differ_in_emotion_and_do_not_depend_on_order(
    clips: list[Clip], count: int, data: st.DataObject
) -> None:
    chosen = spread(clips, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(clips))
    available, heard = Counter(c.emotion for c in clips), Counter(clips[i].emotion for i in chosen)
    for one in available:  # an emotion is heard less often than another only where all its clips are
        assert heard[one] == available[one] or heard[one] >= max(heard.values(), default=0) - 1
    shuffled = data.draw(st.permutations(clips))
    assert [shuffled[i].id for i in spread(shuffled, count)] == [clips[i].id for i in chosen]


def test_speakers_take_turns() -> None:
    clips = [Clip(f"{who}{i}", Path("x.wav"), who, emotion="sad") for who in "abc" for i in range(5)]
    assert sorted(clips[i].speaker for i in spread(clips, 6)) == ["a", "a", "b", "b", "c", "c"]

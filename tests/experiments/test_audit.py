"""What an audit writes, checked against the recognisers, jiwer and scikit-learn; and anybody's protected folder."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, recall_score

from aclipse.attackers.content import SENTENCE
from aclipse.attackers.words import WORDS
from aclipse.audio import files
from aclipse.contracts import Clip
from aclipse.corpora.manifest import Manifest
from aclipse.deploy.batch import protect
from aclipse.errors import CorpusError, RecipeError, RunError, UnusableAudio
from aclipse.evaluators.emotion import EMOTION
from aclipse.experiments import audit as audits
from aclipse.experiments.audit import Audit, audit, audit_folders, spread
from aclipse.experiments.recipe import Recipe, read_recipe
from aclipse.experiments.run import Prepared, load_cascade, reopen
from aclipse.protections.baselines import Identity, WhiteNoise
from aclipse.records import Run
from aclipse.training.batches import Speech, read_all
from aclipse.training.loop import Progress

Rows = list[dict[str, str]]
SUBJECTS = {"cascade", "identity", "silence", "low-pass", "white-noise"}
TASKS = {
    "compact-emotion": {"accuracy", "uar", "recall:angry", "recall:happy", "recall:neutral", "recall:sad"},
    "compact-words": {"wer", "cer"},
    "compact-sentence": {"sentence_accuracy"},
}


def rows(path: Path, **wanted: str) -> Rows:
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if all(row[key] == value for key, value in wanted.items())]


def value(scores: Rows, metric: str, subject: str, knowledge: str) -> float:
    (row,) = [r for r in scores if (r["metric"], r["subject"], r["knowledge"]) == (metric, subject, knowledge)]
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
    """The tiny recipe with the recognisers of the finished run, and one baseline."""
    return read_recipe(recipe_toml, [f"evaluators.source={trained}", 'audit.baselines=["identity"]'])


# --- scores.csv


def test_scores_are_in_long_form(audited: Path) -> None:
    header = (audited / "audit" / "scores.csv").read_text("utf-8").splitlines()[0]
    assert header == "subject,role,metric,judge,knowledge,value,low,high,n,split"


def test_every_subject_is_judged_by_every_judge_frozen_and_retrained(scores: Rows) -> None:
    judged = {(r["subject"], r["judge"], r["knowledge"], r["metric"]) for r in scores if r["role"] != "quality"}
    assert judged == {
        (subject, judge, knowledge, metric)
        for subject in SUBJECTS
        for judge, metrics in TASKS.items()
        for knowledge in ("frozen", "retrained")
        for metric in metrics
    }
    assert len(scores) == len({tuple(row.values())[:5] for row in scores})


def test_every_subject_has_its_quality(scores: Rows) -> None:
    for subject in SUBJECTS:
        found = {(r["metric"], r["judge"], r["knowledge"]) for r in scores if r["subject"] == subject}
        assert {(m, "signal", "none") for m in ("snr_db", "si_sdr_db", "level_db", "stoi")} <= found


def test_roles_say_what_should_survive(scores: Rows) -> None:
    roles = {(row["judge"], row["role"]) for row in scores}
    assert roles == {
        ("compact-emotion", "utility"),
        ("compact-words", "privacy"),
        ("compact-sentence", "privacy"),
        ("signal", "quality"),
    }


def test_each_score_names_its_split_and_the_clips_it_comes_from(scores: Rows, audited: Path) -> None:
    split = Run(audited).facts["split"]
    assert {row["split"] for row in scores} == {f"{split['name']} [{split['hash']}]"}
    assert {row["n"] for row in scores if row["role"] != "quality"} == {str(split["test"])}


def test_intervals_hold_their_values(scores: Rows) -> None:
    filled = [row for row in scores if row["value"]]
    assert len(filled) > 80
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
    found = {metric: value(scores, metric, "identity", "frozen") for metric in expected}
    assert found == pytest.approx(expected, abs=1e-6)


# --- clips.csv


def test_marks_of_clips_add_up_to_the_scores(scores: Rows, marks: Rows) -> None:
    checked = 0
    for row in scores:
        place = {key: row[key] for key in ("subject", "judge", "knowledge")}
        of = [mark for mark in marks if all(mark[key] == place[key] for key in place)]
        if row["role"] == "quality":
            values = [float(mark["value"]) for mark in of if mark["metric"] == row["metric"] and mark["value"]]
            expected = float(np.mean(values)) if values else None
        elif row["metric"] in ("wer", "cer"):
            own = [mark for mark in of if mark["metric"] == row["metric"]]
            expected = sum(float(mark["value"]) for mark in own) / sum(float(mark["weight"]) for mark in own)
        else:
            truth, read = ([mark[key] for mark in of] for key in ("reference", "prediction"))
            label = row["metric"].partition(":")[2]
            if row["metric"] in ("accuracy", "sentence_accuracy"):
                expected = accuracy_score(truth, read)
            else:
                labels = [label] if label else sorted(set(truth))
                expected = recall_score(truth, read, labels=labels, average="macro", zero_division=0)
        assert (float(row["value"]) if row["value"] else None) == pytest.approx(expected, abs=1e-5), row
        checked += 1
    assert checked == len(scores)


def test_marks_are_of_test_clips_alone_and_tell_what_was_said_and_heard(marks: Rows, audited: Path) -> None:
    test = {clip.id: clip for clip in reopen(audited).speech["test"].clips}
    assert {mark["id"] for mark in marks} == set(test)
    for mark in marks:
        clip = test[mark["id"]]
        assert mark["speaker"] == clip.speaker
        truth = {"compact-emotion": clip.emotion, "signal": ""}.get(mark["judge"], WORDS.target(clip))
        assert mark["reference"] == truth
        if mark["judge"] in ("compact-emotion", "compact-sentence"):
            assert float(mark["value"]) == (mark["reference"] == mark["prediction"])


# --- the baselines


def test_clean_speech_is_unchanged(scores: Rows) -> None:
    assert value(scores, "level_db", "identity", "none") == 0
    assert value(scores, "stoi", "identity", "none") == pytest.approx(1, abs=1e-5)
    (snr,) = [r for r in scores if (r["metric"], r["subject"]) == ("snr_db", "identity")]
    assert (snr["value"], snr["low"], snr["high"]) == ("", "", "")  # infinite


def test_silence_hides_all_and_is_worth_nothing(scores: Rows) -> None:
    assert value(scores, "level_db", "silence", "none") == audits.SILENT_DB
    assert value(scores, "si_sdr_db", "silence", "none") == audits.SILENT_DB
    assert value(scores, "snr_db", "silence", "none") == 0
    assert value(scores, "wer", "silence", "frozen") >= 0.9
    for knowledge in ("frozen", "retrained"):
        assert value(scores, "sentence_accuracy", "silence", knowledge) <= 0.7  # lengths alone can be told
        assert value(scores, "uar", "silence", knowledge) <= 0.5


def test_white_noise_is_as_loud_as_the_cascades_change(scores: Rows) -> None:
    ours, noise = (value(scores, "snr_db", name, "none") for name in ("cascade", "white-noise"))
    assert noise == pytest.approx(ours, abs=3)  # set on validation clips, measured on test clips


def test_white_noise_beside_an_untouched_recording_is_very_faint(audited: Path) -> None:
    auditor = Audit(reopen(audited), _state(audited))
    made = auditor.baselines(lambda wave, clip: wave)
    wave = auditor.speech["validation"].wave(0)
    noise = made["white-noise"](wave, auditor.speech["validation"].clips[0]) - wave
    assert np.abs(noise).max() <= 2**-15  # 100 dB below: what 16 bits can just not hold


def test_the_noise_of_a_clip_is_its_own_and_repeats(audited: Path) -> None:
    auditor = Audit(reopen(audited), _state(audited))
    release = auditor.seeded(WhiteNoise(0.0))
    first, second = auditor.speech["test"].clips[:2]
    wave = np.ones(4000, np.float32)
    assert np.array_equal(release(wave, first), release(wave, first))
    assert abs(np.corrcoef(release(wave, first), release(wave, second))[0, 1]) < 0.1


# --- what lies beside the scores


def test_chance_is_what_guessing_gives(audited: Path) -> None:
    assert json.loads((audited / "audit" / "chance.json").read_text()) == {"uar": 0.25, "sentence_accuracy": 0.5}


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


def test_attackers_keep_their_histories(audited: Path, recipe: Recipe) -> None:
    for subject in SUBJECTS:
        for task in ("emotion", "words", "sentence"):
            history = audited / "audit" / "attackers" / subject / task / "history.csv"
            assert len(rows(history)) == getattr(recipe.audit, task).epochs


# --- again


def _state(folder: Path) -> str:
    return json.loads((folder / "audit" / "state.json").read_text())["judged"]


def test_an_audit_cut_short_and_done_again_gives_the_same_bytes(copied: Path) -> None:
    """Some attackers are there, one is half-trained, the others have to be trained anew."""
    tables = ("scores.csv", "clips.csv", "chance.json")
    before = {name: (copied / "audit" / name).read_bytes() for name in tables}
    for name in tables:
        (copied / "audit" / name).unlink()
    shutil.rmtree(copied / "audit" / "attackers" / "low-pass")
    shutil.rmtree(copied / "audit" / "attackers" / "cascade" / "words")
    shutil.rmtree(copied / "audit" / "sentence")
    assert audit(str(copied)) == copied / "audit" / "scores.csv"
    assert {name: (copied / "audit" / name).read_bytes() for name in tables} == before


def test_an_audit_may_be_made_with_other_settings_of_its_own(copied: Path) -> None:
    cheap = ['audit.baselines=["silence"]', "audit.listen=1", "audit.draws=120", "audit.quality_clips=4"]
    scores = rows(audit(copied, cheap))
    assert {row["subject"] for row in scores} == {"cascade", "silence"}
    assert {row["n"] for row in scores if row["metric"] == "stoi"} == {"4"}
    assert len(list((copied / "audit" / "listen" / "cascade").iterdir())) == 1
    assert Run(copied).facts["recipe"]["audit"]["draws"] == 100  # what was trained is what was asked for then


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("cascade.epochs=3", r"--set cascade\.epochs=3: after training, only settings of the section audit"),
        ("seed=1", "only settings of the section audit"),
        ("audit.draws=1", r"audit\.draws = 1 is not allowed"),
    ],
)
def test_an_audit_cannot_change_what_was_trained(audited: Path, change: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        audit(audited, [change])


def test_attackers_on_something_else_are_dropped(copied: Path) -> None:
    folder = copied / "audit" / "attackers"
    Audit(reopen(copied), _state(copied))
    assert folder.exists()
    Audit(reopen(copied), "another cascade")
    assert not folder.exists()


def test_attackers_of_other_settings_are_dropped(copied: Path) -> None:
    prepared = reopen(copied)
    more = prepared.recipe.audit.model_copy(update={"attacker_clips": 3})
    Audit(replace(prepared, recipe=prepared.recipe.model_copy(update={"audit": more})), _state(copied))
    assert not (copied / "audit" / "attackers").exists()


# --- what attackers may do


@pytest.fixture
def lessons(audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[list[str]]]:
    """Which clips two attackers of different subjects learn from, given a budget."""

    def taught(budget: int) -> list[list[str]]:
        seen: list[list[str]] = []

        def listen(task: Any, network: Any, both: tuple[Speech, Speech], *_: Any) -> Progress:
            seen.append([clip.id for clip in both[0].clips])
            return Progress()

        prepared = reopen(audited)
        settings = prepared.recipe.model_copy(
            update={"audit": prepared.recipe.audit.model_copy(update={"attacker_clips": budget})}
        )
        monkeypatch.setattr(audits, "train_recognizer", listen)
        auditor = Audit(Prepared(Run(tmp_path), settings, prepared.speech, prepared.guides, prepared.split), "x")
        seen.clear()  # the sentence listener's clean lesson
        for name in ("identity", "cascade"):
            auditor.retrain(name, WORDS, prepared.speech)
        return seen

    return taught


def test_attackers_learn_from_no_more_clips_than_they_may_and_all_from_the_same(
    lessons: Callable[[int], list[list[str]]],
) -> None:
    first, second = lessons(7)
    assert len(set(first)) == 7 and first == second


def test_an_attacker_with_a_large_budget_learns_from_all_training_clips(
    lessons: Callable[[int], list[list[str]]], audited: Path
) -> None:
    train = [clip.id for clip in reopen(audited).speech["train"].clips]
    assert lessons(1000)[0] == train


def test_retraining_leaves_the_frozen_recogniser_alone(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    auditor = Audit(reopen(copied), _state(copied))
    frozen = auditor.frozen[EMOTION]
    before = {name: tensor.clone() for name, tensor in frozen.state_dict().items()}
    train = audits.train_recognizer

    def better(*words: Any) -> Progress:
        return replace(train(*words), best_score=1.5)

    monkeypatch.setattr(audits, "train_recognizer", better)
    retrained = auditor.retrain("new", EMOTION, auditor.speech)
    assert all(torch.equal(tensor, before[name]) for name, tensor in frozen.state_dict().items())
    assert not all(torch.equal(tensor, before[name]) for name, tensor in retrained.state_dict().items())
    assert not any(parameter.requires_grad for parameter in frozen.parameters())


def test_an_attacker_who_loses_by_retraining_does_not(audited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No better on validation clips: the frozen recogniser is the stronger attacker, and would be used."""
    auditor = Audit(reopen(audited), _state(audited))
    monkeypatch.setattr(audits, "train_recognizer", lambda *_: Progress(best_score=-9.0))
    assert auditor.retrain("new", WORDS, auditor.speech) is auditor.frozen[WORDS]


def test_sentences_are_told_apart_only_where_they_repeat(audited: Path, tmp_path: Path) -> None:
    prepared = reopen(audited)
    words = ["one", "two", "three", "four", "five", "six", "seven"]
    free = {
        part: Speech([replace(c, transcript=f"{words[i % 7]} {words[i // 7]}") for i, c in enumerate(speech.clips)])
        for part, speech in prepared.speech.items()
    }
    auditor = Audit(replace(prepared, run=Run(tmp_path), speech=free), "x")
    assert set(auditor.frozen) == {EMOTION, WORDS}
    assert auditor._chance() == {"uar": 0.25}
    assert SENTENCE in Audit(prepared, _state(audited)).frozen


# --- runs that cannot be audited


def test_a_run_without_a_cascade_is_told_to_be_trained(copied: Path) -> None:
    Run(copied).weights("cascade").unlink()
    with pytest.raises(RunError, match=r"cascade/weights\.safetensors: no such file\. Train first"):
        audit(copied)


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run"):
        audit(tmp_path)


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
        return [{**row, "subject": ""} for row in table if row["subject"] == subject]

    assert {row["subject"] for row in made} == {"same", "identity"}
    assert of(made, "same") == of(made, "identity") == of(rows(audited / "audit" / "scores.csv"), "identity")
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
    recipe = guided.model_copy(update={"audit": guided.audit.model_copy(update={"baselines": (), "listen": 0})})
    scores = rows(audit_folders(recipe, replace(corpus, clips=mixed), speech, same, tmp_path / "judged"))
    assert {row["subject"] for row in scores} == {"same"}
    assert not (tmp_path / "judged" / "audit" / "listen").exists()


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


@pytest.mark.parametrize("name", ["identity", "original", "cascade"])
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

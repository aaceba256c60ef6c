"""The flow of a training: what a run folder holds, what stops it before it starts, and that a kill changes nothing."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import interrupt

from aclipse import __version__
from aclipse.atomic import LIVE
from aclipse.contracts import Clip
from aclipse.corpora import manifest as manifests
from aclipse.corpora import splits
from aclipse.corpora.manifest import Manifest
from aclipse.errors import AclipseError, CorpusError, RunError
from aclipse.evaluators.emotion import EMOTION
from aclipse.experiments import guides
from aclipse.experiments import run as runs
from aclipse.experiments.recipe import Recipe, read_recipe
from aclipse.experiments.run import load_cascade, parts, prepare, reopen, train, usable
from aclipse.models.compact import CharacterRecognizer, ClipClassifier
from aclipse.protections.cascade import objectives
from aclipse.protections.cascade.method import Trainer
from aclipse.records import Run, file_hash
from aclipse.training import checkpoint, loop
from aclipse.training.loop import Progress
from aclipse.training.recognition import Task

PARTS = ("emotion", "words", "cascade")


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that may be spoiled."""
    return shutil.copytree(trained, tmp_path / "copy", ignore=shutil.ignore_patterns("audit", "report"))


@pytest.fixture
def guided(recipe_toml: Path, trained: Path) -> Callable[..., Recipe]:
    """The tiny recipe with more settings, its recognisers those of the finished run: only the cascade is trained."""
    return lambda *more: read_recipe(recipe_toml, [f"evaluators.source={trained}", *more])


def weights(folder: Path) -> dict[str, str]:
    return {part: file_hash(Run(folder).weights(part)) for part in PARTS}


def content(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def changed(manifest: Manifest, **facts: Callable[[Clip], str]) -> Manifest:
    def one(clip: Clip) -> Clip:
        values: dict[str, Any] = {name: fact(clip) for name, fact in facts.items()}
        return replace(clip, **values)

    return replace(manifest, clips=tuple(map(one, manifest.clips)))


def epochs(folder: Path) -> dict[str, int]:
    return {part: len((folder / part / "history.csv").read_text().splitlines()) - 1 for part in PARTS}


def epochs_asked(recipe: Recipe) -> dict[str, int]:
    asked = recipe.evaluators
    return {"emotion": asked.emotion.epochs, "words": asked.words.epochs, "cascade": recipe.cascade.epochs}


# --- what a run holds


def test_a_run_has_its_facts_its_split_and_three_sets_of_weights(trained: Path) -> None:
    of_parts = [f"{part}/{name}" for part in PARTS for name in ("weights.safetensors", "history.csv")]
    states = [f"cascade/{stage}/checkpoint.safetensors" for stage in ("stage-1", "stage-2")]
    for name in ["run.json", "split.csv", "manifest.csv", *of_parts, *states]:
        assert (trained / name).stat().st_size > 0, name
    for part in ("emotion", "words"):  # four times the weights, and of no use once they are there
        assert not (trained / part / "checkpoint.safetensors").exists()


def test_nothing_half_written_is_left(trained: Path) -> None:
    own = (path for path in trained.rglob("*") if "audit" not in path.parts and "report" not in path.parts)
    assert {path.suffix for path in own if path.is_file()} == {".json", ".csv", ".safetensors"}


def test_the_facts_say_what_was_asked_on_which_data_with_what(trained: Path, recipe: Recipe, corpus: Manifest) -> None:
    facts = Run(trained).facts
    split = splits.read(trained / "split.csv")
    assert facts["aclipse"] == __version__
    assert facts["recipe"] == json.loads(recipe.model_dump_json())
    assert facts["seed"] == recipe.seed
    assert facts["corpus"] == {
        "name": "tones",
        "hash": corpus.hash,
        "clips": 48,
        "bytes": sum(clip.path.stat().st_size for clip in corpus.clips),
        "speakers": 6,
        "emotions": ["neutral", "happy", "sad", "angry"],
    }
    assert facts["split"] == {"name": split.name, "hash": split.hash, "train": 24, "validation": 8, "test": 16}
    assert facts["weights"] == weights(trained)
    assert facts["environment"]["threads"] == torch.get_num_threads()
    assert facts["created"].startswith("20")


def test_the_split_is_the_one_that_the_recipe_draws(trained: Path, recipe: Recipe, corpus: Manifest) -> None:
    split = splits.read(trained / "split.csv")
    assert split.hash == splits.split(corpus.clips, folds=3, seed=recipe.seed).hash
    assert split.speaker_independent


def test_recognisers_say_whom_they_have_heard_and_no_test_speaker_is_among_them(trained: Path) -> None:
    prepared = reopen(trained)
    speakers = {part: {clip.speaker for clip in speech.clips} for part, speech in prepared.speech.items()}
    for part in ("emotion", "words"):
        facts = checkpoint.load(Run(trained).weights(part))[1]
        assert set(facts["speakers"]) == speakers["train"] | speakers["validation"]
        assert not set(facts["speakers"]) & speakers["test"]
        assert facts["corpus"] == prepared.run.facts["corpus"]


def test_histories_have_a_row_an_epoch(trained: Path, recipe: Recipe) -> None:
    assert epochs(trained) == epochs_asked(recipe)


def test_a_run_reopened_is_the_run(trained: Path, recipe: Recipe, corpus: Manifest) -> None:
    prepared = reopen(trained)
    assert prepared.recipe == recipe
    assert {part: len(speech) for part, speech in prepared.speech.items()} == {
        "train": 24,
        "validation": 8,
        "test": 16,
    }
    assert {clip for speech in prepared.speech.values() for clip in speech.clips} == set(corpus.clips)
    assert prepared.split.hash == prepared.run.facts["split"]["hash"]
    assert prepared.guides.emotion.labels == ("angry", "happy", "neutral", "sad")  # type: ignore[attr-defined]


def test_the_tones_can_be_told_apart(trained: Path) -> None:
    """Else no test on this run would mean much."""
    from aclipse.attackers.words import WORDS
    from aclipse.training.batches import read_all

    prepared = reopen(trained)
    test = prepared.speech["test"]
    emotions = read_all(prepared.guides.emotion, test)
    words = read_all(prepared.guides.words, test)
    assert EMOTION.score([clip.emotion for clip in test.clips], emotions) > 0.4
    assert WORDS.score([WORDS.target(clip) for clip in test.clips], words) > -0.6


# --- kills and resumption


def test_resuming_a_finished_run_changes_nothing(copied: Path, recipe: Recipe, corpus: Manifest) -> None:
    before = content(copied)
    train(recipe, corpus, copied, resume=True)
    assert content(copied) == before


KILLS: dict[str, tuple[Any, str, int, str]] = {  # moment: function, which of its calls, first part to be trained
    "in the second epoch of emotion": (ClipClassifier, "loss", 5, "emotion"),
    "in the second epoch of words": (CharacterRecognizer, "loss", 8, "words"),
    "in stage one": (objectives, "stage_one", 2, "cascade"),
    "when stage two begins": (objectives, "stage_two", 1, "cascade"),
    "in the second epoch of stage two": (objectives, "stage_two", 3, "cascade"),
    "before the last checkpoint is in its place": (Path, "replace", 9, "cascade"),
    "after the last checkpoint, before its history": (loop, "write_table", 4, "emotion"),
}


@pytest.mark.parametrize("moment", KILLS)
def test_an_interrupted_run_ends_with_the_weights_of_one_that_was_not(
    moment: str, copied: Path, recipe: Recipe, corpus: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, name, call, part = KILLS[moment]
    expected = weights(copied)
    for lost in {part, "cascade"}:
        shutil.rmtree(copied / lost)
    with monkeypatch.context() as patched:
        interrupt(patched, place, name, call)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, corpus, copied, resume=True)
    assert not Run(copied).weights("cascade").exists()
    train(recipe, corpus, copied, resume=True)
    assert weights(copied) == expected
    assert epochs(copied) == epochs_asked(recipe)


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_with_the_same_weights(
    trained: Path, recipe_toml: Path, corpus_csv: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    train = ["-m", "aclipse", "train", str(recipe_toml), "--corpus", str(corpus_csv), "-o", str(folder)]
    command = [sys.executable, *train, "--resume", "--threads", str(torch.get_num_threads())]
    for moment in ("emotion/checkpoint.safetensors", "words/checkpoint.safetensors", "cascade/stage-1"):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while not (folder / moment).exists() and process.poll() is None:
                time.sleep(0.01)
            process.kill()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert weights(folder) == weights(trained)


def test_the_same_seed_gives_the_same_cascade_and_another_seed_another(trained: Path, tmp_path: Path) -> None:
    prepared = reopen(trained)

    def fitted(seed: int, folder: str) -> dict[str, torch.Tensor]:
        cascade = Trainer(prepared.recipe.cascade, prepared.guides, prepared.speech, seed).run(tmp_path / folder)
        return cascade.network.state_dict()

    saved, same, other = checkpoint.load(Run(trained).weights("cascade"))[0], fitted(0, "same"), fitted(1, "other")
    assert all(torch.equal(same[name], tensor) for name, tensor in saved.items())
    assert not all(torch.equal(other[name], tensor) for name, tensor in saved.items())


def test_a_kill_before_the_first_fact_is_no_obstacle(
    guided: Callable[..., Recipe], corpus: Manifest, tmp_path: Path
) -> None:
    """A process that is killed while it writes run.json leaves its hidden draft in an otherwise empty folder."""
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".0123abcd.part").write_text("{")
    assert prepare(guided(), corpus, tmp_path / "new", resume=True).run.facts["split"]["train"] == 24


def test_resuming_deletes_what_a_kill_has_left_and_nothing_that_is_being_written(
    copied: Path, recipe: Recipe, corpus: Manifest
) -> None:
    old, live = copied / "words" / ".0123.part", copied / ".4567.part"
    for path in (old, live):
        path.write_text("half")
    os.utime(old, (time.time() - 2 * LIVE,) * 2)
    prepare(recipe, corpus, copied, resume=True)
    assert live.exists() and not old.exists()


def test_a_run_begins_where_there_is_nothing_to_resume(
    guided: Callable[..., Recipe], corpus: Manifest, tmp_path: Path
) -> None:
    """So that `make demo` can always say --resume."""
    assert prepare(guided(), corpus, tmp_path / "new", resume=True).run.facts["split"]["train"] == 24


# --- a folder is one run


def test_a_folder_that_holds_a_run_is_not_written_over(copied: Path, recipe: Recipe, corpus: Manifest) -> None:
    before = content(copied)
    with pytest.raises(RunError, match=r"copy already holds a run\. Go on with --resume, or give another folder"):
        train(recipe, corpus, copied)
    assert content(copied) == before


@pytest.mark.parametrize(("override", "what"), [("cascade.epochs=4", "recipe"), ("seed=1", "recipe and seed")])
def test_a_run_of_other_settings_is_not_resumed(
    copied: Path, recipe_toml: Path, corpus: Manifest, override: str, what: str
) -> None:
    before = content(copied)
    with pytest.raises(RunError, match=f"copy holds a run of another {what}. Give another --output"):
        train(read_recipe(recipe_toml, [override]), corpus, copied, resume=True)
    assert content(copied) == before


def test_a_run_may_go_on_to_be_audited_otherwise(copied: Path, recipe_toml: Path, corpus: Manifest) -> None:
    weights = Run(copied).facts["weights"]
    train(read_recipe(recipe_toml, ["audit.draws=200"]), corpus, copied, resume=True)
    assert Run(copied).facts["recipe"]["audit"]["draws"] == 200
    assert Run(copied).facts["weights"] == weights


def test_a_folder_that_holds_something_else_is_left_alone(recipe: Recipe, corpus: Manifest, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(
        RunError, match=r"holds something else than a run\. Give an empty or a new folder with --output"
    ):
        train(recipe, corpus, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_resuming_on_another_machine_is_possible_but_said(
    copied: Path, recipe: Recipe, corpus: Manifest, caplog: pytest.LogCaptureFixture
) -> None:
    Run(copied).note(environment={**Run(copied).facts["environment"], "threads": 64})
    train(recipe, corpus, copied, resume=True)
    assert "weights may differ" in caplog.text


def test_other_recordings_under_the_same_labels_are_another_corpus(
    copied: Path, recipe: Recipe, corpus: Manifest, tmp_path: Path
) -> None:
    shutil.copytree(corpus.clips[0].path.parents[1], tmp_path / "speech")
    shutil.copy(corpus.clips[0].path, tmp_path / "speech" / corpus.clips[-1].speaker / corpus.clips[-1].path.name)
    moved = tuple(replace(c, path=tmp_path / "speech" / c.speaker / c.path.name) for c in corpus.clips)
    with pytest.raises(RunError, match="holds a run of another corpus"):
        train(recipe, replace(corpus, clips=moved), copied, resume=True)


@pytest.mark.parametrize("column", ["transcript", "emotion"])
def test_a_run_of_another_corpus_is_not_resumed(copied: Path, recipe: Recipe, corpus: Manifest, column: str) -> None:
    other = {"transcript": "Go on.", "emotion": "happy"}[column]
    relabelled = changed(corpus, **{column: lambda c: other if c.id == "ann-sad-0" else getattr(c, column)})
    with pytest.raises(RunError, match="holds a run of another corpus"):
        train(recipe, relabelled, copied, resume=True)


def test_a_corpus_may_move(copied: Path, recipe: Recipe, corpus: Manifest, tmp_path: Path) -> None:
    shutil.copytree(corpus.clips[0].path.parents[1], tmp_path / "speech")
    moved = replace(
        corpus,
        clips=tuple(replace(c, path=tmp_path / "speech" / c.speaker / c.path.name) for c in corpus.clips),
    )
    train(recipe, moved, copied, resume=True)
    assert reopen(copied).speech["test"].clips[0].path.is_relative_to(tmp_path)


# --- recognisers of another run


def test_recognisers_of_another_run_are_copied(
    guided: Callable[..., Recipe], corpus: Manifest, trained: Path, tmp_path: Path
) -> None:
    prepared = prepare(guided(), corpus, tmp_path / "new")
    for part in ("emotion", "words"):
        (theirs, said), (ours, say) = (checkpoint.load(run.weights(part)) for run in (Run(trained), prepared.run))
        assert say == said
        assert all(torch.equal(theirs[name], ours[name]) for name in theirs)
        assert not (prepared.run.folder / part / "history.csv").exists()


def test_recognisers_that_know_the_test_speakers_are_refused(
    guided: Callable[..., Recipe], corpus: Manifest, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"emotion recogniser of .* was trained on 2 of the test speakers \(\w+, \w+\)"):
        prepare(guided("split.fold=1"), corpus, tmp_path / "new")


def test_a_speaker_dependent_split_may_reuse_its_own_recognisers_and_no_others(
    recipe_toml: Path, corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its test speakers are known by design; what matters is that the test clips are not."""
    dependent = read_recipe(recipe_toml, ["split.kind=utterance-kfold"])
    heard_by(dependent, corpus, tmp_path / "first", monkeypatch)
    again = [f"evaluators.source={tmp_path / 'first'}", "split.kind=utterance-kfold"]
    assert prepare(read_recipe(recipe_toml, again), corpus, tmp_path / "again").split.parts
    with pytest.raises(RunError, match="trained on 6 of the test speakers"):
        prepare(read_recipe(recipe_toml, [*again, "split.fold=1"]), corpus, tmp_path / "other")


def test_a_source_that_is_no_run_is_named(recipe_toml: Path, corpus: Manifest, tmp_path: Path) -> None:
    recipe = read_recipe(recipe_toml, [f"evaluators.source={tmp_path / 'none'}"])
    with pytest.raises(RunError, match=r"none/emotion/weights\.safetensors: no such file"):
        prepare(recipe, corpus, tmp_path / "new")


@pytest.fixture
def built_in() -> Path:
    folder = Path(runs.__file__).parents[1] / "assets"
    if not (folder / "words.safetensors").exists():
        pytest.skip("the package carries no recognisers here: make them with `make recognisers`")
    return folder


def test_the_recognisers_of_the_package_can_be_used(
    built_in: Path, recipe_toml: Path, corpus: Manifest, tmp_path: Path
) -> None:
    recipe = read_recipe(recipe_toml, ["evaluators.source=built-in"])
    frozen = prepare(recipe, corpus, tmp_path / "new").guides
    assert set(recipe.corpus.emotions) <= set(frozen.emotion.labels)  # type: ignore[attr-defined]
    assert sum(path.stat().st_size for path in built_in.iterdir()) <= 10 * 2**20


def test_the_recognisers_of_the_package_are_refused_where_they_know_the_test_speakers(
    built_in: Path, recipe_toml: Path, corpus: Manifest, tmp_path: Path
) -> None:
    known = checkpoint.load(built_in / "emotion.safetensors")[1]["speakers"]
    names = dict(zip(sorted({clip.speaker for clip in corpus.clips}), known, strict=False))
    voices = changed(corpus, speaker=lambda c: names[c.speaker])
    with pytest.raises(RunError, match="recogniser of 'built-in' was trained on 2 of the test speakers"):
        prepare(read_recipe(recipe_toml, ["evaluators.source=built-in"]), voices, tmp_path / "new")


def test_recognisers_stay_bit_identical_while_a_cascade_is_trained(trained: Path, tmp_path: Path) -> None:
    prepared = reopen(trained)
    before = [{name: tensor.clone() for name, tensor in guide.state_dict().items()} for guide in prepared.guides]  # type: ignore[attr-defined]
    Trainer(prepared.recipe.cascade, prepared.guides, prepared.speech, 0).run(tmp_path)
    for guide, state in zip(prepared.guides, before, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in guide.state_dict().items())  # type: ignore[attr-defined]
        assert not guide.training  # type: ignore[attr-defined]


# --- which clips count


def heard_by(recipe: Recipe, corpus: Manifest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Which emotions the recognisers are trained and validated on."""
    heard = {}

    def listen(task: Task, network: Any, both: Any, *_: Any) -> Progress:
        for part, speech in zip(("train", "validation"), both, strict=True):
            heard[f"{task.name} {part}"] = {clip.emotion for clip in speech.clips}
        return Progress(best_score=0.0)

    monkeypatch.setattr(guides, "train_recognizer", listen)
    prepared = prepare(recipe, corpus, folder)
    return heard | {part: {clip.emotion for clip in speech.clips} for part, speech in prepared.speech.items()}


def test_words_are_learned_from_every_emotion_and_judged_on_those_asked_for(
    recipe_toml: Path, corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = read_recipe(recipe_toml, ['corpus.emotions=["happy", "sad"]'])
    mixed = changed(corpus, emotion=lambda c: "" if c.emotion == "angry" else c.emotion)
    heard = heard_by(recipe, mixed, tmp_path / "new", monkeypatch)
    asked = {"happy", "sad"}
    assert heard.pop("words train") == {*asked, "neutral", ""}
    assert set(heard) == {"emotion train", "emotion validation", "words validation", "train", "validation", "test"}
    assert all(emotions == asked for emotions in heard.values())
    facts = Run(tmp_path / "new").facts["split"]
    assert [facts[part] for part in splits.PARTS] == [12, 4, 8]  # those judged, not all that were dealt out
    assert len(splits.read(tmp_path / "new" / "split.csv").parts) == 48


def test_clips_without_words_or_speaker_are_left_out_with_a_warning(
    corpus: Manifest, caplog: pytest.LogCaptureFixture
) -> None:
    gaps = {"ann-sad-0": "", "ann-sad-1": "  ", "bea-sad-0": "...", "bea-sad-1": "42"}
    silent = changed(
        corpus,
        transcript=lambda c: gaps.get(c.id, c.transcript),
        speaker=lambda c: "" if c.id == "cat-sad-0" else c.speaker,
    )
    kept = usable(silent)
    assert {clip.id for clip in corpus.clips} - {clip.id for clip in kept} == {*gaps, "cat-sad-0"}
    assert "5 of 48 clips left out: no transcript or no speaker" in caplog.text


def test_a_complete_corpus_is_used_whole_without_a_warning(corpus: Manifest, caplog: pytest.LogCaptureFixture) -> None:
    assert usable(corpus) == list(corpus.clips)
    assert not caplog.records


def test_parts_have_the_emotions_asked_for_or_all(corpus: Manifest) -> None:
    split = splits.split(corpus.clips, folds=3)
    assert sum(len(speech) for speech in parts(corpus.clips, split).values()) == 48
    some = parts(corpus.clips, split, ("sad",))
    assert {clip.emotion for speech in some.values() for clip in speech.clips} == {"sad"}


BAD: dict[str, tuple[Callable[[Manifest], Manifest], str]] = {
    "no transcripts": (
        lambda m: changed(m, transcript=lambda c: ""),
        r"no clip of 'tones' has a transcript and a speaker\. Fill the manifest",
    ),
    "no speakers": (lambda m: changed(m, speaker=lambda c: ""), "no clip of 'tones' has a transcript and a speaker"),
    "an emotion that no clip has": (
        lambda m: changed(m, emotion=lambda c: "calm" if c.emotion == "sad" else c.emotion),
        r"No clip of 'tones' is sad\. Choose from what it has: neutral, calm, happy, angry",
    ),
    "no emotions": (
        lambda m: changed(m, emotion=lambda c: ""),
        "No clip of 'tones' is neutral or happy or sad or angry",
    ),
    "an emotion of clips without words": (
        lambda m: changed(m, transcript=lambda c: "" if c.emotion == "sad" else c.transcript),
        "no train clip is sad",
    ),
    "an emotion of one speaker": (
        lambda m: changed(m, emotion=lambda c: "happy" if c.emotion == "sad" and c.speaker != "ann" else c.emotion),
        r"speaker-3fold/0: no \w+ clip is sad\. Use another seed, fewer folds",
    ),
    "one speaker": (
        lambda m: changed(m, speaker=lambda c: "ann"),
        r"speaker-kfold: 1 to deal out are too few for 3 folds\. Use fewer folds, add speakers",
    ),
    "two speakers": (
        lambda m: replace(m, clips=tuple(c for c in m.clips if c.speaker in ("ann", "bea"))),
        "too few for 3 folds",
    ),
}


@pytest.mark.parametrize("flaw", BAD)
def test_a_corpus_that_cannot_be_trained_on_is_told_why_before_anything_is_written(
    flaw: str, recipe: Recipe, corpus: Manifest, tmp_path: Path
) -> None:
    """A folder left behind would refuse the corrected corpus as another one."""
    spoil, message = BAD[flaw]
    with pytest.raises(CorpusError, match=message):
        train(recipe, spoil(corpus), tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("split.fold=3", "There is no fold 3 of 3"),
        ("split.kind=leave-one-session-out", r"There is no session 7|sessions are counted from 0"),
    ],
)
def test_a_fold_that_does_not_exist_is_named(
    recipe_toml: Path, corpus: Manifest, tmp_path: Path, override: str, message: str
) -> None:
    more = [override, *(["split.fold=7"] if "session" in override else [])]
    with pytest.raises(CorpusError, match=message):
        train(read_recipe(recipe_toml, more), corpus, tmp_path / "new")


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ("split.kind=leave-one-session-out", "leave-one-session-out/s0 (seed 0)"),
        ("split.kind=utterance-kfold", "utterance-3fold/0 (seed 0, speaker-dependent)"),
    ],
)
def test_every_split_can_be_asked_for_and_says_its_name(
    recipe_toml: Path, corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, override: str, name: str
) -> None:
    heard_by(read_recipe(recipe_toml, [override]), corpus, tmp_path / "new", monkeypatch)
    assert Run(tmp_path / "new").facts["split"]["name"] == name


def described(manifest: Manifest) -> Manifest:
    """The corpus with a column of its own: each sentence is read or made up."""
    clips = (replace(c, extra={"manner": "read" if c.id.endswith("0") else "made up"}) for c in manifest.clips)
    return replace(manifest, clips=tuple(clips))


@pytest.mark.parametrize(
    ("only", "kept"),
    [
        ({"sex": "female"}, lambda c: c.speaker in ("ann", "bea", "cat")),
        ({"manner": "read"}, lambda c: c.transcript == "Go home."),
        ({"manner": "made up", "sex": "male"}, lambda c: c.transcript == "Call me!" and c.speaker > "cat"),
    ],
    ids=str,
)
def test_only_the_clips_with_some_values_may_count(
    recipe_toml: Path,
    corpus: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    only: dict[str, str],
    kept: Callable[[Clip], bool],
) -> None:
    """IEMOCAP's figures are of its improvised turns, which a column of its own tells."""
    recipe = read_recipe(recipe_toml, [f'corpus.only.{column}="{value}"' for column, value in only.items()])
    assert recipe.corpus.only == only
    expected = {clip.id for clip in corpus.clips if kept(clip)}
    heard_by(recipe, described(corpus), tmp_path / "new", monkeypatch)
    prepared = reopen(tmp_path / "new")
    assert {clip.id for speech in prepared.speech.values() for clip in speech.clips} == expected
    assert prepared.run.facts["corpus"]["clips"] == len(expected)
    assert {clip.id for clip in manifests.read(tmp_path / "new" / "manifest.csv").clips} == expected


@pytest.mark.parametrize("only", ['manner="sung"', 'sex="f"', 'mood="read"'])
def test_values_that_no_clip_has_are_refused_before_anything_is_written(
    recipe_toml: Path, corpus: Manifest, tmp_path: Path, only: str
) -> None:
    column, value = only.replace('"', "").split("=")
    message = rf"no clip of 'tones' has {{'{column}': '{value}'}}\. See its columns with `aclipse corpus check`"
    with pytest.raises(CorpusError, match=message):
        train(read_recipe(recipe_toml, [f"corpus.only.{only}"]), described(corpus), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_emotion_that_is_not_asked_for_need_not_be_in_every_part(
    recipe_toml: Path, corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IEMOCAP has two disgusted turns among ten thousand."""
    rare = changed(corpus, emotion=lambda c: "disgusted" if c.id == "ann-sad-0" else c.emotion)
    heard = heard_by(read_recipe(recipe_toml), rare, tmp_path / "new", monkeypatch)
    assert "disgusted" not in heard["train"] | heard["validation"] | heard["test"]


def test_a_recording_that_is_gone_is_named(recipe: Recipe, corpus: Manifest, tmp_path: Path) -> None:
    lost = replace(corpus, clips=tuple(replace(c, path=tmp_path / c.path.name) for c in corpus.clips))
    with pytest.raises(AclipseError, match=r"\w+-\w+-\d\.flac cannot be read: No such file"):
        train(recipe, lost, tmp_path / "new")


# --- the protection of a run


@pytest.mark.parametrize("given", ["folder", "string", "weights"])
def test_a_cascade_is_loaded_from_its_run_or_its_file(trained: Path, given: str) -> None:
    paths: dict[str, Path | str] = {
        "folder": trained,
        "string": str(trained),
        "weights": Run(trained).weights("cascade"),
    }
    tensors = checkpoint.load(Run(trained).weights("cascade"))[0]
    loaded = load_cascade(paths[given]).network.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items())


def test_a_folder_without_a_cascade_is_told_to_be_trained(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cascade/weights\.safetensors: no such file\. Train first"):
        load_cascade(tmp_path)


def test_weights_of_something_else_are_no_cascade(trained: Path) -> None:
    with pytest.raises(RunError, match=r"emotion/weights\.safetensors:? does not hold a [Cc]ascade"):
        load_cascade(Run(trained).weights("emotion"))


@pytest.mark.parametrize("part", ["emotion", "words"])
def test_an_unfinished_run_is_not_reopened(copied: Path, part: str) -> None:
    Run(copied).weights(part).unlink()
    with pytest.raises(RunError, match=rf"copy has no {part} recogniser yet\. Go on with: aclipse train .* --resume"):
        reopen(copied)


def test_a_folder_without_facts_is_not_reopened(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run"):
        reopen(tmp_path)


def test_facts_without_a_recipe_are_not_a_run(tmp_path: Path) -> None:
    Run(tmp_path).note(created="today")
    with pytest.raises(RunError, match="recipe"):
        reopen(tmp_path)


def test_a_recipe_of_another_version_is_named_with_its_file(copied: Path) -> None:
    facts = Run(copied).facts
    facts["recipe"]["cascade"]["forgotten"] = 1
    Run(copied).note(**facts)
    with pytest.raises(AclipseError, match=r"run\.json: cascade\.forgotten is not a setting"):
        reopen(copied)


def test_training_reports_its_progress_to_the_log(
    guided: Callable[..., Recipe], corpus: Manifest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        train(guided(), corpus, tmp_path / "new")
    assert "stage 1 1/1" in caplog.text and "stage 2 2/2" in caplog.text
    assert manifests.read(tmp_path / "new" / "manifest.csv").hash == corpus.hash


def test_a_run_of_before_features_could_be_released_may_be_gone_on_with(
    copied: Path, recipe: Recipe, corpus: Manifest
) -> None:
    facts = Run(copied).facts
    kept = {name: value for name, value in facts["recipe"].items() if name not in ("release", "features", "cloak")}
    Run(copied).note(recipe=kept)
    assert train(recipe, corpus, copied, resume=True).facts["recipe"] == facts["recipe"]
    other = recipe.model_copy(update={"features": recipe.features.model_copy(update={"bands": 40})})
    with pytest.raises(RunError, match="a run of another recipe"):
        train(other, corpus, copied, resume=True)

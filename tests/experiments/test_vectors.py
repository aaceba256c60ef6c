"""A run that releases vectors: what is done differently, what its folder holds, how it is judged and beside whom."""

from __future__ import annotations

import csv
import pickle
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, brief, interrupt

from aclipse.attackers.attributes import SEX
from aclipse.attackers.content import SENTENCE
from aclipse.attackers.verification import SPEAKER
from aclipse.audio import files
from aclipse.audio.functionals import functionals
from aclipse.contracts import Wave
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError, MissingExtra, RecipeError, RunError
from aclipse.evaluators.emotion import EMOTION
from aclipse.experiments.audit import audit
from aclipse.experiments.ladder import attacks
from aclipse.experiments.ladder.rivals import beside
from aclipse.experiments.ladder.subjects import FrontEnd, Seeded
from aclipse.experiments.levels import LEVELS, AuditSettings
from aclipse.experiments.recipe import read_recipe
from aclipse.experiments.run import find, load_protection, prepare, reopen, train
from aclipse.experiments.vectors import Vectors
from aclipse.models.dense import DenseClassifier, DenseEmbedder
from aclipse.protections.baselines import LowPass
from aclipse.protections.baselines.base import Baseline
from aclipse.protections.replacement.method import Replacement
from aclipse.protections.replacement.roles import Roles
from aclipse.records import Run
from aclipse.training import loop
from aclipse.training.projection import ProjectionSettings, ranges_of
from aclipse.training.recognition import new_recognizer

SETTINGS = ProjectionSettings(kind="log-mel", components=12)
VECTORS = 'release = "functionals"\nfunctionals = {kind = "log-mel", components = 12}\nreplacement.epochs = 3\n'
SUBJECTS = {"replacement", "identity", "silence", "low-pass", "white-noise"}


@pytest.fixture(scope="module")
def medium(corpus: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Vectors:
    return Vectors(SETTINGS, Roles(), corpus.clips, corpus.clips[:24], tmp_path_factory.mktemp("vectors"))


@pytest.fixture(scope="module")
def vectors_toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "vectors.toml"
    path.write_text(VECTORS + TINY, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    brief(monkeypatch)
    monkeypatch.setattr(attacks, "FEWEST", 24)


@pytest.fixture(scope="module")
def vectored(vectors_toml: Path, corpus: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "vectored"
    train(read_recipe(vectors_toml), corpus, folder)
    return folder


def rows(path: Path, **wanted: str) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if all(row[key] == value for key, value in wanted.items())]


# --- the medium


def test_a_release_is_one_vector_of_the_clip(medium: Vectors, corpus: Manifest) -> None:
    clip = corpus.clips[0]
    found = medium.speech([clip]).wave(0)
    assert found.shape == (1, 12)
    assert np.array_equal(medium.enter(files.read(clip.path), clip), found)
    assert np.array_equal(medium.unpacked(medium.packed(found)), medium.quantized(found))


def test_of_emotions_an_app_is_told_the_required_ones_alone(medium: Vectors, corpus: Manifest) -> None:
    for task in (medium.task(EMOTION), medium.other(EMOTION)):
        assert {clip.emotion: task.target(clip) for clip in corpus.clips} == {
            "neutral": "other", "happy": "other", "angry": "other", "sad": "sad",
        }  # fmt: skip
        sad = next(clip for clip in corpus.clips if clip.emotion == "sad")
        assert task.marks(sad, "sad") == {"emotion": (1.0, 1.0)} and task.marks(sad, "other") == {"emotion": (0.0, 1.0)}
    assert medium.sensitive == ("happy", "angry")


@pytest.mark.parametrize("task", [EMOTION, SEX, SENTENCE, SPEAKER], ids=lambda task: task.name)
def test_every_task_gets_networks_that_read_vectors(medium: Vectors, corpus: Manifest, task: object) -> None:
    assert hasattr(task, "name")
    own = new_recognizer(medium.task(task), medium.speech(corpus.clips), 0)  # type: ignore[arg-type]
    assert isinstance(own, DenseEmbedder if task.name == "speaker" else DenseClassifier) and medium.reads(own)
    assert type(own) is medium.kind("compact", task.name)
    if task.name != "speaker":
        linear = new_recognizer(medium.other(task), medium.speech(corpus.clips), 0)  # type: ignore[arg-type]
        assert not list(linear.layers) and medium.reads(linear)


def test_networks_of_another_size_do_not_read_it(medium: Vectors) -> None:
    assert not medium.reads(DenseClassifier(("a", "b"), size=13))
    assert not medium.reads(DenseEmbedder(("a", "b"), inputs=13, size=12))
    assert not medium.reads(object())


def test_nobody_is_asked_for_words_and_everybody_for_what_is_sensitive(medium: Vectors) -> None:
    for level in LEVELS.values():
        able = medium.able(level)
        assert "words" not in (*able.secrets, *able.baseline_secrets, *able.independent)
        assert "sensitive" in able.secrets and "sensitive" in able.baseline_secrets
        assert not {"purifying", "purified", "inverting"} & {*able.rungs, *able.baseline_rungs}
        assert {*able.baselines} == {"silence", "low-pass", "white-noise"}
    with pytest.raises(RecipeError, match="'soap' is not known here"):
        medium.able(LEVELS["quick"].model_copy(update={"baselines": ("soap",)}))
    said = " ".join(medium.left_out(AuditSettings()))
    assert "words" in said and "mcadams" in said


def test_there_is_nothing_to_listen_to(medium: Vectors, corpus: Manifest) -> None:
    assert not medium.sounds
    with pytest.raises(RunError, match="cannot be made to sound"):
        medium.sound(np.zeros((1, 12), np.float32), corpus.clips[0])


def test_another_process_opens_the_store_again(medium: Vectors, corpus: Manifest) -> None:
    assert medium.store is medium.store
    again = pickle.loads(pickle.dumps(medium))
    assert "store" not in again.__dict__
    assert np.array_equal(again.speech(corpus.clips).wave(5), medium.speech(corpus.clips).wave(5))


def test_filtered_sound_is_scaled_by_all_filtered_recordings_of_its_speaker(medium: Vectors, corpus: Manifest) -> None:
    class Counting(Baseline):
        name = "counting"
        calls = 0

        def release(self, wave: Wave, seed: int = 0) -> Wave:
            Counting.calls += 1
            return LowPass(1000.0).release(wave, seed)

    clip = corpus.clips[0]
    own = [one for one in corpus.clips if one.speaker == clip.speaker]
    release = FrontEnd(Seeded(Counting(), 0), medium)
    assert release.enrolment == len(corpus.clips)
    found = release(np.zeros((1, 12), np.float32), clip)
    release(found, own[1])
    assert Counting.calls == len(own) + 2
    heard = [functionals(files.quantized(LowPass(1000.0).release(files.read(one.path))), "log-mel") for one in own]
    expected = medium.store.projection.apply(heard[0], ranges_of(np.concatenate(heard)))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("normalisation", ["corpus", "training"])
def test_where_speakers_are_not_normalised_nobody_is_enrolled(
    medium: Vectors, corpus: Manifest, normalisation: str, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"normalisation": normalisation})
    plain = replace(medium, settings=settings, folder=tmp_path)
    release, clip = FrontEnd(Seeded(LowPass(), 0), plain), corpus.clips[0]
    assert release.enrolment == 0
    sound = files.quantized(LowPass().release(files.read(clip.path), 0))
    heard = functionals(sound, "log-mel")
    expected = plain.store.projection.apply(heard, plain.store.projection.range_for())
    np.testing.assert_allclose(release(np.zeros((1, 12), np.float32), clip), expected, atol=1e-5)


# --- a run


def test_a_run_on_vectors_keeps_an_autoencoder_and_needs_no_words(vectored: Path) -> None:
    run = Run(vectored)
    assert set(run.facts["weights"]) == {"emotion", "replacement"}
    assert not (vectored / "words").exists()
    protection = load_protection(vectored)
    assert isinstance(protection, Replacement) and protection.roles == Roles()
    assert repr(load_protection(vectored / "replacement" / "weights.safetensors")) == repr(protection)
    prepared = reopen(vectored)
    assert prepared.guides.words is None and prepared.speech["test"].wave(0).shape == (1, 12)


def test_the_projection_is_fitted_to_the_training_part_alone(vectored: Path) -> None:
    found = find(vectored)
    assert isinstance(found.medium, Vectors)
    assert {clip.id for clip in found.medium.train} == {*found.split.ids("train")}


def test_a_killed_training_goes_on_to_the_same_weights(
    vectored: Path, vectors_toml: Path, corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = read_recipe(vectors_toml)
    with monkeypatch.context() as patch:
        interrupt(patch, loop, "_save", 9)  # 4 epochs of emotion, 3 of the guide, then the first autoencoder
        with pytest.raises(KeyboardInterrupt):
            train(recipe, corpus, tmp_path / "run")
    assert not (tmp_path / "run" / "replacement" / "weights.safetensors").exists()
    train(recipe, corpus, tmp_path / "run", resume=True)
    assert Run(tmp_path / "run").facts["weights"] == Run(vectored).facts["weights"]


def test_clips_without_transcripts_are_enough(vectors_toml: Path, corpus: Manifest, tmp_path: Path) -> None:
    silent = Manifest("silent", tuple(replace(clip, transcript="") for clip in corpus.clips))
    prepared = prepare(read_recipe(vectors_toml), silent, tmp_path / "run")
    assert sum(len(part) for part in prepared.speech.values()) == len(corpus.clips)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (['replacement.required=["fearful"]'], "no clip of .* has the emotion|fearful"),
        (['replacement.required=["happy"]'], "each emotion has one role alone; 'happy' has not"),
        (["replacement.sensitive=[]"], "replacement.sensitive"),
        (["evaluators.source=built-in"], "with release = functionals, evaluators.backbone must be"),
        (["split.kind=utterance-kfold"], "utterance-kfold tests clips of training speakers"),
    ],
)
def test_roles_and_readers_that_cannot_be_are_refused_before_anything_is_written(
    vectors_toml: Path, corpus: Manifest, tmp_path: Path, changes: list[str], message: str
) -> None:
    with pytest.raises((RecipeError, CorpusError), match=message):
        train(read_recipe(vectors_toml, changes), corpus, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_sex_that_is_not_known_is_told_before_anything_is_trained(
    vectors_toml: Path, corpus: Manifest, tmp_path: Path
) -> None:
    unknown = Manifest("unknown", tuple(replace(clip, sex="") for clip in corpus.clips))
    with pytest.raises(CorpusError, match="To hide sex it must be known of every clip"):
        train(read_recipe(vectors_toml), unknown, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    train(read_recipe(vectors_toml, ["replacement.weight=0"]), unknown, tmp_path / "run")


def lone(corpus: Manifest) -> Manifest:
    """One speaker more, who has said one thing alone."""
    return Manifest("lone", (*corpus.clips, replace(corpus.clips[0], id="gus", speaker="gus")))


def elsewhere(corpus: Manifest) -> Manifest:
    """Half of the clips are of a corpus in which nobody is neutral."""
    apart = [c for c in corpus.clips if not (c.speaker in ("ann", "bea", "dan", "eli") and c.emotion == "neutral")]
    return Manifest("apart", tuple(replace(c, extra={"corpus": "x" if c.speaker != "fox" else "y"}) for c in apart))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(lone, "Clip 'gus' .* is the only one of its speaker"), (elsewhere, "No neutral clip can stand in for|neutral")],
)
def test_what_would_fail_late_is_told_before_anything_is_written(
    vectors_toml: Path, corpus: Manifest, tmp_path: Path, spoil: Callable[[Manifest], Manifest], message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        train(read_recipe(vectors_toml), spoil(corpus), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_without_opensmile_nothing_is_written(
    vectors_toml: Path, corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(MissingExtra, match=r"pip install 'aclipse\[opensmile\]'"):
        train(read_recipe(vectors_toml, ["functionals.kind=egemaps"]), corpus, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unfinished_run_lacks_its_own_protection_and_computes_nothing(
    vectors_toml: Path, corpus: Manifest, tmp_path: Path
) -> None:
    prepare(read_recipe(vectors_toml), corpus, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "features")
    for work in (load_protection, audit):
        with pytest.raises(RunError, match=r"replacement/weights\.safetensors: no such file"):
            work(tmp_path / "run")
    assert not (tmp_path / "run" / "features").exists()


# --- judged


@pytest.fixture(scope="module")
def judged(vectored: Path, trained: Path, featured: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        brief(patch)
        patch.setattr(attacks, "FEWEST", 24)
        audit(vectored, [f'audit.beside=["{trained}", "{featured}"]'])
    return vectored


def test_the_audit_shows_it_beside_the_others(judged: Path) -> None:
    scores = rows(judged / "audit" / "scores.csv")
    assert {row["subject"] for row in scores} == SUBJECTS | {"cascade", "cloak-sound"}
    secrets = {row["secret"] for row in scores}
    assert {"emotion", "sensitive", "sentence"} <= secrets and "words" not in secrets
    judges = {row["judge"] for row in rows(judged / "audit" / "scores.csv", secret="emotion")}
    assert judges == {"dense-emotion", "linear-emotion"}
    assert not (judged / "audit" / "listen").exists()


def test_silence_tells_nobody_anything(judged: Path) -> None:
    found = rows(judged / "audit" / "scores.csv", subject="silence", metric="sensitive_uar")
    assert found and all(float(row["value"]) == pytest.approx(1 / 3, abs=1e-6) for row in found)


def test_vectors_cannot_stand_beside_sound(vectored: Path, trained: Path) -> None:
    prepared = reopen(trained, [f'audit.beside=["{vectored}"]'])
    with pytest.raises(RunError, match="releases one vector of a recording, which cannot become what"):
        beside(prepared, [])


def test_another_run_on_vectors_stands_beside_as_it_is_and_one_of_other_vectors_does_not(
    vectored: Path, vectors_toml: Path, corpus: Manifest, tmp_path: Path
) -> None:
    folder = shutil.copytree(vectored, tmp_path / "twin", ignore=shutil.ignore_patterns("audit"))
    prepared = reopen(vectored, [f'audit.beside=["{folder}"]'])
    (rival,) = beside(prepared, ["replacement"])
    clip = prepared.speech["test"].clips[0]
    own = prepared.medium.seeded(load_protection(vectored), prepared.recipe.seed)
    assert rival.name == "replacement twin"
    assert np.array_equal(
        rival.release(prepared.speech["test"].wave(0), clip), own(prepared.speech["test"].wave(0), clip)
    )
    other = tmp_path / "other"
    train(read_recipe(vectors_toml, ["functionals.components=8"]), corpus, other)
    with pytest.raises(RunError, match="releases other features than"):
        beside(reopen(vectored, [f'audit.beside=["{other}"]']), [])


def test_a_run_that_hides_other_emotions_does_not_stand_beside(
    vectored: Path, vectors_toml: Path, corpus: Manifest, tmp_path: Path
) -> None:
    roles = ['replacement.required=["happy"]', 'replacement.sensitive=["sad", "angry"]']
    train(read_recipe(vectors_toml, roles), corpus, tmp_path / "other")
    with pytest.raises(RunError, match=r"hides other emotions \(sad, angry\) than .* \(happy, angry\)"):
        beside(reopen(vectored, [f'audit.beside=["{tmp_path / "other"}"]']), [])

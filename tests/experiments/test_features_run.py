"""A run that releases features: what its folder holds, how it is judged, and who may stand beside it."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import brief, interrupt

from aclipse.audio import files
from aclipse.audio.segments import FeatureSettings, cut, log_mel, scale_of
from aclipse.contracts import Clip, Features
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError, RecipeError, RunError
from aclipse.experiments import audit as audits
from aclipse.experiments.audit import audit, audit_folders
from aclipse.experiments.fitting import adversaries
from aclipse.experiments.frontier import Sweep, frontier
from aclipse.experiments.ladder import attacks, jobs
from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.rivals import DRAWS, averaged, beside
from aclipse.experiments.ladder.subjects import FrontEnd, Seeded, Sounding, Subject, clean_speech
from aclipse.experiments.logmels import LogMels
from aclipse.experiments.recipe import read_recipe
from aclipse.experiments.run import Prepared, load_protection, prepare, reopen, train
from aclipse.models.segmental import SegmentClassifier
from aclipse.protections.cascade.method import Cascade
from aclipse.protections.cloak.method import Cloak
from aclipse.protections.cloak.sound import sound_of
from aclipse.records import Run, file_hash
from aclipse.seeds import derive
from aclipse.training import loop
from aclipse.training.batches import Speech, read_all

Rows = list[dict[str, str]]
SUBJECTS = {"cloak", "cloak-averaged", "identity", "silence", "low-pass", "white-noise"}
TABLES = ("scores", "clips", "attackers", "learning", "budget", "purifiers", "slices", "pairs")
ONE_RUNG = ["audit.baselines=[]", 'audit.rungs=["retrained"]', "audit.budgets=[]", "audit.shuffled=false",
            'audit.secrets=["words"]', "audit.independent=[]"]  # fmt: skip


@pytest.fixture(autouse=True)
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    brief(monkeypatch)
    monkeypatch.setattr(attacks, "FEWEST", 24)


@pytest.fixture
def copied(featured_audit: Path, tmp_path: Path) -> Path:
    return shutil.copytree(featured_audit, tmp_path / "copy", ignore=shutil.ignore_patterns("report"))


def rows(path: Path, **wanted: str) -> Rows:
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if all(row[key] == value for key, value in wanted.items())]


def weights(folder: Path) -> dict[str, str]:
    return {part: file_hash(Run(folder).weights(part)) for part in ("emotion", "words", "cloak")}


def steady(path: Path) -> Rows:
    """A table without what takes time."""
    timed = {"seconds", "wall"}
    return [{k: v for k, v in row.items() if k not in timed} for row in rows(path) if row.get("metric") != "seconds"]


# --- training


def test_a_run_on_features_keeps_a_cloak_and_what_it_computed(featured: Path) -> None:
    run = Run(featured)
    assert run.facts["weights"] == weights(featured)
    assert not (featured / "cascade").exists()
    assert len(list((featured / "features").glob("*.npy"))) == 1
    cloak = load_protection(featured)
    assert isinstance(cloak, Cloak) and cloak.name == "cloak"
    assert cloak.features == FeatureSettings(bands=16, segment=20, train_hop=10, test_hop=15)


def test_the_protection_of_a_run_on_sound_is_its_cascade(trained: Path) -> None:
    assert isinstance(load_protection(trained), Cascade)


def test_a_run_without_a_protection_has_none(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cascade/weights\.safetensors: no such file"):
        load_protection(tmp_path)


def test_its_recognisers_read_what_leaves_the_device(featured: Path) -> None:
    prepared = reopen(featured)
    assert isinstance(prepared.guides.emotion, SegmentClassifier)
    test = prepared.speech["test"]
    assert test.wave(0).shape[1] == 16 and len(test.wave(0)) % 20 == 0
    assert len(read_all(prepared.guides.words, test)) == len(test) == Run(featured).facts["split"]["test"]


def test_a_killed_training_goes_on_to_the_same_weights(
    featured: Path, features_toml: Path, corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = read_recipe(features_toml)
    with monkeypatch.context() as patch:
        interrupt(patch, loop, "_save", 13)  # 4 epochs of emotion, 6 of words, 2 of perturbation, then suppression
        with pytest.raises(KeyboardInterrupt):
            train(recipe, corpus, tmp_path / "run")
    assert not (tmp_path / "run" / "cloak" / "weights.safetensors").exists()
    train(recipe, corpus, tmp_path / "run", resume=True)
    assert Run(tmp_path / "run").facts["weights"] == Run(featured).facts["weights"]


def test_recognisers_of_another_run_on_features_may_be_used_and_those_of_sound_not(
    featured: Path, trained: Path, features_toml: Path, corpus: Manifest, tmp_path: Path
) -> None:
    prepare(read_recipe(features_toml, [f"evaluators.source={featured}"]), corpus, tmp_path / "same")
    with pytest.raises(RunError, match="does not hold a SegmentClassifier"):
        prepare(read_recipe(features_toml, [f"evaluators.source={trained}"]), corpus, tmp_path / "sound")
    (tmp_path / "mixed" / "emotion").mkdir(parents=True)
    shutil.copytree(trained / "words", tmp_path / "mixed" / "words")
    shutil.copy(featured / "emotion" / "weights.safetensors", tmp_path / "mixed" / "emotion")
    with pytest.raises(RunError, match="reads another kind of signal than this run releases"):
        prepare(read_recipe(features_toml, [f"evaluators.source={tmp_path / 'mixed'}"]), corpus, tmp_path / "other")


@pytest.mark.parametrize("override", ["evaluators.source=built-in", "evaluators.backbone=facebook/wav2vec2-base"])
def test_what_reads_sound_alone_is_refused(features_toml: Path, override: str) -> None:
    with pytest.raises(RecipeError, match="what is published reads sound alone: with release = features"):
        read_recipe(features_toml, [override])


def test_adversaries_are_after_what_is_asked_for(featured: Path) -> None:
    prepared = reopen(featured)
    assert isinstance(prepared.medium, LogMels)
    sex, speaker = adversaries(("sex", "speaker"), prepared.medium, prepared.speech["train"], 0)
    assert sex.network.labels == ("female", "male") and sex.network.segment == 20
    heard = {clip.speaker for clip in prepared.speech["train"].clips}
    assert set(speaker.network.labels) == heard == {speaker.target(clip) for clip in prepared.speech["train"].clips}
    assert adversaries((), prepared.medium, prepared.speech["train"], 0) == []


def test_an_adversary_needs_its_secret_of_every_clip(featured: Path) -> None:
    prepared = reopen(featured)
    assert isinstance(prepared.medium, LogMels)
    speech = prepared.speech["train"]
    nameless = Speech([replace(clip, sex="") for clip in speech.clips], [speech.wave(i) for i in range(len(speech))])
    with pytest.raises(CorpusError, match="needs it of every training clip, and two kinds; 24 of 24 clips have none"):
        adversaries(("sex",), prepared.medium, nameless, 0)
    with pytest.raises(RecipeError, match=r"no adversary is after 'age'\. Choose from: sex, speaker"):
        adversaries(("age",), prepared.medium, speech, 0)


@pytest.mark.parametrize("change", ['cloak.secrets=["age"]', "no sex"])
def test_what_an_adversary_lacks_is_told_before_anything_is_trained(
    change: str, features_toml: Path, corpus: Manifest, tmp_path: Path
) -> None:
    sexless = Manifest("tones", tuple(replace(clip, sex="") for clip in corpus.clips))
    error, told = (CorpusError, "24 of 24 clips have none") if change == "no sex" else (RecipeError, "after 'age'")
    recipe = read_recipe(features_toml, [] if change == "no sex" else [change])
    with pytest.raises(error, match=told):
        prepare(recipe, sexless if change == "no sex" else corpus, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    prepare(read_recipe(features_toml, ["cloak.secrets=[]"]), sexless, tmp_path / "alone")


def test_what_listeners_put_in_the_place_of_a_scale_is_saved_with_the_cloak(featured: Path) -> None:
    cloak, prepared = load_protection(featured), reopen(featured)
    assert isinstance(cloak, Cloak) and cloak.corpus is not None and isinstance(prepared.medium, LogMels)
    assert all(np.array_equal(*pair) for pair in zip(cloak.corpus, prepared.medium.store.corpus, strict=True))


# --- the audit


@pytest.fixture(scope="module")
def scores(featured_audit: Path) -> Rows:
    return rows(featured_audit / "audit" / "scores.csv")


def value(scores: Rows, **wanted: str) -> str:
    (row,) = [row for row in scores if all(row[key] == given for key, given in wanted.items())]
    return row["value"]


def test_every_subject_meets_every_attacker_that_reads_features(scores: Rows) -> None:
    judged = {(r["subject"], r["secret"], r["knowledge"]) for r in scores if r["role"] != "quality"}
    secrets = ("emotion", "words", "sentence")
    ladder = {(subject, secret, "ignorant") for subject in SUBJECTS for secret in secrets}
    ladder |= {(subject, "emotion", "transferred") for subject in SUBJECTS}
    climbed = ("cloak", "cloak-averaged", "identity")
    ladder |= {(s, secret, rung) for s in climbed for secret in secrets for rung in ("purifying", "retrained")}
    ladder |= {(s, k, "retrained") for s in SUBJECTS for k in ("words", "emotion")}
    ladder |= {("identity", secret, "shuffled") for secret in ("emotion", "sentence")}
    assert judged == ladder
    assert {(r["secret"], r["judge"]) for r in scores if r["role"] != "quality"} == {
        ("emotion", "segmental-emotion"), ("emotion", "recurrent-emotion"), ("words", "compact-words"),
        ("sentence", "compact-sentence"),
    }  # fmt: skip


def test_features_have_an_snr_and_no_intelligibility(scores: Rows) -> None:
    assert {row["metric"] for row in scores if row["role"] == "quality"} == {"snr_db", "level_db", "seconds"}
    assert value(scores, subject="identity", metric="snr_db") == ""  # infinite
    ours, noise = (float(value(scores, subject=name, metric="snr_db")) for name in ("cloak", "white-noise"))
    assert noise == pytest.approx(ours, abs=1)
    assert all(float(row["value"]) > 0 for row in scores if row["metric"] == "seconds")


def test_scores_are_the_frozen_recognisers_own_on_what_was_released(scores: Rows, featured_audit: Path) -> None:
    prepared, cloak = reopen(featured_audit), load_protection(featured_audit)
    assert isinstance(cloak, Cloak)
    released = prepared.speech["test"].released(lambda f, clip: cloak.noised(f, derive(prepared.recipe.seed, clip.id)))
    for name, speech in (("cloak", released), ("identity", prepared.speech["test"])):
        read = read_all(prepared.guides.emotion, speech)
        right = np.mean([clip.emotion == heard for clip, heard in zip(speech.clips, read, strict=True)])
        found = value(scores, subject=name, metric="accuracy", knowledge="ignorant")
        assert float(found) == pytest.approx(right, abs=0.07 if name == "identity" else 1e-6)  # that is rounded


def test_the_audit_says_what_it_left_out_and_by_what_it_purified(featured_audit: Path) -> None:
    facts = json.loads((featured_audit / "audit" / "audit.json").read_text())
    assert facts["left_out"] == ["Nobody inverts the protection: the network that undoes one works on sound."]
    assert facts["effort"]["purifiers"] == ["none", "overlaps", "median-3x3"]
    assert facts["effort"]["rungs"] == ["purifying", "retrained"]
    table = rows(featured_audit / "audit" / "purifiers.csv")
    tried = {name: {row["purifier"] for row in table if row["subject"] == name} for name in ("cloak", "cloak-averaged")}
    assert tried["cloak-averaged"] == {"none", "overlaps", "median-3x3"}
    assert tried["cloak"] == tried["cloak-averaged"] | {"undone"}  # which nobody needs whose shift is gone
    for secret in ("emotion", "words", "sentence"):
        own = {r["purifier"]: r for r in table if (r["subject"], r["secret"]) == ("cloak", secret)}
        (best,) = (r for r in own.values() if r["chosen"] == "1")
        assert float(best["validation"]) == max(float(row["validation"]) for row in own.values())


def test_clips_to_listen_to_are_as_long_as_the_recordings(featured_audit: Path) -> None:
    folder = featured_audit / "audit" / "listen"
    assert {place.name for place in folder.iterdir()} == {"original", *SUBJECTS}
    clips = {clip.id: clip for clip in reopen(featured_audit).speech["test"].clips}
    for path in (folder / "original").iterdir():
        wave = files.read(clips[path.stem].path)
        assert np.abs(files.read(path) - wave).max() <= 2**-15
        for name in SUBJECTS:
            assert len(files.read(folder / name / path.name, allow_silence=True)) == len(wave)


def test_an_audit_that_goes_on_computes_nothing_twice(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: steady(copied / "audit" / f"{name}.csv") for name in TABLES}
    trained: list[str] = []
    learn = attacks.train_recognizer
    for place in (jobs, attacks):
        monkeypatch.setattr(
            place, "train_recognizer", lambda task, *rest: (trained.append(task.name), learn(task, *rest))[1]
        )
    audit(copied)
    assert trained == []
    shutil.rmtree(copied / "audit" / "work" / "cloak" / "words-retrained-24-0")
    audit(copied)
    assert trained == ["words"]
    assert {name: steady(copied / "audit" / f"{name}.csv") for name in TABLES} == before


@pytest.mark.slow
def test_scores_do_not_depend_on_the_number_of_processes(
    featured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # other processes know nothing of what is patched here
    monkeypatch.setattr(audits, "LEVELS", {})
    one, two = (
        shutil.copytree(featured, tmp_path / name, ignore=shutil.ignore_patterns("audit")) for name in ("one", "two")
    )
    for folder, threads in ((one, 1), (two, 2)):
        audit(folder, [*ONE_RUNG, 'audit.baselines=["low-pass"]'], threads)
    for name in TABLES:
        assert steady(one / "audit" / f"{name}.csv") == steady(two / "audit" / f"{name}.csv"), name
    assert len(rows(one / "audit" / "scores.csv", knowledge="retrained")) > 30


# --- averaging


def test_the_mean_of_several_releases_has_less_noise_and_no_shift_and_that_of_fixed_ones_as_much(
    featured: Path,
) -> None:
    prepared, cloak = reopen(featured), load_protection(featured)
    assert isinstance(cloak, Cloak)
    clip, features = prepared.speech["test"].clips[0], prepared.speech["test"].wave(0)
    fixed = Cloak(cloak.noise, cloak.features, fixed=True)
    for one, lower in ((cloak, True), (fixed, False)):
        (rival,) = averaged(prepared, one, "mark")
        assert (rival.name, rival.fingerprint) == ("cloak-averaged", f"mark {DRAWS} undone")
        release = prepared.medium.seeded(one, prepared.recipe.seed)(features, clip)
        mean = rival.release(features, clip)
        once = prepared.medium.quantized(one.undone(release))
        middle = features * np.tile(one.noise.keep.numpy(), (len(features) // 20, 1))  # no noise, no shift
        if lower:
            assert (mean - middle).std() == pytest.approx((once - middle).std() / np.sqrt(DRAWS), rel=0.15)
        else:
            assert np.array_equal(mean, once) and not np.array_equal(mean, release)
    assert averaged(prepared, load_protection, "mark") == []


def test_whoever_has_the_device_undoes_a_single_release(featured: Path, tmp_path: Path) -> None:
    prepared, cloak = reopen(featured), load_protection(featured)
    level = prepared.medium.able(prepared.recipe.audit.effort)
    own = Subject("cloak", prepared.medium.seeded(cloak, 0), "mark", level.rungs, 300, judged=True)
    clean = clean_speech(level, 0, prepared.medium.quantized)
    bench = Bench(prepared, {"cloak": own, "identity": clean}, tmp_path, level)
    released = bench.released("cloak", "test")
    found, left = attacks.cleaned(bench, "cloak", released, "undone").wave(0), released.wave(0)
    assert isinstance(cloak, Cloak) and np.array_equal(found, cloak.undone(left))
    assert not np.array_equal(found, left) and own.cloak is cloak and clean.cloak is None
    offered = {name: attacks.Purify(name).spec(bench)["purifiers"] for name in ("cloak", "identity")}
    assert offered["cloak"] == [*offered["identity"], "undone"]


# --- beside each other


def with_beside(folder: Path, *others: Path) -> Prepared:
    names = ", ".join(f'"{other}"' for other in others)
    return reopen(folder, [f"audit.beside=[{names}]"])


def test_a_cloak_stands_beside_a_cascade_as_sound(trained: Path, featured: Path) -> None:
    prepared, other = with_beside(trained, featured), reopen(featured)
    (rival,) = beside(prepared, ["cascade"])
    clip, wave = prepared.speech["test"].clips[0], prepared.speech["test"].wave(0)
    found = rival.release(wave, clip)
    cloak = load_protection(featured)
    assert rival.name == "cloak-sound" and isinstance(cloak, Cloak) and isinstance(other.medium, LogMels)
    scale, seed = other.medium.store.scale(clip), derive(other.recipe.seed, clip.id)  # the speaker's
    expected = sound_of(
        cloak.release(wave, seed, scale), cloak.features, other.medium.store.corpus, len(wave), seed
    )  # fmt: skip
    assert np.array_equal(found, files.quantized(expected)) and found.shape == wave.shape


def test_a_cloak_that_knows_no_corpus_gets_that_of_its_run(trained: Path, featured: Path, tmp_path: Path) -> None:
    other = shutil.copytree(featured, tmp_path / "other", ignore=shutil.ignore_patterns("audit"))
    cloak = load_protection(other)
    assert isinstance(cloak, Cloak) and cloak.corpus is not None
    known, cloak.corpus = cloak.corpus, None
    cloak.save(Run(other).weights("cloak"))
    (rival,) = beside(with_beside(trained, other), ["cascade"])
    assert isinstance(rival.release, Sounding)
    found = rival.release.protection.cloak.corpus
    assert found is not None and np.array_equal(found.mean, known.mean)


def test_a_cascade_stands_beside_a_cloak_through_the_front_end(featured: Path, trained: Path) -> None:
    prepared = with_beside(featured, trained)
    (rival,) = beside(prepared, ["cloak"])
    clip, features = prepared.speech["test"].clips[0], prepared.speech["test"].wave(0)
    cascade, medium = load_protection(trained), prepared.medium
    assert rival.name == "cascade" and isinstance(cascade, Cascade) and isinstance(medium, LogMels)

    def protected(one: Clip) -> Features:
        return log_mel(files.quantized(cascade.release(files.read(one.path))), medium.settings)

    scale = scale_of(*(protected(one) for one in medium.clips if one.speaker == clip.speaker))
    expected = medium.quantized(cut(scale.apply(protected(clip)), 20, 15))
    assert np.array_equal(rival.release(features, clip), expected)
    assert not np.allclose(scale.mean, medium.store.scale(clip).mean, atol=0.1)  # as it was before the protection


def test_two_of_a_kind_are_told_apart_by_their_folders(featured: Path, trained: Path) -> None:
    (rival,) = beside(with_beside(featured, featured), ["cloak", "cloak-averaged"])
    assert rival.name == f"cloak {featured.name}" and isinstance(rival.release, Seeded)
    (rival,) = beside(with_beside(trained, trained), ["cascade"])
    assert rival.name == f"cascade {trained.name}"


def test_a_run_of_another_split_does_not_stand_beside(trained: Path, featured: Path, tmp_path: Path) -> None:
    other = shutil.copytree(featured, tmp_path / "other", ignore=shutil.ignore_patterns("audit"))
    table = (other / "split.csv").read_text("utf-8")
    (other / "split.csv").write_text(table.replace(",validation", ",train", 1), "utf-8")
    with pytest.raises(RunError, match=r"other is of another split .* some of its training speakers would be tested"):
        beside(with_beside(trained, other), [])


def test_other_features_do_not_stand_beside_features(featured: Path, tmp_path: Path) -> None:
    other = shutil.copytree(featured, tmp_path / "other", ignore=shutil.ignore_patterns("audit"))
    facts = json.loads((other / "run.json").read_text("utf-8"))
    facts["recipe"]["features"]["test_hop"] = 10
    (other / "run.json").write_text(json.dumps(facts), "utf-8")
    with pytest.raises(RunError, match=r"other releases other features than .* Audit it alone"):
        beside(with_beside(featured, other), [])


@pytest.mark.parametrize("sound", [True, False], ids=["sound", "features"])
def test_rivals_climb_what_the_judged_protection_climbs(
    sound: bool, trained: Path, featured: Path, tmp_path: Path
) -> None:
    own, other = (trained, featured) if sound else (featured, trained)
    folder = shutil.copytree(own, tmp_path / "run", ignore=shutil.ignore_patterns("audit", "report"))
    audit(folder, [f'audit.beside=["{other}"]', *ONE_RUNG])
    found = rows(folder / "audit" / "scores.csv")
    judged, rival = ("cascade", "cloak-sound") if sound else ("cloak", "cascade")
    met = {
        name: {(r["secret"], r["metric"], r["knowledge"]) for r in found if r["subject"] == name}
        for name in (judged, rival)
    }
    assert met[judged] == met[rival] and ("words", "wer", "retrained") in met[rival]
    assert ("emotion", "uar", "retrained") in met[rival]


def test_enrolling_a_speaker_is_counted_as_work_and_not_as_the_pace_of_an_utterance(
    featured: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = with_beside(featured, trained)
    (rival,) = beside(prepared, ["cloak"])
    level = prepared.recipe.audit.effort
    subject = Subject(*rival, level.rungs, 300)
    bench = Bench(prepared, {"cascade": subject}, tmp_path, level)
    assert isinstance(rival.release, FrontEnd)
    released = sum(len(bench.picked("cascade", part)) for part in bench.speech)
    assert jobs.Release("cascade").load(bench)["release cascade"] == released + len(rival.release.medium.clips)
    clock: list[int] = []  # how many speakers are known whenever the time is taken
    known = rival.release._speakers
    monkeypatch.setattr("aclipse.experiments.ladder.bench.time.perf_counter", lambda: clock.append(len(known)) or 0.0)
    bench.pace("cascade")
    assert clock[0] == clock[1] > 0


# --- what is refused


def test_a_sweep_of_features_is_refused(featured: Path) -> None:
    with pytest.raises(RunError, match="releases no sound, and what it releases has no strength to be swept"):
        frontier([featured], Sweep((0.5,), (), ()))


def test_folders_of_sound_are_not_judged_as_features(features_toml: Path, corpus: Manifest, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="folders hold sound"):
        audit_folders(read_recipe(features_toml), corpus, tmp_path, tmp_path, tmp_path / "run")


# --- what is kept


def test_a_release_of_features_is_kept_in_half_precision(featured: Path, tmp_path: Path) -> None:
    prepared = reopen(featured)
    level, medium = prepared.recipe.audit.effort, prepared.medium
    mute = Subject("mute", lambda features, clip: np.zeros_like(features), "mute", (), 300)
    clean = clean_speech(level, 0, medium.quantized)
    bench = Bench(prepared, {"mute": mute, "identity": clean}, tmp_path, level)
    assert not bench.released("mute", "test").wave(0).any()
    for part in prepared.speech:
        original, kept = bench.original("identity", part), bench.released("identity", part)
        for index in range(len(original)):
            assert np.array_equal(kept.wave(index), medium.quantized(original.wave(index)))
    assert {np.load(path).dtype for path in tmp_path.rglob("*.npy")} == {np.dtype(np.float16)}
    bench.forget()
    assert not list(tmp_path.rglob("*.npy"))

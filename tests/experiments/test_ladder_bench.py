"""What every job works on: what is asked in a corpus, which clips a subject protects, and what is kept of a release."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclipse.audio.files import quantized
from aclipse.contracts import Clip, Wave
from aclipse.errors import RecipeError, RunError
from aclipse.experiments.ladder import pool
from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.jobs import Clean, Job, Listen, Release
from aclipse.experiments.ladder.outcome import Outcome, from_json
from aclipse.experiments.ladder.subjects import Seeded, Subject, baseline, build, clean_speech
from aclipse.experiments.levels import LEVELS
from aclipse.models.compact import CharacterRecognizer, ClipClassifier
from aclipse.models.recurrent import RecurrentClassifier
from aclipse.protections.baselines import PGD, WhiteNoise
from aclipse.training.batches import Speech

Opened = Callable[..., Bench]
NOISE = Subject("noise", Seeded(WhiteNoise(10), 3), "v1", (), 300)


def do(job: Job, bench: Bench) -> None:
    pool.perform(job, bench, job.name)


def recast(bench: Bench, change: Callable[[int, Clip], Clip]) -> Bench:
    """The same bench, its clips changed."""
    bench.speech = {
        part: Speech([change(i, clip) for i, clip in enumerate(speech.clips)]) for part, speech in bench.speech.items()
    }
    return bench


# --- what is asked


def test_sentences_are_told_apart_only_where_they_repeat(opened: Opened) -> None:
    words = ["one", "two", "three", "four", "five", "six", "seven"]
    secrets = ("words", "sentence")
    assert set(opened(secrets=secrets).tasks) == {"emotion", "words", "sentence"}
    free = recast(opened(secrets=secrets), lambda i, clip: replace(clip, transcript=f"{words[i % 7]} {words[i // 7]}"))
    assert set(free.tasks) == {"emotion", "words"}


def test_sex_and_speakers_are_told_apart_only_where_every_part_has_two(opened: Opened) -> None:
    secrets = ("sex", "speaker")
    assert set(opened(secrets=secrets).tasks) == {"emotion"}  # one voice validates
    mixed = recast(opened(secrets=secrets), lambda i, clip: replace(clip, sex=("female", "male")[i % 2]))
    assert set(mixed.tasks) == {"emotion", "sex"}
    crowd = recast(opened(secrets=secrets), lambda i, clip: replace(clip, speaker=f"s{i % 2}"))
    assert "speaker" in crowd.tasks


def test_an_emotion_is_a_secret_only_where_it_is_said_to_be(opened: Opened) -> None:
    assert "sensitive" not in opened(secrets=("words", "sensitive")).tasks
    bench = opened(secrets=("words", "sensitive"), sensitive=("sad",))
    assert bench.tasks["sensitive"].target(Clip("a", Path(), emotion="happy")) == "other"


def test_only_secrets_that_are_asked_for_are_and_emotion_always(opened: Opened) -> None:
    assert set(opened(secrets=()).tasks) == {"emotion"}


def test_attackers_learn_as_the_audit_says_and_from_scratch_as_recognisers_do(opened: Opened) -> None:
    bench = opened()
    for secret in ("emotion", "words"):
        assert bench.loop(secret) == getattr(bench.settings, secret)
        assert bench.loop(secret, scratch=True) == getattr(bench.recipe.evaluators, secret)
    assert bench.loop("sensitive") == bench.loop("sentence", scratch=True) == bench.settings.sentence


# --- who listens


def test_the_runs_own_recognisers_listen_and_those_that_the_audit_has_trained(opened: Opened) -> None:
    bench = opened(secrets=("words", "sentence"))
    for job in (Clean("sentence"), Clean("emotion", "recurrent")):
        do(job, bench)
    found = [(one.judge, one.knowledge, type(one.reader)) for one in bench.listeners]
    assert found == [
        ("compact-emotion", "ignorant", ClipClassifier),
        ("compact-words", "ignorant", CharacterRecognizer),
        ("compact-sentence", "ignorant", ClipClassifier),
        ("recurrent-emotion", "transferred", RecurrentClassifier),
    ]
    assert bench.listeners[0].reader is bench.prepared.guides.emotion
    reader = bench.listeners[3].reader
    assert not any(p.requires_grad for p in reader.parameters()) and not reader.training  # type: ignore[attr-defined]


def test_a_listener_whose_package_is_missing_becomes_a_sentence(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    bench = opened(listeners=("words=pocketsphinx", "sentence=pocketsphinx"), slow_clips=5)
    assert bench.external == []
    (told,) = bench.left_out  # sentences are not asked for
    assert "The listener pocketsphinx for words is left out: pocketsphinx is not installed" in told
    assert "pip install 'aclipse[asr]'" in told


@pytest.mark.parametrize("entry", ["pocketsphinx", "words=", "=pocketsphinx", "age=pocketsphinx"])
def test_a_listener_must_say_what_it_listens_for(opened: Opened, entry: str) -> None:
    with pytest.raises(RecipeError, match=rf"audit\.listeners: '{entry}' is not SECRET=SOURCE, such as words=pocket"):
        opened(listeners=(entry,)).external  # noqa: B018


# --- which clips


def test_every_attacker_learns_from_the_same_clips_in_a_random_order(opened: Opened) -> None:
    few, many = (replace(NOISE, name=name, clips=clips) for name, clips in (("few", 7), ("many", 300)))
    bench = opened(few, many)
    assert bench.picked("few", "train") == bench.picked("many", "train")[:7]
    assert sorted(bench.picked("many", "train")) == list(range(24)) != bench.picked("many", "train")
    for part, count in (("validation", 8), ("test", 16)):
        assert bench.picked("few", part) == list(range(count))


def test_a_costly_protection_is_applied_to_few_test_clips(opened: Opened) -> None:
    bench = opened(replace(NOISE, costly=True), slow_clips=5)
    assert bench.picked("noise", "train") == bench.picked("noise", "validation") == []
    assert len(set(bench.picked("noise", "test"))) == 5 == len(bench.released("noise", "test"))
    do(Release("noise"), bench)
    assert len(bench.facts("noise/released")["quality"]) == 5


# --- what leaves the device


def test_a_release_is_what_16_bits_hold_and_lies_on_disk_until_it_is_forgotten(opened: Opened) -> None:
    bench = opened(NOISE)
    do(Release("noise"), bench)
    for part in bench.speech:
        released, original = bench.released("noise", part), bench.original("noise", part)
        assert [clip.id for clip in released.clips] == [clip.id for clip in original.clips]
        for i, clip in enumerate(original.clips):
            expected = NOISE.release(original.wave(i), clip)
            assert np.array_equal(released.wave(i), expected) and np.array_equal(expected, quantized(expected))
    kept = {path: path.read_bytes() for path in bench.folder.rglob("*.npy")}
    assert len(kept) == 3
    bench.forget()
    assert not list(bench.folder.rglob("*.npy"))
    again = opened(NOISE)
    for part in again.speech:
        again.released("noise", part)
    assert {path: path.read_bytes() for path in again.folder.rglob("*.npy")} == kept


def test_silent_and_clipped_releases_are_kept_as_they_are(opened: Opened) -> None:
    def extreme(wave: Wave, clip: Clip) -> Wave:
        return np.where(np.arange(len(wave)) % 2, 32767 / 32768, -1).astype(np.float32)

    bench = opened(
        replace(NOISE, name="mute", release=lambda wave, clip: np.zeros_like(wave)),
        replace(NOISE, name="loud", release=extreme),
    )
    assert not bench.released("mute", "test").wave(0).any()
    wave = bench.original("loud", "test").wave(3)
    assert np.array_equal(bench.released("loud", "test").wave(3), extreme(wave, bench.speech["test"].clips[3]))


def test_what_is_measured_of_a_release_is_kept_with_its_pace(opened: Opened) -> None:
    bench = opened(NOISE, quality_clips=4, listen=1)
    do(Release("noise"), bench)
    facts = bench.facts("noise/released")
    assert len(facts["quality"]) == 4 and 0 <= facts["seconds"] < 1
    assert all(row["snr_db"] == pytest.approx(10, abs=0.1) for row in facts["quality"].values())


def test_what_was_heard_is_read_back(opened: Opened) -> None:
    bench = opened(clean_speech(LEVELS["quick"], 0), independent=())
    do(Listen("identity"), bench)
    emotion, words = bench.outcomes("identity/listen")
    assert (emotion.secret, words.secret, words.picked) == ("emotion", "words", list(range(16)))
    assert bench.outcomes("identity/listen") == [emotion, words]


# --- who is judged


def test_the_noise_of_a_clip_is_its_own_and_repeats() -> None:
    release, wave = Seeded(WhiteNoise(0.0), 0), np.full(4000, 0.1, np.float32)
    first, second = Clip("a", Path()), Clip("b", Path())
    assert np.array_equal(release(wave, first), release(wave, first))
    assert abs(np.corrcoef(release(wave, first), release(wave, second))[0, 1]) < 0.1
    assert abs(np.corrcoef(release(wave, first), Seeded(WhiteNoise(0.0), 1)(wave, first))[0, 1]) < 0.1


def test_a_baseline_is_known_by_what_it_does_and_its_seed(opened: Opened) -> None:
    guides, level = opened().prepared.guides, LEVELS["standard"]
    facts = [("white-noise", 5.0, 0), ("white-noise", 6.0, 0), ("white-noise", 5.0, 1), ("speech-noise", 5.0, 0)]
    made = [baseline(Seeded(build(name, snr, guides), seed), name, level) for name, snr, seed in facts]
    assert len({subject.fingerprint for subject in made}) == 4
    again = baseline(Seeded(build("white-noise", 5.0, guides), 0), "white-noise", level)
    assert made[0].fingerprint == again.fingerprint
    assert (made[0].rungs, made[0].secrets) == (level.baseline_rungs, level.baseline_secrets)


@pytest.mark.parametrize(("name", "steps", "costly"), [("pgd-10", 10, False), ("pgd-100", 100, True)])
def test_optimisation_fools_the_recogniser_of_words_in_so_many_steps(
    opened: Opened, name: str, steps: int, costly: bool
) -> None:
    guides = opened().prepared.guides
    pgd = build(name, 12.0, guides)
    assert isinstance(pgd, PGD) and (pgd.steps, pgd.snr_db) == (steps, 12.0)
    made = baseline(Seeded(pgd, 0), name, LEVELS["standard"])
    assert (made.name, made.costly, bool(made.rungs)) == (name, costly, not costly)


@pytest.mark.parametrize("name", ["lowpass", "pgd-many", "pgd-"])
def test_a_baseline_that_is_not_registered_is_refused(opened: Opened, name: str) -> None:
    with pytest.raises(RecipeError, match=f"'{name}' is not known here"):
        build(name, 0.0, opened().prepared.guides)


# --- what was heard, as plain data


@given(st.lists(st.lists(st.floats(-9, 9), min_size=3, max_size=3), max_size=4), st.booleans())
def test_embeddings_survive_a_file_to_six_decimals(rows: list[list[float]], enrolled: bool) -> None:
    voices = [np.array(row, np.float32) for row in rows]
    said = Outcome("a", "speaker", "j", "ignorant", voices, enrolled=voices if enrolled else None)
    found = from_json(said.as_json())
    assert all(one.dtype == np.float32 for one in found.readings)
    assert np.allclose(np.array(found.readings), np.array(voices), atol=1e-6)
    assert (found.enrolled is None) is not enrolled


def test_texts_and_facts_survive_a_file_exactly() -> None:
    said = Outcome("a", "words", "j", "purifying", ["go", ""], [3, 1], via="gsm", before=-0.5, tried={"gsm": -0.5})
    assert from_json(said.as_json()) == said


def test_a_listener_is_asked_for_before_those_of_other_secrets_are_trained(opened: Opened) -> None:
    bench = opened(secrets=("words", "sentence"))
    assert bench.network("words") is bench.prepared.guides.words
    with pytest.raises(RunError, match=r"clean/compact-sentence/weights\.safetensors"):
        bench.network("sentence")

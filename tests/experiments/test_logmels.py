"""What is done differently where features leave the device, and that for sound everything is as it was."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aclipse.attackers.attributes import SEX, sensitive
from aclipse.attackers.content import SENTENCE
from aclipse.attackers.verification import SPEAKER
from aclipse.attackers.words import WORDS
from aclipse.audio import files
from aclipse.audio.augment import add_noise
from aclipse.audio.segments import FeatureSettings, Scale, cut, join, log_mel, scale_of
from aclipse.contracts import Clip, Features, Release, Wave
from aclipse.corpora.manifest import Manifest
from aclipse.errors import RecipeError
from aclipse.evaluators.emotion import EMOTION
from aclipse.experiments.ladder.signals import SILENT_DB
from aclipse.experiments.ladder.subjects import FrontEnd, Seeded
from aclipse.experiments.levels import LEVELS, AuditSettings
from aclipse.experiments.logmels import LogMels
from aclipse.experiments.medium import SOUND, Medium
from aclipse.models.compact import CharacterRecognizer, ClipClassifier
from aclipse.models.recurrent import RecurrentClassifier, RecurrentRecognizer
from aclipse.models.segmental import SegmentClassifier
from aclipse.models.speaker import SpeakerEmbedder
from aclipse.protections.baselines import LowPass
from aclipse.protections.baselines.base import Baseline
from aclipse.training import checkpoint
from aclipse.training.recognition import new_recognizer

SETTINGS = FeatureSettings(bands=16, segment=20, train_hop=10, test_hop=15)
TASKS = (EMOTION, SEX, WORDS, SENTENCE, SPEAKER, sensitive(["sad"]))


@pytest.fixture(scope="module")
def medium(corpus: Manifest, tmp_path_factory: pytest.TempPathFactory) -> LogMels:
    return LogMels(SETTINGS, corpus.clips, corpus.clips[:24], tmp_path_factory.mktemp("features"))


@pytest.fixture
def features(medium: LogMels, corpus: Manifest) -> Features:
    """What a device without protection releases of the first clip."""
    return medium.speech(corpus.clips[:1]).wave(0)


# --- what is learned from


def test_a_release_is_segments_of_the_clips_features(medium: LogMels, corpus: Manifest) -> None:
    clip = corpus.clips[0]
    found = medium.speech([clip]).wave(0)
    whole = medium.store.features(clip)
    assert found.shape[1] == 16 and len(found) % 20 == 0
    np.testing.assert_allclose(join(found, 20, 15)[: len(whole)], whole, atol=1e-6)
    np.testing.assert_allclose(medium.enter(files.read(clip.path), clip), found, atol=1e-4)


def test_emotion_is_learned_from_closer_segments_of_every_emotion_alike(medium: LogMels, corpus: Manifest) -> None:
    few = [clip for clip in corpus.clips if clip.speaker == "ann" and clip.id != "ann-sad-1"]
    found = medium.lesson(medium.speech(few), seed=0)
    assert [clip.id for clip in found.clips][len(few) :] == ["ann-sad-0#1"]
    assert len(found.wave(0)) > len(medium.speech(few).wave(0))  # they overlap by more


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_task_gets_a_network_that_reads_the_medium(medium: LogMels, corpus: Manifest, task: object) -> None:
    speech = medium.speech(corpus.clips)
    for family, asked in (("compact", medium.task(task)), ("recurrent", medium.other(task))):  # type: ignore[arg-type]
        if (family, asked.name) == ("recurrent", "speaker"):
            continue  # nobody asks for it
        network = new_recognizer(asked, speech, 0).eval()
        batch = speech.batch(range(4))
        assert type(network) is medium.kind(family, asked.name)
        assert len(network.read(batch.waves, batch.lengths)) == 4
        assert asked.score is task.score and asked.target is task.target  # type: ignore[attr-defined]
        assert medium.reads(network) and not SOUND.reads(network)


def test_which_networks_read_what(medium: LogMels) -> None:
    assert [medium.kind("compact", name) for name in ("emotion", "sex", "words", "sentence", "speaker")] == [
        SegmentClassifier, SegmentClassifier, CharacterRecognizer, ClipClassifier, SpeakerEmbedder,
    ]  # fmt: skip
    assert [SOUND.kind("compact", name) for name in ("emotion", "sex", "words", "sentence", "speaker")] == [
        ClipClassifier, ClipClassifier, CharacterRecognizer, ClipClassifier, SpeakerEmbedder,
    ]  # fmt: skip
    for one in (SOUND, medium):
        assert one.kind("recurrent", "words") is RecurrentRecognizer
        assert one.kind("recurrent", "emotion") is RecurrentClassifier


def test_networks_of_sound_or_of_other_segments_read_no_features_of_these(medium: LogMels) -> None:
    for network in (
        ClipClassifier(("a",)), CharacterRecognizer(bands=16, cut=(20, 10)), SegmentClassifier(("a",), 40, 16),
        SegmentClassifier(("a",), 20, 24), torch.nn.Linear(1, 1),
    ):  # fmt: skip
        assert not medium.reads(network)
    assert SOUND.reads(ClipClassifier(("a",))) and SOUND.reads(torch.nn.Linear(1, 1))


def test_sound_is_read_by_the_tasks_themselves() -> None:
    assert all(SOUND.task(task) is task for task in TASKS)


def test_training_features_are_varied_by_a_little_noise(medium: LogMels) -> None:
    assert all(medium.task(task).vary is medium.other(medium.task(task)).vary is add_noise for task in TASKS)


# --- what leaves the device


@given(values=st.lists(st.floats(-70_000, 70_000, width=32), min_size=16, max_size=16))
def test_what_is_kept_of_features_is_what_is_released(values: list[float]) -> None:
    medium = LogMels(SETTINGS, (), (), Path())
    features = np.array([values], np.float32)
    kept = medium.packed(features)
    assert kept.dtype == np.float16 and np.array_equal(medium.unpacked(kept), medium.quantized(features))
    assert np.isfinite(medium.unpacked(kept)).all()


@given(values=st.lists(st.floats(-1.5, 1.5, width=32), max_size=16))
def test_what_is_kept_of_sound_is_what_a_file_holds(values: list[float]) -> None:
    wave = np.array(values, np.float32)
    assert np.array_equal(SOUND.unpacked(SOUND.packed(wave)), files.quantized(wave))


def test_simple_means_of_features(medium: LogMels, corpus: Manifest, features: Features) -> None:
    clip = corpus.clips[0]
    means = {
        name: medium.trivial(name, 6.0, None, 3)(features, clip) for name in ("silence", "low-pass", "white-noise")
    }  # type: ignore[arg-type]
    assert not means["silence"].any()
    assert medium.measured(features, means["white-noise"])["snr_db"] == pytest.approx(6, abs=0.01)
    assert all(found.shape == features.shape for found in means.values())


@pytest.mark.parametrize("normalisation", ["speaker", "recording", "corpus", "none"])
def test_features_of_protected_sound_are_normalised_as_a_device_would(
    normalisation: str, corpus: Manifest, medium: LogMels
) -> None:
    """That of clean speech, which the device of a protection of sound has not, would take more from bands than it."""
    own = replace(medium, settings=SETTINGS.model_copy(update={"normalisation": normalisation}))
    dull = {c.id: log_mel(files.quantized(LowPass().release(files.read(c.path))), SETTINGS) for c in corpus.clips}
    clip = corpus.clips[0]
    speakers = [dull[c.id] for c in corpus.clips if c.speaker == clip.speaker]
    scale = {
        "speaker": lambda: scale_of(*speakers), "recording": lambda: scale_of(dull[clip.id]),
        "corpus": lambda: own.store.corpus, "none": lambda: Scale(np.float32(0), np.float32(1)),
    }[normalisation]()  # fmt: skip
    release = own.trivial("low-pass", 6.0, None, 3)  # type: ignore[arg-type]
    found, expected = release(own.speech([clip]).wave(0), clip), own.quantized(cut(scale.apply(dull[clip.id]), 20, 15))
    np.testing.assert_array_equal(found, expected)
    if normalisation == "recording":
        joined = join(found, 20, 15)[: len(dull[clip.id])]
        np.testing.assert_allclose(joined.mean(0), 0, atol=1e-2)


def test_the_recordings_of_a_speaker_are_protected_once_for_their_scale(medium: LogMels, corpus: Manifest) -> None:
    heard: list[int] = []

    class Counting(Baseline):
        def release(self, wave: Wave, seed: int = 0) -> Wave:
            heard.append(len(wave))
            return wave

    ann = [clip for clip in corpus.clips if clip.speaker == "ann"]
    release = FrontEnd(Seeded(Counting(), 0), medium)
    for clip in ann[:3]:
        found = release(medium.speech([clip]).wave(0), clip)
        np.testing.assert_allclose(found, medium.speech([clip]).wave(0), atol=0.01)  # nothing was protected
    assert len(heard) == len(ann) + 3 and release.enrolment == len(corpus.clips)
    plain = replace(medium, settings=SETTINGS.model_copy(update={"normalisation": "none"}))
    again = FrontEnd(Seeded(Counting(), 0), plain)
    again.enrol("ann")
    assert len(heard) == len(ann) + 3 and again.enrolment == 0


# --- what an audit does with it


def test_of_a_level_each_medium_does_what_it_can(medium: LogMels) -> None:
    full = LEVELS["full"]
    ours, sound = medium.able(full), SOUND.able(full)
    assert ours.baselines == ("silence", "low-pass", "white-noise")
    assert ours.rungs == ours.baseline_rungs == ("purifying", "retrained", "purified", "scratch")
    assert {*ours.purifiers} & {*sound.purifiers} == {"none"}
    assert {*ours.purifiers} | {*sound.purifiers} == {*full.purifiers}
    assert sound == full.model_copy(update={"purifiers": sound.purifiers})
    assert medium.able(ours) == ours and SOUND.able(sound) == sound


@pytest.mark.parametrize("name", ["sound", "features"])
def test_a_purifier_that_there_is_not_is_refused_by_either(name: str, medium: LogMels) -> None:
    own: Medium = medium if name == "features" else SOUND
    with pytest.raises(RecipeError, match="there is no purifier 'soap'"):
        own.able(LEVELS["quick"].model_copy(update={"purifiers": ("none", "soap")}))


def test_a_baseline_that_there_is_not_is_refused(medium: LogMels) -> None:
    with pytest.raises(RecipeError, match="'lowpass' is not known here"):
        medium.able(LEVELS["quick"].model_copy(update={"baselines": ("lowpass",)}))


def test_what_is_left_out_is_said(medium: LogMels) -> None:
    said = medium.left_out(AuditSettings(level="standard"))
    assert len(said) == 3 and "hear sound" in said[0] and "Nobody inverts" in said[1]
    assert said[2].endswith("speech-noise, mp3, mcadams, shuffle, source-only, label-only, pgd-10, pgd-100.")
    assert medium.left_out(AuditSettings(level="quick", listeners=())) == []
    assert medium.releases is Release.FEATURES and SOUND.releases is Release.WAVEFORM


def test_features_are_measured_by_snr_and_level_alone(medium: LogMels, features: Features) -> None:
    assert medium.measured(features, medium.quantized(features)) == {"snr_db": np.inf, "level_db": pytest.approx(0)}
    assert medium.measured(features, np.zeros_like(features)) == {"snr_db": 0, "level_db": SILENT_DB}
    halved = medium.measured(features, 0.5 * medium.quantized(features))
    assert halved == {"snr_db": pytest.approx(6.02, abs=0.01), "level_db": pytest.approx(-6.02, abs=0.01)}


def test_overlapping_segments_are_not_counted_twice(medium: LogMels, corpus: Manifest) -> None:
    for index, clip in enumerate(corpus.clips[:5]):
        seconds = len(files.read(clip.path)) / 16_000
        assert 0 <= medium.seconds(medium.speech(corpus.clips).wave(index)) - seconds < 0.15  # the padding of the last
        assert SOUND.seconds(files.read(clip.path)) == seconds


def test_a_release_can_be_listened_to(medium: LogMels, corpus: Manifest, features: Features) -> None:
    clip = corpus.clips[0]
    wave, found = files.read(clip.path), medium.sound(features, clip)
    assert found.shape == wave.shape and found.dtype == np.float32
    again = medium.store.corpus.apply(log_mel(found, SETTINGS))  # a voice of the training part, no speaker's own
    assert np.corrcoef(again.ravel(), join(features, 20, 15)[: len(again)].ravel())[0, 1] > 0.7  # 16 bands tell little
    assert np.array_equal(found, medium.sound(features, clip))
    assert SOUND.sound(wave, clip) is wave


def test_where_nothing_is_normalised_nothing_stands_in_for_a_scale(medium: LogMels) -> None:
    plain = replace(medium, settings=SETTINGS.model_copy(update={"normalisation": "none"}))
    assert not plain.public.mean.any() and (plain.public.deviation == 1).all()
    assert all(map(np.array_equal, medium.public, medium.store.corpus))


def test_what_another_process_is_sent_is_small_and_gives_the_same(medium: LogMels, features: Features) -> None:
    sent = pickle.dumps(medium)
    assert len(sent) < 20_000 < medium.store._mel.nbytes
    again = pickle.loads(sent)
    assert again == medium
    assert np.array_equal(again.speech(medium.clips[:1]).wave(0), features)
    assert len(list(medium.folder.glob("*.npy"))) == 1  # nothing was computed anew


def test_the_scale_of_a_corpus_is_that_of_the_training_part(corpus: Manifest, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"normalisation": "corpus"})
    one = LogMels(settings, corpus.clips, corpus.clips[:24], tmp_path)
    two = LogMels(settings, corpus.clips, corpus.clips[24:], tmp_path)
    clip: Clip = corpus.clips[0]
    assert not np.array_equal(one.store.scale(clip).mean, two.store.scale(clip).mean)
    train = np.concatenate([one.store.features(clip) for clip in corpus.clips[:24]])
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-4)


def test_weights_of_features_and_of_sound_are_told_apart(medium: LogMels, tmp_path: Path) -> None:
    checkpoint.save_module(tmp_path / "words.safetensors", CharacterRecognizer(width=8, **medium.shape))
    network, _ = checkpoint.load_module(tmp_path / "words.safetensors", CharacterRecognizer)
    assert medium.reads(network) and not SOUND.reads(network)

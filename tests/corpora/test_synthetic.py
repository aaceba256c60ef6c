"""The synthetic corpus: its script (who says what, no audio needed), its sound, its cache."""

from __future__ import annotations

import hashlib
import string
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GroupKFold, cross_val_score

from aclipse.corpora import manifest as manifests
from aclipse.corpora import synthetic
from aclipse.corpora.manifest import Manifest
from aclipse.corpora.synthetic import espeak
from aclipse.corpora.synthetic.content import KINDS, SLOTS, transcript_of
from aclipse.corpora.synthetic.entities import TAGGED, unmark
from aclipse.corpora.synthetic.prosody import EMOTIONS
from aclipse.corpora.synthetic.script import Line, write_script
from aclipse.corpora.synthetic.voices import VOICES
from aclipse.errors import CorpusError, MissingExtra

needs_espeak = pytest.mark.skipif(
    find_spec("espeakng_loader") is None, reason="espeakng-loader is not installed: pip install 'aclipse[synthetic]'"
)
RATE = 16_000


@pytest.fixture(scope="module")
def script() -> list[Line]:
    return list(write_script(1200, seed=0))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return synthetic.make(tmp_path_factory.mktemp("synthetic"), clips=120)  # each voice speaks each emotion once


@pytest.fixture(scope="module")
def waves(corpus: Manifest) -> dict[str, np.ndarray]:
    return {clip.id: soundfile.read(clip.path)[0] for clip in corpus.clips}


def words_of(line: Line) -> list[str]:
    return transcript_of(line.text).split()


def hashes(corpus: Manifest) -> dict[str, str]:
    return {clip.id: hashlib.sha256(clip.path.read_bytes()).hexdigest() for clip in corpus.clips}


# --- what is said


def test_vocabulary_is_wide_and_its_words_return(script: list[Line]) -> None:
    count = Counter(word for line in script for word in words_of(line))
    thousand = {word for line in script[:1000] for word in words_of(line)}
    assert 400 <= len(count) <= 600 and len(thousand) >= 300
    assert min(count.values()) >= 3
    assert np.quantile(list(count.values()), 0.05) >= 5


def test_sentences_are_4_to_12_words_of_letters_only(script: list[Line]) -> None:
    lengths = [len(words_of(line)) for line in script]
    assert (min(lengths), max(lengths)) == (4, 12)
    assert 7 <= np.mean(lengths) <= 9
    assert set("".join(transcript_of(line.text) for line in script)) <= set(string.ascii_lowercase + "' ")


def test_no_sentence_comes_twice(script: list[Line]) -> None:
    assert len({transcript_of(line.text) for line in script}) == len(script)


def test_words_are_shared_between_voices(script: list[Line]) -> None:
    held_out = {voice.speaker for voice in VOICES[-6:]}
    seen = {word for line in script if line.voice.speaker not in held_out for word in words_of(line)}
    tested = [word for line in script if line.voice.speaker in held_out for word in words_of(line)]
    assert np.mean([word in seen for word in tested]) > 0.995


def test_grammar_uses_every_slot_it_has_and_has_every_slot_it_uses() -> None:
    texts = [core for kind in KINDS for core in kind.cores] + list(SLOTS.values())
    used = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}
    assert used == set(SLOTS)
    assert sum(len(kind.cores) for kind in KINDS) >= 40


# --- what of it matters


def test_tagging_left_every_sentence_as_it_was(script: list[Line]) -> None:
    said = "\n".join(line.text for line in script)
    assert hashlib.sha256(said.encode()).hexdigest()[:16] == "e190721f6b45f7c6"  # computed before there were tags


def test_known_sentences_are_tagged(script: list[Line]) -> None:
    tags = {line.text: line.entities for line in script[:20]}
    assert tags["Transfer two thousand dollars to Helen Wilson."] == ("two thousand dollars", "helen wilson")
    assert tags["Julia was treated for diabetes in Boston."] == ("julia", "diabetes", "boston")
    assert tags["I think my door code is six four nine one."] == ("six four nine one",)
    assert tags["Send the bottle to one Maple Street in Denver."] == ("one maple street", "denver")
    assert tags["Give your father the yellow car."] == ()


def test_every_tag_is_said_in_its_place(script: list[Line]) -> None:
    for line in script:
        left = f" {transcript_of(line.text)} "
        for phrase in line.entities:
            _, found, left = left.partition(f" {phrase} ")
            assert found, (line.text, phrase)
            left = f" {left}"
        assert not set("[]|") & set(line.text)
        assert all(phrase == transcript_of(phrase) for phrase in line.entities)


def test_what_fills_a_slot_that_matters_is_always_tagged(script: list[Line]) -> None:
    rare = {"illness": "asthma", "city": "oxford", "name": "victor", "surname": "hughes", "month": "january"}
    for slot, word in rare.items():
        assert word in SLOTS[slot].lower()
        said = [line for line in script if word in words_of(line)]
        assert len(said) >= 3 and all(word in " ".join(line.entities).split() for line in said)
    harmless = {word for line in script for phrase in line.entities for word in phrase.split()}
    assert not harmless & {"bread", "umbrella", "police", "raining", "yellow", "my", "please", "password"}


def test_most_sentences_have_something_to_hide(script: list[Line]) -> None:
    share = np.mean([bool(line.entities) for line in script])
    assert 0.75 < share < 0.9
    assert 1 < np.mean([len(line.entities) for line in script]) < 2


def test_slots_that_matter_are_slots_of_the_grammar() -> None:
    assert set(SLOTS) >= TAGGED


@pytest.mark.parametrize(
    ("marked", "text", "entities"),
    [
        ("buy a piano", "buy a piano", ()),
        ("[a] and [b]", "a and b", ("a", "b")),
        ("[a] [b] c", "a b c", ("a b",)),
        ("[[x] [y] z]", "x y z", ("x y z",)),
        ("[p [q [r]]] s [t]", "p q r s t", ("p q r", "t")),
    ],
)
def test_brackets_become_tags(marked: str, text: str, entities: tuple[str, ...]) -> None:
    assert unmark(marked) == (text, entities)


# --- who says it, and how


def test_voices_are_ten_or_more_of_each_sex() -> None:
    sexes = Counter(voice.sex for voice in VOICES)
    assert sexes["female"] == sexes["male"] >= 10
    assert len({voice.speaker for voice in VOICES}) == len({(voice.pitch, voice.formants) for voice in VOICES}) == 30
    assert len({voice.accent for voice in VOICES}) >= 4


def test_emotions_are_balanced_in_each_voice(script: list[Line]) -> None:
    count = Counter((line.voice.speaker, line.emotion) for line in script)
    assert set(count.values()) == {10} and len(count) == 4 * len(VOICES)


def test_emotion_does_not_depend_on_content(script: list[Line]) -> None:
    # Each sentence's opening word against emotion: chi-square over its degrees of freedom is near 1 if independent.
    opening = Counter((words_of(line)[0], line.emotion) for line in script)
    usual = [word for word, n in Counter(words_of(line)[0] for line in script).items() if n >= 20]
    table = np.array([[opening[word, emotion] for emotion in EMOTIONS] for word in usual], float)
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    assert ((table - expected) ** 2 / expected).sum() / ((len(usual) - 1) * 3) < 1.6


def test_a_corpus_is_the_beginning_of_a_longer_one(script: list[Line]) -> None:
    assert list(write_script(50, seed=0)) == script[:50]


def test_a_seed_changes_words_and_delivery(script: list[Line]) -> None:
    other = list(write_script(50, seed=1))
    assert all(a.text != b.text and a.delivery != b.delivery for a, b in zip(other, script[:50], strict=True))


def test_emotions_overlap_but_are_told_apart_across_speakers(script: list[Line]) -> None:
    cues = np.array(
        [
            (
                np.log(line.voice.rate) + line.delivery.rate,
                12 * np.log2(line.voice.pitch) + line.delivery.pitch,
                line.delivery.span,
                line.voice.tilt + line.delivery.tilt,
            )
            for line in script
        ]
    )
    emotions = [line.emotion for line in script]
    speakers = [line.voice.speaker for line in script]
    scores = cross_val_score(LinearDiscriminantAnalysis(), cues, emotions, groups=speakers, cv=GroupKFold(5))
    assert 0.85 <= scores.mean() <= 0.97


# --- how it sounds


@needs_espeak
def test_clips_are_16_khz_mono_and_never_clip(corpus: Manifest, waves: dict[str, np.ndarray]) -> None:
    for clip in corpus.clips:
        header = soundfile.info(clip.path)
        assert (header.samplerate, header.channels, header.format, header.subtype) == (RATE, 1, "FLAC", "PCM_16")
        assert 0.02 < np.abs(waves[clip.id]).max() <= 0.96


@needs_espeak
def test_durations_are_those_of_sentences(corpus: Manifest) -> None:
    seconds = [soundfile.info(clip.path).duration for clip in corpus.clips]
    assert min(seconds) > 0.8 and max(seconds) < 7.0
    assert 2.2 <= np.mean(seconds) <= 3.2


@needs_espeak
def test_manifest_tells_all_that_is_known(corpus: Manifest) -> None:
    assert corpus.emotions == ("neutral", "happy", "sad", "angry")
    assert all(clip.sex == {"f": "female", "m": "male"}[clip.speaker[0]] for clip in corpus.clips)
    assert {"accent", "rate", "pitch", "span", "tilt"} <= set(corpus.clips[0].extra)
    assert [clip.extra.get("entities", "") for clip in corpus.clips[1:4]] == [
        "murphy",
        "airport|wednesday",
        "shoulder|sunday",
    ]


def bright_share(wave: np.ndarray) -> float:
    """Energy above 1 kHz in dB against all of it."""
    size = 1 << len(wave).bit_length()
    power = np.abs(np.fft.rfft(wave, size)) ** 2
    return float(10 * np.log10(power[np.fft.rfftfreq(size, 1 / RATE) > 1000].sum() / power.sum()))


def pitch_of(wave: np.ndarray) -> float:
    """Median pitch in Hz over loud periodic frames of 40 ms, by autocorrelation."""
    frames = np.lib.stride_tricks.sliding_window_view(wave, 640)[::320]
    frames = (frames - frames.mean(1, keepdims=True)) * np.hanning(640)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 2048)) ** 2)[:, : RATE // 60]
    lag = RATE // 450 + correlation[:, RATE // 450 :].argmax(1)
    energy, peak = correlation[:, 0], correlation[np.arange(len(lag)), lag]
    return float(np.median(RATE / lag[(energy > 0.2 * energy.mean()) & (peak > 0.4 * energy)]))


@needs_espeak
def test_prosody_rules_are_heard_in_the_audio(corpus: Manifest, waves: dict[str, np.ndarray]) -> None:
    def by_voice(measure: dict[str, float], emotion: str) -> np.ndarray:
        own = {clip.speaker: measure[clip.id] for clip in corpus.clips if clip.emotion == emotion}
        return np.array([own[voice.speaker] for voice in VOICES])

    brightness = {name: bright_share(wave) for name, wave in waves.items()}
    pitch = {name: 12 * np.log2(pitch_of(wave)) for name, wave in waves.items()}
    tempo = {clip.id: len(clip.transcript) / len(waves[clip.id]) * RATE for clip in corpus.clips}
    assert np.mean(by_voice(brightness, "angry") > by_voice(brightness, "sad")) > 0.9
    assert np.median(by_voice(pitch, "happy") - by_voice(pitch, "sad")) > 6  # semitones; 9 were asked for
    assert 3 < np.median(by_voice(pitch, "angry") - by_voice(pitch, "neutral")) < 7  # 4.5 were asked for
    order = [by_voice(tempo, emotion).mean() for emotion in ("sad", "neutral", "angry")]
    assert all(slower * 1.1 < faster for slower, faster in pairwise(order))


@needs_espeak
def test_level_alone_does_not_tell_the_emotion(corpus: Manifest, waves: dict[str, np.ndarray]) -> None:
    level = np.array([[10 * np.log10(np.mean(waves[clip.id] ** 2))] for clip in corpus.clips])
    emotions = [clip.emotion for clip in corpus.clips]
    assert cross_val_score(LinearDiscriminantAnalysis(), level, emotions, cv=4).mean() < 0.6


@needs_espeak
def test_pitch_of_neutral_speech_is_the_voices_own(corpus: Manifest, waves: dict[str, np.ndarray]) -> None:
    own = {voice.speaker: voice.pitch for voice in VOICES}
    error = [
        12 * np.log2(pitch_of(waves[clip.id]) / own[clip.speaker]) - float(clip.extra["pitch"])
        for clip in corpus.clips
        if clip.emotion == "neutral"
    ]
    assert abs(np.median(error)) < 1.0


# --- the same everywhere


@needs_espeak
def test_same_seed_same_bytes_in_another_process(corpus: Manifest, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from aclipse.corpora import synthetic;"
        "synthetic.make(Path(sys.argv[1]), clips=12)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    again = synthetic.make(tmp_path, clips=12)  # already there: read, not spoken
    assert len(again.clips) == 12
    assert hashes(again).items() <= hashes(corpus).items()


@needs_espeak
def test_an_utterance_does_not_depend_on_those_before_it() -> None:
    lines = list(write_script(30, seed=3))

    def speak(order: list[Line]) -> dict[str, bytes]:
        with espeak.open_espeak() as engine:
            return {
                line.id: synthetic.utter(engine, line, np.random.default_rng(line.index)).tobytes() for line in order
            }

    assert speak(lines) == speak(lines[::-1])


@needs_espeak
def test_a_seed_changes_the_audio(corpus: Manifest, tmp_path: Path) -> None:
    other = synthetic.make(tmp_path, clips=2, seed=1)
    assert not set(hashes(other).values()) & set(hashes(corpus).values())


@needs_espeak
def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    synthetic.make(tmp_path, clips=3, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


# --- cache and errors


@needs_espeak
def test_a_finished_corpus_is_returned_without_speaking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = synthetic.make(tmp_path, clips=2)
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    assert synthetic.make(tmp_path, clips=2).clips == made.clips


@needs_espeak
def test_a_corpus_made_before_there_were_tags_is_given_them(tmp_path: Path) -> None:
    made = synthetic.make(tmp_path, clips=4)
    bare = [replace(clip, extra={k: v for k, v in clip.extra.items() if k != "entities"}) for clip in made.clips]
    manifests.write(replace(made, clips=tuple(bare)), tmp_path / "manifest.csv")
    again = synthetic.make(tmp_path, clips=4)
    assert [clip.extra for clip in again.clips] == [clip.extra for clip in made.clips]
    assert manifests.read(tmp_path / "manifest.csv").clips[1].extra["entities"] == "murphy"  # on disk too
    assert again.hash == made.hash and hashes(again) == hashes(made)


@needs_espeak
def test_an_unfinished_corpus_is_finished(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(done: int, total: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        synthetic.make(tmp_path / "cut", clips=3, progress=kill)
    assert not (tmp_path / "cut" / "manifest.csv").exists()
    assert hashes(synthetic.make(tmp_path / "cut", clips=3)) == hashes(synthetic.make(tmp_path / "whole", clips=3))


@needs_espeak
def test_other_settings_replace_the_corpus(tmp_path: Path) -> None:
    synthetic.make(tmp_path, clips=5)
    fewer = synthetic.make(tmp_path, clips=2)
    assert sorted(path.stem for path in (tmp_path / "audio").iterdir()) == sorted(clip.id for clip in fewer.clips)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("mine")
    with pytest.raises(CorpusError, match=r"holds something else\. Choose an empty or a new folder"):
        synthetic.make(tmp_path, clips=2)
    assert (tmp_path / "manifest.csv").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CorpusError, match=r"corpus cannot be used .* Choose a folder that is writable"):
        synthetic.make(tmp_path / "file" / "corpus", clips=2)


@pytest.mark.parametrize(("clips", "seed"), [(0, 0), (10, -1)])
def test_impossible_numbers_are_refused(tmp_path: Path, clips: int, seed: int) -> None:
    with pytest.raises(CorpusError, match="Choose clips from 1 and seed from 0"):
        synthetic.make(tmp_path, clips, seed)


def test_without_the_wheel_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(MissingExtra, match=r"pip install 'aclipse\[synthetic\]'"):
        synthetic.make(tmp_path, clips=2)


@needs_espeak
def test_what_espeak_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library, _ = espeak._locate()
    monkeypatch.setattr(espeak, "_locate", lambda: (library, tmp_path))
    with pytest.raises(CorpusError, match=r"could not start with the data in .* Reinstall espeakng-loader"):
        synthetic.make(tmp_path / "corpus", clips=2)

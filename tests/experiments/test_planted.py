"""Protections of which one knows what they are worth: the audit has to say so, listener by listener."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import brief

from aclipse.contracts import SAMPLE_RATE, Clip, Features, Signal, Wave
from aclipse.corpora.manifest import Manifest
from aclipse.experiments.audit import Audit
from aclipse.experiments.ladder import attacks
from aclipse.experiments.ladder.subjects import Releaser
from aclipse.experiments.recipe import read_recipe
from aclipse.experiments.run import prepare
from aclipse.report.folder import RunFolder, read_run
from aclipse.report.ladder import Finding, findings, is_silent
from aclipse.report.verdicts import Verdict
from aclipse.seeds import derive

pytestmark = pytest.mark.slow

EMOTIONS = {"neutral": 1500, "happy": 2100, "sad": 2900, "angry": 4000}  # a whistle all along, in Hz
SENTENCES = {
    "Go home.": (300, 700),
    "Call me!": (700, 300),
    "We won.": (1100, 500),
    "Eat up!": (500, 1100),
}  # two tones
SECRETS = ("words", "sentence", "sex", "speaker", "sensitive")
LEARNING = ("retrained", "purified", "scratch")
RUNGS = ("ignorant", "purifying", *LEARNING, "inverting")
RECIPE = """
[split]
folds = 2
validation = 0.25

[evaluators.emotion]
epochs = 16
batch_size = 8
learning_rate = 3e-3
augment = false

[evaluators.words]
epochs = 14
batch_size = 8
learning_rate = 4e-3
augment = false

[audit]
secrets = ["words", "sentence", "sex", "speaker", "sensitive"]
sensitive = ["sad"]
baselines = []
rungs = ["purifying", "retrained", "purified", "scratch", "inverting"]
purifiers = ["none", "requantise-8bit"]
purifier_clips = 32
budgets = []
seeds = 1
shuffled = false
listeners = []
draws = 200
listen = 0
quality_clips = 8
emotion.epochs = 2
words.epochs = 3
words.batch_size = 8
sentence = { epochs = 8, batch_size = 8, learning_rate = 3e-3, augment = false }
sex = { epochs = 8, batch_size = 8, learning_rate = 3e-3, augment = false }
speaker = { epochs = 8, batch_size = 8, learning_rate = 3e-3 }
independent_emotion = { epochs = 8, batch_size = 8, learning_rate = 4e-3, augment = false }
inverter = { epochs = 4, learning_rate = 1e-2 }
"""


def voice(speaker: int, emotion: str, sentence: str) -> Wave:
    """Half a second: tones for the words, whistles for emotion and speaker, and a hum, low for men."""
    random = np.random.default_rng(zlib.crc32(f"{speaker} {emotion} {sentence}".encode()))
    time = np.arange(round(SAMPLE_RATE * random.uniform(0.5, 0.6))) / SAMPLE_RATE
    tones = np.array(SENTENCES[sentence])[(2 * time / time[-1]).astype(int).clip(max=1)]
    said = np.sin(2 * np.pi * np.cumsum(tones) / SAMPLE_RATE)
    felt = np.sin(2 * np.pi * EMOTIONS[emotion] * time)
    own = np.sin(2 * np.pi * (5000 + 150 * speaker) * time)
    hum = np.sin(2 * np.pi * (110 if speaker % 2 else 190) * time)
    return (0.2 * said + 0.15 * (felt + own + hum) + random.normal(0, 0.003, len(time))).astype(np.float32)


FEATURES = """
[features]
bands = 32
segment = 40
train_hop = 20
test_hop = 30
normalisation = "corpus"
"""  # by no scale of a speaker's own, which would take the own whistle away


@pytest.fixture(scope="module")
def auditor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audit]:
    """An audit of a corpus that is read well: 16 speakers, 4 emotions, 4 sentences."""
    yield from planted(tmp_path_factory.mktemp("planted"), RECIPE)


@pytest.fixture(scope="module")
def of_features(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audit]:
    """The same where features are released."""
    text = RECIPE.replace("requantise-8bit", "median-3x3")
    yield from planted(tmp_path_factory.mktemp("planted-features"), f'release = "features"\n{text}{FEATURES}')


def planted(folder: Path, text: str) -> Iterator[Audit]:
    clips = []
    for speaker in range(16):
        for emotion in EMOTIONS:
            for number, sentence in enumerate(SENTENCES):
                id = f"s{speaker:02}-{emotion}-{number}"
                sex = ("female", "male")[speaker % 2]
                clips.append(Clip(id, folder / f"{id}.wav", f"s{speaker:02}", sex, emotion, sentence))
                soundfile.write(clips[-1].path, voice(speaker, emotion, sentence), SAMPLE_RATE)
    (folder / "planted.toml").write_text(text, "utf-8")
    prepared = prepare(read_recipe(folder / "planted.toml"), Manifest("planted", tuple(clips)), folder / "run")
    with pytest.MonkeyPatch.context() as patch:
        brief(patch, "standard")
        patch.setattr(attacks, "FEWEST", 96)  # an epoch is all there is
        yield Audit(prepared, "none", lambda signal, clip: signal, "none")


def judged(auditor: Audit, name: str, release: Releaser) -> RunFolder:
    Audit(auditor.prepared, name, release, name).judge()
    return read_run(auditor.prepared.run.folder)


def silence(signal: Signal, clip: Clip) -> Signal:
    return np.zeros_like(signal)


def filtered(wave: Wave, clip: Clip) -> Wave:
    """Turned upside down, half as loud, coloured and 6 ms late: nobody understands a word less."""
    colour = np.random.default_rng(1).normal(0, 1, 40) * np.exp(-np.arange(40) / 8)
    late = np.concatenate([np.zeros(96), wave])[: len(wave)]
    return (-0.5 * np.convolve(late, colour / np.abs(colour).sum())[: len(wave)]).astype(np.float32)


def noise(wave: Wave, clip: Clip) -> Wave:
    """As loud as the recording, and drawn without looking at it."""
    drawn = np.random.default_rng(derive(7, clip.id)).standard_normal(len(wave))
    return (drawn * np.sqrt(np.mean(wave**2) / np.mean(drawn**2))).astype(np.float32)


def of(found: list[Finding], *levels: str) -> dict[tuple[str, str], Finding]:
    """What every listener of some levels finds out about every secret."""
    told = {(one.secret, one.score.knowledge): one for one in found if one.score.knowledge in levels}
    assert set(told) >= {(secret, level) for secret in SECRETS for level in levels}
    return {place: one for place, one in told.items() if place[0] in SECRETS}


def test_identity_is_hidden_from_nobody(auditor: Audit) -> None:
    run = judged(auditor, "mute", silence)
    for place, one in of(findings(run, "identity"), *RUNGS).items():
        assert one.verdict is Verdict.NOT_HIDDEN, (place, one)
    emotions = [one for one in findings(run, "identity") if one.secret == "emotion"]
    assert len(emotions) == 1 + len(RUNGS) and all(one.verdict is Verdict.KEPT for one in emotions)


def test_silence_is_told_to_be_silent_and_is_not_praised(auditor: Audit) -> None:
    run = judged(auditor, "mute", silence)
    found = findings(run, "mute")
    assert is_silent(run.scores, "mute") and not is_silent(run.scores, "identity")
    assert not {one.verdict for one in found} & {Verdict.HIDDEN, Verdict.KEPT, Verdict.REDUCED}
    for secret in ("words", "sentence", "emotion"):
        assert all(one.verdict is Verdict.SILENT for one in found if one.secret == secret), secret
    assert {score.value for score in run.scores if (score.subject, score.metric) == ("mute", "level_db")} == {-120.0}


def test_what_can_be_undone_is_hidden_from_nobody_who_tries(auditor: Audit) -> None:
    run = judged(auditor, "filter", filtered)
    found = findings(run, "filter")
    for place, one in of(found, "retrained", "inverting").items():
        assert one.verdict is Verdict.NOT_HIDDEN, (place, one)
    for place, one in of(found, "scratch").items():
        assert one.verdict is not Verdict.HIDDEN, (place, one)
    assert all(
        one.verdict is Verdict.KEPT for one in found if (one.secret, one.score.knowledge) == ("emotion", "retrained")
    )


CHANCE = {"sentence": 0.25, "sex": 0.5, "sensitive": 0.5, "speaker": 0.5, "emotion": 0.25}


def test_noise_that_knows_nothing_tells_nobody_anything(auditor: Audit) -> None:
    found = findings(judged(auditor, "noise", noise), "noise")
    of(found, *RUNGS)
    at_chance(found)


def at_chance(found: list[Finding]) -> None:
    for one in found:
        assert one.verdict not in (Verdict.NOT_HIDDEN, Verdict.KEPT, Verdict.REDUCED), one
        if one.secret == "words":
            assert one.score.value >= 0.7, one  # whoever knows the four sentences gets some words right by guessing
        else:
            assert abs(one.score.value - CHANCE[one.secret]) <= 0.12, one
            assert one.chance is not None and math.isclose(one.chance, CHANCE[one.secret])


# --- where features are released: nobody inverts them

READING = ("ignorant", "purifying", *LEARNING)


def constant(features: Features, clip: Clip) -> Features:
    """The same for everybody, but for how long it lasts; not silent."""
    return np.full_like(features, 0.5)


def test_clean_features_are_hidden_from_nobody(of_features: Audit) -> None:
    found = findings(judged(of_features, "mute", silence), "identity")
    for place, one in of(found, *READING).items():
        assert one.verdict is Verdict.NOT_HIDDEN, (place, one)
    emotions = [one for one in found if one.secret == "emotion"]
    assert len(emotions) == 1 + len(READING) and all(one.verdict is Verdict.KEPT for one in emotions)


def test_zeros_are_told_to_be_silent_and_are_not_praised(of_features: Audit) -> None:
    run = judged(of_features, "mute", silence)
    found = findings(run, "mute")
    assert is_silent(run.scores, "mute") and not is_silent(run.scores, "identity")
    assert not {one.verdict for one in found} & {Verdict.HIDDEN, Verdict.KEPT, Verdict.REDUCED}
    at_chance(found)


def test_features_that_are_alike_for_all_tell_nobody_anything(of_features: Audit) -> None:
    found = findings(judged(of_features, "constant", constant), "constant")
    of(found, *READING)
    at_chance(found)

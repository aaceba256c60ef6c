"""A corpus of tones small enough to train on in seconds, and one run on it that many tests look at."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from hypothesis import settings

from aclipse.contracts import SAMPLE_RATE, Clip
from aclipse.corpora import manifest
from aclipse.corpora.manifest import Manifest

if TYPE_CHECKING:
    from aclipse.experiments.recipe import Recipe  # loads torch, which the tests of corpora do without

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # tests compare to the bit, and put networks and signals on the processor
settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
settings.load_profile("unhurried")

SPEAKERS = {"ann": "female", "bea": "female", "cat": "female", "dan": "male", "eli": "male", "fox": "male"}
EMOTIONS = {"neutral": 1600, "happy": 2400, "sad": 3400, "angry": 5000}  # a whistle all along, in Hz
SENTENCES = {"Go home.": (300, 900, 500), "Call me!": (1100, 400, 700)}  # the tones that stand for them, in Hz
TINY = """
[split]
folds = 3

[evaluators.emotion]
epochs = 4
batch_size = 8
learning_rate = 3e-3

[evaluators.words]
epochs = 6
batch_size = 4
learning_rate = 3e-3

[cascade]
epochs = 3
stage_one_epochs = 1
subset = 16
network.module.channels = 8
network.module.dilations = [1]

[audit]
level = "quick"
rungs = ["purifying", "retrained", "inverting"]
purifiers = ["none", "low-pass-4k", "shift"]
purifier_clips = 8
budgets = [8]
shuffled = true
listeners = []
draws = 100
listen = 2
emotion.epochs = 1
words.epochs = 1
sentence.epochs = 1
sex.epochs = 1
speaker.epochs = 1
independent_emotion.epochs = 1
independent_words.epochs = 1
inverter.epochs = 1
"""


def voice(speaker: str, emotion: str, sentence: str) -> np.ndarray:
    """Half a second: tones that tell the sentence, a whistle that tells the emotion, a little noise."""
    random = np.random.default_rng(zlib.crc32(f"{speaker} {emotion} {sentence}".encode()))
    time = np.arange(round(SAMPLE_RATE * random.uniform(0.5, 0.6))) / SAMPLE_RATE
    shift = 1 + 0.03 * sorted(SPEAKERS).index(speaker)
    tones = np.array(SENTENCES[sentence])[(3 * time / time[-1]).astype(int).clip(max=2)]
    said = np.sin(2 * np.pi * np.cumsum(shift * tones) / SAMPLE_RATE)
    felt = np.sin(2 * np.pi * shift * EMOTIONS[emotion] * time)
    return (0.3 * said + 0.2 * felt + random.normal(0, 0.005, len(time))).astype(np.float32)


def record(clip: Clip, sentence: str) -> Clip:
    clip.path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(clip.path, voice(clip.speaker, clip.emotion, sentence), SAMPLE_RATE)
    return clip


@pytest.fixture(scope="session")
def corpus_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of 48 clips: 6 speakers, 4 emotions, 2 sentences; the recordings lie in speech/ beside it."""
    folder = tmp_path_factory.mktemp("corpus")
    clips = [
        record(
            Clip(id, folder / "speech" / speaker / f"{id}.flac", speaker, sex, emotion, sentence, session=f"s{order}"),
            sentence,
        )
        for order, (speaker, sex) in enumerate(SPEAKERS.items())
        for emotion in EMOTIONS
        for number, sentence in enumerate(SENTENCES)
        for id in [f"{speaker}-{emotion}-{number}"]
    ]
    manifest.write(Manifest("tones", tuple(clips)), folder / "tones.csv")
    return folder / "tones.csv"


@pytest.fixture(scope="session")
def corpus(corpus_csv: Path) -> Manifest:
    return manifest.read(corpus_csv)


@pytest.fixture(scope="session")
def recipe_toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe that trains and audits in seconds."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(TINY, "utf-8")
    return path


@pytest.fixture(scope="session")
def recipe(recipe_toml: Path) -> Recipe:
    from aclipse.experiments.recipe import read_recipe

    return read_recipe(recipe_toml)


@pytest.fixture(scope="session")
def trained(recipe: Recipe, corpus: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run; look, do not touch."""
    from aclipse.experiments.run import train

    folder = tmp_path_factory.mktemp("runs") / "tones"
    train(recipe, corpus, folder)
    return folder


@pytest.fixture(scope="session")
def audited(trained: Path) -> Path:
    """The same folder with its audit; look, do not touch."""
    from aclipse.experiments import audit as audits

    with pytest.MonkeyPatch.context() as patch:
        brief(patch)
        audits.audit(trained)
    return trained


def brief(patch: pytest.MonkeyPatch, level: str = "quick") -> None:
    """Let audits say how long one level takes alone: for the others a recogniser on the device is fooled first."""
    from aclipse.experiments import audit as audits
    from aclipse.experiments.levels import LEVELS

    patch.setattr(audits, "LEVELS", {level: LEVELS[level]})


def interrupt(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, call: int) -> None:
    """Let the n-th call of a function end like Ctrl-C."""
    original, calls = getattr(place, name), []

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return original(*args, **options)

    monkeypatch.setattr(place, name, counted)

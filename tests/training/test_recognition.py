"""Training a recogniser: what it is built for, that it repeats with the seed, and that the best epoch stays."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from aclipse.contracts import Clip
from aclipse.metrics.classification import accuracy
from aclipse.models.compact import ClipClassifier
from aclipse.training.batches import Speech, read_all
from aclipse.training.recognition import RecognizerLoop, Task, new_recognizer, train_recognizer

BRIGHTNESS = Task(
    name="brightness",
    role="utility",
    judge="tiny",
    target=lambda clip: clip.emotion,
    build=lambda targets: ClipClassifier(sorted(set(targets)), width=16),
    marks=lambda truth, read: {"brightness": (float(truth == read), 1.0)},
    score=accuracy,
)
LOOP = RecognizerLoop(epochs=6, batch_size=4, learning_rate=1e-2)


def noises(count: int, seed: int) -> Speech:
    """Bright and dull noise, and one clip that nobody labelled."""
    generator = np.random.default_rng(seed)
    clips, waves = [], []
    for index in range(count):
        label = ("bright", "dull")[index % 2]
        noise = generator.standard_normal(generator.integers(4000, 7000))
        wave = np.diff(noise, 2) if label == "bright" else np.convolve(noise, np.ones(8), "valid")
        clips.append(Clip(f"n{index}", Path(), emotion=label if index else ""))
        waves.append((0.05 * wave).astype(np.float32))
    return Speech(clips, waves)


def trained(folder: Path, seed: int) -> nn.Module:
    train, validation = BRIGHTNESS.clips(noises(17, 1)), BRIGHTNESS.clips(noises(9, 2))
    network = new_recognizer(BRIGHTNESS, train, seed)
    train_recognizer(BRIGHTNESS, network, (train, validation), LOOP, folder, seed)
    return network


def same(one: nn.Module, two: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_clips_without_a_target_are_left_out() -> None:
    speech = noises(5, 0)
    assert [clip.id for clip in BRIGHTNESS.clips(speech).clips] == ["n1", "n2", "n3", "n4"]


def test_a_new_recognizer_knows_what_occurs_and_leaves_the_global_seed_alone() -> None:
    train = BRIGHTNESS.clips(noises(4, 0))
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    network = new_recognizer(BRIGHTNESS, train, seed=0)
    assert torch.equal(torch.rand(1), expected)
    assert network.labels == ("bright", "dull")
    assert same(network, new_recognizer(BRIGHTNESS, train, seed=0))
    assert not same(network, new_recognizer(BRIGHTNESS, train, seed=1))


def test_training_learns_and_repeats_with_its_seed(tmp_path: Path) -> None:
    network, again, other = (trained(tmp_path / name, seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert same(network, again) and not same(network, other)
    test = BRIGHTNESS.clips(noises(21, 3))
    assert accuracy([clip.emotion for clip in test.clips], read_all(network, test)) >= 0.9


def test_the_best_epoch_on_validation_is_kept(tmp_path: Path) -> None:
    train, validation = BRIGHTNESS.clips(noises(17, 1)), BRIGHTNESS.clips(noises(9, 2))
    network = new_recognizer(BRIGHTNESS, train, 0)
    progress = train_recognizer(BRIGHTNESS, network, (train, validation), LOOP, tmp_path, 0)
    truth = [clip.emotion for clip in validation.clips]
    scores = [row["validation"] for row in progress.history]
    assert progress.best_score == max(scores) == accuracy(truth, read_all(network, validation))
    assert progress.best_epoch == scores.index(max(scores))
    with (tmp_path / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["validation"]) for row in rows] == scores
    assert list(rows[0]) == ["epoch", "loss", "validation", "seconds"]


def test_training_speech_is_varied_unless_that_is_switched_off(tmp_path: Path) -> None:
    train, validation = BRIGHTNESS.clips(noises(17, 1)), BRIGHTNESS.clips(noises(9, 2))
    heard: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for augment, waves in heard.items():
        network = new_recognizer(BRIGHTNESS, train, 0)
        hear = network.loss
        network.loss = lambda batch, *rest, hear=hear, waves=waves: (waves.extend(batch.numpy()), hear(batch, *rest))[1]
        settings = LOOP.model_copy(update={"epochs": 2, "augment": augment})
        train_recognizer(BRIGHTNESS, network, (train, validation), settings, tmp_path / str(augment), 0)
    recorded = {train.wave(index).tobytes() for index in range(len(train))}
    length = max(len(train.wave(index)) for index in range(len(train)))
    assert {np.trim_zeros(wave, "b").tobytes() for wave in heard[False]} == recorded
    assert not {np.trim_zeros(wave, "b").tobytes() for wave in heard[True]} & recorded
    assert max(map(len, heard[True])) > length  # slower, so longer


def test_a_task_may_vary_its_signals_otherwise(tmp_path: Path) -> None:
    train, validation = BRIGHTNESS.clips(noises(5, 1)), BRIGHTNESS.clips(noises(5, 2))
    heard: list[np.ndarray] = []
    network = new_recognizer(BRIGHTNESS, train, 0)
    hear = network.loss
    network.loss = lambda batch, *rest: (heard.extend(batch.numpy()), hear(batch, *rest))[1]
    upside_down = replace(BRIGHTNESS, vary=lambda waves, lengths: (-waves, lengths))
    settings = LOOP.model_copy(update={"epochs": 1})
    train_recognizer(upside_down, network, (train, validation), settings, tmp_path, 0)
    recorded = {(-train.wave(index)).tobytes() for index in range(len(train))}
    assert {np.trim_zeros(wave, "b").tobytes() for wave in heard} == recorded

"""Who reads what φ releases: whom they learn from, how often they draw, and what averaging is worth."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aclipse.contracts import Clip
from aclipse.experiments.cloaking import attackers, readings
from aclipse.experiments.cloaking.attackers import Attack, Redraw
from aclipse.experiments.cloaking.bench import Bench
from aclipse.experiments.cloaking.plan import Plan
from aclipse.experiments.study.jobs import Place
from aclipse.metrics.quality import snr_db
from aclipse.protections.cloak.method import Cloak
from aclipse.protections.cloak.noise import Noise
from aclipse.training import loop
from aclipse.training.batches import Speech

Planned = Callable[..., Plan]


@pytest.fixture(scope="module")
def cloak(bench: Bench) -> Cloak:
    """φ with σ = 0.5 that nobody has trained, half of it suppressed."""
    noise = Noise(bench.settings.cloak.noise(bench.settings.features))
    torch.nn.init.constant_(noise.rho, 0.0)
    noise.suppress(50)
    return Cloak(noise, bench.settings.features)


@pytest.fixture(scope="module")
def fg(bench: Bench) -> Any:
    """A reader of sex with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return bench.network(("female", "male")).eval()


def attack(bench: Bench, cloak: Cloak, fg: Any, folder: Path, task: str = "sex") -> Attack:
    return Attack(bench, cloak, task, fg, folder)


# --- what a rotation holds


def test_nobody_hears_a_test_speaker_before_the_test(bench: Bench) -> None:
    tested = {clip.speaker for clip in bench.speech("test").clips}
    lessons = {task: {clip.speaker for clip in bench.lesson(task).clips} for task in ("emotion", "sex")}
    validation = {task: {clip.speaker for clip in bench.validation(task).clips} for task in ("emotion", "sex")}
    parts = [tested, *lessons.values(), *validation.values()]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 30


def test_emotion_is_learned_from_balanced_speakers_and_sex_from_clips_as_they_are(bench: Bench) -> None:
    def counts(clips: list[Clip]) -> dict[str, set[int]]:
        felt = [(clip.speaker, clip.emotion) for clip in clips]
        return {speaker: {felt.count(pair) for pair in set(felt) if pair[0] == speaker} for speaker, _ in felt}

    assert all(len(found) == 1 for found in counts(bench.lesson("emotion").clips).values())
    assert bench.lesson("sex").clips == bench.speech("adversary").clips


def test_segments_are_cut_by_the_training_hop_where_one_learns_and_by_the_other_where_one_reads(bench: Bench) -> None:
    features = bench.settings.features
    for part, hop in (("primary", features.train_hop), ("primary-validation", 30), ("test", features.test_hop)):
        speech = bench.speech(part)
        frames = len(bench.store.features(speech.clips[0]))
        assert len(speech.wave(0)) == 40 * (1 + max(-(-(frames - 40) // hop), 0))


def test_an_adversary_knows_the_secrets_of_the_primary_part(bench: Bench) -> None:
    assert bench.adversary("sex").network.labels == ("female", "male")
    speakers = sorted({clip.speaker for clip in bench.speech("primary").clips})
    assert list(bench.adversary("speaker").network.labels) == speakers
    one, other = (bench.adversary("sex").network.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_repeats_begin_with_other_weights_and_rotations_test_others(planned: Planned, tmp_path: Path) -> None:
    plan = planned("cloak-fig4", tmp_path, size=(2, 2))
    assert Bench(plan, Place(0, 0)).seed == Bench(plan, Place(1, 0)).seed != Bench(plan, Place(0, 1)).seed


# --- draws


def test_every_batch_is_drawn_anew_and_the_mean_of_releases_has_less_noise(cloak: Cloak) -> None:
    batch, lengths = torch.zeros(40, 80, 16), torch.full((40,), 80)
    kept = cloak.noise.keep.repeat(2, 1).bool()
    drawn = [Redraw(cloak, draws)(batch, lengths)[0] for draws in (1, 1, 16)]
    assert not torch.equal(drawn[0], drawn[1])
    assert [float(each[:, kept].std()) for each in drawn] == pytest.approx([0.505, 0.505, 0.126], rel=0.05)
    assert all(not each[:, ~kept].any() for each in drawn)


def test_a_batch_drawn_by_segments_is_what_the_device_makes_of_it(cloak: Cloak, monkeypatch: Any) -> None:
    monkeypatch.setattr(torch, "randn_like", torch.ones_like)
    batch = torch.randn(3, 80, 16)
    found = Redraw(cloak)(batch, torch.full((3,), 80))[0]
    with torch.no_grad():
        alone = cloak.noise(batch[1, 40:][None], torch.ones(1, 40, 16))[0]
    assert torch.equal(found[1, 40:], alone)


def test_averaging_gains_nothing_on_one_fixed_draw_and_something_on_fresh_ones(
    bench: Bench, cloak: Cloak, fg: Any, tmp_path: Path
) -> None:
    found = {(r.attacker, r.draw): r for r in attack(bench, cloak, fg, tmp_path).readings(learning=False)}
    assert list(found) == [
        ("ignorant", "anew"), ("informed", "anew"), ("informed + calibrated", "anew"), ("ignorant", "fixed"),
        ("averaged", "anew"), ("averaged", "fixed"),
    ]  # fmt: skip
    single, mean = found["ignorant", "fixed"], found["averaged", "fixed"]
    assert mean.readings == single.readings
    clips = range(len(bench.speech("test")))
    assert all(np.array_equal(mean.released.wave(i), single.released.wave(i)) for i in clips)

    def kept(reading: attackers.Reading) -> float:
        pairs = [(bench.speech("test").wave(i), reading.released.wave(i)) for i in clips]
        mask = cloak.noise.keep.numpy().astype(bool)
        moved = [(y - x).reshape(-1, 40, 16)[:, mask].std() for x, y in pairs]
        return float(np.mean(moved))

    assert kept(found["averaged", "anew"]) == pytest.approx(kept(found["ignorant", "anew"]) / np.sqrt(2), rel=0.05)


def test_white_noise_leaves_each_clip_the_snr_that_the_cloak_leaves_it(bench: Bench, cloak: Cloak) -> None:
    test = bench.speech("test").subset(range(5))
    white = readings._as_much_white_noise(cloak, test, 0)
    for index, clip in enumerate(test.clips):
        moved = cloak.noised(test.wave(index), attackers.derive(0, "release", clip.id))
        wanted = snr_db(test.wave(index).ravel(), moved.ravel())
        assert snr_db(test.wave(index).ravel(), white.wave(index).ravel()) == pytest.approx(wanted, abs=0.05)


def test_features_without_anything_in_them_get_no_white_noise(bench: Bench, cloak: Cloak) -> None:
    silent = Speech([Clip("a", Path("a.wav"))], [np.zeros((40, 16), np.float32)])
    assert readings._as_much_white_noise(cloak, silent, 0).wave(0).shape == (40, 16)


# --- who has the device


def test_a_shift_that_fools_who_knows_clean_features_is_taken_away_by_who_has_the_device(
    bench: Bench, fg: Any, tmp_path: Path
) -> None:
    shifted = Noise(bench.settings.cloak.noise(bench.settings.features))
    torch.nn.init.constant_(shifted.rho, -20.0)
    torch.nn.init.constant_(shifted.mu, 4.0)
    judged = attack(bench, Cloak(shifted, bench.settings.features), fg, tmp_path)
    found = {reading.attacker: reading for reading in judged.readings(learning=False) if reading.draw == "anew"}
    test, odds = bench.speech("test"), attackers.LogOdds(fg)
    clean, once = (np.array(attackers.read_all(odds, speech)) for speech in (test, found["informed"].released))
    undone = np.array(attackers.read_all(odds, judged._undone(found["informed"].released)))
    assert np.abs(undone - clean).max() < 0.1 * np.abs(once - clean).mean()
    assert found["informed"].readings == [fg.labels[int(each <= 0)] for each in undone]
    assert all(np.array_equal(found["informed"].released.wave(i), found["ignorant"].released.wave(i)) for i in (0, 9))


@pytest.mark.parametrize("task", ["emotion", "sex"])
def test_who_has_the_device_reads_both_and_of_sex_moves_a_threshold(
    bench: Bench, cloak: Cloak, fg: Any, tmp_path: Path, task: str
) -> None:
    who = [r.attacker for r in attack(bench, cloak, fg, tmp_path, task).readings(learning=False) if r.draw == "anew"]
    assert [name for name in who if "informed" in name] == ["informed", "informed + calibrated"][: 1 + (task == "sex")]


class Tilted:
    """Takes a recording for the first label by the mean of its features, and a tilt towards it."""

    labels = ("female", "male")

    def __init__(self, tilt: float) -> None:
        self.tilt = tilt

    def __call__(self, features: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        odds = features.mean((1, 2)) + self.tilt
        return torch.stack([odds, -odds], 1).log_softmax(1)


@pytest.mark.parametrize("tilt", [-5.0, 0.0, 5.0])
def test_a_threshold_set_without_labels_undoes_a_reader_that_leans_to_one_answer(tilt: float) -> None:
    def speech(*levels: float) -> Speech:
        clips = [Clip(str(place), Path("a.wav")) for place in range(len(levels))]
        return Speech(clips, [np.full((40, 16), level, np.float32) for level in levels])

    read = attackers.calibrated(Tilted(tilt), speech(1.0, 1.5, 2.5, 9.0), speech(1.9, 2.1, -3.0))
    assert read == ["male", "female", "male"]


# --- who learns


def test_attackers_that_have_learned_do_not_learn_again_where_their_readings_are_gone(
    bench: Bench, cloak: Cloak, fg: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = attack(bench, cloak, fg, tmp_path), attack(bench, cloak, fg, tmp_path)
    found = [reading.readings for reading in first.readings(learning=True)]
    monkeypatch.setattr(loop, "_one_epoch", lambda *given: pytest.fail("learned again"))
    assert [reading.readings for reading in second.readings(learning=True)] == found
    assert second.gains == first.gains and len(first.gains) == 3


def test_an_attacker_that_learned_nothing_better_keeps_what_it_knew(
    bench: Bench, cloak: Cloak, fg: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Worse:
        best_score = -1.0

    def spoil(task: Any, network: Any, *more: Any) -> Worse:
        torch.nn.init.zeros_(network.head[0].weight)
        return Worse()

    monkeypatch.setattr(attackers, "train_recognizer", spoil)
    before = copy.deepcopy(fg.state_dict())
    judged = attack(bench, cloak, fg, tmp_path)
    found = {(r.attacker, r.draw): r.readings for r in judged.readings(learning=True)}
    assert found["fine-tuned", "anew"] == found["ignorant", "anew"]
    assert found["averaged + fine-tuned", "anew"] == found["averaged", "anew"]
    assert [(gain.attacker, gain.kept) for gain in judged.gains] == [
        ("fine-tuned", "no"), ("scratch", "yes"), ("averaged + fine-tuned", "no"),
    ]  # fmt: skip
    assert all(torch.equal(before[name], tensor) for name, tensor in fg.state_dict().items())


def test_attackers_learn_from_the_release_of_their_own_part(
    bench: Bench, cloak: Cloak, fg: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lessons: dict[str, Any] = {}

    class Better:
        best_score = 2.0

    def note(task: Any, network: Any, parts: Any, loop: Any, folder: Path, seed: int) -> Better:
        lessons[folder.name] = task, parts, loop
        return Better()

    monkeypatch.setattr(attackers, "train_recognizer", note)
    judged = attack(bench, cloak, fg, tmp_path)
    list(judged.readings(learning=True))
    assert list(lessons) == ["fine-tuned", "scratch", "averaged+fine-tuned"]
    assert [task.vary.draws for task, _, _ in lessons.values()] == [1, 1, 2]
    assert all(loop.augment for _, _, loop in lessons.values())
    for _, (train, validation), _ in lessons.values():
        assert train is bench.lesson("sex")
        assert [clip.id for clip in validation.clips] == [clip.id for clip in bench.validation("sex").clips]
        assert not np.array_equal(validation.wave(0), bench.validation("sex").wave(0))
    assert all(gain.kept == "yes" for gain in judged.gains)

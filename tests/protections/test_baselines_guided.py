"""Baselines that ask a frozen recogniser: what they may take from it, what they give, what they leave as it was."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from aclipse.contracts import SAMPLE_RATE, Wave
from aclipse.errors import RecipeError
from aclipse.models.compact import CharacterRecognizer, ClipClassifier
from aclipse.protections.baselines import PGD, LabelOnly, WhiteNoise, label
from aclipse.protections.baselines.pgd import ascend
from aclipse.training.checkpoint import freeze

TONES = {"angry": 3000.0, "calm": 300.0, "happy": 1200.0}  # Hz
SPEECH = (0.1 * np.random.default_rng(3).standard_normal(24_000)).astype(np.float32)


def tone(name: str, seconds: float = 1.0, level: float = 0.3) -> Wave:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (level * np.sin(2 * np.pi * TONES[name] * time)).astype(np.float32)


def drawn(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build()


@pytest.fixture(scope="module")
def classifier() -> nn.Module:
    """Tells three tones apart, in 40 steps; its parameters still ask for gradients, as an attacker's do."""
    network = drawn(lambda: ClipClassifier(tuple(TONES), width=16, dropout=0.0))
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    generator = torch.Generator().manual_seed(0)
    clean = torch.from_numpy(np.stack([tone(name, 0.5) for name in TONES])).repeat(2, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # what is blanked while it learns is drawn too
        for _ in range(40):
            waves = clean + 0.05 * torch.randn(clean.shape, generator=generator)
            optimizer.zero_grad()
            network.loss(waves, torch.full((6,), SAMPLE_RATE // 2), list(TONES) * 2).mean().backward()
            optimizer.step()
    optimizer.zero_grad()
    return network.eval()


@pytest.fixture(scope="module")
def words() -> nn.Module:
    return drawn(lambda: CharacterRecognizer(width=16)).eval()


@pytest.fixture(scope="module")
def label_only(classifier: nn.Module) -> LabelOnly:
    return LabelOnly(classifier)


def weights(network: nn.Module) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in network.state_dict().values()]


def read(network: nn.Module, wave: Wave) -> str:
    return network.read(torch.from_numpy(wave)[None], torch.tensor([len(wave)]))[0]


def loss_of(network: nn.Module, wave: Wave, target: str) -> float:
    with torch.no_grad():
        return network.loss(torch.from_numpy(wave)[None], torch.tensor([len(wave)]), [target]).item()


# --- label only


def test_the_tones_are_told_apart(classifier: nn.Module) -> None:
    assert [read(classifier, tone(name, 1.3)) for name in TONES] == list(TONES)


@settings(deadline=None, max_examples=15)
@given(name=st.sampled_from(sorted(TONES)), samples=st.integers(SAMPLE_RATE, 6 * SAMPLE_RATE))
def test_the_release_is_read_as_the_input_at_any_length(label_only: LabelOnly, name: str, samples: int) -> None:
    out = label_only.release(np.resize(tone(name), samples))
    assert read(label_only.recognizer, out) == name


@pytest.mark.parametrize("name", TONES)
def test_the_release_depends_on_class_and_length_alone(label_only: LabelOnly, name: str) -> None:
    noisy = WhiteNoise(20).release(tone(name, level=0.01), seed=4)
    assert read(label_only.recognizer, noisy) == name
    assert np.array_equal(label_only.release(noisy, seed=1), label_only.release(tone(name), seed=2))
    longer = label_only.release(tone(name, 2.5))
    assert np.array_equal(longer[:16_000], longer[16_000:32_000])
    assert np.array_equal(longer[:16_000], label_only.sounds[name])


def test_all_sounds_are_equally_loud_and_differ(label_only: LabelOnly) -> None:
    sounds = np.stack(list(label_only.sounds.values()))
    np.testing.assert_allclose(np.sqrt(np.mean(sounds.astype(float) ** 2, axis=1)), label.LEVEL, rtol=1e-5)
    assert np.abs(sounds).max() < 1 and len(np.unique(sounds, axis=0)) == 3


@pytest.mark.parametrize("level", [0.0, 2e-5])
def test_what_is_silent_stays_silent(label_only: LabelOnly, level: float) -> None:
    assert not label_only.release(tone("calm", level=level)).any()


def test_sounds_follow_their_seed_and_leave_the_recogniser_as_it_was(classifier: nn.Module) -> None:
    before = weights(classifier)
    first, again, other = (LabelOnly(classifier, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(first.sounds[name], again.sounds[name]) for name in TONES)
    assert not np.array_equal(first.sounds["calm"], other.sounds["calm"])
    assert repr(first) == repr(again) != repr(other)
    assert weights(classifier) == before and all(p.grad is None for p in classifier.parameters())


def test_a_deaf_recogniser_is_told_of(words: nn.Module, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    network = drawn(lambda: ClipClassifier(("calm", "sad"), width=8)).eval()
    torch.nn.init.zeros_(network.head[1].weight)
    monkeypatch.setattr(label, "STEPS", 2)
    with caplog.at_level(logging.WARNING):
        LabelOnly(network)
    assert "no sound is safely read as its class" in caplog.text


def test_labels_are_needed(classifier: nn.Module, words: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match="no labels were given and the recogniser names none; give labels="):
        LabelOnly(words)
    monkeypatch.setattr(label, "STEPS", 1)
    some = LabelOnly(classifier, ["calm", "happy"])
    with pytest.raises(RecipeError, match=r"read 'angry'; there are sounds for \['calm', 'happy'\]"):
        some.release(tone("angry"))


# --- PGD


@pytest.mark.parametrize("snr_db", [-5.0, 5.0, 30.0])
@pytest.mark.parametrize("samples", [1, 399, 24_000])
def test_pgd_spends_its_limit_and_no_more(words: nn.Module, snr_db: float, samples: int) -> None:
    wave = SPEECH[:samples]
    change = PGD(words, snr_db, steps=2).release(wave).astype(float) - wave
    assert 10 * np.log10(np.sum(wave.astype(float) ** 2) / np.sum(change**2)) == pytest.approx(snr_db, abs=0.01)


def test_more_steps_do_more_than_fewer_than_noise(words: nn.Module) -> None:
    heard = read(words, SPEECH)
    released = [PGD(words, 15, steps).release(SPEECH, seed=1) for steps in (10, 100)]
    noise, ten, hundred = (loss_of(words, out, heard) for out in [WhiteNoise(15).release(SPEECH, seed=1), *released])
    clean = loss_of(words, SPEECH, heard)
    assert hundred > ten > noise and ten - clean > 3 * abs(noise - clean)


def test_pgd_follows_its_seed_and_leaves_the_recogniser_as_it_was(words: nn.Module) -> None:
    before = weights(words)
    first, again, other = (PGD(words, 10, 3).release(SPEECH, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert weights(words) == before and all(p.grad is None for p in words.parameters())


def test_pgd_works_where_gradients_are_off_and_on_a_frozen_recogniser() -> None:
    frozen = freeze(drawn(lambda: CharacterRecognizer(width=16)))
    expected = PGD(frozen, 10, 3).release(SPEECH)
    with torch.no_grad():
        assert np.array_equal(PGD(frozen, 10, 3).release(SPEECH), expected)


def test_the_best_point_of_a_walk_is_kept() -> None:
    seen: list[float] = []

    def ripples(x: torch.Tensor) -> torch.Tensor:
        value = torch.sin(40 * x[0])
        seen.append(value.item())
        return value

    best = ascend(ripples, torch.tensor([0.3, 1.0]), radius=1.0, steps=20)
    assert len(seen) == 21 and ripples(best).item() == max(seen) > seen[-2]


def test_a_deaf_recogniser_gives_the_noise_back() -> None:
    start = torch.tensor([3.0, 4.0])
    assert torch.allclose(ascend(lambda x: 0 * x.sum(), start, radius=10.0, steps=3), 2 * start)


@pytest.mark.parametrize("steps", [0, -3])
def test_pgd_needs_a_step(words: nn.Module, steps: int) -> None:
    with pytest.raises(RecipeError, match=rf"{steps} steps were asked for; at least 1 is needed"):
        PGD(words, 5, steps)


def test_pgd_refuses_an_impossible_snr(words: nn.Module) -> None:
    with pytest.raises(RecipeError, match="ratio of 200 dB was given"):
        PGD(words, 200)


@pytest.mark.parametrize("kind", [PGD, LabelOnly])
def test_a_guide_must_be_frozen(kind: type) -> None:
    with pytest.raises(RecipeError, match="in training mode was given; a guide must be fixed"):
        kind(ClipClassifier(("calm",), width=8).train())


def test_two_guides_are_told_apart_in_names(words: nn.Module) -> None:
    other = drawn(lambda: CharacterRecognizer(width=16)).eval()
    assert repr(PGD(words, 5, 10)) == repr(PGD(other, 5, 10)) != repr(PGD(words, 5, 100))
    with torch.no_grad():
        other.head.bias += 1e-3
    assert repr(PGD(words, 5, 10)) != repr(PGD(other, 5, 10))

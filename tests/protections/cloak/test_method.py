"""Cloak as a protection and its training: the same seed the same release, a frozen guide, adversaries that learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aclipse.audio.segments import FeatureSettings, Scale, cut, log_mel, scale_of
from aclipse.contracts import Clip, Features, Wave
from aclipse.errors import RunError
from aclipse.models.segmental import SegmentClassifier
from aclipse.protections.cloak.method import Adversary, Cloak, CloakSettings, Trainer, fit_cloak
from aclipse.protections.cloak.noise import Noise, NoiseSettings
from aclipse.training import checkpoint
from aclipse.training.batches import Speech

FEATURES = FeatureSettings(bands=16, segment=24, train_hop=12, test_hop=18)
QUICK = CloakSettings(epochs=2, suppression_epochs=2, batch_size=8, suppression=50.0, noise_rate=0.1)


def sound(seconds: float = 0.9, seed: int = 0) -> Wave:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(16_000 * seconds))).astype(np.float32)


def cloak(fixed: bool = False, **settings: object) -> Cloak:
    torch.manual_seed(1)
    noise = Noise(NoiseSettings(segment=24, bands=16, start=0.0, **settings))  # type: ignore[arg-type]
    noise.mu.data.normal_()
    return Cloak(noise, FEATURES, fixed)


def spoken(count: int = 12) -> Speech:
    """Emotion is the level of the low bands, sex that of the high ones."""
    clips, signals = [], list[Features]()
    rng = np.random.default_rng(0)
    for number in range(count):
        emotion, sex = ("happy", "sad")[number % 2], ("female", "male")[number // 2 % 2]
        signal = rng.standard_normal((48, 16)).astype(np.float32)
        signal[:, :8] += 2 if emotion == "happy" else -2
        signal[:, 8:] += 2 if sex == "female" else -2
        clips.append(Clip(f"c{number}", Path(f"c{number}.wav"), f"s{number % 3}", sex, emotion))
        signals.append(signal)
    return Speech(clips, signals)


def network(*labels: str) -> SegmentClassifier:
    torch.manual_seed(2)
    return SegmentClassifier(labels, segment=24, bands=16)


def trainer(secrets: bool = True, settings: CloakSettings = QUICK) -> Trainer:
    sex = [Adversary("sex", network("female", "male"), lambda clip: clip.sex)] if secrets else []
    guide = checkpoint.freeze(network("happy", "sad"))
    return Trainer(settings, FEATURES, guide, sex, {"train": spoken(), "validation": spoken(6)}, 0)


@pytest.mark.parametrize("form", ["universal", "adaptive"])
def test_a_seed_gives_the_same_release_another_seed_another(form: str) -> None:
    protection, wave = cloak(form=form), sound()
    untouched = wave.copy()
    first = protection.release(wave, 3)
    assert np.array_equal(first, protection.release(wave, 3))
    assert not np.array_equal(first, protection.release(wave, 4))
    assert np.array_equal(wave, untouched)


def test_one_fixed_draw_whatever_the_seed_but_not_for_another_recording() -> None:
    protection = cloak(fixed=True)
    silent = np.zeros((24, 16), np.float32)
    assert np.array_equal(protection.noised(silent, 3), protection.noised(silent, 4))
    other = silent + np.float32(1)
    assert not np.allclose(protection.noised(silent) + 1, protection.noised(other), atol=1e-2)


def test_repeated_releases_average_to_the_input_unless_the_draw_is_fixed() -> None:
    features = np.zeros((24, 16), np.float32)
    for fixed, ratio in ((False, 0.1), (True, 1.0)):
        protection = cloak(fixed=fixed)
        rest = np.mean([protection.noised(features, seed) for seed in range(100)], 0) - protection.noise.mu.numpy()
        one = protection.noised(features, 0) - protection.noise.mu.numpy()
        assert np.std(rest) / np.std(one) == pytest.approx(ratio, rel=0.15)


def test_a_release_is_half_precision_segments_of_normalised_features() -> None:
    protection = cloak(least=1e-6, most=1.1e-6)  # next to no noise
    protection.noise.mu.data.zero_()
    wave = sound()
    mel = log_mel(wave, FEATURES)
    found = protection.release(wave)
    np.testing.assert_allclose(found, cut(scale_of(mel).apply(mel), 24, 18), atol=4e-3)
    assert np.array_equal(found, found.astype(np.float16))
    known = protection.release(wave, scale=scale_of(mel + 1))
    assert not np.allclose(known, found, atol=0.1)


@pytest.mark.parametrize("samples", [0, 1, 399, 40_000])
def test_any_length_gives_whole_segments(samples: int) -> None:
    released = cloak().release(np.zeros(samples, np.float32))
    assert len(released) % 24 == 0
    assert len(released) >= 24
    assert np.isfinite(released).all()


def test_blocks_equal_the_whole() -> None:
    protection, wave = cloak(), sound()
    blocks = list(protection.release_blocks([wave[:100], wave[100:]], 5))
    assert np.array_equal(np.concatenate(blocks), protection.release(wave, 5))


def test_absurd_features_stay_finite() -> None:
    assert np.isfinite(cloak().noised(np.full((24, 16), 1e30, np.float32))).all()


@pytest.mark.parametrize("shape", [(23, 16), (24, 15), (24,)])
def test_features_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(RunError, match="not whole segments of 24 frames by 16 bands"):
        cloak().noised(np.zeros(shape, np.float32))


def test_saved_and_loaded_it_releases_the_same(tmp_path: Path) -> None:
    protection = cloak(fixed=True, form="adaptive")
    protection.save(tmp_path / "weights.safetensors")
    again = Cloak.load(tmp_path / "weights.safetensors")
    assert repr(again) == repr(protection)
    assert again.name == "cloak-adaptive"
    assert np.array_equal(again.release(sound(), 2), protection.release(sound(), 2))


def test_other_weights_are_refused(tmp_path: Path) -> None:
    checkpoint.save_module(tmp_path / "weights.safetensors", network("a", "b"))
    with pytest.raises(RunError, match="does not hold a cloak"):
        Cloak.load(tmp_path / "weights.safetensors")


def test_a_draw_differs_between_segments_and_clips_of_a_batch() -> None:
    found = cloak().noised(np.zeros((48, 16), np.float32))
    assert not np.array_equal(found[:24], found[24:])


def test_the_guide_stays_as_it_was_statistics_included_and_the_adversary_learns(tmp_path: Path) -> None:
    made = trainer()
    guide = {name: tensor.clone() for name, tensor in made.guide.state_dict().items()}
    adversary = {name: tensor.clone() for name, tensor in made.adversaries[0].network.state_dict().items()}
    made.perturb(tmp_path)
    assert all(torch.equal(tensor, guide[name]) for name, tensor in made.guide.state_dict().items())
    assert not made.guide.training
    learned = made.adversaries[0].network.state_dict()
    assert any(not torch.equal(tensor, adversary[name]) for name, tensor in learned.items())


def test_the_objective_is_the_papers(tmp_path: Path) -> None:
    made, batch = trainer(), spoken(4).batch(range(4))
    loss, terms = made.terms(batch, 0.1)
    expected = terms["cross_entropy"] + terms["sex"] + 0.1 * terms["sparsity"]
    torch.testing.assert_close(loss, expected)
    loss, terms = made.terms(batch, 0.0)
    assert set(terms) == {"cross_entropy", "sex"}
    assert set(trainer(secrets=False).terms(batch, 0.1)[1]) == {"cross_entropy", "sparsity"}


def test_the_adversary_reaches_the_noise_reversed_and_scaled() -> None:
    torch.manual_seed(0)
    grads = {}
    for alpha in (0.0, 0.5, 1.0):
        made = trainer(settings=QUICK.model_copy(update={"reversal": alpha}))
        made.adversaries[0].network.eval()
        torch.manual_seed(0)
        made.terms(spoken(4).batch(range(4)), 0.0)[0].backward()
        grads[alpha] = made.noise.mu.grad.clone()
    torch.testing.assert_close(grads[0.5] - grads[0.0], 0.5 * (grads[1.0] - grads[0.0]), rtol=1e-3, atol=1e-7)


def test_perturbation_then_any_shares_from_the_same_point(tmp_path: Path) -> None:
    made = trainer()
    perturbed = made.perturb(tmp_path / "perturbation")
    half, none = made.suppress(50.0, tmp_path / "50"), made.suppress(0.0, tmp_path / "0")
    assert repr(none) == repr(perturbed)
    assert float((half.noise.keep == 0).float().mean()) == 0.5
    assert torch.equal(half.noise.rho, perturbed.noise.rho)
    assert not torch.equal(half.noise.mu, perturbed.noise.mu)
    again = trainer()
    again.perturb(tmp_path / "perturbation")
    assert repr(again.suppress(50.0, tmp_path / "other")) == repr(half)


def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = trainer().perturb(tmp_path / "whole")
    trainer(settings=QUICK.model_copy(update={"epochs": 1})).perturb(tmp_path / "cut")
    assert repr(trainer().perturb(tmp_path / "cut")) == repr(whole)


def test_the_papers_mode_begins_without_noise_and_is_finite(tmp_path: Path) -> None:
    settings = QUICK.model_copy(update={"mode": "paper"})
    made = trainer(settings=settings)
    assert made.noise.sigma(torch.zeros(1, 24, 16)).max().item() == pytest.approx(2.06e-9, rel=1e-2)
    found = made.perturb(tmp_path)
    assert all(torch.isfinite(tensor).all() for tensor in found.noise.state_dict().values())


def test_both_stages_at_once(tmp_path: Path) -> None:
    made = trainer()
    found = fit_cloak(QUICK, FEATURES, made.guide, made.adversaries, made.speech, tmp_path, 0)
    made.perturb(tmp_path / "again")
    assert repr(found) == repr(made.suppress(50.0, tmp_path / "again-50"))


def normalised(kind: str, **scales: Scale) -> Cloak:
    """Next to no noise, so that what is released is what normalisation gives."""
    noise = Noise(NoiseSettings(segment=24, bands=16, least=1e-6, most=1.1e-6))
    return Cloak(noise, FEATURES.model_copy(update={"normalisation": kind}), **scales)


def test_a_device_normalises_as_its_settings_say(tmp_path: Path) -> None:
    wave = sound(0.24)  # one segment
    mel = log_mel(wave, FEATURES)
    corpus = Scale(mel.mean(0) + 1, np.full(16, 2, np.float32))
    expected = {
        "none": mel,
        "corpus": corpus.apply(mel),
        "recording": scale_of(mel).apply(mel),
        "speaker": scale_of(mel).apply(mel),
    }
    for kind, features in expected.items():
        normalised(kind, corpus=corpus).save(tmp_path / kind)
        found = Cloak.load(tmp_path / kind).release(wave)[:24]
        np.testing.assert_allclose(found, features[:24], rtol=2e-3, atol=4e-3)


def test_an_enrolled_speaker_is_normalised_over_all_recordings() -> None:
    waves = [sound(0.24, 1), 0.1 * sound(0.24, 2)]
    mels = [log_mel(wave, FEATURES) for wave in waves]
    found = normalised("speaker").enrolled(waves).release(waves[0])[:24]
    np.testing.assert_allclose(found, scale_of(*mels).apply(mels[0])[:24], atol=4e-3)
    assert normalised("recording").enrolled(waves).speaker is None


def test_a_corpus_that_is_not_known_normalises_nothing() -> None:
    with pytest.raises(RunError, match=r"does not know it\. Train it again"):
        normalised("corpus").release(sound())


def test_a_fixed_draw_is_the_recordings_whoever_is_enrolled() -> None:
    protection, waves = cloak(fixed=True), [sound(0.24, 1), sound(0.24, 2)]
    scale = scale_of(log_mel(waves[0], FEATURES))
    assert np.array_equal(protection.release(waves[0], 1, scale), protection.release(waves[0], 2, scale))
    moved = protection.release(waves[0]) - protection.enrolled(waves).release(waves[0])
    clean = normalised("speaker").release(waves[0]) - normalised("speaker").enrolled(waves).release(waves[0])
    np.testing.assert_allclose(moved, clean, atol=1e-2)  # the noise is the same


def test_who_has_the_device_undoes_the_shift() -> None:
    protection = cloak()
    features = np.zeros((48, 16), np.float32)
    mean = np.mean([protection.undone(protection.noised(features, seed)) for seed in range(200)], 0)
    assert np.abs(mean).max() < 0.3
    assert np.abs(protection.noised(features)).max() > 1

"""Compact recognisers: batch invariance, losses against torch's own, gradients, and that they can learn."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from aclipse.audio.signal import pad_stack
from aclipse.errors import CorpusError
from aclipse.models import text
from aclipse.models.compact import CharacterRecognizer, ClipClassifier, spec_augment
from aclipse.training.checkpoint import freeze, load_module, save_module

LABELS = ("angry", "happy", "sad")


def recording(samples: int, seed: int = 0) -> Tensor:
    """Noise that comes and goes, so that frames differ."""
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(seed))
    return 0.1 * noise * torch.sin(torch.arange(samples) / (900 + 100 * seed))


def build(kind: type[nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return (ClipClassifier(LABELS, width=16) if kind is ClipClassifier else CharacterRecognizer(width=16)).eval()


@pytest.fixture(scope="module", params=[ClipClassifier, CharacterRecognizer], ids=lambda kind: kind.__name__)
def recognizer(request: pytest.FixtureRequest) -> nn.Module:
    return build(request.param)


def targets(recognizer: nn.Module, count: int) -> list[str]:
    known = LABELS if isinstance(recognizer, ClipClassifier) else ("noon", "well well", "")
    return [known[i % len(known)] for i in range(count)]


def scores(recognizer: nn.Module, waves: Tensor, lengths: Tensor) -> list[Tensor]:
    """Each recording's own scores, free of padding."""
    out = recognizer(waves, lengths)
    return list(out) if isinstance(out, Tensor) else [row[:count] for row, count in zip(*out, strict=True)]


@settings(deadline=None, max_examples=15)
@given(
    lengths=st.lists(st.integers(400, 24_000), min_size=2, max_size=5),
    extra=st.integers(0, 4000),
    order_seed=st.integers(0, 99),
)
@torch.no_grad()
def test_scores_are_free_of_batch_order_and_padding(
    recognizer: nn.Module, lengths: list[int], extra: int, order_seed: int
) -> None:
    waves = [recording(length, seed) for seed, length in enumerate(lengths)]
    order = torch.randperm(len(waves), generator=torch.Generator().manual_seed(order_seed)).tolist()
    batch, counts = pad_stack([waves[i] for i in order])
    batch = nn.functional.pad(batch, (0, extra), value=0.5)
    together, read = scores(recognizer, batch, counts), recognizer.read(batch, counts)
    goals = targets(recognizer, len(waves))
    losses = recognizer.loss(batch, counts, goals)
    for row, index in enumerate(order):
        alone = (waves[index][None], counts[row : row + 1])
        torch.testing.assert_close(together[row], scores(recognizer, *alone)[0], rtol=0, atol=1e-5)
        assert recognizer.read(*alone) == [read[row]]
        torch.testing.assert_close(losses[row], recognizer.loss(*alone, goals[row : row + 1])[0], rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("gain", [0.01, 0.3, 50.0])
def test_gain_does_not_matter(recognizer: nn.Module, gain: float) -> None:
    wave, length = recording(16_000)[None], torch.tensor([16_000])
    quiet, loud = scores(recognizer, wave, length)[0], scores(recognizer, gain * wave, length)[0]
    torch.testing.assert_close(loud, quiet, rtol=0, atol=1e-3)
    assert recognizer.read(gain * wave, length) == recognizer.read(wave, length)


def test_gradients_reach_the_waveform_and_no_frozen_weight(recognizer: nn.Module) -> None:
    freeze(recognizer)
    before = {name: tensor.clone() for name, tensor in recognizer.state_dict().items()}
    wave = recording(8000)[None].requires_grad_()
    recognizer.loss(wave, torch.tensor([6000]), targets(recognizer, 1)).sum().backward()
    assert torch.isfinite(wave.grad).all() and not wave.grad[0, 6000:].any()
    assert (wave.grad[0, :6000] != 0).float().mean() > 0.95
    assert all(parameter.grad is None for parameter in recognizer.parameters())
    for name, tensor in recognizer.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@torch.no_grad()
@pytest.mark.parametrize("samples", [1, 399, 400, 401])
def test_the_shortest_and_the_silent_are_read(recognizer: nn.Module, samples: int) -> None:
    for wave in (torch.zeros(1, samples), recording(samples)[None]):
        assert torch.isfinite(scores(recognizer, wave, torch.tensor([samples]))[0]).all()
        assert len(recognizer.read(wave, torch.tensor([samples]))) == 1


@torch.no_grad()
def test_settings_rebuild_the_same_network(recognizer: nn.Module, tmp_path) -> None:
    save_module(tmp_path / "model.safetensors", recognizer, seed=3)
    again, facts = load_module(tmp_path / "model.safetensors", type(recognizer))
    wave, length = recording(9000)[None], torch.tensor([9000])
    assert facts["seed"] == 3 and again.settings == recognizer.settings and not again.training
    assert torch.equal(scores(again, wave, length)[0], scores(recognizer, wave, length)[0])


@torch.no_grad()
def test_the_classifiers_loss_is_cross_entropy() -> None:
    classifier = build(ClipClassifier)
    waves, lengths = pad_stack([recording(5000, 1), recording(9000, 2)])
    logits = classifier(waves, lengths)
    expected = [-(row - row.logsumexp(0))[index] for row, index in zip(logits, (2, 0), strict=True)]
    torch.testing.assert_close(classifier.loss(waves, lengths, ["sad", "angry"]), torch.stack(expected))
    torch.testing.assert_close(
        torch.stack(expected), nn.CrossEntropyLoss(reduction="none")(logits, torch.tensor([2, 0]))
    )
    assert classifier.read(waves, lengths) == [LABELS[row.argmax()] for row in logits]


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(
        CorpusError, match=r"\['bored'\] are not among \['angry', 'happy', 'sad'\]\. Leave those clips out"
    ):
        build(ClipClassifier).loss(torch.zeros(2, 400), torch.tensor([400, 400]), ["sad", "bored"])


@torch.no_grad()
def test_the_character_loss_is_ctc_summed_over_characters() -> None:
    recognizer = build(CharacterRecognizer)
    waves, lengths = pad_stack([recording(16_000, 1), recording(9_000, 2)])
    log_probs, frames = recognizer(waves, lengths)
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(log_probs.shape[:2]))
    assert log_probs.shape[-1] == len(text.ALPHABET) + 1
    said = ["Well, well!", "it's noon"]
    losses = recognizer.loss(waves, lengths, said)
    for row, sentence in enumerate(said):
        goal, count = text.encode([sentence])
        ctc = nn.CTCLoss(blank=text.BLANK, reduction="sum")
        torch.testing.assert_close(losses[row], ctc(log_probs[row, : frames[row]], goal, frames[row], count[0]))
    assert recognizer.read(waves, lengths) == text.greedy_decode(log_probs, frames)


@torch.no_grad()
def test_an_empty_transcript_costs_the_blanks() -> None:
    recognizer = build(CharacterRecognizer)
    waves, lengths = recording(8000)[None], torch.tensor([8000])
    log_probs, frames = recognizer(waves, lengths)
    blanks = -log_probs[0, : frames[0], text.BLANK].sum()
    torch.testing.assert_close(recognizer.loss(waves, lengths, [""])[0], blanks)
    torch.testing.assert_close(recognizer.loss(waves, lengths, ["!?"])[0], blanks)


def test_a_transcript_too_long_for_its_frames_costs_nothing() -> None:
    recognizer = build(CharacterRecognizer)
    waves, lengths = pad_stack([recording(800), recording(16_000)])
    waves.requires_grad_()
    losses = recognizer.loss(waves, lengths, ["far too long for fifty milliseconds", "noon"])
    losses.sum().backward()
    assert losses[0].item() == 0.0 and losses[1].item() > 0
    assert torch.isfinite(waves.grad).all() and not waves.grad[0].any() and waves.grad[1].any()


def tones(*frequencies: float) -> Tensor:
    """0.25 s of each frequency."""
    time = torch.arange(4000) / 16_000
    return torch.cat([torch.sin(2 * math.pi * f * time) for f in frequencies])


def learn(recognizer: nn.Module, goals: list[str], waves: list[Tensor], steps: int) -> list[str]:
    batch, lengths = pad_stack(waves)
    optimizer = torch.optim.Adam(recognizer.parameters(), lr=5e-3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(steps):
            optimizer.zero_grad()
            recognizer.train().loss(batch, lengths, goals).mean().backward()
            optimizer.step()
    with torch.no_grad():
        return recognizer.eval().read(batch, lengths)


def test_the_classifier_learns_four_tones() -> None:
    goals = ["sad", "happy", "sad", "happy"]
    assert learn(build(ClipClassifier), goals, [tones(300), tones(1500), tones(350), tones(1700)], 20) == goals


def test_the_character_recognizer_learns_the_order_of_tones() -> None:
    low, high, pause = 300.0, 1500.0, 0.0
    goals = ["ab", "ba", "a b", "b a"]
    waves = [tones(low, high), tones(high, low), tones(low, pause, high), tones(high, pause, low)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        recognizer = CharacterRecognizer(width=32, dropout=0.0)
    assert learn(recognizer, goals, waves, 250) == goals


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999), bands=st.integers(8, 64), frames=st.integers(1, 200))
def test_spec_augment_blanks_spans_within_its_limits(seed: int, bands: int, frames: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        kept = spec_augment(torch.ones(2, bands, frames), time_width=20, band_width=5, masks=2)
    assert set(kept.unique().tolist()) <= {0.0, 1.0}
    for row in kept:
        lost_frames, lost_bands = (row.amax(0) == 0).sum().item(), (row.amax(1) == 0).sum().item()
        if lost_frames < frames and lost_bands < bands:
            assert lost_frames <= 2 * 21 and lost_bands <= 2 * 6
            assert row.sum() == (frames - lost_frames) * (bands - lost_bands)  # whole frames and bands, nothing else

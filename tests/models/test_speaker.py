"""The speaker embedder: free of batch and padding, its loss by hand, and it tells apart voices it never heard."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aclipse.audio.signal import pad_stack
from aclipse.errors import CorpusError
from aclipse.metrics.verification import Trials
from aclipse.models.speaker import SCALE, AttentiveStatistics, ClipNorm, SpeakerEmbedder
from aclipse.training.checkpoint import freeze, load_module, save_module

SPEAKERS = ("ann", "bob", "cat")


def recording(samples: int, seed: int = 0) -> Tensor:
    """Noise that comes and goes, so that frames differ."""
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(seed))
    return 0.1 * noise * torch.sin(torch.arange(samples) / (900 + 100 * seed))


@pytest.fixture
def embedder() -> SpeakerEmbedder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return SpeakerEmbedder(SPEAKERS, size=8, width=16).eval()


@settings(deadline=None, max_examples=15)
@given(lengths=st.lists(st.integers(400, 24_000), min_size=2, max_size=5), extra=st.integers(0, 4000))
@torch.no_grad()
def test_embeddings_are_free_of_batch_order_and_padding(lengths: list[int], extra: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        embedder = SpeakerEmbedder(SPEAKERS, size=8, width=16).eval()
    waves = [recording(length, seed) for seed, length in enumerate(lengths)]
    batch, counts = pad_stack(waves[::-1])
    batch = torch.nn.functional.pad(batch, (0, extra), value=0.5)
    together = embedder.read(batch, counts)[::-1]
    losses = embedder.loss(batch, counts, ["bob"] * len(waves)).flip(0)
    for index, wave in enumerate(waves):
        alone = wave[None], torch.tensor([len(wave)])
        np.testing.assert_allclose(together[index], embedder.read(*alone)[0], atol=1e-5)
        torch.testing.assert_close(losses[index], embedder.loss(*alone, ["bob"])[0], rtol=1e-4, atol=1e-4)


def test_an_embedding_is_a_float32_vector_of_length_one_free_of_gradients(embedder: SpeakerEmbedder) -> None:
    read = embedder.read(*pad_stack([recording(400), recording(9000), torch.zeros(1)]))
    assert isinstance(read, list) and len(read) == 3
    for embedding in read:
        assert isinstance(embedding, np.ndarray) and embedding.dtype == np.float32 and embedding.shape == (8,)
        assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("gain", [0.01, 50.0])
def test_gain_does_not_matter(embedder: SpeakerEmbedder, gain: float) -> None:
    wave, length = recording(16_000)[None], torch.tensor([16_000])
    np.testing.assert_allclose(embedder.read(gain * wave, length)[0], embedder.read(wave, length)[0], atol=1e-3)


def test_gradients_reach_the_waveform_and_no_padding(embedder: SpeakerEmbedder) -> None:
    freeze(embedder)
    wave = recording(8000)[None].requires_grad_()
    embedder.loss(wave, torch.tensor([6000]), ["ann"]).sum().backward()
    assert wave.grad is not None and torch.isfinite(wave.grad).all() and not wave.grad[0, 6000:].any()
    assert (wave.grad[0, :6000] != 0).float().mean() > 0.95


@torch.no_grad()
def test_the_loss_is_an_additive_margin_softmax(embedder: SpeakerEmbedder) -> None:
    waves, lengths = pad_stack([recording(5000, 1), recording(9000, 2)])
    losses = embedder.loss(waves, lengths, ["cat", "ann"])
    for embedding, own, loss in zip(embedder.read(waves, lengths), (2, 0), losses.tolist(), strict=True):
        logits = []
        for k, centre in enumerate(embedder.centres.numpy()):
            cosine = embedding @ centre / np.linalg.norm(embedding) / np.linalg.norm(centre)
            logits.append(SCALE * (cosine - 0.2 * (k == own)))
        assert loss == pytest.approx(math.log(sum(math.exp(x) for x in logits)) - logits[own], abs=1e-4)


@torch.no_grad()
def test_a_margin_only_makes_it_harder() -> None:
    waves, lengths = pad_stack([recording(5000, 1), recording(9000, 2)])
    plain, strict = SpeakerEmbedder(SPEAKERS, margin=0.0).eval(), SpeakerEmbedder(SPEAKERS, margin=0.3).eval()
    strict.load_state_dict(plain.state_dict())
    easy, hard = (network.loss(waves, lengths, ["ann", "bob"]) for network in (plain, strict))
    assert (hard > easy).all() and (hard <= easy + 0.3 * SCALE + 1e-4).all()


def test_an_unknown_speaker_is_refused(embedder: SpeakerEmbedder) -> None:
    with pytest.raises(CorpusError, match=r"speakers \['zoe'\] are none of the 3 .* Leave their clips out"):
        embedder.loss(torch.zeros(2, 400), torch.tensor([400, 400]), ["bob", "zoe"])


@torch.no_grad()
def test_settings_rebuild_the_same_network(tmp_path) -> None:
    embedder = SpeakerEmbedder(SPEAKERS, size=8, width=16, bands=40, dropout=0.3, margin=0.15).eval()
    save_module(tmp_path / "model.safetensors", embedder, seed=3)
    again, facts = load_module(tmp_path / "model.safetensors", SpeakerEmbedder)
    wave, length = recording(9000)[None], torch.tensor([9000])
    assert facts["seed"] == 3 and again.settings == embedder.settings and again.margin == 0.15
    assert np.array_equal(again.read(wave, length)[0], embedder.read(wave, length)[0])


@torch.no_grad()
def test_attentive_statistics_without_preference_are_mean_and_deviation() -> None:
    pooling = AttentiveStatistics(3)
    torch.nn.init.zeros_(pooling.attention.weight)
    x = torch.randn(2, 3, 50, generator=torch.Generator().manual_seed(0))
    out = pooling(x, torch.tensor([50, 20]))
    for row, frames in enumerate((50, 20)):
        true = x[row, :, :frames]
        torch.testing.assert_close(out[row], torch.cat([true.mean(1), true.std(1, correction=0)]))


def test_a_lone_clip_can_be_learned_from() -> None:
    norm = ClipNorm(4)
    pair, alone = torch.tensor([[1.0, 2, 3, 4], [3.0, 2, 1, 0]]), torch.ones(1, 4)
    torch.testing.assert_close(norm(pair).mean(0), torch.zeros(4))
    before = norm.running_mean.clone()
    expected = (alone - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
    torch.testing.assert_close(norm(alone), expected)
    assert torch.equal(norm.running_mean, before)
    assert torch.isfinite(SpeakerEmbedder(SPEAKERS).train().loss(recording(800)[None], torch.tensor([800]), ["ann"]))


def voice(pitch: float, seed: int) -> Tensor:
    """Half a second of harmonics that start at random, in noise."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(8000) / 16_000
    harmonics = [torch.sin(2 * math.pi * (k * pitch * time + torch.rand((), generator=generator))) for k in (1, 2, 3)]
    return torch.stack(harmonics).sum(0) + 0.3 * torch.randn(8000, generator=generator)


def test_it_learns_to_tell_apart_voices_it_never_heard() -> None:
    taught, fresh = (200, 320, 480, 700, 1000, 1400, 1900), (260, 400, 590, 850, 1200)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        embedder = SpeakerEmbedder([str(pitch) for pitch in taught], width=16)
        optimizer = torch.optim.Adam(embedder.parameters(), lr=3e-3)
        for step in range(30):
            batch, lengths = pad_stack([voice(pitch, 10 * step + k) for pitch in taught for k in range(2)])
            optimizer.zero_grad()
            embedder.loss(batch, lengths, [str(pitch) for pitch in taught for _ in range(2)]).mean().backward()
            optimizer.step()
        batch, lengths = pad_stack([voice(pitch, 999 + k) for pitch in fresh for k in range(4)])
        trials = Trials(embedder.eval().read(batch, lengths), [str(pitch) for pitch in fresh for _ in range(4)])
    assert trials.eer(np.arange(20)) < 0.15

"""Networks that read features in place of sound: segments joined as they were cut, and free of batch and padding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from aclipse.audio.segments import cut, join
from aclipse.audio.signal import pad_stack
from aclipse.models.compact import CharacterRecognizer, ClipClassifier, Given
from aclipse.models.recurrent import RecurrentClassifier, RecurrentRecognizer
from aclipse.models.speaker import SpeakerEmbedder
from aclipse.training.checkpoint import freeze, load_module, save_module

SEGMENT, HOP, BANDS = 20, 15, 12
LABELS = ("angry", "happy", "sad")
SHAPE = {"width": 16, "bands": BANDS, "cut": (SEGMENT, HOP)}
BUILD = {
    ClipClassifier: lambda: ClipClassifier(LABELS, **SHAPE),
    CharacterRecognizer: lambda: CharacterRecognizer(**SHAPE),
    SpeakerEmbedder: lambda: SpeakerEmbedder(LABELS, **SHAPE),
    RecurrentClassifier: lambda: RecurrentClassifier(LABELS, **SHAPE),
    RecurrentRecognizer: lambda: RecurrentRecognizer(**SHAPE),
}


@pytest.fixture(scope="module", params=BUILD, ids=lambda kind: kind.__name__)
def reader(request: pytest.FixtureRequest) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return BUILD[request.param]().eval()


def released(count: int, seed: int = 0) -> Tensor:
    """Segments end to end, each as it would leave a device that draws its noise anew."""
    return torch.randn(count * SEGMENT, BANDS, generator=torch.Generator().manual_seed(seed))


def targets(reader: nn.Module, count: int) -> list[str]:
    known = ("noon", "well well", "") if isinstance(reader, CharacterRecognizer | RecurrentRecognizer) else LABELS
    return [known[i % len(known)] for i in range(count)]


def scores(reader: nn.Module, features: Tensor, lengths: Tensor) -> list[Tensor]:
    """Each recording's own scores, free of padding."""
    out = reader(features, lengths)
    return list(out) if isinstance(out, Tensor) else [row[:count] for row, count in zip(*out, strict=True)]


@given(
    frames=st.lists(st.integers(1, 120), min_size=1, max_size=4), hop=st.integers(1, SEGMENT), extra=st.integers(0, 2)
)
def test_segments_are_joined_as_they_are_outside_of_networks(frames: list[int], hop: int, extra: int) -> None:
    random = np.random.default_rng(0)
    pieces = [cut(random.normal(size=(count, BANDS)).astype(np.float32), SEGMENT, hop) for count in frames]
    noisy = [piece + random.normal(size=piece.shape).astype(np.float32) for piece in pieces]
    batch, lengths = pad_stack([torch.from_numpy(piece) for piece in noisy])
    batch = nn.functional.pad(batch, (0, 0, 0, extra * SEGMENT), value=0.5)
    found, counts = Given(SEGMENT, hop)(batch, lengths)
    for row, count, piece in zip(found, counts.tolist(), noisy, strict=True):
        expected = join(piece, SEGMENT, hop)
        assert count == len(expected) and not row[:, count:].any()
        np.testing.assert_allclose(row[:, :count].T.numpy(), expected, rtol=0, atol=1e-6)


@settings(deadline=None, max_examples=10)
@given(
    counts=st.lists(st.integers(1, 5), min_size=2, max_size=5), extra=st.integers(0, 2), order_seed=st.integers(0, 99)
)
@torch.no_grad()
def test_scores_are_free_of_batch_order_and_padding(
    reader: nn.Module, counts: list[int], extra: int, order_seed: int
) -> None:
    given_ = [released(count, seed) for seed, count in enumerate(counts)]
    order = torch.randperm(len(given_), generator=torch.Generator().manual_seed(order_seed)).tolist()
    batch, lengths = pad_stack([given_[i] for i in order])
    batch = nn.functional.pad(batch, (0, 0, 0, extra * SEGMENT), value=0.5)
    together, goals = scores(reader, batch, lengths), targets(reader, len(given_))
    losses = reader.loss(batch, lengths, goals)
    for row, index in enumerate(order):
        alone = (given_[index][None], lengths[row : row + 1])
        torch.testing.assert_close(together[row], scores(reader, *alone)[0], rtol=0, atol=1e-5)
        torch.testing.assert_close(losses[row], reader.loss(*alone, goals[row : row + 1])[0], rtol=1e-4, atol=1e-4)


def test_gradients_reach_the_features_and_no_frozen_weight(reader: nn.Module) -> None:
    freeze(reader)
    features = released(3)[None].requires_grad_()
    reader.loss(features, torch.tensor([2 * SEGMENT]), targets(reader, 1)).sum().backward()
    assert torch.isfinite(features.grad).all() and not features.grad[0, 2 * SEGMENT :].any()
    assert (features.grad[0, : 2 * SEGMENT] != 0).float().mean() > 0.9
    assert all(parameter.grad is None for parameter in reader.parameters())


@torch.no_grad()
def test_settings_rebuild_the_same_network(reader: nn.Module, tmp_path: Path) -> None:
    save_module(tmp_path / "model.safetensors", reader)
    again, _ = load_module(tmp_path / "model.safetensors", type(reader))
    features, length = released(2)[None], torch.tensor([2 * SEGMENT])
    assert again.settings == reader.settings and again.settings["cut"] == [SEGMENT, HOP]
    assert torch.equal(scores(again, features, length)[0], scores(reader, features, length)[0])


@torch.no_grad()
def test_features_that_tell_nothing_are_read(reader: nn.Module) -> None:
    features, length = torch.zeros(1, SEGMENT, BANDS), torch.tensor([SEGMENT])
    assert torch.isfinite(scores(reader, features, length)[0]).all() and len(reader.read(features, length)) == 1


@torch.no_grad()
def test_level_and_offset_of_each_band_reach_a_recurrent_reader_as_colour_alone() -> None:
    front = RecurrentClassifier(LABELS, **SHAPE).eval().features
    features, length = released(4)[None], torch.tensor([4 * SEGMENT])
    changed = features * torch.linspace(1, 3, BANDS) + torch.linspace(-1, 1, BANDS)
    (one, colour, _), (two, other, _) = front(features, length), front(changed, length)
    torch.testing.assert_close(one, two, rtol=0, atol=1e-3)
    assert (colour - other).abs().max() > 0.5

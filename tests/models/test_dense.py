"""Dense networks on one vector a recording: free of their batch, their losses cross-entropies, their odds softmax's."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aclipse.errors import CorpusError, RunError
from aclipse.models.dense import WIDTHS, DenseClassifier, DenseEmbedder, LogOdds, RiskModel, trunk
from aclipse.training.checkpoint import freeze, load_module, save_module

SIZE = 12
EMOTIONS = ("neutral", "required", "sensitive")
SEXES = ("female", "male")
HEADS = {"role": EMOTIONS, "sex": SEXES}


def vectors(count: int = 9) -> tuple[Tensor, Tensor]:
    """A batch of signals of one frame, and their lengths."""
    return torch.randn(count, 1, SIZE, generator=torch.Generator().manual_seed(3)), torch.ones(count)


def seeded(kind: type, *given: object, **settings: object) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return kind(*given, size=SIZE, **settings).eval()


def test_the_trunk_is_the_papers() -> None:
    layers = list(trunk(256, WIDTHS, 0.5))
    assert [type(layer) for layer in layers] == [nn.Linear, nn.ReLU, nn.Dropout] * 3
    assert [(x.in_features, x.out_features) for x in layers[::3]] == [(256, 256), (256, 256), (256, 128)]
    assert {layer.p for layer in layers[2::3]} == {0.5}


def test_without_widths_it_is_linear() -> None:
    classifier, (x, lengths) = seeded(DenseClassifier, SEXES, widths=()), vectors()
    expected = x[:, 0] @ classifier.head.weight.T + classifier.head.bias
    torch.testing.assert_close(classifier(x, lengths), expected)
    assert sum(p.numel() for p in classifier.parameters()) == 2 * SIZE + 2


@pytest.mark.parametrize("widths", [(), (16, 8)])
def test_a_reading_does_not_depend_on_the_batch(widths: tuple[int, ...]) -> None:
    x, lengths = vectors()
    order = torch.randperm(len(x))
    for reader in (
        seeded(DenseClassifier, EMOTIONS, widths=widths),
        seeded(RiskModel, HEADS, widths=widths),
        LogOdds(seeded(DenseClassifier, SEXES, widths=widths)),
    ):
        whole = reader.read(x, lengths)
        alone = [reader.read(x[i : i + 1], lengths[:1])[0] for i in range(len(x))]
        mixed = reader.read(x[order], lengths)
        near = (lambda found: pytest.approx(found, abs=1e-6)) if isinstance(reader, LogOdds) else list
        assert whole == near(alone)
        assert [whole[i] for i in order] == near(mixed)


def test_losses_are_cross_entropies_by_hand() -> None:
    model, (x, lengths) = seeded(RiskModel, HEADS, widths=(16,)), vectors(4)
    targets = {"role": ["neutral", "sensitive", "sensitive", "required"], "sex": ["male", "male", "female", "male"]}
    found = model.losses(x, lengths, targets)
    shared = F.relu(x[:, 0] @ model.layers[0].weight.T + model.layers[0].bias)
    for name, places in {"role": [0, 2, 2, 1], "sex": [1, 1, 0, 1]}.items():
        logits = shared @ model.heads[name].weight.T + model.heads[name].bias
        chosen = logits.exp()[torch.arange(4), places] / logits.exp().sum(1)
        torch.testing.assert_close(found[name], -chosen.log().mean())
    assert list(found) == ["role", "sex"]


def test_one_label_lost_is_as_many_nats_as_the_other_is_likely() -> None:
    classifier, (x, lengths) = seeded(DenseClassifier, SEXES), vectors(2)
    chances = classifier(x, lengths).softmax(-1)
    found = classifier.loss(x, lengths, ["female", "male"])
    torch.testing.assert_close(found, -torch.stack([chances[0, 0], chances[1, 1]]).log())


def test_each_head_learns_alone_the_trunk_from_all() -> None:
    model, (x, lengths) = seeded(RiskModel, HEADS, widths=(16,)), vectors(2)
    model.losses(x, lengths, {"sex": ["male", "female"]})["sex"].backward()
    assert model.heads["role"].weight.grad is None
    assert float(model.heads["sex"].weight.grad.abs().sum()) > 0
    assert float(model.layers[0].weight.grad.abs().sum()) > 0


def test_what_is_read_is_the_likeliest_label() -> None:
    model, (x, lengths) = seeded(RiskModel, HEADS), vectors()
    logits = model(x, lengths)
    for index, reading in enumerate(model.read(x, lengths)):
        assert reading == {name: labels[int(logits[name][index].argmax())] for name, labels in HEADS.items()}


def test_odds_are_those_of_softmax() -> None:
    classifier, (x, lengths) = seeded(DenseClassifier, ("kept", "replaced")), vectors()
    chances = classifier(x, lengths).softmax(-1)[:, 1].tolist()
    assert LogOdds(classifier).read(x, lengths) == pytest.approx([math.log(p / (1 - p)) for p in chances], abs=1e-4)


def test_a_label_that_is_not_known_is_refused() -> None:
    x, lengths = vectors(1)
    with pytest.raises(CorpusError, match=r"labels \['bored'\] are not among \['neutral', 'required', 'sensitive'\]"):
        seeded(DenseClassifier, EMOTIONS).loss(x, lengths, ["bored"])
    with pytest.raises(CorpusError, match=r"labels \['', 'other'\] of 'sex' are not among \['female', 'male'\]"):
        seeded(RiskModel, HEADS).losses(vectors(2)[0], lengths, {"sex": ["other", ""]})


@pytest.mark.parametrize(("kind", "labels"), [(DenseClassifier, EMOTIONS), (RiskModel, HEADS)])
def test_saved_and_loaded_it_is_the_same(kind: type, labels: object, tmp_path: Path) -> None:
    made, (x, lengths) = seeded(kind, labels, widths=(16,), dropout=0.1), vectors()
    save_module(tmp_path / "model", made, note="x")
    again, facts = load_module(tmp_path / "model", kind)
    assert again.settings == made.settings
    assert again.labels == made.labels
    assert facts["note"] == "x"
    assert not again.training
    torch.testing.assert_close(again(x, lengths), made(x, lengths), rtol=0, atol=0)


def test_another_models_weights_are_refused(tmp_path: Path) -> None:
    save_module(tmp_path / "model", seeded(RiskModel, HEADS))
    with pytest.raises(RunError, match="does not hold a DenseClassifier"):
        load_module(tmp_path / "model", DenseClassifier)


def test_frozen_it_still_passes_gradients_to_its_input() -> None:
    classifier, (x, lengths) = freeze(seeded(DenseClassifier, EMOTIONS)), vectors(3)
    x.requires_grad_(True)
    classifier.loss(x, lengths, list(EMOTIONS)).sum().backward()
    assert float(x.grad.abs().sum()) > 0
    assert all(p.grad is None for p in classifier.parameters())


def test_dropout_acts_while_learning_alone() -> None:
    classifier, (x, lengths) = seeded(DenseClassifier, EMOTIONS), vectors()
    assert torch.equal(classifier(x, lengths), classifier(x, lengths))
    classifier.train()
    assert not torch.equal(classifier(x, lengths), classifier(x, lengths))


# --- voices


def embedder() -> DenseEmbedder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return DenseEmbedder(("ann", "bob", "cat"), inputs=SIZE, size=5, widths=(16,), margin=0.3).eval()


def test_an_embedding_has_length_1_and_does_not_depend_on_the_batch(tmp_path: Path) -> None:
    made, (x, lengths) = embedder(), vectors()
    whole = torch.from_numpy(np.stack(made.read(x, lengths)))
    alone = torch.cat([made(x[i : i + 1], lengths[:1]) for i in range(len(x))]).detach()
    torch.testing.assert_close(whole, alone)
    torch.testing.assert_close(whole.norm(dim=1), torch.ones(len(x)))
    save_module(tmp_path / "model", made)
    again, _ = load_module(tmp_path / "model", DenseEmbedder)
    assert torch.equal(torch.from_numpy(np.stack(again.read(x, lengths))), whole)


def test_a_voice_is_learned_by_angles_with_a_margin() -> None:
    made, (x, lengths) = embedder(), vectors(1)
    cosines = F.cosine_similarity(made(x, lengths), made.centres).tolist()
    odds = [15 * (cosine - (0.3 if place == 1 else 0)) for place, cosine in enumerate(cosines)]
    expected = -math.log(math.exp(odds[1]) / sum(math.exp(one) for one in odds))
    assert made.loss(x, lengths, ["bob"]).item() == pytest.approx(expected, abs=1e-4)
    with pytest.raises(CorpusError, match=r"speakers \['eve'\] are none of the 3"):
        made.loss(x, lengths, ["eve"])

"""Networks of updates: scaled as NumPy would, the paper's sizes, free of their batch, the same after a reload."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aclipse.attackers.updates.networks import PaperClassifier, RowsClassifier, RowsEmbedder, Scaling
from aclipse.errors import CorpusError, RecipeError, RunError
from aclipse.training.checkpoint import load_module, save_module

SEXES = ("female", "male")
SMALL, LARGE = (12, 9), (64, 65)


def signals(shape: tuple[int, int], count: int = 7) -> Tensor:
    return 3 + 2 * torch.randn(count, *shape, generator=torch.Generator().manual_seed(3))


def made(kind: type, shape: tuple[int, int], names: tuple[str, ...] = SEXES) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = kind(names, shape=shape)
    network.scaling.fit(list(signals(shape, 20).numpy()))
    return network.eval()


KINDS = pytest.mark.parametrize(
    ("kind", "shape"),
    [(RowsClassifier, SMALL), (RowsClassifier, LARGE), (PaperClassifier, LARGE), (RowsEmbedder, SMALL)],
)


def test_scaling_is_numpys() -> None:
    given, scaling = signals(SMALL).numpy(), Scaling(SMALL)
    scaling.fit(list(given))
    expected = (given - given.mean(0)) / (given.std(0) + 1e-5)
    np.testing.assert_allclose(scaling(torch.from_numpy(given)).numpy(), expected, rtol=1e-4, atol=1e-5)


def test_scaling_of_tiny_numbers_far_from_zero_keeps_its_deviation() -> None:
    """The mean of squares less the squared mean, as in the paper's code, would be 0 or NaN here."""
    given, scaling = 1000 + 1e-2 * signals((3, 2)).numpy(), Scaling((3, 2))
    scaling.fit(list(given))
    np.testing.assert_allclose(scaling.deviation.numpy(), given.astype(np.float64).std(0), rtol=1e-6)


def test_a_coordinate_that_never_varies_is_divided_by_the_least_deviation() -> None:
    scaling = Scaling((1, 2))
    scaling.fit([np.array([[4.0, 1.0]], np.float32)] * 3)
    found = scaling(torch.tensor([[[4.0, 1.0 + 2e-5]]]))
    assert found.flatten().tolist() == pytest.approx([0.0, 2.0], rel=1e-2)


@pytest.mark.parametrize("given", [[], [np.full((1, 2), np.nan, np.float32)], [np.full((1, 2), np.inf, np.float32)]])
def test_what_is_not_finite_scales_nothing(given: list[np.ndarray]) -> None:
    scaling = Scaling((1, 2))
    with pytest.raises(CorpusError, match=f"{len(given)} updates give no finite mean"):
        scaling.fit(given)
    assert scaling.mean.tolist() == [[0, 0]]
    assert scaling.deviation.tolist() == [[1, 1]]


@KINDS
def test_a_reading_does_not_depend_on_the_batch(kind: type, shape: tuple[int, int]) -> None:
    network, x = made(kind, shape), signals(shape)
    lengths, order = torch.full((len(x),), shape[0]), torch.randperm(len(x))
    whole = network(x, lengths)
    alone = torch.cat([network(x[i : i + 1], lengths[:1]) for i in range(len(x))])
    torch.testing.assert_close(alone, whole, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network(x[order], lengths), whole[order], rtol=1e-4, atol=1e-5)


@KINDS
def test_saved_and_loaded_it_says_the_same(kind: type, shape: tuple[int, int], tmp_path: Path) -> None:
    network, x = made(kind, shape), signals(shape)
    lengths = torch.full((len(x),), shape[0])
    save_module(tmp_path / "network", network, secret="sex")
    again, facts = load_module(tmp_path / "network", kind)
    assert facts["secret"] == "sex"
    assert again.settings == network.settings
    assert torch.equal(again.scaling.mean, network.scaling.mean)
    assert torch.equal(again(x, lengths), network(x, lengths))


def test_another_layers_weights_are_refused(tmp_path: Path) -> None:
    network = made(RowsClassifier, SMALL)
    network.settings = {**network.settings, "shape": [5, 9]}
    save_module(tmp_path / "network", network)
    with pytest.raises(RunError, match="does not hold a RowsClassifier"):
        load_module(tmp_path / "network", RowsClassifier)


def test_it_reads_the_likeliest_label_and_its_loss_is_its_surprise() -> None:
    network, x = made(RowsClassifier, SMALL), signals(SMALL)
    lengths = torch.full((len(x),), SMALL[0])
    chances = network(x, lengths).softmax(-1)
    assert network.read(x, lengths) == [SEXES[int(row.argmax())] for row in chances]
    torch.testing.assert_close(network.loss(x, lengths, ["male"] * len(x)), -chances[:, 1].log())
    with pytest.raises(CorpusError, match=r"labels \['other'\] are not among"):
        network.loss(x[:1], lengths[:1], ["other"])


def test_all_rows_go_through_one_layer() -> None:
    """By hand: z-scores, the shared layer, side by side, two dense layers."""
    network, x = made(RowsClassifier, SMALL), signals(SMALL)
    shared, dense = network.layers[0], network.layers[4]
    z = (x - network.scaling.mean) / (network.scaling.deviation + 1e-5)
    rows = torch.stack([(z[:, row] @ shared.weight.T + shared.bias).relu() for row in range(SMALL[0])], 1)
    hidden = (rows.reshape(len(x), -1) @ dense.weight.T + dense.bias).relu()
    expected = hidden @ network.head.weight.T + network.head.bias
    torch.testing.assert_close(network(x, torch.ones(len(x))), expected, rtol=1e-4, atol=1e-5)
    assert shared.weight.shape == (32, SMALL[1])
    assert dense.weight.shape == (128, 32 * SMALL[0])


@pytest.mark.parametrize(("inputs", "flat"), [(988, 3840), (512, 3200), (768, 3072)])
def test_flat_sizes_are_those_of_the_papers_code(inputs: int, flat: int) -> None:
    network = PaperClassifier(SEXES, (256, inputs + 1)).eval()
    assert network.flat == flat
    assert network.head[0].in_features == flat + 256
    assert network(torch.randn(1, 256, inputs + 1), torch.ones(1)).shape == (1, 2)


def test_the_papers_layers() -> None:
    network = PaperClassifier(SEXES, LARGE)
    kinds = [type(layer) for layer in network.layers]
    plain = [nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.Dropout2d]
    assert kinds == [*plain, *plain, nn.Conv2d, nn.BatchNorm2d, *plain[1:]]
    convolutions = [layer for layer in network.layers if isinstance(layer, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size, c.padding) for c in convolutions] == [
        (1, 16, (5, 5), (2, 2)), (16, 32, (5, 5), (2, 2)), (32, 64, (5, 5), (2, 2)),
    ]  # fmt: skip
    assert [layer.out_features for layer in network.head[::3]] == [256, 128, 2]


def test_the_papers_network_hears_weight_and_bias() -> None:
    network, x = made(PaperClassifier, LARGE), signals(LARGE, 1)
    for place in (0, -1):
        changed = x.clone()
        changed[..., place] += 5
        assert not torch.allclose(network(changed, torch.ones(1)), network(x, torch.ones(1)), atol=1e-5)


@pytest.mark.parametrize("shape", [(256, 64), (63, 400), (4, 129)])
def test_a_layer_too_small_for_the_papers_pools_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(RecipeError, match=rf"{shape[0]} rows and {shape[1] - 1} columns.*64.*form = rows"):
        PaperClassifier(SEXES, shape)


def test_an_embedding_has_length_1_and_knows_only_its_speakers() -> None:
    network, x = made(RowsEmbedder, SMALL, ("ann", "bob", "cat")), signals(SMALL)
    found = np.stack(network.read(x, torch.ones(len(x))))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    assert found.shape == (len(x), 64)
    with pytest.raises(CorpusError, match=r"speakers \['eve'\] are none of the 3"):
        network.loss(x[:1], torch.ones(1), ["eve"])

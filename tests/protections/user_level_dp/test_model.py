"""The flat model against torch's own layers."""

from __future__ import annotations

import pytest
import torch

from aclipse.protections.user_level_dp.model import Shape, first_weights, layers_of, logits, read


def network(shape: Shape, flat: torch.Tensor) -> torch.nn.Sequential:
    built = torch.nn.Sequential(
        torch.nn.Linear(shape.inputs, 256), torch.nn.ReLU(),
        torch.nn.Linear(256, 128), torch.nn.ReLU(), torch.nn.Linear(128, shape.outputs),
    )  # fmt: skip
    torch.nn.utils.vector_to_parameters(flat, built.parameters())
    return built


def test_sizes_add_up() -> None:
    shape = Shape(988, 4)
    assert shape.sizes == (256 * 989, 128 * 257, 4 * 129)
    assert sum(part.numel() for part in network(shape, first_weights(shape, 0)).parameters()) == shape.size


def test_several_models_at_once_equal_torchs_one_by_one() -> None:
    shape, rows = Shape(9, 3), torch.randn(2, 5, 9)
    flat = torch.stack([first_weights(shape, seed) for seed in (1, 2)])
    found = logits(layers_of(flat, shape), rows)
    with torch.no_grad():
        for one, weights, given in zip(found, flat, rows, strict=True):
            torch.testing.assert_close(one, network(shape, weights)(given), atol=1e-6, rtol=1e-6)
            assert torch.equal(read(weights, shape, given), one.argmax(-1))


def test_masks_multiply_the_first_two_layers() -> None:
    shape, rows = Shape(9, 3), torch.randn(1, 5, 9)
    layers = layers_of(first_weights(shape, 0)[None], shape)
    nothing = [torch.zeros(1, 5, 256), torch.ones(1, 5, 128)]
    silent = logits(layers, torch.zeros_like(rows), [torch.zeros(1, 5, 256), torch.ones(1, 5, 128)])
    assert torch.equal(logits(layers, rows, nothing), silent)
    last = [torch.ones(1, 5, 256), torch.zeros(1, 5, 128)]
    torch.testing.assert_close(logits(layers, rows, last)[0, 0], layers[2][1][0])


def test_first_weights_are_as_torch_begins_and_of_their_seed() -> None:
    shape = Shape(100, 4)
    first, *_ = first_weights(shape, 8).split(shape.sizes)
    assert first.abs().max() <= 0.1 and first.std() == pytest.approx(0.1 / 3**0.5, rel=0.02)
    assert torch.equal(first_weights(shape, 8), first_weights(shape, 8))
    assert not torch.equal(first_weights(shape, 8), first_weights(shape, 9))


def test_layers_are_views() -> None:
    shape = Shape(3, 2)
    flat = torch.zeros(1, shape.size)
    layers_of(flat, shape)[0][0].fill_(1.0)
    assert flat.sum() == 3 * 256

"""The autoencoder's shape is the paper's, and its weights begin as SELU asks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from aclipse.protections.replacement.network import ReplacementNetwork


def network(size: int = 256, embedding: int = 16) -> ReplacementNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ReplacementNetwork(size, embedding)


def widths(layers: nn.Sequential) -> list[tuple[int, int]]:
    return [(layer.in_features, layer.out_features) for layer in layers if isinstance(layer, nn.Linear)]


@pytest.mark.parametrize(("size", "a"), [(256, 16), (256, 32), (5, 1)])
def test_the_decoder_mirrors_the_encoder(size: int, a: int) -> None:
    made = network(size, a)
    assert widths(made.encoder) == [(size, 8 * a), (8 * a, 2 * a), (2 * a, a)]
    assert widths(made.decoder) == [(a, 2 * a), (2 * a, 8 * a), (8 * a, size)]
    assert made.settings == {"size": size, "embedding": a}
    assert sum(p.numel() for p in made.parameters()) == 2 * (size * 8 * a + 18 * a * a) + 21 * a + size


def test_selu_follows_every_layer_but_the_last() -> None:
    made = network()
    assert [type(layer) for layer in made.encoder] == [nn.Linear, nn.SELU] * 3
    assert [type(layer) for layer in made.decoder] == [nn.Linear, nn.SELU] * 2 + [nn.Linear]


def test_weights_begin_lecun_normal_and_biases_at_zero() -> None:
    made = network(embedding=32)
    for layer in (*made.encoder, *made.decoder):
        if isinstance(layer, nn.Linear):
            drawn = layer.weight.detach().flatten() * layer.in_features**0.5
            assert abs(float(drawn.mean())) < 5 / len(drawn) ** 0.5
            assert float(drawn.std()) == pytest.approx(1, abs=5 / (2 * len(drawn)) ** 0.5)
            assert float(drawn.abs().max()) > 2.5  # a uniform draw ends at 1.73
            assert not layer.bias.any()


def test_what_is_normal_stays_so_on_its_way_in() -> None:
    x = torch.randn(2000, 256, generator=torch.Generator().manual_seed(1))
    embedded = network(embedding=32).embed(x).detach()
    assert abs(float(embedded.mean())) < 0.2
    assert float(embedded.std()) == pytest.approx(1, abs=0.2)


def test_it_is_what_its_formula_says() -> None:
    made = network(6, 2)
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(2))
    at = x.double().numpy()
    layers = [layer for layer in (*made.encoder, *made.decoder) if isinstance(layer, nn.Linear)]
    for number, layer in enumerate(layers):
        at = at @ layer.weight.detach().double().numpy().T
        if number < 5:
            at = 1.0507009873554805 * np.where(at > 0, at, 1.6732632423543772 * np.expm1(np.minimum(at, 0)))
    np.testing.assert_allclose(made(x).detach().numpy(), at, atol=1e-5)


def test_the_end_is_linear_so_that_any_vector_can_come_out() -> None:
    made = network(8, 2)
    for end in (-1000.0, 1000.0):
        made.decoder[-1].bias.data.fill_(end)
        torch.testing.assert_close(made(torch.zeros(8)), torch.full((8,), end), rtol=0.01, atol=0)


@pytest.mark.parametrize("shape", [(256,), (3, 256), (2, 3, 256), (0, 256)])
def test_vectors_come_out_as_they_went_in(shape: tuple[int, ...]) -> None:
    made = network()
    assert made(torch.zeros(shape)).shape == shape
    assert made.embed(torch.zeros(shape)).shape == (*shape[:-1], 16)


def test_before_the_last_selu_numbers_have_no_floor_and_after_it_they_are_the_embedding() -> None:
    made, x = network(embedding=16), 5 * torch.randn(200, network().settings["size"])
    encoded = made.encode(x).detach()
    assert encoded.min() < -1.7581 <= made.embed(x).min()  # of SELU, -λα
    torch.testing.assert_close(torch.selu(encoded), made.embed(x))
    torch.testing.assert_close(made.decode(encoded), made(x))

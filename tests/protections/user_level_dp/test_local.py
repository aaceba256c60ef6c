"""What clients compute against torch's own layers and Adam; together as alone; padding and steps.

Equality is tested in double precision: Adam divides by gradients, and those near zero, of which a
rounding error is a good part, may differ by 1e-6 in single precision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from aclipse.protections.user_level_dp.clients import Client
from aclipse.protections.user_level_dp.local import clipped, local_updates, pseudo_gradients, steps_of
from aclipse.protections.user_level_dp.model import Shape, first_weights
from aclipse.protections.user_level_dp.settings import FederationSettings

People = Callable[..., list[Client]]
SHAPE = Shape(7, 4)
CLOSE = {"atol": 1e-9, "rtol": 0.0}


def doubled(clients: list[Client]) -> list[Client]:
    return [replace(client, features=client.features.double()) for client in clients]


def starts(count: int) -> torch.Tensor:
    return torch.stack([first_weights(SHAPE, number) for number in range(count)]).double()


class Net(torch.nn.Module):
    """The paper's classifier as anybody would write it, but for dropout's masks, which are given."""

    def __init__(self, flat: torch.Tensor) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(*ends) for ends in ((7, 256), (256, 128), (128, 4))).to(flat)
        torch.nn.utils.vector_to_parameters(flat.clone(), self.parameters())

    def forward(self, rows: torch.Tensor, masks: list[torch.Tensor]) -> torch.Tensor:
        for layer, mask in zip(self.layers, masks, strict=False):
            rows = layer(rows).relu() * mask
        return self.layers[2](rows)


def plain(start: torch.Tensor, client: Client, settings: FederationSettings, seed: int, clip: float | None = None):  # type: ignore[no-untyped-def]
    """One client's update: batches and masks from its seed in the order the federation draws them."""
    net, drawn = Net(start), torch.Generator().manual_seed(seed)
    epochs = settings.local_epochs if settings.algorithm == "fedavg" else 1
    orders = [torch.randperm(len(client.labels), generator=drawn) for _ in range(epochs)]
    adam = torch.optim.Adam(net.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), eps=1e-9,
                            weight_decay=settings.weight_decay)  # fmt: skip
    for batch in [part for order in orders for part in order.split(settings.batch_size)]:
        masks = [
            (torch.rand(len(batch), width, generator=drawn) >= dropout) / (1 - dropout)
            for width, dropout in ((256, settings.dropout), (128, settings.second_dropout))
        ]
        adam.zero_grad()
        F.cross_entropy(net(client.features[batch], masks), client.labels[batch]).backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
        if settings.algorithm == "fedsgd":
            return torch.cat([part.grad.flatten() for part in net.parameters()])  # type: ignore[union-attr]
        adam.step()
    return torch.nn.utils.parameters_to_vector(net.parameters()).detach() - start


@pytest.mark.parametrize("dropout", [0.0, 0.2, 0.6])
@pytest.mark.parametrize("clip", [None, 0.25])
@pytest.mark.parametrize(("algorithm", "epochs"), [("fedsgd", 1), ("fedavg", 1), ("fedavg", 3)])
def test_updates_equal_torchs_modules_and_adam(
    people: People, algorithm: str, epochs: int, clip: float | None, dropout: float
) -> None:
    settings = FederationSettings.model_validate(
        {"algorithm": algorithm, "local_epochs": epochs, "dropout": dropout, "batch_size": 8}
    )
    clients, seeds, start = doubled(people(5)), [11, 12, 13, 14, 15], starts(5)
    found = local_updates(start, clients, SHAPE, settings, seeds, clip)
    for update, *one in zip(found, start, clients, seeds, strict=True):
        expected = plain(one[0], one[1], settings, one[2], clip)
        torch.testing.assert_close(update, expected, atol=1e-6, rtol=0)  # torch clips to a millionth less
        assert expected.norm() > 1e-3


@pytest.mark.parametrize("algorithm", ["fedsgd", "fedavg"])
def test_clients_together_equal_each_alone_whatever_their_order(people: People, algorithm: str) -> None:
    settings = FederationSettings.model_validate({"algorithm": algorithm, "local_epochs": 2})
    clients, seeds, start = doubled(people(11)), [*range(11)], starts(11)  # more than are computed at once
    found = local_updates(start, clients, SHAPE, settings, seeds)
    for place, client in enumerate(clients):
        alone = local_updates(start[place : place + 1], [client], SHAPE, settings, seeds[place : place + 1])
        torch.testing.assert_close(found[place], alone[0], **CLOSE)
    turned = local_updates(start.flip(0), clients[::-1], SHAPE, settings, seeds[::-1])
    torch.testing.assert_close(turned.flip(0), found, **CLOSE)


def test_single_precision_is_close(people: People) -> None:
    start, seeds = starts(11), [*range(11)]
    exact = local_updates(start, doubled(people(11)), SHAPE, FederationSettings(), seeds)
    found = local_updates(start.float(), people(11), SHAPE, FederationSettings(), seeds)
    assert (found - exact).abs().mean() < 1e-7 and (found - exact).abs().max() < 1e-4


def test_padding_changes_nothing(people: People) -> None:
    settings = FederationSettings(batch_size=40, local_epochs=2)
    (short, long), start = doubled(people(2, (5, 40))), starts(2)
    alone = local_updates(start[:1], [short], SHAPE, settings, [1])
    beside = local_updates(start, [short, long], SHAPE, settings, [1, 2])
    torch.testing.assert_close(beside[0], alone[0], **CLOSE)


def test_the_starting_point_is_left_alone_and_nobody_gives_nothing(people: People) -> None:
    start = first_weights(SHAPE, 8)[None]
    kept = start.clone()
    local_updates(start, people(1), SHAPE, FederationSettings(), [0])
    assert torch.equal(start, kept)
    assert local_updates(start[:0], [], SHAPE, FederationSettings(), []).shape == (0, SHAPE.size)


def test_another_seed_another_update(people: People) -> None:
    start = first_weights(SHAPE, 8)[None]
    one, same, other = (local_updates(start, people(1), SHAPE, FederationSettings(), [seed]) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_steps_and_pseudo_gradients(people: People) -> None:
    clients, averaging = people(5), FederationSettings(local_epochs=3)
    steps = [steps_of(client, averaging) for client in clients]
    assert steps == [3, 6, 6, 3, 3]
    assert steps_of(clients[1], FederationSettings(algorithm="fedsgd")) == 1
    updates = torch.ones(5, 2)
    found = pseudo_gradients(updates, steps, averaging)
    torch.testing.assert_close(found[:, 0], torch.tensor([-1 / (5e-4 * count) for count in steps]))
    assert pseudo_gradients(updates, steps, FederationSettings(algorithm="fedsgd")) is updates


def test_a_pseudo_gradient_of_one_step_points_as_the_gradient_does(people: People) -> None:
    (client,), start = people(1), first_weights(SHAPE, 8)[None]
    given = {"dropout": 0.0, "weight_decay": 0.0, "learning_rate": 1e-2}  # so that rounding is next to nothing
    averaging, sgd = (FederationSettings.model_validate({"algorithm": a, **given}) for a in ("fedavg", "fedsgd"))
    update = local_updates(start, [client], SHAPE, averaging, [3])
    gradient = local_updates(start, [client], SHAPE, sgd, [3])
    large = gradient.abs() > 1e-5  # Adam's first step is the sign
    assert large.float().mean() > 0.2
    torch.testing.assert_close(
        pseudo_gradients(update, [1], averaging)[large], gradient.sign()[large], atol=1e-3, rtol=0
    )


# --- clipping


@given(st.floats(1e-6, 1e6), st.floats(1e-20, 1e12), st.integers(1, 2000), st.integers(0, 9))
def test_no_update_is_longer_than_the_norm(norm: float, scale: float, size: int, seed: int) -> None:
    updates = scale * torch.randn(3, size, generator=torch.Generator().manual_seed(seed))
    found = clipped(updates, norm)
    assert (found.double().norm(dim=1) <= norm * (1 + 1e-5)).all()
    for before, after in zip(updates.double(), found.double(), strict=True):
        if before.norm() <= norm * (1 - 1e-5):
            assert torch.equal(before, after)
        elif before.norm() >= norm:
            assert after.norm() == pytest.approx(norm, rel=1e-5)


def test_zero_updates_stay_zero() -> None:
    assert not clipped(torch.zeros(2, 9), 0.25).any()

"""What clients compute of their own recordings in one round: many clients in one batched computation.

FedSGD gives the gradient of one batch, FedAvg the change of the weights after local epochs of Adam. Every random
choice of a client comes from its own seed, so that it computes the same alone, on its phone, and among others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from aclipse.protections.user_level_dp.clients import Client
from aclipse.protections.user_level_dp.model import WIDTHS, Shape, layers_of, logits
from aclipse.protections.user_level_dp.settings import FederationSettings

BETAS, EPSILON = (0.9, 0.98), 1e-9  # of Adam
AT_ONCE = {"cpu": 8}  # clients in one computation: what fits into a processor's cache; elsewhere as many as there are


class Batch(NamedTuple):
    """One batch of each client: features, labels, weights that sum to 1 (0: padding), and dropout's factors."""

    features: Tensor  # (clients, batch, inputs)
    labels: Tensor  # (clients, batch)
    weights: Tensor  # (clients, batch)
    masks: tuple[Tensor, ...]  # (clients, batch, width)


def local_updates(
    start: Tensor, clients: Sequence[Client], shape: Shape, settings: FederationSettings,
    seeds: Sequence[int], clip: float | None = None,
) -> Tensor:  # fmt: skip
    """The update of each client from its own starting point, ``(clients, size) -> (clients, size)``.

    A change of weights for FedAvg, a gradient for FedSGD. With ``clip``, the gradient of each batch is cut to that norm
    first, as in the paper.
    """
    at_once = AT_ONCE.get(start.device.type, len(clients))
    found = [
        _updates(start[i : i + at_once], clients[i:][:at_once], shape, settings, seeds[i:][:at_once], clip)
        for i in range(0, len(clients), at_once)
    ]
    return torch.cat(found) if found else start[:0]


def steps_of(client: Client, settings: FederationSettings) -> int:
    """How many batches a client computes in a round."""
    if settings.algorithm == "fedsgd":
        return 1
    return settings.local_epochs * -(-len(client.labels) // settings.batch_size)


def pseudo_gradients(updates: Tensor, steps: Sequence[int], settings: FederationSettings) -> Tensor:
    """What an attacker makes of updates: gradients; of FedAvg's change its steps in learning rates, the sign turned."""
    if settings.algorithm == "fedsgd":
        return updates
    scale = torch.tensor([-1 / (settings.learning_rate * count) for count in steps], device=updates.device)
    return updates * scale[:, None]


def clipped(updates: Tensor, norm: float | Tensor) -> Tensor:
    """Updates no longer than ``norm``, ``(clients, size)``; one of zero stays zero."""
    return updates * (norm / updates.norm(dim=1, keepdim=True).clamp_min(1e-30)).clamp_max(1)


def _updates(
    start: Tensor, clients: Sequence[Client], shape: Shape, settings: FederationSettings,
    seeds: Sequence[int], clip: float | None,
) -> Tensor:  # fmt: skip
    steps = [steps_of(client, settings) for client in clients]
    order = sorted(range(len(clients)), key=lambda k: -steps[k])  # so that who goes on are the first rows
    given = [order_of(clients[k], steps[k], settings, seeds[k]) for k in order]
    weights = start[order]
    state = torch.zeros_like(weights), torch.zeros_like(weights)
    for step in range(max(steps)):
        active = sum(count > step for count in steps)
        batch = _batch([clients[k] for k in order[:active]], given[:active], step, settings)
        gradients = _gradients(weights[:active], shape, batch)
        if clip is not None:
            gradients = clipped(gradients, clip)
        if settings.algorithm == "fedsgd":
            weights = gradients
            break
        _adam(weights[:active], gradients, (state[0][:active], state[1][:active]), step, settings)
    change = weights if settings.algorithm == "fedsgd" else weights - start[order]
    return torch.empty_like(change).index_copy_(0, torch.tensor(order, device=change.device), change)


class Order(NamedTuple):
    """The batches of one client, as indices of its recordings, and where its dropout comes from."""

    batches: list[Tensor]
    drawn: torch.Generator


def order_of(client: Client, steps: int, settings: FederationSettings, seed: int) -> Order:
    """In which batches a client reads its recordings in a round of so many steps."""
    drawn, batches = torch.Generator().manual_seed(seed), list[Tensor]()
    while len(batches) < steps:
        batches += torch.randperm(len(client.labels), generator=drawn).split(settings.batch_size)
    return Order(batches[:steps], drawn)


def _batch(clients: Sequence[Client], given: Sequence[Order], step: int, settings: FederationSettings) -> Batch:
    """One batch a client, padded to the longest."""
    own = [order.batches[step] for order in given]
    longest, device = max(map(len, own)), clients[0].features.device
    pad = lambda part, index: F.pad(part[index.to(device)], (*[0] * 2 * (part.dim() - 1), 0, longest - len(index)))  # noqa: E731
    counts = torch.tensor([len(index) for index in own])
    weights = (torch.arange(longest) < counts[:, None]) / counts[:, None]
    layers = [*zip(WIDTHS, (settings.dropout, settings.second_dropout), strict=True)]
    masks = [
        [_mask(order, len(index), longest, *layer) for layer in layers] for order, index in zip(given, own, strict=True)
    ]
    return Batch(
        torch.stack([pad(client.features, index) for client, index in zip(clients, own, strict=True)]),
        torch.stack([pad(client.labels, index) for client, index in zip(clients, own, strict=True)]),
        weights.to(device),
        tuple(torch.stack(layer).to(device) for layer in zip(*masks, strict=True)),
    )


def _mask(order: Order, count: int, longest: int, width: int, dropout: float) -> Tensor:
    """Dropout's factors for one client; drawn of its own recordings alone, so that others' number changes nothing."""
    kept = torch.rand(count, width, generator=order.drawn) >= dropout
    return F.pad(kept / (1 - dropout), (0, 0, 0, longest - count))


def _gradients(weights: Tensor, shape: Shape, batch: Batch) -> Tensor:
    """The gradient of each client's mean cross-entropy, ``(clients, size)``."""
    layers = [(weight.detach(), bias.detach()) for weight, bias in layers_of(weights, shape)]
    leaves = [part.requires_grad_() for layer in layers for part in layer]
    spoken = logits(layers, batch.features, batch.masks).log_softmax(-1)
    loss = -(spoken.gather(2, batch.labels[..., None])[..., 0] * batch.weights).sum()
    return torch.cat([part.flatten(1) for part in torch.autograd.grad(loss, leaves)], dim=1)


def _adam(
    weights: Tensor, gradients: Tensor, state: tuple[Tensor, Tensor], step: int, settings: FederationSettings
) -> None:
    """One step in place; as torch's, with weight decay as a part of the gradient."""
    gradients.add_(weights, alpha=settings.weight_decay)
    mean, square = state
    mean.lerp_(gradients, 1 - BETAS[0])
    square.mul_(BETAS[1]).addcmul_(gradients, gradients, value=1 - BETAS[1])
    deviation = (square / (1 - BETAS[1] ** (step + 1))).sqrt_().add_(EPSILON)
    weights.addcdiv_(mean, deviation, value=-settings.learning_rate / (1 - BETAS[0] ** (step + 1)))

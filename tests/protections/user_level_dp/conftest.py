"""Clients with recordings of noise, whose number differs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from aclipse.protections.user_level_dp.clients import Client

People = Callable[..., list[Client]]
INPUTS, OUTPUTS = 7, 4


def one(number: int, count: int) -> Client:
    drawn = torch.Generator().manual_seed(number)
    labels, held_out = (torch.randint(0, OUTPUTS, (size,), generator=drawn) for size in (count, 3))
    features = torch.randn(count, INPUTS, generator=drawn) + labels[:, None]
    name = f"p{number:03}"
    return Client(name, name, ("female", "male")[number % 2], features, labels, features[:3], held_out)


@pytest.fixture
def people() -> People:
    def build(count: int, sizes: tuple[int, ...] = (5, 23, 40, 20, 1)) -> list[Client]:
        return [one(number, sizes[number % len(sizes)]) for number in range(count)]

    return build

"""Noise by layer importance: our reading of GHDP (Chen 2024), of which only an abstract is public.

It says: gradients are normalised to rank what is important, the significant ones are clipped, and early layers, which
tell most of a speaker, get more noise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aclipse.protections.user_level_dp.model import Shape

SIGNIFICANT = 0.1  # share of a layer's numbers, the largest after normalising, that are clipped
EARLIER = 2.0  # times the noise's deviation that a layer gets over the next one


def factors(shape: Shape) -> Tensor:
    """What multiplies the noise's deviation on each number, ``(size,)``; its mean square is 1.

    >>> kinds = factors(Shape(8, 4)).unique()
    >>> round(float(kinds[2] / kinds[1]), 4), round(float(factors(Shape(8, 4)).square().mean()), 4)
    (2.0, 1.0)
    """
    raw = torch.cat([torch.full((size,), EARLIER**-place) for place, size in enumerate(shape.sizes)])
    return raw / raw.square().mean().sqrt()


def tamed(updates: Tensor, shape: Shape) -> Tensor:
    """Updates ``(clients, size)`` whose largest tenth of each layer is no larger than the rest of it."""
    parts = []
    for part in updates.split(shape.sizes, 1):
        most = torch.quantile(part.abs()[:, :: max(1, part.shape[1] // 100_000)], 1 - SIGNIFICANT, dim=1, keepdim=True)
        parts.append(part.clamp(-most, most))
    return torch.cat(parts, 1)

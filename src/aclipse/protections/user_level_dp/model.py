"""The paper's classifier of one feature vector, for many clients at once: each has weights of its own, as one row.

``d → 256 → 128 → emotions``, ReLU and dropout after the first two layers. All weights of a client are one flat vector
``(size,)``, layer after layer, weight before bias; so clipping, noise and averages are operations on one tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

WIDTHS = (256, 128)
LAYERS = ("first", "second", "third")


class Shape(NamedTuple):
    """How large a classifier is.

    >>> Shape(390, 4).size
    133508
    """

    inputs: int
    outputs: int

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of each layer's weight."""
        ends = (self.inputs, *WIDTHS, self.outputs)
        return tuple((after, before) for before, after in pairwise(ends))

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers each layer has, its bias among them."""
        return tuple(rows * (columns + 1) for rows, columns in self.layers)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return sum(self.sizes)


def first_weights(shape: Shape, seed: int) -> Tensor:
    """A model nobody has trained, ``(size,)``: uniform within 1 / √inputs of each layer, as torch begins."""
    drawn = torch.Generator().manual_seed(seed)
    parts = [
        torch.empty(size).uniform_(-(columns**-0.5), columns**-0.5, generator=drawn)
        for size, (_, columns) in zip(shape.sizes, shape.layers, strict=True)
    ]
    return torch.cat(parts)


def layers_of(flat: Tensor, shape: Shape) -> list[tuple[Tensor, Tensor]]:
    """Weight ``(…, rows, columns)`` and bias ``(…, rows)`` of each layer, views of ``flat`` ``(…, size)``."""
    found = []
    for part, (rows, columns) in zip(flat.split(shape.sizes, -1), shape.layers, strict=True):
        weight, bias = part.split((rows * columns, rows), -1)
        found.append((weight.unflatten(-1, (rows, columns)), bias))
    return found


def logits(layers: Sequence[tuple[Tensor, Tensor]], features: Tensor, masks: Sequence[Tensor] | None = None) -> Tensor:
    """What each client's model says, ``(clients, batch, inputs) -> (clients, batch, outputs)``.

    ``masks`` multiply what the first two layers give, ``(clients, batch, width)`` each.
    """
    hidden = features
    for place, (weight, bias) in enumerate(layers):
        hidden = torch.baddbmm(bias[:, None], hidden, weight.transpose(1, 2))
        if place < len(WIDTHS):
            hidden = hidden.relu() * masks[place] if masks else hidden.relu()
    return hidden


def read(weights: Tensor, shape: Shape, features: Tensor) -> Tensor:
    """The emotion that one model reads in each row, ``(size,), (count, inputs) -> (count,)`` indices."""
    return logits(layers_of(weights[None], shape), features[None])[0].argmax(-1)

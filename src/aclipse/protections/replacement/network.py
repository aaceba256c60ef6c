"""The replacement autoencoder: a vector in, a vector of the same size out, through a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


def _layers(widths: Sequence[int]) -> list[nn.Module]:
    """Linear layers with SELU between them, LeCun-normal as SELU asks (Klambauer et al. 2017)."""
    found: list[nn.Module] = []
    for before, after in pairwise(widths):
        linear = nn.Linear(before, after)
        nn.init.normal_(linear.weight, std=before**-0.5)
        nn.init.zeros_(linear.bias)
        found += [linear, nn.SELU()]
    return found


class ReplacementNetwork(nn.Module):
    """Encoder 8a, 2a, a with SELU, and a decoder that mirrors it with a linear end, for vectors are unbounded (Fig. 2).

    Vectors are ``(…, size)`` in and out. The head that hears sex behind the reversal is no part of it.

    >>> import torch
    >>> ReplacementNetwork(size=64, embedding=16).embed(torch.randn(3, 64)).shape
    torch.Size([3, 16])
    """

    def __init__(self, size: int, embedding: int) -> None:
        super().__init__()
        self.settings = {"size": size, "embedding": embedding}
        widths = size, 8 * embedding, 2 * embedding, embedding
        self.encoder = nn.Sequential(*_layers(widths))
        self.decoder = nn.Sequential(*_layers(widths[::-1])[:-1])

    def forward(self, vectors: Tensor) -> Tensor:
        return self.decoder(self.embed(vectors))

    def embed(self, vectors: Tensor) -> Tensor:
        """The few numbers that the output is made of, ``(…, embedding)``."""
        return self.encoder(vectors)

    def encode(self, vectors: Tensor) -> Tensor:
        """The same before the last SELU, where they have no floor: nearer to normally distributed."""
        return self.encoder[:-1](vectors)

    def decode(self, encoded: Tensor) -> Tensor:
        """Vectors of what `encode` gives."""
        return self.decoder(self.encoder[-1](encoded))

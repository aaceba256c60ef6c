"""Gradient pruning, as SEFL (Mohammadi et al. 2023) does before encryption: what is small is not sent at all."""

from __future__ import annotations

from torch import Tensor


def pruned(updates: Tensor, share: float) -> Tensor:
    """Updates ``(clients, size)`` whose smallest entries, this share of each row, are zero; exactly so many.

    >>> import torch
    >>> pruned(torch.tensor([[3.0, -1.0, 2.0, 0.5]]), 0.5).tolist()
    [[3.0, 0.0, 2.0, 0.0]]
    """
    gone = updates.abs().argsort(dim=1, stable=True)[:, : int(share * updates.shape[1])]
    return updates.scatter(1, gone, 0.0)

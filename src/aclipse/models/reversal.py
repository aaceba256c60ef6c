"""Gradient reversal: what is learned behind it is unlearned before it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * grad, None


def reverse(x: Tensor, strength: float) -> Tensor:
    """Gradient reversal (Ganin & Lempitsky 2015): the identity forward, the gradient times -``strength`` backward.

    >>> x = torch.ones(2, requires_grad=True)
    >>> reverse(x, 0.5).sum().backward()
    >>> x.grad.tolist()
    [-0.5, -0.5]
    """
    reversed_: Tensor = _Reversal.apply(x, strength)
    return reversed_

"""Operations on waveforms as tensors: masks, windowed means, levels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def mask_of(lengths: Tensor, size: int) -> Tensor:
    """Mark true positions with 1 and padding with 0, ``(batch,) -> (batch, size)``.

    >>> mask_of(torch.tensor([1, 3]), 3)
    tensor([[1., 0., 0.],
            [1., 1., 1.]])
    """
    return (torch.arange(size, device=lengths.device) < lengths[:, None]).float()


def running_mean(values: Tensor, mask: Tensor, width: int) -> Tensor:
    """Average each position's true neighbours within ``width`` positions centred on it.

    ``values`` is ``(batch, channels, time)``, ``mask`` ``(batch, time)``; where a recording is no longer than half
    of ``width`` this is its plain mean. Sums run in float64, so a piece of a recording gives what the whole gives.
    """
    return _RunningMean.apply(values, mask[:, None], width // 2)


class _RunningMean(torch.autograd.Function):
    """``diag(1 / count) · W · diag(mask)``; as W is symmetric, the gradient costs what the mean costs."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, mask: Tensor, half: int) -> Tensor:
        count = _window_sum(mask, half).clamp(min=1.0)
        ctx.save_for_backward(mask, count)
        ctx.half = half
        return (_window_sum(values * mask, half) / count).to(values.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        mask, count = ctx.saved_tensors
        return _window_sum(grad / count, ctx.half).to(grad.dtype) * mask, None, None


def _window_sum(x: Tensor, half: int) -> Tensor:
    """Sum over the ``half`` positions to either side of each, and itself, in float64."""
    total, size = x.cumsum(-1, dtype=torch.float64), x.shape[-1]
    half = min(half, size)
    found = torch.cat([total[..., half:], total[..., -1:].expand(*x.shape[:-1], half)], -1)
    found[..., half + 1 :] -= total[..., : max(size - half - 1, 0)]
    return found


def pad_stack(waves: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Stack signals of different length, time first, into a zero-padded batch and its true lengths.

    Recordings ``(time,)`` become ``(batch, time)``, features ``(frames, bands)`` ``(batch, frames, bands)``.

    >>> batch, lengths = pad_stack([torch.ones(2), torch.ones(4)])
    >>> batch.shape, lengths.tolist()
    (torch.Size([2, 4]), [2, 4])
    """
    lengths = torch.tensor([len(wave) for wave in waves])
    return torch.nn.utils.rnn.pad_sequence(waves, batch_first=True), lengths


def rms(waves: Tensor, lengths: Tensor) -> Tensor:
    """Root mean square over true samples, ``(batch, time), (batch,) -> (batch,)``."""
    mask = mask_of(lengths, waves.shape[-1])
    power = (waves.square() * mask).sum(-1) / lengths.clamp(min=1)
    return power.clamp(min=1e-20).sqrt()  # the root's slope at 0 is infinite, and silence must not spoil a batch

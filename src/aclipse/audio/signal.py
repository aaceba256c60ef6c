"""Operations on waveforms as tensors: masks, windowed means, levels."""

from __future__ import annotations

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
    half = width // 2
    weight = mask[:, None].double()

    def window_sum(x: Tensor) -> Tensor:
        total = torch.nn.functional.pad(x.cumsum(-1), (half + 1, 0))
        ahead = torch.nn.functional.pad(total, (0, half), mode="replicate")
        return ahead[..., 2 * half + 1 :] - ahead[..., : x.shape[-1]]

    count = window_sum(weight).clamp(min=1.0)
    return (window_sum(values.double() * weight) / count).to(values.dtype)


def pad_stack(waves: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Stack recordings of different length into a zero-padded batch and its true lengths.

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

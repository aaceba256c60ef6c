"""The losses of Aclipse's two stages (eqs. 6 and 7), as pure functions of cross-entropy and CTC."""

from __future__ import annotations

from torch import Tensor


def stage_one(cross_entropy: Tensor, ctc: Tensor, weight: float, ceiling: float | None = None) -> Tensor:
    """``CE - |λ1| · CTC`` (eq. 6 with the sign its text gives λ1), CTC counted up to ``ceiling``.

    ``ctc`` is ``(batch,)``; a recording whose CTC has passed the ceiling gives no more gradient, without which the
    term grows without bound and destroys the speech within two epochs.

    >>> import torch
    >>> stage_one(torch.tensor(0.5), torch.tensor([3.0, 9.0]), weight=-1.0, ceiling=4.0)
    tensor(-3.)
    """
    bounded = ctc if ceiling is None else ctc.clamp(max=ceiling)
    return cross_entropy - abs(weight) * bounded.mean()


def stage_two(cross_entropy: Tensor, ctc: Tensor, weight: float) -> Tensor:
    """``CE + exp(-ln(λ2 · CTC))`` (eq. 7), computed as the reciprocal it is.

    >>> import torch
    >>> stage_two(torch.tensor(0.5), torch.tensor([2.0, 6.0]), weight=1.0)
    tensor(0.7500)
    """
    return cross_entropy + 1.0 / (weight * ctc.mean()).clamp(min=1e-6)

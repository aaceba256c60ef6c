"""φ(x) = x + r: noise on segments of features whose place and size are learned, and the suppression of elements."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from aclipse.contracts import Settings


class NoiseSettings(Settings):
    """The shape of φ; the numbers of the paper are in brackets."""

    form: Literal["universal", "adaptive"] = "universal"  # one σ for all segments [so], or one that depends on them
    segment: int = Field(200, ge=8)  # frames
    bands: int = Field(128, ge=8)
    start: float = -2.0  # ρ before training: σ is 0.02 of its range [-10: 2e-9 of it]
    least: float = Field(0.01, ge=0)  # σ is between these [0 and 1]
    most: float = Field(1.0, gt=0)

    @model_validator(mode="after")
    def _is_a_range(self) -> NoiseSettings:
        if self.least >= self.most:
            raise ValueError(f"least = {self.least} must be smaller than most = {self.most}")
        return self


class Noise(nn.Module):
    """φ on segments (Cloak with adversarial training, eqs 1 and 6), ``(count, segment, bands)`` in and out.

    Before suppression φ(x) = x + μ + σ ∘ e, after it φ(x) = (x + σ ∘ e) ∘ m + μ_s, with e ~ N(0, 1) drawn for every
    element of every segment. As in float32 (1 + tanh ρ) / 2 is exactly 0 at ρ = -10, σ is computed as the equal
    sigmoid(2 ρ).

    >>> noise = Noise(NoiseSettings(segment=8, bands=8, least=0.0, start=-10.0))
    >>> f"{noise.sigma(torch.zeros(1, 8, 8)).max():.3g}"
    '2.06e-09'
    """

    keep: Tensor
    share: Tensor

    def __init__(self, settings: NoiseSettings) -> None:
        super().__init__()
        shape = settings.segment, settings.bands
        self.settings = settings
        self.rho = nn.Parameter(torch.full(shape, settings.start))
        self.mu = nn.Parameter(torch.zeros(shape))  # μ, and μ_s once elements are suppressed
        self.register_buffer("keep", torch.ones(shape))  # m
        self.register_buffer("share", torch.zeros(()))  # of the elements that are suppressed
        self.network: _Steering | None = _Steering() if settings.form == "adaptive" else None

    def forward(self, x: Tensor, draw: Tensor | None = None) -> Tensor:
        """Features as they leave the device; ``draw`` is e, drawn anew if not given."""
        noisy = x + self.sigma(x) * (torch.randn_like(x) if draw is None else draw)
        return noisy * self.mask(x) + self.mu

    def undone(self, released: Tensor) -> Tensor:
        """What whoever has the device makes of a release without learning anything: μ is taken away, and μ_s made 0."""
        return (released - self.mu) * self.mask(released)

    def sigma(self, x: Tensor) -> Tensor:
        """The deviation of each element's noise, ``(1, segment, bands)``, or ``(count, …)`` if it depends on x."""
        low, high = self.settings.least, self.settings.most
        return low + (high - low) * torch.sigmoid(2 * self._rho(x))

    def sparsity(self, x: Tensor) -> Tensor:
        """-log mean σ² (eq. 4), finite at every ρ: σ² is summed in the logarithmic domain.

        >>> Noise(NoiseSettings(segment=8, bands=8, least=0.0, start=-100.0)).sparsity(torch.zeros(1, 8, 8)).item()
        400.0
        """
        low, high = self.settings.least, self.settings.most
        log_sigma = math.log(high - low) + F.logsigmoid(2 * self._rho(x))
        if low:
            log_sigma = torch.logaddexp(log_sigma, torch.full_like(log_sigma, math.log(low)))
        return math.log(log_sigma.numel()) - torch.logsumexp(2 * log_sigma.flatten(), 0)

    def mask(self, x: Tensor) -> Tensor:
        """m: 1 where an element is kept; universal, or for each segment by its own σ."""
        return self.keep if self.network is None else _kept(self._rho(x), float(self.share))

    @torch.no_grad()
    def suppress(self, percent: float) -> None:
        """Suppress that share of the elements, those with the greatest σ, exactly to one element; μ becomes μ_s.

        The paper's threshold T is thus the (100 - SR)th percentile of σ; see docs/cloak.md. Nothing changes at 0.
        """
        self.share.fill_(percent / 100)
        if self.network is None:
            self.keep.copy_(_kept(self.rho[None], percent / 100)[0])
        self.rho.requires_grad_(False)
        for parameter in () if self.network is None else self.network.parameters():
            parameter.requires_grad_(False)

    def _rho(self, x: Tensor) -> Tensor:
        return self.rho[None] if self.network is None else self.rho + self.network(x)


class _Steering(nn.Module):
    """What a segment adds to ρ, ``(count, segment, bands)`` in and out; nothing before it has learned."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, width, 5, 2, 2), nn.ReLU(), nn.Conv2d(width, width, 5, 2, 2), nn.ReLU(),
            nn.Conv2d(width, 1, 3, padding=1),
        )  # fmt: skip
        for parameter in self.layers[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.layers(x[:, None]), x.shape[1:], mode="bilinear", align_corners=False)[:, 0]


def _kept(rho: Tensor, share: float) -> Tensor:
    """0 at the share of each segment's elements with the greatest ρ, else 1; σ would have ties where it saturates."""
    flat = rho.flatten(1)
    noisiest = torch.argsort(flat, dim=1, descending=True, stable=True)[:, : round(share * flat.shape[1])]
    return torch.ones_like(flat).scatter(1, noisiest, 0.0).reshape(rho.shape)

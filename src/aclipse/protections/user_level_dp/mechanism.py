"""What is done to updates before anybody sees them: pruned, clipped, noised; at the client, and at the server."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from aclipse.errors import RecipeError
from aclipse.protections.user_level_dp import accounting
from aclipse.protections.user_level_dp.accounting import Guarantee, View
from aclipse.protections.user_level_dp.layered import factors, tamed
from aclipse.protections.user_level_dp.local import clipped
from aclipse.protections.user_level_dp.model import Shape
from aclipse.protections.user_level_dp.pruning import pruned
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings
from aclipse.seeds import derive

ADAPTING = 0.2  # rate by which an adaptive clipping norm follows the quantile (Andrew et al. 2021)
COUNTED = 0.05  # least deviation of the noise on how many updates were short enough, over the clients expected


class Mechanism:
    """The privacy of one federation; its clipping norm moves only where that is adaptive.

    A ``promised`` guarantee spares the search for the noise that keeps it. Raises RecipeError for strict privacy of one
    user alone, a δ above 1 / users, and where clients are chosen for what they hold.
    """

    def __init__(
        self, privacy: PrivacySettings, settings: FederationSettings, shape: Shape, users: int, view: View,
        promised: Guarantee | None = None,
    ) -> None:  # fmt: skip
        self.privacy, self.settings, self.shape, self.users = privacy, settings, shape, users
        self.clip = privacy.clip
        if privacy.mode == "strict" and settings.selection != "random":
            raise RecipeError(
                "selection = representative with strict privacy: one client's emotions decide who else takes part, "
                "which is not accounted for. Set selection = random."
            )
        if privacy.mode == "strict" and promised is None:
            promised = accounting.guarantee(privacy, view, users)
        self.guarantee = promised
        self.noise_multiplier = self.guarantee.noise_multiplier if self.guarantee else 0.0
        if privacy.quantile is not None:  # the count is noised, too, and the sum pays for it
            self._counted = max(COUNTED * self.expected, self.noise_multiplier)
            self.noise_multiplier = (self.noise_multiplier**-2 - (2 * self._counted) ** -2) ** -0.5

    @property
    def batch_clip(self) -> float | None:
        """The norm that clients cut each batch's gradient to, in the paper's mode."""
        return self.privacy.clip if self.privacy.mode == "paper" else None

    @property
    def central(self) -> bool:
        """Whether the server adds the noise, so that it alone sees what clients send."""
        return self.privacy.mode == "strict" and self.privacy.place == "central"

    @property
    def expected(self) -> float:
        """How many clients take part in a round, on average."""
        return self.settings.share * self.users

    def sent(self, updates: Tensor, counts: Sequence[int], seeds: Sequence[int]) -> Tensor:
        """What leaves the clients, ``(clients, size) -> (clients, size)``; ``counts`` are recordings learned from."""
        mode = self.privacy.mode
        if self.privacy.pruned:
            updates = pruned(updates, self.privacy.pruned)
        if mode == "strict":
            updates = clipped(updates.nan_to_num(0.0, 0.0, 0.0), self.clip)  # one NaN would show through any noise
        if mode == "layered":
            updates = tamed(updates, self.shape)
        deviation = self.deviations(counts)
        if deviation is None:
            return updates
        return updates + deviation.to(updates.device) * _drawn(updates.shape[1], seeds, updates.device)

    def deviations(self, counts: Sequence[int]) -> Tensor | None:
        """The noise's deviation on each number a client sends, ``(clients, 1 or size)``; None if it adds none."""
        p, s = self.privacy, self.settings
        if p.mode in ("paper", "layered"):
            assert p.epsilon is not None
            each = [accounting.paper_deviation(count, p.epsilon, p.clip, s.share, s.rounds) for count in counts]
            deviations = torch.tensor(each)[:, None]
            return deviations * factors(self.shape) if p.mode == "layered" else deviations
        if p.mode == "strict" and p.place == "local":
            return torch.full((len(counts), 1), 2 * self.clip * self.noise_multiplier)  # replacing one moves it by 2 C
        return None

    @property
    def released_deviation(self) -> float:
        """The deviation of the server's noise on each number of a mean update; 0 if it adds none."""
        return self.noise_multiplier * self.clip / self.expected if self.central else 0.0

    def released(self, sent: Tensor, counts: Sequence[int], seed: int) -> Tensor:
        """The mean update that the server applies and everybody sees, ``(clients, size) -> (size,)``."""
        if not self.central:
            shares = torch.tensor(counts, dtype=torch.float32, device=sent.device)
            if self.privacy.mode == "strict":  # what a client has is nothing that its weight may tell
                shares = torch.ones_like(shares)
            return (shares / shares.sum()) @ sent if len(counts) else sent.new_zeros(self.shape.size)
        total = sent.sum(0) + self.released_deviation * self.expected * _drawn(self.shape.size, [seed], sent.device)[0]
        if self.privacy.quantile is not None:
            self._adapt(sent, self.privacy.quantile, seed)
        return total / self.expected

    def _adapt(self, sent: Tensor, quantile: float, seed: int) -> None:
        """Follow the quantile of the updates' norms, which is counted with noise of its own."""
        short = (sent.norm(dim=1) < self.clip * (1 - 1e-5)).sum() - len(sent) / 2
        drawn = torch.randn((), generator=torch.Generator().manual_seed(derive(seed, "count")))
        share = float((short.cpu() + self._counted * drawn) / self.expected) + 0.5
        self.clip *= math.exp(-ADAPTING * (share - quantile))


def _drawn(size: int, seeds: Sequence[int], device: torch.device) -> Tensor:
    """Standard normal noise, one row a seed: the same on any device and beside any others."""
    rows = [torch.randn(size, generator=torch.Generator().manual_seed(derive(seed, "noise"))) for seed in seeds]
    return torch.stack(rows).to(device) if rows else torch.zeros(0, size, device=device)

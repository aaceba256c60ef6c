"""ER(SO(x)) with its level kept: the whole network of Aclipse (eq. 5)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from aclipse.audio import budget
from aclipse.audio.signal import mask_of
from aclipse.contracts import Settings
from aclipse.protections.cascade import modules


class NetworkSettings(Settings):
    """The two modules and the limits on what they change; a limit comes after the match of loudness and wins."""

    module: modules.ModuleSettings = modules.ModuleSettings()
    match_loudness: bool = True  # give the output the input's level, in windows of 1 s
    min_snr_db: float | None = None  # limit on the change, local to 1 s (see budget.limit_snr); none in the paper
    max_peak: float | None = Field(None, gt=0)  # limit on any sample's change, relative to the local RMS


class CascadeNetwork(nn.Module):
    """Semantics-obfuscating, then emotion-retaining module; ``(batch, time), (batch,) -> (batch, time)``.

    Works on speech scaled to unit local level and scales back, so it commutes with gain. New, it is the identity.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        self.so = modules.build(settings.module)
        self.er = modules.build(settings.module)

    def train(self, mode: bool = True) -> CascadeNetwork:
        """Switch dropout on or off; a frozen module stays as it is when protecting."""
        super().train(mode)
        for module in (self.so, self.er):
            if not any(parameter.requires_grad for parameter in module.parameters()):
                module.eval()
        return self

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        mask = mask_of(lengths, waves.shape[-1])
        level = budget.local_power(waves, mask).sqrt()
        unit = waves / level * mask
        changed = self.er(self.so(unit, mask) * mask, mask) * mask
        if self.settings.match_loudness:
            changed = budget.match_loudness(unit, changed, mask)
        if self.settings.min_snr_db is not None:
            changed = budget.limit_snr(unit, changed, mask, self.settings.min_snr_db)
        if self.settings.max_peak is not None:
            changed = budget.limit_peak(unit, changed, self.settings.max_peak)
        return changed * level * mask

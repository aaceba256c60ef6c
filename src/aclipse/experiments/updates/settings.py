"""Whose updates leave, and who attacks them."""

from __future__ import annotations

from typing import Literal

from aclipse.attackers.updates.learning import UpdateLoop
from aclipse.contracts import Settings
from aclipse.experiments.updates.shadow import ShadowSettings


class UpdateSettings(Settings):
    """The recipe's section ``updates``."""

    kind: Literal["compare", "egemaps", "emobase", "log-mel"] = "log-mel"  # of functionals, which each phone computes
    private: str = ""  # corpus whose speakers take part; the manifest's first one if not given
    shadow: ShadowSettings = ShadowSettings()  # what adversaries make of the other corpora
    attack: UpdateLoop = UpdateLoop()  # how they learn from it

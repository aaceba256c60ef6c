"""Whose updates leave, and who attacks them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aclipse.attackers.updates.learning import UpdateLoop
from aclipse.contracts import Settings


class Shadow(Settings):
    """What adversaries make of their own speech, as `federating.shadow.ShadowSettings`, which loads every study."""

    models: int = Field(5, ge=2)  # federations, each without another fold of its speakers
    cut: int = Field(2, ge=1)  # clients that a speaker is cut into, where the paper says nothing of the corpus
    clients: int = Field(4, ge=1)  # least number that takes part in a round: more is more to learn from


class UpdateSettings(Settings):
    """The recipe's section ``updates``."""

    kind: Literal["compare", "egemaps", "log-mel"] = "log-mel"  # of functionals, which each phone computes
    private: str = ""  # corpus whose speakers take part; the manifest's first one if not given
    shadow: Shadow = Shadow()  # what adversaries make of the other corpora
    attack: UpdateLoop = UpdateLoop()  # how they learn from it

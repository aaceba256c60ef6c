"""What a cloak study trains and how long, and the one way of changing it: KEY=VALUE."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, field_validator

from aclipse.audio.segments import FeatureSettings
from aclipse.contracts import Settings
from aclipse.experiments.cloaking import paper
from aclipse.experiments.fitting import SECRETS
from aclipse.experiments.overrides import parse
from aclipse.models.segmental import Form
from aclipse.protections.cloak.method import CloakSettings
from aclipse.training.recognition import RecognizerLoop


class NetworkSettings(Settings):
    """Of every reader and adversary."""

    form: Form = "strided"
    dropout: float = Field(0.2, ge=0, lt=1)


class EmotionLoop(RecognizerLoop):
    """Of fθ, on clean features of the primary part."""

    epochs: int = Field(20, ge=1)
    learning_rate: float = Field(5e-4, gt=0)
    augment: bool = False  # copies with white noise are there already


class SexLoop(EmotionLoop):
    """Of fg, on clean features of the adversary part."""

    epochs: int = Field(10, ge=1)


class FineTunedLoop(EmotionLoop):
    """Of attackers that go on from fθ or fg; every batch is of new draws of φ."""

    epochs: int = Field(4, ge=1)


class ScratchLoop(EmotionLoop):
    """Of attackers that begin with random weights; every batch is of new draws of φ."""

    epochs: int = Field(8, ge=1)
    learning_rate: float = Field(1e-3, gt=0)


class CloakingSettings(Settings):
    """Everything that the cloak studies depend on, beside their corpora."""

    seed: int = Field(0, ge=0)
    emotions: tuple[str, ...] = Field(paper.EMOTIONS, strict=False, min_length=2)
    features: FeatureSettings = FeatureSettings()
    network: NetworkSettings = NetworkSettings()
    emotion: EmotionLoop = EmotionLoop()
    sex: SexLoop = SexLoop()
    cloak: CloakSettings = CloakSettings()  # its secrets are those of "cloak + adversary", its suppression Fig. 5's
    fine_tuned: FineTunedLoop = FineTunedLoop()
    scratch: ScratchLoop = ScratchLoop()
    srs: tuple[float, ...] = Field((0.0, 20.0, 40.0, 60.0, 80.0), strict=False, min_length=1)  # %, of Fig. 4
    attackers: tuple[float, ...] = Field((0.0, 60.0), strict=False)  # SRs at which some learn from φ: most of the time
    averaged: int = Field(10, ge=2)  # releases of one utterance that are averaged

    @field_validator("srs", "attackers")
    @classmethod
    def _are_shares(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 <= value < 100 for value in values):
            raise ValueError("suppression rates are percentages from 0 to below 100")
        return tuple(sorted(set(values)))

    @field_validator("cloak")
    @classmethod
    def _has_an_adversary(cls, cloak: CloakSettings) -> CloakSettings:
        if not cloak.secrets or not set(cloak.secrets) <= set(SECRETS):
            raise ValueError(f"cloak.secrets are one or more of: {', '.join(SECRETS)}")
        return cloak


def parse_settings(changes: Sequence[str]) -> CloakingSettings:
    """The defaults after ``section.key=value`` overrides; a value is written as in TOML, or is a bare word.

    Raises RecipeError for an unknown key, a wrong type or a value out of range.

    >>> parse_settings(["cloak.epochs=3", "srs=[0, 60]"]).srs
    (0.0, 60.0)
    """
    return parse(CloakingSettings, {}, changes, "--set")

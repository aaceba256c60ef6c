"""What a study of the replacement autoencoder trains and how long, and the one way of changing it: KEY=VALUE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator

from aclipse.contracts import Settings
from aclipse.experiments.overrides import parse
from aclipse.experiments.replacing import paper
from aclipse.protections.replacement.method import ReplacementSettings
from aclipse.protections.replacement.roles import Roles
from aclipse.training.loop import LoopSettings
from aclipse.training.projection import ProjectionSettings

RAW, NOISE, NOTHING, DRAWN, GUIDED = "raw", "noise", "nothing", "drawn", "guided"
TRAINED: dict[str, dict[str, Any]] = {  # methods that are an autoencoder -> what they decide of its training
    "rae": {"weight": 0.0, "guide": 0.0, "redraw": False, "draw": False},
    "rae + grl": {"weight": 0.1, "guide": 0.0, "redraw": False, "draw": False},
    GUIDED: {"weight": 0.1, "guide": 1.0, "redraw": True, "draw": False},
    DRAWN: {"weight": 0.1, "guide": 1.0, "redraw": True, "draw": True},
}
METHODS = (RAW, *TRAINED, NOISE, NOTHING)
DECIDED = {*Roles.model_fields, *TRAINED[GUIDED]}  # not by the settings of the autoencoder

Widths = Annotated[tuple[PositiveInt, ...], Field(strict=False, min_length=1)]


class RiskLoop(LoopSettings):
    """Of the risk model, and of whoever learns from releases; nothing is said of rates and epochs."""

    epochs: int = Field(100, ge=1)
    batch_size: int = Field(64, ge=1)
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    warm_up: float = Field(0.0, ge=0, lt=1)
    patience: int | None = Field(10, ge=1)
    widths: tuple[Widths, ...] = Field(  # of the layers; the best on validation clips is kept, from {256, 128}
        ((256, 256, 128), (256, 128, 128)), strict=False, min_length=1
    )


class ReplacingSettings(Settings):
    """Everything that these studies depend on, beside their corpora."""

    seed: int = Field(0, ge=0)
    scenarios: tuple[Roles, ...] = Field(paper.SCENARIOS, strict=False, min_length=1)
    functionals: ProjectionSettings = ProjectionSettings()
    replacement: ReplacementSettings = ReplacementSettings()  # its training; scenarios and methods decide the rest
    risk: RiskLoop = RiskLoop()
    methods: tuple[str, ...] = Field(METHODS, strict=False)  # that are measured; raw always is

    @property
    def roles(self) -> dict[str, Roles]:
        """Scenarios by name: what they require."""
        return {"+".join(roles.required): roles for roles in self.scenarios}

    @property
    def emotions(self) -> tuple[str, ...]:
        """All that have a role in a scenario."""
        return tuple(dict.fromkeys(emotion for roles in self.scenarios for emotion in roles.emotions))

    def trained(self, scenario: str, method: str) -> ReplacementSettings:
        """How the autoencoder of a method is trained."""
        roles = {name: getattr(self.roles[scenario], name) for name in Roles.model_fields}
        return self.replacement.model_copy(update={**roles, **TRAINED[method]})

    @field_validator("scenarios")
    @classmethod
    def _differ_in_name(cls, scenarios: tuple[Roles, ...]) -> tuple[Roles, ...]:
        names = ["+".join(roles.required) for roles in scenarios]
        if len(set(names)) < len(names):
            raise ValueError("scenarios are named after what they require, so that each must require something else")
        return scenarios

    @field_validator("methods")
    @classmethod
    def _are_known(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        if not set(methods) <= set(METHODS):
            raise ValueError(f"methods are some of: {', '.join(METHODS)}")
        return tuple(method for method in METHODS if method in {RAW, *methods})

    @field_validator("replacement")
    @classmethod
    def _leaves_the_rest(cls, replacement: ReplacementSettings) -> ReplacementSettings:
        if decided := sorted(replacement.model_fields_set & DECIDED):
            raise ValueError(f"{', '.join(decided)} cannot be set here: the scenarios and methods decide it")
        return replacement


def parse_settings(changes: Sequence[str]) -> ReplacingSettings:
    """The defaults after ``section.key=value`` overrides; a value is written as in TOML, or is a bare word.

    Raises RecipeError for an unknown key, a wrong type or a value out of range.

    >>> changes = ["functionals.kind=log-mel", 'scenarios=[{required=["sad"], sensitive=["happy", "angry"]}]']
    >>> [*parse_settings(changes).roles]
    ['sad']
    """
    return parse(ReplacingSettings, {}, changes, "--set")

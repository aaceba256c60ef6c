"""What the federated studies train and how, and the one way of changing it: KEY=VALUE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import Field, NonNegativeInt, field_validator

from aclipse.attackers.updates.learning import UpdateLoop
from aclipse.audio.functionals import FunctionalSettings
from aclipse.contracts import Settings
from aclipse.experiments.federating import paper
from aclipse.experiments.overrides import parse
from aclipse.experiments.updates.shadow import ShadowSettings
from aclipse.protections.user_level_dp.settings import Budget, FederationSettings, PrivacySettings

NONE, PAPER, CENTRAL, LOCAL, LAYERED = "none", "paper", "strict-central", "strict-local", "layered"
PRUNED, REPRESENTATIVE, DROPOUT = "pruned", "representative", "dropout"
STRICT = (CENTRAL, LOCAL)
MECHANISMS = (NONE, PAPER, CENTRAL, LOCAL, LAYERED, PRUNED, REPRESENTATIVE, DROPOUT)
DECIDED = ("algorithm", "selection", "dropout")  # of the federation, by studies and mechanisms

Epsilons = Annotated[tuple[Budget, ...], Field(strict=False)]


class Variant(NamedTuple):
    """A mechanism at an ε, if it has one."""

    mechanism: str
    epsilon: float | None = None

    def __str__(self) -> str:
        return self.mechanism if self.epsilon is None else f"{self.mechanism} at {self.epsilon:g}"


CLEAN = Variant(NONE)


class FederatingSettings(Settings):
    """Everything that these studies depend on, beside their corpora."""

    seed: int = Field(0, ge=0)
    private: tuple[str, ...] = Field((), strict=False)  # corpora that are attacked in turn; all if none is named
    functionals: FunctionalSettings = FunctionalSettings(kind="log-mel")  # the paper's: emobase
    federation: FederationSettings = FederationSettings()
    shadow: ShadowSettings = ShadowSettings()
    attack: UpdateLoop = UpdateLoop(epochs=4, weight_decay=1e-2)
    networks: int = Field(3, ge=1)  # that an attacker trains, each validated on other speakers; their mean answers
    mechanisms: tuple[str, ...] = Field(MECHANISMS, strict=False)  # of fed-udp; none always is
    epsilons: Epsilons = paper.EPSILONS  # of the paper's mechanism
    strict: Epsilons = (8.0,)  # of the accounted one
    delta: float = Field(0.01, gt=0, lt=1)  # of the accounted one: at most 1 / users
    strict_clip: float = Field(0.05, gt=0)
    layered: Epsilons = (10.0,)  # of our reading of GHDP
    pruned: float = Field(0.9, gt=0, lt=1)  # share that is not sent: our reading of SEFL
    dropout: float = Field(0.6, gt=0, lt=1)  # after the first layer
    leaked: tuple[NonNegativeInt, ...] = Field(paper.LEAKED, strict=False, min_length=1)  # updates; 0: all
    draws: int = Field(10, ge=1)  # of so many updates, a client

    @property
    def variants(self) -> list[Variant]:
        """All that fed-udp compares."""
        budgets = {PAPER: self.epsilons, CENTRAL: self.strict, LOCAL: self.strict, LAYERED: self.layered}
        return [
            Variant(name, epsilon) for name in self.mechanisms
            for epsilon in budgets.get(name, (None,))
        ]  # fmt: skip

    def privacy(self, variant: Variant) -> PrivacySettings:
        """What a mechanism does to updates."""
        name, epsilon = variant
        if name in STRICT:
            place: Any = name.removeprefix("strict-")
            return PrivacySettings(
                mode="strict", epsilon=epsilon, delta=self.delta, place=place, clip=self.strict_clip
            )  # fmt: skip
        if name in (PAPER, LAYERED):
            mode: Any = name
            return PrivacySettings(mode=mode, epsilon=epsilon)
        return PrivacySettings(pruned=self.pruned if name == PRUNED else 0.0)

    def rules(self, algorithm: str, variant: Variant) -> FederationSettings:
        """How clients learn under a mechanism."""
        changed: dict[str, Any] = {"algorithm": algorithm}
        if variant.mechanism == REPRESENTATIVE:
            changed["selection"] = "representative"
        if variant.mechanism == DROPOUT:
            changed["dropout"] = self.dropout
        return self.federation.model_copy(update=changed)

    @field_validator("mechanisms")
    @classmethod
    def _are_known(cls, mechanisms: tuple[str, ...]) -> tuple[str, ...]:
        if not set(mechanisms) <= set(MECHANISMS):
            raise ValueError(f"mechanisms are some of: {', '.join(MECHANISMS)}")
        return tuple(name for name in MECHANISMS if name in {NONE, *mechanisms})

    @field_validator("federation")
    @classmethod
    def _leaves_the_rest(cls, federation: FederationSettings) -> FederationSettings:
        if decided := sorted(federation.model_fields_set & {*DECIDED}):
            raise ValueError(f"{', '.join(decided)} cannot be set here: the studies and mechanisms decide it")
        return federation


def parse_settings(changes: Sequence[str]) -> FederatingSettings:
    """The defaults after ``section.key=value`` overrides; a value is written as in TOML, or is a bare word.

    Raises RecipeError for an unknown key, a wrong type or a value out of range.

    >>> [str(variant) for variant in parse_settings(["mechanisms=['paper']", "epsilons=[10]"]).variants]
    ['none', 'paper at 10']
    """
    return parse(FederatingSettings, {}, changes, "--set")

"""How clients learn together, and what is done to their updates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aclipse.contracts import Settings

Budget = Annotated[float, Field(gt=0)]


class FederationSettings(Settings):
    """One federated training; defaults are those of the code published with the paper (usc-sail/fed-ser-leakage)."""

    algorithm: Literal["fedavg", "fedsgd"] = "fedavg"
    rounds: int = Field(200, ge=1)
    share: float = Field(0.1, gt=0, le=1)  # of the clients that take part in a round
    selection: Literal["random", "representative"] = "random"  # of them
    batch_size: int = Field(20, ge=1)
    local_epochs: int = Field(1, ge=1)  # of FedAvg
    learning_rate: float = Field(5e-4, gt=0)  # of the Adam of a client, in FedAvg
    weight_decay: float = Field(1e-4, ge=0)  # as above
    server_rate: float = Field(0.05, gt=0)  # of the server's step, in FedSGD
    dropout: float = Field(0.2, ge=0, lt=1)  # after the first layer
    second_dropout: float = Field(0.2, ge=0, lt=1)  # after the second; the paper never changes it
    start: int = Field(8, ge=0)  # seed of the first global model, which everybody is given, adversaries too


class PrivacySettings(Settings):
    """What leaves a client, or the server.

    ``paper``: the gradient of each batch clipped to ``clip``, and noise of the paper's closed form on what is sent;
    ``strict``: the whole update clipped to ``clip`` and noise that is accounted for, added by the server (``central``)
    or by each client (``local``); ``layered``: our reading of GHDP, the same noise shared out to the layers.
    There is no default for ``delta``: it must be at most 1 / users. The paper's own is fixed at 0.5.
    """

    mode: Literal["none", "paper", "strict", "layered"] = "none"
    epsilon: Budget | None = None
    delta: Annotated[float, Field(gt=0, lt=1)] | None = None
    place: Literal["central", "local"] = "central"  # of the noise of `strict`
    clip: float = Field(0.25, gt=0)  # L2 norm; of a batch's gradient in `paper`, of the whole update else
    quantile: Annotated[float, Field(gt=0, lt=1)] | None = None  # of updates' norms that adaptive clipping follows
    pruned: float = Field(0.0, ge=0, lt=1)  # share of an update's entries, the smallest, that are not sent

    @model_validator(mode="after")
    def _is_whole(self) -> PrivacySettings:
        if self.mode != "none" and self.epsilon is None:
            raise ValueError(f"mode = {self.mode} needs an epsilon above 0")
        if self.mode == "strict" and self.delta is None:
            raise ValueError("mode = strict needs a delta: at most 1 / users, and there is no default")
        if self.mode != "strict" and self.delta is not None:
            raise ValueError("delta is of mode = strict; the paper's closed form has its own, 0.5")
        if self.quantile is not None and not (self.mode == "strict" and self.place == "central"):
            raise ValueError("quantile, for adaptive clipping, needs mode = strict and place = central")
        return self

"""Federations of few clients with small inputs, and a grid whose clients answer in the same process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch

from aclipse.protections.user_level_dp.simulate import Federation
from aclipse.training import checkpoint

INPUTS, EMOTIONS, ROUNDS = 8, 4, 3
MODES: dict[str, dict[str, Any]] = {
    "none": {},
    "paper": {"mode": "paper", "epsilon": 10.0},
    "layered": {"mode": "layered", "epsilon": 10.0},
    "local": {"mode": "strict", "place": "local", "epsilon": 4.0, "delta": 0.1},
    "central": {"mode": "strict", "place": "central", "epsilon": 1.0, "delta": 0.1},
    "adaptive": {"mode": "strict", "place": "central", "epsilon": 1.0, "delta": 0.1, "quantile": 0.3},
}

Build = Callable[..., Federation]  # fixtures
Seat = Callable[..., "Table"]
Serve = Callable[..., Path]


def apart(output: Path, federation: Federation) -> float:
    """How far weights on disk are from those of a federation, at most."""
    weights: torch.Tensor = checkpoint.load(output)[0]["weights"]
    assert torch.isfinite(weights).all() and weights.shape == federation.weights.shape
    return float((weights - federation.weights).abs().max())


class Table:
    """A grid around which all clients sit: whatever is pushed is answered at once, in another order."""

    def __init__(self, app: Callable[[Any, Any], Any], contexts: dict[int, Any]) -> None:
        self.app, self.contexts = app, contexts
        self.replies: dict[str, Any] = {}
        self.seen: list[Any] = []  # replies as the server could read them

    def get_node_ids(self) -> list[int]:
        """Everybody."""
        return list(self.contexts)

    def push_messages(self, messages: Iterable[Any]) -> list[str]:
        """Ask, and keep the answers; an exception becomes an error as in Flower."""
        from flwr.app import Error, Message

        pushed = list(messages)
        for number, message in enumerate(pushed):
            vars(message.metadata)["_message_id"] = name = f"{len(self.seen)}.{number}"
            try:
                reply = self.app(deepcopy(message), self.contexts[message.metadata.dst_node_id])
            except Exception as error:
                reply = Message(Error(0, f"{type(error).__name__}: {error}"), reply_to=message)
            self.replies[name] = reply
        self.seen += self.replies.values()
        return list(self.replies)[-len(pushed) :]

    def pull_messages(self, ids: Iterable[str]) -> list[Any]:
        """The last answer first."""
        return [self.replies.pop(name) for name in sorted(ids, reverse=True) if name in self.replies]

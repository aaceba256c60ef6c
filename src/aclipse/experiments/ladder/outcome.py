"""What one attacker heard, and what it had to spend: the result of a job, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Outcome:
    """The readings of one listener in the test clips of one subject."""

    subject: str
    secret: str
    judge: str
    knowledge: str
    readings: list[Any]
    picked: list[int] | None = None  # the test clips that were read; all if None
    enrolled: list[Any] | None = None  # for voices: how the same clips sound where they were enrolled; as read if None
    via: str = ""  # the purifier
    clips: int = 0  # protected clips with labels that it learned from
    minutes: float = 0.0  # of speech in them
    seed: int = 0
    before: float | None = None  # validation score of the listener it started from
    after: float | None = None
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    tried: dict[str, float] = field(default_factory=dict)  # purifier → validation score

    def as_json(self) -> dict[str, Any]:
        """Plain data; embeddings become lists."""
        return {**asdict(self), "readings": _plain(self.readings), "enrolled": _plain(self.enrolled)}


def from_json(facts: dict[str, Any]) -> Outcome:
    """What `Outcome.as_json` wrote."""
    return Outcome(**{**facts, "readings": _arrays(facts["readings"]), "enrolled": _arrays(facts["enrolled"])})


def _plain(readings: list[Any] | None) -> list[Any] | None:
    if readings is None or not readings or isinstance(readings[0], str):
        return readings
    return [np.round(np.asarray(reading, np.float64), 6).tolist() for reading in readings]


def _arrays(readings: list[Any] | None) -> list[Any] | None:
    if readings is None or not readings or isinstance(readings[0], str):
        return readings
    return [np.asarray(reading, np.float32) for reading in readings]

"""Who takes part in each round, drawn before the first one, so that no choice depends on what was learned.

``representative`` is our reading of LDP-FL with clients' selection (Mohammadi et al. 2023), of which only an abstract
is public: of several draws, the one whose emotions are most like those of all clients together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aclipse.protections.user_level_dp.accounting import View
from aclipse.protections.user_level_dp.clients import Client
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings
from aclipse.seeds import derive

DRAWS = 10  # of which the most representative one is taken

Round = tuple[int, ...]


def schedule(
    clients: Sequence[Client], outputs: int, settings: FederationSettings, privacy: PrivacySettings, seed: int
) -> list[Round]:
    """The clients of each round, by place.

    A fixed number without replacement, as the paper's code; where the server's noise is accounted for, each client by
    its own coin (Poisson sampling), which is what the accounting assumes: a round may then be empty.
    """
    poisson = privacy.mode == "strict" and privacy.place == "central" and settings.selection == "random"
    held = np.stack([np.bincount(client.labels.cpu().numpy(), minlength=outputs) for client in clients])
    return [_round(held, poisson, settings, derive(seed, "round", number)) for number in range(settings.rounds)]


def view(rounds: Sequence[Round], settings: FederationSettings, privacy: PrivacySettings) -> View:
    """What an adversary sees of a schedule: each round's model, or the updates of who took part most often."""
    if privacy.place == "central":
        return View(len(rounds), settings.share)
    counts = np.bincount([one for chosen in rounds for one in chosen])
    return View(int(counts.max()))


def _round(held: npt.NDArray[np.int_], poisson: bool, settings: FederationSettings, seed: int) -> Round:
    drawn, users = np.random.default_rng(seed), len(held)
    if poisson:
        return tuple(np.flatnonzero(drawn.random(users) < settings.share).tolist())
    count = max(1, int(settings.share * users))
    if settings.selection == "random":
        return tuple(sorted(drawn.choice(users, count, replace=False).tolist()))
    draws = [np.sort(drawn.choice(users, count, replace=False)) for _ in range(DRAWS)]
    best = min(draws, key=lambda own: _distance(held[own].sum(0), held.sum(0)))
    return tuple(best.tolist())


def _distance(some: npt.NDArray[np.int_], every: npt.NDArray[np.int_]) -> float:
    """Between two distributions over emotions: total variation."""
    return float(np.abs(some / some.sum() - every / every.sum()).sum() / 2)

"""Federated learning without processes: all clients of a round, of all federations, in one batched computation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from aclipse.errors import RecipeError
from aclipse.protections.user_level_dp.clients import Client
from aclipse.protections.user_level_dp.local import local_updates, steps_of
from aclipse.protections.user_level_dp.mechanism import Mechanism
from aclipse.protections.user_level_dp.model import Shape, first_weights, read
from aclipse.protections.user_level_dp.selection import schedule, view
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings
from aclipse.seeds import derive


class Leak(NamedTuple):
    """What one round shows to whoever listens: updates as the clients sent them, and what the server made of them."""

    number: int
    chosen: tuple[int, ...]  # places of the clients
    sent: Tensor  # (clients, size)
    released: Tensor  # (size,), the mean update that everybody sees
    before: Tensor  # (size,), the global model that the round began with


class Federation:
    """One federated training: who takes part, by which rules, and the global model as it is now.

    A shadow is ``like`` the federation it imitates: its noise is that of the other, whatever its own clients hold.
    Raises RecipeError for no client, and where the privacy asked for cannot be promised to so few.
    """

    def __init__(
        self, clients: Sequence[Client], outputs: int, settings: FederationSettings,
        privacy: PrivacySettings | None = None, seed: int = 0, like: Federation | None = None,
    ) -> None:  # fmt: skip
        if not clients:
            raise RecipeError("a federation without clients learns nothing. Give clips of at least one speaker.")
        self.clients, self.settings, self.seed = list(clients), settings, seed
        self.privacy = privacy or PrivacySettings()
        self.shape = Shape(clients[0].features.shape[1], outputs)
        self.rounds = schedule(self.clients, outputs, settings, self.privacy, seed)
        seen = view(self.rounds, settings, self.privacy)
        self.mechanism: Mechanism
        promised = like.mechanism.guarantee if like else None
        self.mechanism = Mechanism(self.privacy, settings, self.shape, len(clients), seen, promised)
        self.typical = int(np.median([like.count_of(client) for client in like.clients])) if like else 0
        self.weights = first_weights(self.shape, settings.start).to(clients[0].features.device)

    def seeds(self, number: int) -> list[int]:
        """A seed for each client of a round."""
        return [self.seed_of(number, self.clients[place].id) for place in self.rounds[number]]

    def seed_of(self, number: int, client: str) -> int:
        """The seed of what one client draws in one round."""
        return derive(self.seed, "round", number, client)

    def count_of(self, client: Client) -> int:
        """The recordings by which a client's noise and weight are measured."""
        return self.typical or len(client.labels)

    def finish(self, number: int, updates: Tensor) -> Leak:
        """From the updates that a round's clients have computed to the next global model."""
        own = [self.clients[place] for place in self.rounds[number]]
        counts = [self.count_of(client) for client in own]
        sent = self.mechanism.sent(updates, counts, self.seeds(number))
        return self.apply(number, sent, counts)

    def apply(self, number: int, sent: Tensor, counts: Sequence[int]) -> Leak:
        """From what the clients have sent to the next global model."""
        before = self.weights
        released = self.mechanism.released(sent, counts, derive(self.seed, "server", number))
        sgd = self.settings.algorithm == "fedsgd"
        self.weights = before - self.settings.server_rate * released if sgd else before + released
        return Leak(number, self.rounds[number], sent, released, before)

    def noise_energy(self, chosen: Sequence[int], central: bool) -> float:
        """Expected squared norm of the noise in one round: in what its clients send, or in what is released."""
        if central:
            return self.mechanism.released_deviation**2 * self.shape.size
        deviations = self.mechanism.deviations([self.count_of(self.clients[place]) for place in chosen])
        return 0.0 if deviations is None else float(deviations.square().expand(-1, self.shape.size).sum())

    def steps(self, chosen: Sequence[int]) -> list[int]:
        """How many batches each of some clients computes in a round."""
        return [steps_of(self.clients[place], self.settings) for place in chosen]


def simulate(federations: Sequence[Federation], on_round: Callable[[int, Leak], None] | None = None) -> None:
    """Train federations of one shape and settings from first to last round, side by side.

    ``on_round(which, leak)`` hears of each round of each federation. Raises RecipeError where they do not fit together.
    """
    first = federations[0]
    if any((one.shape, one.settings) != (first.shape, first.settings) for one in federations):
        raise RecipeError(
            "federations that are simulated together share their settings and shape. Simulate them apart."
        )
    for number in range(first.settings.rounds):
        with torch.no_grad():
            starts = [one.weights.expand(len(one.rounds[number]), -1) for one in federations]
        clips = {one.mechanism.batch_clip for one in federations}
        if len(clips) > 1:
            raise RecipeError("federations that clip their batches differently are simulated apart.")
        updates = local_updates(
            torch.cat(starts), [one.clients[place] for one in federations for place in one.rounds[number]],
            first.shape, first.settings, [seed for one in federations for seed in one.seeds(number)], clips.pop(),
        )  # fmt: skip
        for which, (one, own) in enumerate(zip(federations, updates.split([*map(len, starts)]), strict=True)):
            leak = one.finish(number, own)
            if on_round:
                on_round(which, leak)


def held_out_uar(federation: Federation) -> float:
    """Mean UAR of the global model on clients' own validation recordings, weighted by their number; NaN without."""
    own = [client for client in federation.clients if len(client.held_out_labels)]
    if not own:
        return float("nan")
    told = read(federation.weights, federation.shape, torch.cat([client.held_out for client in own]))
    parts = told.split([len(client.held_out_labels) for client in own])
    total = 0.0
    for client, answers in zip(own, parts, strict=True):
        truth = client.held_out_labels
        recalls = [(answers[truth == label] == label).float().mean() for label in truth.unique()]
        total += len(truth) * float(torch.stack(recalls).mean())
    return total / sum(map(len, parts))

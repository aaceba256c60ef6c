"""What an adversary has seen of federations: updates of clients, or the models released after each round."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aclipse.contracts import Clip
from aclipse.errors import CorpusError
from aclipse.protections.user_level_dp.clients import Client
from aclipse.protections.user_level_dp.local import pseudo_gradients
from aclipse.protections.user_level_dp.model import LAYERS, Shape, layers_of
from aclipse.protections.user_level_dp.simulate import Federation, Leak, held_out_uar, simulate
from aclipse.seeds import derive
from aclipse.training.batches import Speech

DROWNED = 2.5e-4  # of the noise's energy, in a thousand updates of 100,000 numbers: -36 dB
LARGEST = 3e4  # number that half precision is trusted with
ALL = 0  # in place of a number of updates: as many as a client has sent


@dataclass(frozen=True)
class Leaks:
    """Updates as an attacker takes them, pseudo-gradients, and the client and round of each."""

    shape: Shape
    updates: Tensor  # (count, size)
    clients: list[Client]
    rounds: list[int]

    def __len__(self) -> int:
        return len(self.clients)

    def of_layer(self, layer: str) -> Speech:
        """One layer of each update as ``(rows, columns + 1)``, the bias last: what attackers read."""
        weight, bias = layers_of(self.updates, self.shape)[LAYERS.index(layer)]
        clips = [
            Clip(f"{client.id}@{number}", Path(), client.speaker, client.sex, extra={"client": client.id})
            for client, number in zip(self.clients, self.rounds, strict=True)
        ]
        return Speech(clips, list(torch.cat([weight, bias[..., None]], -1).float().numpy()))

    def draws(self, count: int, draws: int, seed: int) -> list[list[int]]:
        """Places of ``count`` updates of one client, drawn without replacement, ``draws`` times for each; of all once.

        Where a client has sent fewer, all it has sent, as often as of the others.
        """
        own: dict[str, list[int]] = {}
        for place, client in enumerate(self.clients):
            own.setdefault(client.id, []).append(place)
        found = []
        for name, places in own.items():
            drawn = np.random.default_rng(derive(seed, "leaked", name, count))
            size = len(places) if count == ALL else min(count, len(places))
            times = 1 if count == ALL else draws
            found += [drawn.choice(places, size, replace=False).tolist() for _ in range(times)]
        return found

    def averaged(self, count: int, draws: int, seed: int) -> Leaks:
        """Means of `draws`; which draw of its client each is takes the place of a round."""
        drawn = self.draws(count, draws, seed)
        times = 1 if count == ALL else draws
        updates = torch.stack([self.updates[some].float().mean(0) for some in drawn])
        clients = [self.clients[some[0]] for some in drawn]
        return Leaks(self.shape, updates, clients, [place % times for place in range(len(drawn))])


def together(every: Sequence[Leaks]) -> Leaks:
    """Leaks of several federations of one shape."""
    return Leaks(
        every[0].shape,
        torch.cat([one.updates for one in every]),
        [client for one in every for client in one.clients],
        [number for one in every for number in one.rounds],
    )


class Listener:
    """Hears all rounds of one federation: each client's updates (``local``), or released models (``central``).

    In the central view a client's part is what was released in the rounds that it took part in, less the mean of all
    rounds; that an adversary knows who took part is more than the guarantee grants it.
    """

    def __init__(self, federation: Federation) -> None:
        self.federation, self.central = federation, federation.mechanism.central
        self.best = -1.0
        self.kept = federation.weights  # the global model that is taken in the end
        self._updates: list[Tensor] = []
        self._clients: list[Client] = []
        self._rounds: list[int] = []
        self._energy = [0.0, 0.0]  # of all that was heard, and of the noise that was expected in it

    def hear(self, leak: Leak) -> None:
        """One round."""
        expected = self.federation.mechanism.expected
        heard = expected * leak.released[None] if self.central else leak.sent  # a sum: shadows have other numbers
        steps = [1] if self.central else self.federation.steps(leak.chosen)
        self._updates.append(_small(pseudo_gradients(heard, steps, self.federation.settings).cpu()))
        self._clients += [self.federation.clients[place] for place in leak.chosen]
        self._rounds += [leak.number] * len(leak.chosen)
        self._energy[0] += float(heard.square().sum())
        scale = expected**2 if self.central else 1.0
        self._energy[1] += scale * self.federation.noise_energy(leak.chosen, self.central)

    def choose(self, leak: Leak) -> None:
        """Keep the model that the clients' own validation likes best in the second half.

        Where nobody has any, the last one; and under strict privacy: a choice by private recordings would have to be
        paid for.
        """
        last = self.federation.privacy.mode == "strict"
        if not last and leak.number < self.federation.settings.rounds // 2:
            return
        score = math.nan if last else held_out_uar(self.federation)
        if math.isnan(score) or score > self.best:
            self.best, self.kept = score, self.federation.weights

    @property
    def snr_db(self) -> float:
        """Of what was heard: its energy without the noise's over the noise's; infinite without noise.

        NaN where it drowns: below that, the chance of the noise's own energy is more.
        """
        heard, noise = self._energy
        if not noise:
            return math.inf
        return 10 * math.log10((heard - noise) / noise) if heard - noise > DROWNED * noise else math.nan

    @property
    def leaks(self) -> Leaks:
        """All that was heard."""
        if not self._clients:
            raise CorpusError("nobody took part in any round: nothing leaked. Set more rounds, or a larger share.")
        updates = torch.cat(self._updates)
        if self.central:  # one a round, whoever took part
            updates = _small((updates.float() - updates.float().mean(0))[self._rounds])
        return Leaks(self.federation.shape, updates, self._clients, self._rounds)


def _small(updates: Tensor) -> Tensor:
    """In half the memory, where no number is too large for it."""
    return updates.half() if not len(updates) or updates.abs().max() < LARGEST else updates


def overheard(
    federations: Sequence[Federation], choose: bool = False, on_leak: Callable[[Leak], None] | None = None
) -> list[Listener]:
    """Train federations side by side and listen to each; with ``choose`` their best models are kept, too."""
    listeners = [Listener(one) for one in federations]

    def on_round(which: int, leak: Leak) -> None:
        listeners[which].hear(leak)
        if choose:
            listeners[which].choose(leak)
        if on_leak:
            on_leak(leak)

    simulate(federations, on_round)
    return listeners

"""Audit the guarantee in one run, with clients that are planted: what can be guessed of them bounds ε from below.

A canary sends a long update in a random direction of its own (Andrew et al. 2023, arXiv 2302.03098). ``central``: a
coin that nobody sees says whether it is among the clients; ``local``: it always takes part, and the coin is the sign
of its direction. The adversary looks along each direction in what its view shows, calls the coins of the highest and
lowest scores and abstains from the rest; how many calls are right bounds ε (Steinke, Nasr and Jagielski 2023, arXiv
2305.08846, theorem 5.2). Signs alternate from round to round, so that noise which repeats cancels out. An audit can
show that a promise is broken; that it finds nothing is no proof, and no more than ε = ln(canaries / 4) can be found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from aclipse.contracts import Settings
from aclipse.errors import RecipeError
from aclipse.protections.user_level_dp.clients import Client
from aclipse.protections.user_level_dp.local import local_updates
from aclipse.protections.user_level_dp.mechanism import Mechanism
from aclipse.protections.user_level_dp.selection import view
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings
from aclipse.protections.user_level_dp.simulate import Federation, Leak
from aclipse.seeds import derive

# shares of the canaries that are called in and called out: fixed before, each tried at its share of the error allowed
GUESSED = ((0.5, 0.5), (0.2, 0.2), (0.05, 0.05), (0.2, 0.0))
STEP = 0.05  # from one ε to the next that is tried
LARGEST = 30.0  # ε that is tried

Build = Callable[..., Mechanism]  # with the arguments of `Mechanism`


class AuditSettings(Settings):
    """How an audit is made."""

    canaries: int = Field(1000, ge=20)  # far fewer than the model has weights; each needs memory for that many
    length: float = Field(10.0, gt=0)  # of an update in clipping norms: more than clipping lets pass
    confidence: float = Field(0.95, gt=0, lt=1)
    seed: int = Field(0, ge=0)


@dataclass(frozen=True)
class Audit:
    """What one run showed: with this confidence, ε is at least ``lower``."""

    lower: float
    claimed: float
    delta: float
    confidence: float
    correct: int  # of the guesses that gave the bound
    guesses: int
    canaries: int

    @property
    def broken(self) -> bool:
        """Whether the guarantee does not hold."""
        return self.lower > self.claimed


def audited_epsilon(
    clients: Sequence[Client], outputs: int, settings: FederationSettings, privacy: PrivacySettings,
    audit: AuditSettings | None = None, mechanism: Build = Mechanism,
) -> Audit:  # fmt: skip
    """Run a federation of some clients and many canaries, and bound its ε from below.

    Raises RecipeError for a mode that promises nothing, no client, and δ above 1 / (clients and canaries).
    """
    if privacy.mode != "strict":
        raise RecipeError(f"mode {privacy.mode!r} promises nothing that could be audited. Use mode = strict.")
    if not clients:
        raise RecipeError("an audit without clients has no recordings to go by. Give one client at least.")
    audit = audit or AuditSettings()
    federation = _crowd(clients, outputs, settings, privacy, audit, mechanism)
    coins = np.random.default_rng(derive(audit.seed, "coins")).random(audit.canaries) < 0.5
    scores = _Planted(federation, len(clients), coins, audit).scores()
    promise = federation.mechanism.guarantee
    assert promise is not None
    return judged(scores, coins, promise.epsilon, promise.delta, audit.confidence)


def judged(scores: npt.NDArray[np.float64], coins: npt.NDArray[np.bool_], claimed: float, delta: float,
           confidence: float = 0.95) -> Audit:  # fmt: skip
    """The best bound that fixed numbers of guesses give: of high scores the coin is called heads, of low ones tails."""
    order, count = np.argsort(-scores, kind="stable"), len(scores)
    each = 1 - (1 - confidence) / len(GUESSED)  # so that all bounds hold together with the confidence asked for
    found = []
    for high, low in GUESSED:
        heads, tails = int(high * count), int(low * count)
        correct = int(coins[order[:heads]].sum() + (~coins[order[count - tails :]]).sum())
        bound = epsilon_bound(correct, heads + tails, count, delta, each)
        found.append(Audit(bound, claimed, delta, confidence, correct, heads + tails, count))
    return max(found, key=lambda one: one.lower)


def epsilon_bound(correct: int, guesses: int, canaries: int, delta: float, confidence: float) -> float:
    """The ε below which no (ε, δ) private mechanism lets so many of the guesses be right, but by an odd chance.

    >>> right = 0.05 ** (1 / 100)  # what randomised response must reach to have 100 of 100 right in one of 20 runs
    >>> round(epsilon_bound(100, 100, 100, 0.0, 0.95), 3), round(math.log(right / (1 - right)), 3)
    (3.493, 3.493)
    """
    low = 0.0
    if odds(correct, guesses, canaries, low, delta) >= 1 - confidence:
        return low
    while odds(correct, guesses, canaries, low + STEP, delta) < 1 - confidence and low < LARGEST:
        low += STEP  # by steps: the odds need not grow all the way
    high = low + STEP
    for _ in range(30):
        middle = (low + high) / 2
        rejected = odds(correct, guesses, canaries, middle, delta) < 1 - confidence
        low, high = (middle, high) if rejected else (low, middle)
    return low


def odds(correct: int, guesses: int, canaries: int, epsilon: float, delta: float) -> float:
    """At most how probable it is under (ε, δ) privacy that so many guesses, or more, are right.

    P[W ≥ v] + 2 m δ max_i P[v > W ≥ v − i] / i, where W is the number right by randomised response of ε among the
    guesses, v of them are right, m the canaries, and δ's part the most that failures can add (theorem 5.2).

    Raises RecipeError for counts that cannot be.
    """
    if not 0 <= correct <= guesses <= canaries:
        raise RecipeError(
            f"{correct} right of {guesses} guesses of {canaries} canaries cannot be. Give fewer, in order."
        )
    chances = _binomial(guesses, 1 / (1 + math.exp(-epsilon)))
    below = np.cumsum(chances[:correct][::-1]) / np.arange(1, correct + 1)
    return min(1.0, float(chances[correct:].sum() + 2 * canaries * delta * below.max(initial=0.0)))


def _binomial(count: int, chance: float) -> npt.NDArray[np.float64]:
    """The probability of 0, 1, … ``count`` successes."""
    gamma = np.array([math.lgamma(place + 1) for place in range(count + 1)])
    place = np.arange(count + 1)
    logs = place * math.log(chance) + (count - place) * math.log1p(-chance)
    return np.exp(gamma[-1] - gamma - gamma[::-1] + logs)


def _crowd(
    clients: Sequence[Client], outputs: int, settings: FederationSettings, privacy: PrivacySettings,
    audit: AuditSettings, mechanism: Build,
) -> Federation:  # fmt: skip
    """A federation where canaries stand behind the clients; they hold what the first one does, and never learn."""
    names = [f"canary {number}" for number in range(audit.canaries)]
    planted = [replace(clients[0], id=name, speaker=name) for name in names]
    found = Federation([*clients, *planted], outputs, settings, privacy, derive(audit.seed, "federation"))
    seen = view(found.rounds, settings, privacy)
    found.mechanism = mechanism(privacy, settings, found.shape, len(found.clients), seen)
    return found


class _Planted:
    """A federation with canaries, run once, and what is seen of them."""

    def __init__(self, federation: Federation, first: int, coins: npt.NDArray[np.bool_], audit: AuditSettings) -> None:
        self.federation, self.first, self.length = federation, first, audit.length
        self.central = federation.privacy.place == "central"
        self.directions = _directions(len(coins), federation.shape.size, derive(audit.seed, "directions"))
        self.coins = torch.from_numpy(np.where(coins, 1.0, -1.0).astype(np.float32))
        if self.central:  # after the draw of who takes part: who is not there changes nothing for others
            there = [True] * first + coins.tolist()
            federation.rounds = [tuple(place for place in chosen if there[place]) for chosen in federation.rounds]
            self.coins = torch.ones(len(coins))
        self.times = torch.zeros(len(coins))  # that a canary was, or may have been, seen

    def scores(self) -> npt.NDArray[np.float64]:
        """How much each canary's direction is in what an adversary sees, after all rounds."""
        signed, plain = (torch.zeros(len(self.directions)) for _ in range(2))
        for number in range(len(self.federation.rounds)):
            planted = self._planted(number)
            signs = (-1.0) ** self.times
            found = self._seen(self._round(number, signs[planted], planted), planted)
            signed += signs * found
            plain += found
            self.times[... if self.central else planted] += 1
        left = torch.where(self.times > 1, self.times % 2 / self.times.clamp_min(1), 0)  # the mean sign is none, too
        return (signed - left * plain).double().numpy()

    def _seen(self, leak: Leak, planted: Tensor) -> Tensor:
        """What one round shows along each canary's direction."""
        if self.central:
            return self.directions @ leak.released / self.federation.mechanism.clip
        sent = leak.sent[len(leak.sent) - len(planted) :]
        return torch.zeros(len(self.directions)).index_add_(0, planted, (sent * self.directions[planted]).sum(1))

    def _round(self, number: int, signs: Tensor, planted: Tensor) -> Leak:
        """One round of the clients, as they learn, and of the canaries there."""
        length = self.length * self.federation.mechanism.clip
        own = (signs * self.coins[planted] * length)[:, None] * self.directions[planted]
        return self.federation.finish(number, torch.cat([self._learned(number), own]))

    def _planted(self, number: int) -> Tensor:
        chosen = self.federation.rounds[number]
        return torch.tensor([place - self.first for place in chosen if place >= self.first], dtype=torch.long)

    def _learned(self, number: int) -> Tensor:
        """The updates of those who are no canaries; they stand first, for places are sorted."""
        one = self.federation
        own = [place for place in one.rounds[number] if place < self.first]
        start = one.weights.expand(len(own), -1)
        return local_updates(
            start, [one.clients[place] for place in own], one.shape, one.settings,
            one.seeds(number)[: len(own)], one.mechanism.batch_clip,
        )  # fmt: skip


def _directions(count: int, size: int, seed: int) -> Tensor:
    """Unit vectors, ``(count, size)``."""
    drawn = torch.randn(count, size, generator=torch.Generator().manual_seed(seed))
    return drawn.div_(drawn.norm(dim=1, keepdim=True))

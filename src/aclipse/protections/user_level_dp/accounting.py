"""What noise costs and what a label is worth: the paper's closed form, and ε by dp-accounting.

The unit of privacy is a user: neighbouring federations differ in all recordings of one client. ``central``: the
adversary sees each round's released model and not single updates; who takes part is drawn at random and stays secret
(Poisson sampling, add or remove one). ``local``: the adversary sees each update of a client (replace one); nothing is
gained by sampling.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from aclipse.errors import MissingExtra, RecipeError
from aclipse.protections.user_level_dp.settings import PrivacySettings

PAPER_DELTA = 0.5
TOLERANCE = 2e-3  # relative, of a noise multiplier that is looked for
STEP = 1e-3  # of privacy losses; rounding is up, so that ε is never too small
LEAST = 0.05  # noise multiplier that anybody would call noise
TIGHTER = 0.7  # from one multiplier to the next that is tried
Accountant = Literal["pld", "rdp"]


@dataclass(frozen=True)
class View:
    """What an adversary sees: releases, each of a share of the users drawn at random; 1 where it knows them."""

    releases: int
    share: float = 1.0


@dataclass(frozen=True)
class Guarantee:
    """An ε with all that it means."""

    epsilon: float  # by privacy loss distributions
    renyi: float  # the same by Rényi differential privacy: looser
    delta: float
    noise_multiplier: float  # deviation of the noise over the sensitivity
    place: str
    view: View
    users: int

    @property
    def lines(self) -> list[str]:
        """What is promised to whom, in sentences."""
        seen = {
            "central": "sees the model released after each round, and no client's own update",
            "local": f"sees the updates of a client, {self.view.releases} at most",
        }[self.place]
        return [
            f"ε = {self.epsilon:.3g} at δ = {self.delta:.3g} (privacy loss distributions; Rényi DP: {self.renyi:.3g})",
            f"unit: one client with all its recordings, one of {self.users}",
            f"adversary: knows everything else, and {seen}",
            f"noise multiplier {self.noise_multiplier:.4g}, {self.view.releases} releases, share {self.view.share:g}",
        ]


def paper_deviation(count: int, epsilon: float, clip: float, share: float, rounds: int) -> float:
    """The paper's noise on each weight of a client with ``count`` recordings: (2C/|D|) √(2qT ln(1/δ)) / ε, δ = 0.5.

    >>> round(paper_deviation(42, 10, clip=0.25, share=0.1, rounds=200), 4)
    0.0063
    """
    return 2 * clip / count * paper_multiplier(epsilon, share, rounds)


def paper_multiplier(epsilon: float, share: float, rounds: int) -> float:
    """The noise multiplier of one of the paper's labels, if the sensitivity it assumes were true.

    >>> round(paper_multiplier(10, 0.1, 200), 4)
    0.5266
    """
    _above_zero(epsilon)
    return math.sqrt(2 * share * rounds * math.log(1 / PAPER_DELTA)) / epsilon


def epsilon_of(noise_multiplier: float, delta: float, view: View, accountant: Accountant = "pld") -> float:
    """ε of Gaussian noise for a view; infinite without noise.

    Raises RecipeError for a δ outside 0 to 1 and a negative multiplier, MissingExtra without dp-accounting.
    """
    check_delta(delta)
    if noise_multiplier < 0:
        raise RecipeError(f"a noise multiplier of {noise_multiplier} is no noise. Give one of at least 0.")
    if noise_multiplier == 0:
        return math.inf
    return _epsilon(noise_multiplier, delta, view, accountant)


def multiplier_for(epsilon: float, delta: float, view: View) -> float:
    """The least noise multiplier that keeps ε, by privacy loss distributions; errors as of `epsilon_of`."""
    _above_zero(epsilon)
    check_delta(delta)
    return _multiplier(epsilon, delta, view)


def guarantee(privacy: PrivacySettings, view: View, users: int) -> Guarantee:
    """What a strict federation of so many users promises.

    Raises RecipeError for one user alone, δ above 1 / users, or a mode that promises nothing.
    """
    if privacy.mode != "strict" or privacy.epsilon is None or privacy.delta is None:
        raise RecipeError(f"mode {privacy.mode!r} promises nothing that can be accounted for. Use mode = strict.")
    check_users(users, privacy.delta)
    noise = multiplier_for(privacy.epsilon, privacy.delta, view)
    both = [epsilon_of(noise, privacy.delta, view, accountant) for accountant in ("pld", "rdp")]
    return Guarantee(both[0], both[1], privacy.delta, noise, privacy.place, view, users)


def check_users(users: int, delta: float) -> None:
    """Raise RecipeError where a δ is too large for so many users, or there is nobody to hide among."""
    check_delta(delta)
    if users < 2:
        raise RecipeError(f"{users} client cannot hide among others. Give a corpus with two speakers at least.")
    if delta > 1 / users:
        raise RecipeError(
            f"δ = {delta:g} with {users} users: publishing everything of one of them would satisfy it. "
            f"Give a delta of at most 1/{users} = {1 / users:.4g}."
        )


def check_delta(delta: float) -> None:
    """Raise RecipeError for a δ that is no probability of failure."""
    if not 0 < delta < 1:
        raise RecipeError(f"δ = {delta:g} is not between 0 and 1. Give at most 1 / users.")


def _above_zero(epsilon: float) -> None:
    if not epsilon > 0:
        raise RecipeError(f"ε = {epsilon:g} would need endless noise. Give an epsilon above 0.")


def _package() -> Any:
    try:
        import dp_accounting
    except ImportError as error:
        raise MissingExtra("dp-accounting", "federated") from error
    logging.getLogger("absl").setLevel(logging.ERROR)  # orders whose sums do not converge are left out, one line each
    return dp_accounting


def _accountant(kind: Accountant) -> Any:
    dp = _package()
    relation = dp.NeighboringRelation.ADD_OR_REMOVE_ONE
    if kind == "rdp":
        return dp.rdp.RdpAccountant(neighboring_relation=relation)
    return dp.pld.PLDAccountant(relation, STEP)


@lru_cache(maxsize=512)
def _epsilon(noise_multiplier: float, delta: float, view: View, accountant: Accountant) -> float:
    dp = _package()
    noise = dp.GaussianDpEvent(noise_multiplier)
    if view.share == 1:  # several Gaussians are one with less noise, whose ε is known in closed form
        alone = noise_multiplier / math.sqrt(view.releases)
        if accountant == "pld":
            return float(dp.get_epsilon_gaussian(alone, delta))
        return float(_accountant(accountant).compose(dp.GaussianDpEvent(alone)).get_epsilon(delta))
    event = dp.SelfComposedDpEvent(dp.PoissonSampledDpEvent(view.share, noise), view.releases)
    return float(_accountant(accountant).compose(event).get_epsilon(delta))


@lru_cache(maxsize=512)
def _multiplier(epsilon: float, delta: float, view: View) -> float:
    if view.share == 1:
        return float(_package().get_sigma_gaussian(epsilon, delta)) * math.sqrt(view.releases)
    high = _multiplier(epsilon, delta, View(view.releases))  # enough where nothing is gained by sampling
    # from above: privacy loss distributions of little noise take endless memory
    while _epsilon(TIGHTER * high, delta, view, "pld") <= epsilon:
        high *= TIGHTER
        if high < LEAST:
            raise RecipeError(
                f"δ = {delta:g} is more than the chance to take part at all, in {view.releases} rounds with a share of "
                f"{view.share:g}: no noise would satisfy it. Give a smaller delta."
            )
    return _search(epsilon, delta, view, (TIGHTER * high, high))


def _search(epsilon: float, delta: float, view: View, bracket: tuple[float, float]) -> float:
    """The least noise that keeps ε, by bisection on its logarithm; never less than that."""
    low, high = bracket
    while high / low > 1 + TOLERANCE:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if _epsilon(middle, delta, view, "pld") <= epsilon else (middle, high)
    return high

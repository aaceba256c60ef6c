"""Who takes part: fixed numbers, coins, or the most representative; and what an adversary sees of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from aclipse.protections.user_level_dp.accounting import View
from aclipse.protections.user_level_dp.clients import Client
from aclipse.protections.user_level_dp.selection import schedule, view
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings

People = Callable[..., list[Client]]
OPEN = PrivacySettings()
CENTRAL = PrivacySettings(mode="strict", epsilon=8.0, delta=0.01)
LOCAL = CENTRAL.model_copy(update={"place": "local"})


def settings(**given: object) -> FederationSettings:
    return FederationSettings.model_validate({"rounds": 400, "share": 0.25, **given})


@pytest.mark.parametrize("privacy", [OPEN, LOCAL, PrivacySettings(mode="paper", epsilon=10.0)])
def test_a_fixed_number_without_replacement(people: People, privacy: PrivacySettings) -> None:
    rounds = schedule(people(22), 4, settings(), privacy, 1)
    assert len(rounds) == 400
    assert all(len(set(chosen)) == len(chosen) == 5 and list(chosen) == sorted(chosen) for chosen in rounds)
    counts = np.bincount(np.concatenate(rounds), minlength=22)
    assert abs(counts - 400 * 5 / 22).max() < 5 * (400 * 5 / 22) ** 0.5


def test_at_least_one_takes_part(people: People) -> None:
    assert all(chosen == (0,) for chosen in schedule(people(1), 4, settings(share=0.1), OPEN, 0))


def test_each_by_its_own_coin_where_the_server_adds_noise(people: People) -> None:
    sizes = np.array([len(chosen) for chosen in schedule(people(22), 4, settings(), CENTRAL, 1)])
    assert sizes.mean() == pytest.approx(5.5, abs=4 * (22 * 0.25 * 0.75 / 400) ** 0.5)
    assert sizes.var() == pytest.approx(22 * 0.25 * 0.75, rel=0.3)
    few = schedule(people(2), 4, settings(share=0.1), CENTRAL, 1)
    assert () in few  # a round may be empty


def test_representative_rounds_are_closer_to_everybody(people: People) -> None:
    clients = people(40, (6,))
    held = np.stack([np.bincount(client.labels, minlength=4) for client in clients])
    every = held.sum(0) / held.sum()

    def distance(selection: str) -> float:
        rounds = schedule(clients, 4, settings(selection=selection, share=0.1), OPEN, 1)
        assert all(len(set(chosen)) == 4 for chosen in rounds)
        shares = [held[list(chosen)].sum(0) / held[list(chosen)].sum() for chosen in rounds]
        return float(np.mean([np.abs(share - every).sum() / 2 for share in shares]))

    assert distance("representative") < 0.6 * distance("random")


def test_rounds_are_of_the_seed_and_not_of_how_many_there_are(people: People) -> None:
    clients = people(22)
    some, more = (schedule(clients, 4, settings(rounds=rounds), OPEN, 1) for rounds in (5, 9))
    assert some == more[:5] != schedule(clients, 4, settings(rounds=5), OPEN, 2)


def test_what_an_adversary_sees() -> None:
    rounds = [(0, 1), (1, 2), (), (1, 3)]
    assert view(rounds, settings(), CENTRAL) == View(4, 0.25)
    assert view(rounds, settings(), LOCAL) == View(3, 1.0)

"""Pairs of updates: by hand, equal to the verifier's where rounds do not matter, at chance where nothing links."""

from __future__ import annotations

import numpy as np
import pytest

from aclipse.attackers.updates.linking import equal_error_rate, linked
from aclipse.errors import CorpusError
from aclipse.metrics.verification import Trials


def planted(strength: float, clients: int = 20, rounds: int = 6, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Updates ``(clients · rounds, 40)`` and whose they are, client after client."""
    drawn = np.random.default_rng(seed)
    own = np.repeat(drawn.standard_normal((clients, 40)), rounds, 0)
    noise = drawn.standard_normal((clients * rounds, 40))
    return strength * own + noise, [str(place // rounds) for place in range(clients * rounds)]


def test_pairs_by_hand() -> None:
    """Four updates of two clients in two rounds: two pairs of one client, two of two, those of one round left out."""
    updates = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [1.0, 1.0]])
    found = linked(updates, ["a", "b", "a", "b"], [0, 0, 1, 1])
    assert (found.same, found.other) == (2, 2)
    assert (found.eer, found.auc) == (0.25, 0.875)  # of one 0.995 and 0.707, of two 0.707 and 0.0995


def test_one_round_of_look_alikes_harms_nobody_who_asks_across_rounds() -> None:
    """Whatever a round adds to all its updates, pairs within it are not counted."""
    updates, clients = planted(5.0, rounds=2)
    assert linked(updates, clients, [0, 1] * 20).auc > 0.99
    assert linked(updates, clients, [0, 1] * 20).other == 20 * 19


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
def test_with_rounds_of_one_update_it_is_the_verifiers(strength: float) -> None:
    updates, clients = planted(strength)
    found = linked(updates, clients, range(len(clients)))
    every = np.arange(len(clients))
    assert found.eer == pytest.approx(Trials(list(updates), clients).eer(every), abs=1e-12)
    assert found.same == 20 * 15
    assert found.same + found.other == 120 * 119 // 2


def test_a_planted_client_is_linked_and_noise_is_not() -> None:
    updates, clients = planted(2.0)
    assert linked(updates, clients, [*range(6)] * 20).eer < 0.01
    updates, clients = planted(0.0, clients=40)
    found = linked(updates, clients, [*range(6)] * 40)
    assert found.eer == pytest.approx(0.5, abs=0.04)
    assert found.auc == pytest.approx(0.5, abs=0.04)


def test_length_and_order_of_updates_change_nothing() -> None:
    updates, clients = planted(0.4)
    rounds, order = [*range(6)] * 20, np.random.default_rng(2).permutation(120)
    one = linked(updates, clients, rounds)
    stretched = updates * np.linspace(0.1, 7, 120)[:, None]
    assert linked(stretched, clients, rounds) == pytest.approx(one, abs=1e-9)
    turned = linked(updates[order], [clients[i] for i in order], [rounds[i] for i in order])
    assert turned == pytest.approx(one, abs=1e-9)


def test_single_precision_and_layers_as_they_are_will_do() -> None:
    updates, clients = planted(0.4)
    rounds = [*range(6)] * 20
    as_layer = updates.astype(np.float32).reshape(120, 8, 5)
    assert linked(as_layer, clients, rounds) == pytest.approx(linked(updates, clients, rounds), abs=1e-3)


def test_an_update_without_a_direction_scores_0() -> None:
    updates = np.array([[1.0, 0.0], [np.nan, 0.0], [0.0, 0.0], [-1.0, 0.1]])
    found = linked(updates, ["a", "a", "b", "b"], range(4))  # of one 0 and 0, of two 0, -0.995, 0 and 0
    assert found == pytest.approx((3 / 7, 0.625, 2, 4))


@pytest.mark.parametrize(
    ("scores", "same", "eer"),
    [
        ([0.9, 0.8, 0.2, 0.1], [True, True, False, False], 0.0),
        ([0.9, 0.8, 0.2, 0.1], [False, False, True, True], 1.0),
        ([0.5, 0.5, 0.5, 0.5], [True, False, True, False], 0.5),
        ([0.9, 0.5, 0.5, 0.1], [True, True, False, False], 0.25),
    ],
)
def test_equal_error_rates_by_hand(scores: list[float], same: list[bool], eer: float) -> None:
    assert equal_error_rate(np.array(scores), np.array(same)) == pytest.approx(eer)


@pytest.mark.parametrize(("clients", "rounds"), [(["a"], [0, 1]), (["a", "b"], [0])])
def test_lengths_that_differ_are_refused(clients: list[str], rounds: list[int]) -> None:
    with pytest.raises(CorpusError, match=r"2 updates, \d clients, \d rounds"):
        linked(np.eye(2), clients, rounds)


@pytest.mark.parametrize(
    ("clients", "rounds", "message"),
    [
        (["a", "a"], [0, 1], "1 pairs of one client and 0 of two"),
        (["a", "b"], [0, 1], "0 pairs of one client and 1 of two"),
        (["a", "b"], [0, 0], "0 pairs of one client and 0 of two"),
    ],
)
def test_without_a_pair_of_each_kind_there_is_no_answer(clients: list[str], rounds: list[int], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        linked(np.eye(2), clients, rounds)

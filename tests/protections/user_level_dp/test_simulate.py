"""One federation and several: the same by oneself and side by side; what is learned, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from aclipse.errors import RecipeError
from aclipse.protections.user_level_dp import accounting
from aclipse.protections.user_level_dp.clients import Client
from aclipse.protections.user_level_dp.local import local_updates
from aclipse.protections.user_level_dp.model import first_weights
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings
from aclipse.protections.user_level_dp.simulate import Federation, Leak, held_out_uar, simulate

People = Callable[..., list[Client]]
SETTINGS = FederationSettings(rounds=4, share=0.4, batch_size=8)


@pytest.mark.parametrize("algorithm", ["fedsgd", "fedavg"])
def test_federations_side_by_side_equal_one_by_one(people: People, algorithm: str) -> None:
    settings = SETTINGS.model_copy(update={"algorithm": algorithm})

    def build() -> list[Federation]:
        return [Federation(people(count), 4, settings, seed=count) for count in (7, 12, 3)]

    together, heard = build(), list[tuple[int, int]]()
    simulate(together, lambda which, leak: heard.append((which, leak.number)))
    assert heard == [(which, number) for number in range(4) for which in range(3)]
    for one, beside in zip(build(), together, strict=True):
        simulate([one])
        torch.testing.assert_close(one.weights, beside.weights, atol=1e-5, rtol=0)
        assert (one.weights - beside.weights).abs().mean() < 1e-7


def test_a_round_is_the_mean_of_what_was_sent(people: People) -> None:
    one, leaks = Federation(people(7), 4, SETTINGS), list[Leak]()
    simulate([one], lambda _, leak: leaks.append(leak))
    assert torch.equal(leaks[0].before, first_weights(one.shape, 8))
    for leak, after in zip(leaks, [*(later.before for later in leaks[1:]), one.weights], strict=True):
        own = [one.clients[place] for place in leak.chosen]
        counts = torch.tensor([float(len(client.labels)) for client in own])
        torch.testing.assert_close(leak.released, (counts / counts.sum()) @ leak.sent)
        torch.testing.assert_close(after, leak.before + leak.released)
        seeds = one.seeds(leak.number)
        expected = local_updates(leak.before.expand(len(own), -1), own, one.shape, SETTINGS, seeds)
        torch.testing.assert_close(leak.sent, expected)
        assert one.steps(leak.chosen) == [-(-len(client.labels) // 8) for client in own]


def test_fedsgd_steps_against_the_gradient(people: People) -> None:
    one = Federation(people(4), 4, SETTINGS.model_copy(update={"algorithm": "fedsgd", "server_rate": 0.3}))
    before = one.weights
    leak = one.finish(0, torch.ones(len(one.rounds[0]), one.shape.size))
    torch.testing.assert_close(one.weights, before - 0.3 * leak.released)


def test_federations_of_a_seed_repeat_and_differ_between_seeds(people: People) -> None:
    found = []
    for seed in (1, 1, 2):
        one = Federation(people(7), 4, SETTINGS, PrivacySettings(mode="paper", epsilon=10.0), seed)
        simulate([one])
        found.append(one.weights)
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_learning_helps(people: People) -> None:
    clients = people(12, (20,))
    for client in clients:  # their recordings tell the emotion by what one feature is
        client.features[:] = 0.1 * client.features
        client.features[range(20), client.labels] += 2
        client.held_out[:] = 0
        client.held_out[range(3), client.held_out_labels] += 2
    one = Federation(clients, 4, FederationSettings(rounds=40, share=0.5))
    assert held_out_uar(one) < 0.6
    simulate([one])
    assert held_out_uar(one) > 0.95


def test_held_out_uar_weighs_clients_by_their_recordings(people: People) -> None:
    clients = people(2, (4,))
    one = Federation(clients, 4, SETTINGS)
    one.weights = torch.zeros_like(one.weights)
    one.weights[-3] = 1.0  # the bias of the second emotion
    for client, labels in zip(clients, ([1, 1, 0], [1, 2, 3]), strict=True):
        client.held_out_labels[:] = torch.tensor(labels)
    assert held_out_uar(one) == pytest.approx((3 * 1 / 2 + 3 * 1 / 3) / 6)


def test_one_client_learns_alone_but_has_no_privacy(people: People) -> None:
    one = Federation(people(1), 4, SETTINGS)
    simulate([one])
    assert one.weights.isfinite().all()
    pytest.importorskip("dp_accounting", reason="dp-accounting is not installed (extra: federated)")
    with pytest.raises(RecipeError, match="1 client cannot hide among others"):
        Federation(people(1), 4, SETTINGS, PrivacySettings(mode="strict", epsilon=8.0, delta=0.1))


def test_empty_rounds_pass(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dp_accounting", reason="dp-accounting is not installed (extra: federated)")
    monkeypatch.setattr(accounting, "_multiplier", lambda *_: 1.0)  # to look for it takes a while
    privacy = PrivacySettings(mode="strict", epsilon=8.0, delta=0.1)
    one, leaks = Federation(people(2), 4, FederationSettings(rounds=8, share=0.2), privacy), list[Leak]()
    simulate([one], lambda _, leak: leaks.append(leak))
    assert any(not leak.chosen for leak in leaks) and one.weights.isfinite().all()
    assert all(leak.sent.shape == (len(leak.chosen), one.shape.size) for leak in leaks)


def test_what_does_not_fit_together_is_refused(people: People) -> None:
    with pytest.raises(RecipeError, match="without clients learns nothing"):
        Federation([], 4, SETTINGS)
    other = Federation(people(3), 4, SETTINGS.model_copy(update={"rounds": 5}))
    with pytest.raises(RecipeError, match="share their settings and shape"):
        simulate([Federation(people(3), 4, SETTINGS), other])
    clipping = Federation(people(3), 4, SETTINGS, PrivacySettings(mode="paper", epsilon=5.0))
    with pytest.raises(RecipeError, match="clip their batches differently"):
        simulate([Federation(people(3), 4, SETTINGS), clipping])

"""Privacy around Flower's client and server: a mod for what leaves a client, a strategy for what leaves the server."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord
from flwr.app.message_type import MessageType
from flwr.clientapp.typing import ClientAppCallable
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy

from aclipse.deploy.federation import wire
from aclipse.errors import RunError
from aclipse.seeds import derive

if TYPE_CHECKING:
    from aclipse.deploy.federation.folder import Own
    from aclipse.protections.user_level_dp.mechanism import Mechanism

ANSWERED = "answered"


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> Own:
    from aclipse.deploy.federation.folder import read_client

    return read_client(path)


def own_of(context: Context) -> Own:
    """The recordings and rules of the client that runs here: the file its node names, or in a simulation its place."""
    from aclipse.deploy.federation.folder import client_file

    if wire.OWN in context.node_config:  # nothing that the server says leads elsewhere
        path = Path(str(context.node_config[wire.OWN]))
    else:
        path = client_file(Path(str(context.run_config[wire.FOLDER])), int(context.node_config[wire.PLACE]))
    return _read(path, path.stat().st_mtime_ns if path.exists() else 0)


def private(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Clip, prune and noise an update by the client's own rules, whatever the server asks for.

    Raises RunError where a round is asked for again, or more rounds than the promise was made for.
    """
    if message.metadata.message_type != MessageType.TRAIN:
        return call_next(message, context)
    from aclipse.deploy.federation.folder import as_row

    own, (_, number, clip) = own_of(context), wire.asked(message)
    _answer_once(context, number, own)
    update, count = wire.answered(call_next(message, context))
    mechanism = own.rules.new_mechanism()
    if mechanism.privacy.quantile is not None:  # the norm that moves is the server's to tell
        mechanism.clip = clip
    sent = mechanism.sent(as_row(update), [count], [own.seed_of(number)])[0]
    strict = mechanism.privacy.mode == "strict"  # then not even how much was learned from is told
    return wire.answering(message, sent.numpy(), 1 if strict else count)


def _answer_once(context: Context, number: int, own: Own) -> None:
    """Two answers to one round would differ by nothing but what the server changed: their noise is the same."""
    before = cast(list[int], context.state.config_records.get(ANSWERED, ConfigRecord({"rounds": []}))["rounds"])
    if number in before or len(before) >= own.rules.releases:
        raise RunError(
            f"{own.client.id} has answered {len(before)} rounds, of {own.rules.releases} at most, and is asked for "
            f"round {number}{' again' if number in before else ''}. Ask once a round, or prepare a new federation."
        )
    context.state.config_records[ANSWERED] = ConfigRecord({"rounds": [*before, number]})


class CentralNoise(Strategy):
    """A strategy whose replies are first made one: their noisy mean, which is all that the wrapped strategy sees."""

    def __init__(self, strategy: Strategy, mechanism: Mechanism, seed: int) -> None:
        self.strategy, self.mechanism, self.seed = strategy, mechanism, seed

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """As the wrapped strategy, with the norm that clients clip to in this round."""
        config["clip"] = self.mechanism.clip
        return self.strategy.configure_train(server_round, arrays, config, grid)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Sum, noise, divide; the rest is the wrapped strategy's. A round that drew nobody releases noise alone."""
        import torch

        received = list(replies)
        found = [wire.answered(reply) for reply in received]
        sent = torch.zeros(len(found), self.mechanism.shape.size)
        for row, (update, _) in zip(sent, found, strict=True):
            row.copy_(torch.from_numpy(np.array(update)))
        seed = derive(self.seed, "server", server_round - 1)
        mean = self.mechanism.released(sent, [count for _, count in found], seed)
        to = received[0] if received else wire.asking(mean.numpy(), server_round - 1, 0.0, 1)
        return self.strategy.aggregate_train(server_round, [wire.answering(to, mean.numpy(), 1)])

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """As the wrapped strategy."""
        return self.strategy.configure_evaluate(server_round, arrays, config, grid)

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        """As the wrapped strategy."""
        return self.strategy.aggregate_evaluate(server_round, replies)

    def summary(self) -> None:
        """As the wrapped strategy."""
        self.strategy.summary()

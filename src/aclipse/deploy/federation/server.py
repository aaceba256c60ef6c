"""The Flower server: asks whom the schedule names, applies what they send, and saves the last global model."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import Strategy

from aclipse.deploy.federation import wire
from aclipse.deploy.federation.folder import Server, read_server
from aclipse.deploy.federation.privacy import CentralNoise
from aclipse.deploy.federation.secure import SecureGrid
from aclipse.errors import RunError
from aclipse.training import checkpoint

LOOK = 0.1  # seconds between two looks for replies

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run all rounds and write the weights to ``output`` of the run's configuration."""
    config = context.run_config
    server = read_server(Path(str(config[wire.FOLDER])))
    prompt = PromptGrid(grid, float(config["timeout"]))
    nodes = prompt.find(server.rules.users, str(config["nodes"]))
    asked: Any = SecureGrid(prompt, context, server.span, server.heaviest) if config[wire.SECURE] else prompt
    strategy: Strategy = Scheduled(server, nodes)
    mechanism = server.rules.new_mechanism()
    if mechanism.central:
        strategy = CentralNoise(strategy, mechanism, server.seed)
    began = time.monotonic()
    found = strategy.start(cast(Grid, asked), ArrayRecord([server.weights.numpy()]), len(server.rounds))
    (weights,) = found.arrays.to_numpy_ndarrays()
    facts = {**server.rules.facts(), "rounds": len(server.rounds), "secure": bool(config[wire.SECURE])}
    facts["seconds"] = time.monotonic() - began  # of the rounds alone
    checkpoint.save(Path(str(config["output"])), {"weights": torch.from_numpy(weights)}, facts)


class Scheduled(Strategy):
    """Asks the clients that were drawn for a round before the first one, and steps along the mean of their updates."""

    def __init__(self, server: Server, nodes: Sequence[int]) -> None:
        self.server, self.nodes = server, nodes
        self.weights = server.weights

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """One message a client of the round; Flower counts rounds from 1."""
        (weights,) = arrays.to_numpy_ndarrays()
        self.weights, number = torch.from_numpy(np.array(weights)), server_round - 1
        clip = float(cast(float, config.get("clip", self.server.rules.privacy.clip)))
        return [wire.asking(weights, number, clip, self.nodes[place]) for place in self.server.rounds[number]]

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """The next global model."""
        found = [wire.answered(reply) for reply in replies]
        updates = torch.stack([torch.from_numpy(np.array(update)) for update, _ in found])
        shares = torch.tensor([weight for _, weight in found], dtype=torch.float32)
        released = (shares / shares.sum()) @ updates
        settings = self.server.rules.settings
        step = -settings.server_rate * released if settings.algorithm == "fedsgd" else released
        return ArrayRecord([(self.weights + step).numpy()]), MetricRecord({"clients": len(found)})

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Nobody: what a client answers about a model would be a release of its own."""
        return []

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> None:
        """Nothing."""

    def summary(self) -> None:
        """Nothing that the files do not say."""


class PromptGrid:
    """A grid that looks for replies often, gives them in the order asked, and stops where a client failed."""

    def __init__(self, grid: Grid, timeout: float) -> None:
        self.grid, self.timeout = grid, timeout

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Raises RunError for a client that failed or did not answer in time."""
        asked = list(messages)
        if not asked:
            return []
        order = [message.metadata.dst_node_id for message in asked]
        open_ids, found, end = set(self.grid.push_messages(asked)), list[Message](), time.monotonic() + self.timeout
        while open_ids:
            if time.monotonic() > end:
                raise RunError(f"{len(open_ids)} of {len(order)} clients did not answer within {self.timeout:g} s.")
            came = list(self.grid.pull_messages(open_ids))
            if failed := next((reply for reply in came if reply.has_error()), None):
                raise RunError(f"The client on node {failed.metadata.src_node_id} failed: {failed.error.reason}")
            found += came
            open_ids -= {reply.metadata.reply_to_message_id for reply in came}
            time.sleep(0 if not open_ids else LOOK)
        return sorted(found, key=lambda reply: order.index(reply.metadata.src_node_id))

    def find(self, users: int, registered: str) -> list[int]:
        """The node of each client, by place, once all are there: as registered, or as they themselves say."""
        wanted, end = [int(node) for node in registered.split()], time.monotonic() + self.timeout
        while not (there := set(self.grid.get_node_ids())).issuperset(wanted) or len(there) < users:
            if time.monotonic() > end:
                raise RunError(f"{len(there)} of {users} clients came within {self.timeout:g} s. Start the others.")
            time.sleep(LOOK)
        return wanted or self._asked_for(sorted(there))

    def _asked_for(self, nodes: Sequence[int]) -> list[int]:
        replies = self.send_and_receive([Message(RecordDict(), node, "query") for node in nodes])
        places = [int(cast(int, reply.content.metric_records[wire.LEARNED][wire.PLACE])) for reply in replies]
        if sorted(places) != list(range(len(nodes))):
            raise RunError(f"The clients say they are {sorted(places)}, not each one of {len(nodes)}.")
        return [node for _, node in sorted(zip(places, nodes, strict=True))]

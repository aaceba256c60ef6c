"""What server and clients tell each other: the global model and which round it is; back, an update and its weight."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict

WEIGHTS, ROUND = "weights", "round"
UPDATE, LEARNED = "update", "learned"
PLACE, OWN, FOLDER, SECURE = "partition-id", "own", "folder", "secure"  # of node and run configurations

Flat = npt.NDArray[Any]  # (size,)


def asking(weights: Flat, number: int, clip: float, node: int) -> Message:
    """A round's question to one client."""
    told = ConfigRecord({"number": number, "clip": clip})
    return Message(RecordDict({WEIGHTS: ArrayRecord([weights]), ROUND: told}), node, "train", group_id=str(number))


def asked(message: Message) -> tuple[Flat, int, float]:
    """What `asking` put in: weights, number and clipping norm."""
    told = message.content.config_records[ROUND]
    (weights,) = message.content.array_records[WEIGHTS].to_numpy_ndarrays()
    return weights, cast(int, told["number"]), cast(float, told["clip"])


def answering(message: Message, update: Flat, weight: int) -> Message:
    """A client's reply."""
    learned, arrays = MetricRecord({"num-examples": weight}), ArrayRecord([np.ascontiguousarray(update)])
    return Message(RecordDict({UPDATE: arrays, LEARNED: learned}), reply_to=message)


def answered(reply: Message) -> tuple[Flat, int]:
    """What `answering` put in: update and weight."""
    (update,) = reply.content.array_records[UPDATE].to_numpy_ndarrays()
    return update, cast(int, reply.content.metric_records[LEARNED]["num-examples"])


def demanded_secure(context: Context) -> bool:
    """Whether a client sends masked updates only; its own configuration comes before the run's."""
    return bool(context.node_config.get(SECURE, context.run_config.get(SECURE, False)))

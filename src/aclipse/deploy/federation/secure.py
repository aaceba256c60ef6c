"""Secure aggregation (SecAgg+, Bell et al. 2020) by Flower's implementation: the server learns the mean update alone.

Flower masks with a Mersenne twister that folds each shared key to 32 bits, which can be searched through; here the
masks come from ChaCha20 under all of the key. Clients trust the server to pass on public keys truthfully: an honest but
curious one is kept out, one that lies is not.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.app.message_type import MessageType
from flwr.clientapp.typing import ClientAppCallable
from flwr.common import Code, FitIns, FitRes, Status, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.compat.common import recorddict_compat as compat
from flwr.serverapp import Grid

from aclipse.deploy.federation import wire
from aclipse.errors import RecipeError, RunError

LEAST = 3  # clients of a round: of two, each knows the other's update from the sum
NEIGHBOURS = 25  # with whom a client shares its keys; of fewer clients all
SURVIVING = 2 / 3  # of them, whose shares open a mask
MODULUS = 32  # bits of a masked number
CLIENT = "flwr.client.mod.secure_aggregation.secaggplus_mod"
SERVER = "flwr.server.workflow.secure_aggregation.secaggplus_workflow"


def bits(clients: int) -> int:
    """How finely a number is quantised so that the sum of all clients' fits.

    >>> bits(4), bits(100)
    (29, 24)
    """
    return MODULUS - 1 - math.ceil(math.log2(clients))


def check_rounds(rounds: Sequence[Sequence[int]]) -> None:
    """Raise RecipeError for a round with so few clients that a sum hides nobody."""
    for number, chosen in enumerate(rounds):
        if 0 < len(chosen) < LEAST:
            raise RecipeError(
                f"round {number} has {len(chosen)} clients, and secure aggregation needs {LEAST} at least, or none. "
                "Give a larger share of the clients, another seed, or leave secure out."
            )


def mask(seed: bytes, values: int, shapes: Sequence[tuple[int, ...]]) -> list[npt.NDArray[np.int64]]:
    """Uniform numbers below ``values``, a power of two up to 2³², from a key: the same for whoever has it."""
    stream = Cipher(algorithms.ChaCha20(hashlib.sha256(seed).digest(), bytes(16)), mode=None).encryptor()
    drawn = [np.frombuffer(stream.update(bytes(4 * math.prod(shape))), np.uint32).reshape(shape) for shape in shapes]
    return [part.astype(np.int64) & (values - 1) for part in drawn]


def strengthened(module: str) -> Any:
    """A module of Flower's SecAgg+ that masks with `mask`."""
    found = import_module(module)
    if not hasattr(found, "pseudo_rand_gen"):
        raise RunError(f"{module} of this flwr masks in another way than 1.41 does. Install flwr 1.41.")
    found.pseudo_rand_gen = mask  # type: ignore[attr-defined]
    return found


def secured(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """The client's side; a client that was told to mask its updates refuses to send one as it is."""
    if message.metadata.message_type != MessageType.TRAIN:
        return call_next(message, context)
    if wire.ROUND not in message.content.config_records:
        return cast(Message, strengthened(CLIENT).secaggplus_mod(message, context, _inside(call_next)))
    if wire.demanded_secure(context):
        raise RunError("The server asks for an update that is not masked; this client sends masked ones only.")
    return call_next(message, context)


def _inside(call_next: ClientAppCallable) -> ClientAppCallable:
    """Between SecAgg+, which speaks Flower's former language, and ours."""

    def called(message: Message, context: Context) -> Message:
        (weights,) = message.content.array_records["fitins.parameters"].to_numpy_ndarrays()
        told = dict(message.content.config_records["fitins.config"])
        message.content[wire.WEIGHTS], message.content[wire.ROUND] = ArrayRecord([weights]), ConfigRecord(told)
        update, weight = wire.answered(call_next(message, context))
        span = float(cast(float, told["span"]))
        if not np.abs(update).max(initial=0.0) <= span:
            raise RunError(f"An update of {np.abs(update).max():.3g} does not fit into {span:.3g}, what is quantised.")
        given = FitRes(Status(Code.OK, ""), ndarrays_to_parameters([update.astype(np.float64)]), weight, {})
        return Message(compat.fitres_to_recorddict(given, False), reply_to=message)

    return called


class _Round:
    """What Flower's workflow takes for a strategy: asks what it is told to, and keeps the mean."""

    def __init__(self, messages: Sequence[Message], span: float) -> None:
        self.messages, self.span = messages, span
        self.mean: wire.Flat | None = None

    def configure_fit(self, *_: object) -> list[tuple[Any, FitIns]]:
        """A pair a client."""
        found = []
        for message in self.messages:
            weights, number, clip = wire.asked(message)
            told: dict[str, Any] = {"number": number, "clip": clip, "span": self.span}
            found.append((_Node(message.metadata.dst_node_id), FitIns(ndarrays_to_parameters([weights]), told)))
        return found

    def aggregate_fit(self, _: int, results: Sequence[tuple[Any, FitRes]], __: object) -> tuple[None, dict[str, Any]]:
        """Every result has the same parameters by now: the mean."""
        (self.mean,) = parameters_to_ndarrays(results[0][1].parameters)
        return None, {}


class _Node:
    def __init__(self, node: int) -> None:
        self.node_id = node


class SecureGrid:
    """The server's side: a grid whose every reply is the weighted mean of all, which is what their sum opens to."""

    def __init__(self, grid: Any, context: Context, span: float, heaviest: int) -> None:
        self.grid, self.context, self.span, self.heaviest = grid, context, span, heaviest

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """One round of the protocol: four messages to each client and back; raises RunError where it breaks off."""
        from flwr.server.compat.legacy_context import LegacyContext

        asked = list(messages)
        if not asked:
            return []
        own = _Round(asked, self.span)
        context = LegacyContext(self.context, strategy=cast(Any, own))
        context.state = RecordDict({"config": ConfigRecord({"current_round": wire.asked(asked[0])[1]})})
        context.state["parameters"] = ArrayRecord([wire.asked(asked[0])[0]])
        self._workflow(len(asked), timeout)(cast(Grid, self.grid), context)
        if own.mean is None:
            raise RunError(
                "Secure aggregation broke off, as too few clients went on to its end. Start it again with all."
            )
        return [wire.answering(message, own.mean.astype(np.float32), 1) for message in asked]

    def _workflow(self, clients: int, timeout: float | None) -> Any:
        shares = min(clients, NEIGHBOURS)
        return strengthened(SERVER).SecAggPlusWorkflow(
            num_shares=shares, reconstruction_threshold=math.ceil(SURVIVING * shares),
            max_weight=float(self.heaviest), clipping_range=self.span, quantization_range=2 ** bits(clients),
            modulus_range=2**MODULUS, timeout=timeout,
        )  # fmt: skip

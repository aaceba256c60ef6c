"""Who reads what is released: the paper's risk model, one that learns from releases, and who asks what was replaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from aclipse.contracts import Clip, Features
from aclipse.experiments.replacing.settings import RiskLoop
from aclipse.metrics.classification import auc, uar
from aclipse.models.dense import DenseClassifier, LogOdds, RiskModel
from aclipse.protections.replacement.roles import ROLES, Roles
from aclipse.protections.replacement.training import SEXES
from aclipse.seeds import derive
from aclipse.training import checkpoint
from aclipse.training.batches import Batch, Speech, read_all
from aclipse.training.loop import Job, Order, Row, fit

RISK, RETRAINED, REPLACED, AGAIN = "risk", "retrained", "replaced?", "again"
ATTACKERS = (RISK, RETRAINED, REPLACED, AGAIN)
READ_AT_ONCE = 1024  # vectors are small

Parts = tuple[Speech, Speech]  # to learn from, and to choose an epoch by
Network = TypeVar("Network", bound=nn.Module)


TARGETS: dict[str, Callable[[Roles, Clip], str]] = {  # heads of the risk model
    "role": lambda roles, clip: roles.of(clip.emotion),
    "sex": lambda roles, clip: clip.sex,
}


def train_risk_model(
    roles: Roles, parts: Parts, loop: RiskLoop, widths: Sequence[int], folder: Path, seed: int
) -> tuple[Any, float]:
    """The paper's model of role and sex at once (section IV-A), frozen, and the sum of both UARs on validation."""
    validation = parts[1]
    truth = _targets(roles, validation.clips)
    network = _new(lambda: RiskModel({"role": ROLES, "sex": SEXES}, validation.wave(0).shape[1], widths), seed)

    def objective(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        losses = network.losses(batch.waves, batch.lengths, _targets(roles, batch.clips))
        return torch.stack([*losses.values()]).sum(), losses

    def validate() -> Row:
        read = read_all(network, validation, READ_AT_ONCE)
        return {f"uar of {head}": uar(truth[head], [one[head] for one in read]) for head in TARGETS}

    def score(row: Row) -> float:
        return sum(row[f"uar of {head}"] for head in TARGETS)

    job = Job("risk", network, _batches(parts[0], loop, seed), objective, validate, score)
    best = fit(job, loop, folder, seed).best_score
    return checkpoint.freeze(network), best


def train_replaced(
    roles: Roles, parts: Parts, loop: RiskLoop, widths: Sequence[int], folder: Path, seed: int
) -> LogOdds:
    """Who learns to tell releases of sensitive clips from all others; gives how much it takes each for replaced."""
    validation = parts[1]
    truth = is_sensitive(roles, validation.clips)
    network = _new(lambda: DenseClassifier(("kept", "replaced"), validation.wave(0).shape[1], widths), seed)
    reader = LogOdds(network)

    def objective(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        labels = [network.labels[replaced] for replaced in is_sensitive(roles, batch.clips)]
        loss = network.loss(batch.waves, batch.lengths, labels).mean()
        return loss, {"loss": loss}

    def validate() -> Row:
        return {"auc": auc(read_all(reader, validation, READ_AT_ONCE), truth)}

    job = Job("replaced?", network, _batches(parts[0], loop, seed), objective, validate, lambda row: row["auc"])
    fit(job, loop, folder, seed)
    checkpoint.freeze(network)
    return reader


def moved_again(release: Callable[[Features, Clip], Features], speech: Speech) -> list[float]:
    """How far each release moves if it is put through the device once more: who has one needs to learn nothing."""
    again = speech.released(release)
    return [float(np.sqrt(np.mean((again.wave(i) - speech.wave(i)) ** 2))) for i in range(len(speech))]


def is_sensitive(roles: Roles, clips: Sequence[Clip]) -> list[bool]:
    """Of each clip."""
    return [roles.of(clip.emotion) == "sensitive" for clip in clips]


def _targets(roles: Roles, clips: Sequence[Clip]) -> dict[str, list[str]]:
    return {head: [target(roles, clip) for clip in clips] for head, target in TARGETS.items()}


def _new(build: Callable[[], Network], seed: int) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "weights"))
        return build()


def _batches(train: Speech, loop: RiskLoop, seed: int) -> Callable[[int], Order]:
    return lambda epoch: (train, train.shuffled(loop.batch_size, derive(seed, "order", epoch)))

"""Who reads what is released: the paper's risk model, who learns from releases, and who asks what was replaced."""

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
VERSION = 2  # counted up when attackers are others, so that old readings are not taken for theirs
READ_AT_ONCE = 1024  # vectors are small
OTHERS = {"neutral": ("neutral",), "all": ("neutral", "required")}  # question -> from whom to tell sensitive clips

Parts = tuple[Speech, Speech]  # to learn from, and to choose an epoch by
Network = TypeVar("Network", bound=nn.Module)


HEADS: dict[str, Sequence[str]] = {"role": ROLES, "sex": SEXES}  # of the risk model
TARGETS: dict[str, Callable[[Roles, Clip], str]] = {
    "role": lambda roles, clip: roles.of(clip.emotion),
    "sex": lambda roles, clip: clip.sex,
}


def train_risk_model(
    roles: Roles, parts: Parts, loop: RiskLoop, widths: Sequence[int], folder: Path, seed: int,
    heads: Sequence[str] = tuple(HEADS),
) -> tuple[Any, dict[str, float]]:  # fmt: skip
    """The paper's model of role and sex at once (section IV-A), or of one alone, frozen; and each UAR on validation."""
    validation = parts[1]
    truth = _targets(roles, validation.clips, heads)
    labels = {head: HEADS[head] for head in heads}
    network = _new(lambda: RiskModel(labels, validation.wave(0).shape[1], widths), seed)

    def objective(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        losses = network.losses(batch.waves, batch.lengths, _targets(roles, batch.clips, heads))
        return torch.stack([*losses.values()]).sum(), losses

    def validate() -> Row:
        read = read_all(network, validation, READ_AT_ONCE)
        return {f"uar of {head}": uar(truth[head], [one[head] for one in read]) for head in heads}

    def score(row: Row) -> float:
        return sum(row[f"uar of {head}"] for head in heads)

    job = Job("risk", network, _batches(parts[0], loop, seed), objective, validate, score)
    progress = fit(job, loop, folder, seed)
    best = progress.history[progress.best_epoch]
    return checkpoint.freeze(network), {head: best[f"uar of {head}"] for head in heads}


def train_readers(roles: Roles, parts: Parts, loop: RiskLoop, folder: Path, seed: int) -> dict[str, Any]:
    """For role and for sex who reads it best on validation clips: of both at once in all sizes, or of each alone."""
    tried = [(tuple(HEADS), widths) for widths in loop.widths] + [((head,), loop.widths[0]) for head in HEADS]
    found = [
        train_risk_model(roles, parts, loop, widths, folder / "+".join(heads) / named(widths), seed, heads)
        for heads, widths in tried
    ]
    return {head: max((one for one in found if head in one[1]), key=lambda one: one[1][head])[0] for head in HEADS}


def read_each(readers: dict[str, Any], speech: Speech) -> list[dict[str, str]]:
    """What each question's reader answers to it, of every clip."""
    heard = {head: read_all(reader, speech, READ_AT_ONCE) for head, reader in readers.items()}
    return [{head: answers[index][head] for head, answers in heard.items()} for index in range(len(speech))]


def train_replaced(
    roles: Roles, parts: Parts, loop: RiskLoop, widths: Sequence[int], folder: Path, seed: int
) -> LogOdds:
    """Who learns to tell releases of sensitive clips from the rest; gives how much it takes each for replaced."""
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


def farther(moved: Sequence[float], roles: Roles, clips: Sequence[Clip], question: str) -> int:
    """1 if sensitive clips are those that moved farther than whom to tell them from, -1 if they moved less."""
    own = [(one, clip) for one, clip in zip(moved, clips, strict=True) if is_asked(roles.of(clip.emotion), question)]
    found = auc([one for one, _ in own], is_sensitive(roles, [clip for _, clip in own]))
    return 1 if found >= 0.5 else -1


def is_asked(role: str, question: str) -> bool:
    """Whether a question is about clips of a role.

    >>> is_asked("required", "neutral"), is_asked("required", "all")
    (False, True)
    """
    return role in ("sensitive", *OTHERS[question])


def asked(roles: Roles, speech: Speech, question: str) -> Speech:
    """The clips that a question is about."""
    return speech.subset([i for i, clip in enumerate(speech.clips) if is_asked(roles.of(clip.emotion), question)])


def named(widths: Sequence[int]) -> str:
    """The folder of a network with such layers.

    >>> named((256, 128))
    '256-128'
    """
    return "-".join(map(str, widths))


def is_sensitive(roles: Roles, clips: Sequence[Clip]) -> list[bool]:
    """Of each clip."""
    return [roles.of(clip.emotion) == "sensitive" for clip in clips]


def _targets(roles: Roles, clips: Sequence[Clip], heads: Sequence[str]) -> dict[str, list[str]]:
    return {head: [TARGETS[head](roles, clip) for clip in clips] for head in heads}


def _new(build: Callable[[], Network], seed: int) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "weights"))
        return build()


def _batches(train: Speech, loop: RiskLoop, seed: int) -> Callable[[int], Order]:
    return lambda epoch: (train, train.shuffled(loop.batch_size, derive(seed, "order", epoch)))

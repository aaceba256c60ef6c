"""The only optimisation loop: batches → named loss terms → one step; resumes exactly after a kill."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from aclipse.atomic import write_table
from aclipse.contracts import Settings
from aclipse.errors import RunError
from aclipse.seeds import derive
from aclipse.training import checkpoint
from aclipse.training.batches import Batch

log = logging.getLogger(__name__)

Row = dict[str, float]


class LoopSettings(Settings):
    """How long and how fast to learn."""

    epochs: int = Field(10, ge=1)
    batch_size: int = Field(16, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    schedule: Literal["constant", "cosine"] = "cosine"  # cosine: 5 % linear warm-up, then down to zero
    clip_norm: float = Field(5.0, gt=0)  # upper limit on the gradient's L2 norm


@dataclass
class Job:
    """What is learned: a network, the batches of an epoch, a loss, and a validation score to maximise."""

    name: str
    network: nn.Module
    batches: Callable[[int], Sequence[Callable[[], Batch]]]  # epoch → batches, each made when its turn comes
    objective: Callable[[Batch], tuple[Tensor, dict[str, Tensor]]]  # loss to minimise, terms to log
    validate: Callable[[], Row]
    score: Callable[[Row], float]


@dataclass
class Progress:
    """Where a job stands: rows of finished epochs, the best epoch's score and weights."""

    history: list[Row] = field(default_factory=list)
    best_epoch: int = -1
    best_score: float = -math.inf
    best: dict[str, Tensor] = field(default_factory=dict)


def fit(job: Job, settings: LoopSettings, folder: Path, seed: int = 0) -> Progress:
    """Train to the last epoch and leave the best epoch's weights in ``job.network``, in eval mode.

    State is kept in ``folder`` after every epoch: the same call after a kill goes on and ends with the same weights,
    since all randomness of an epoch derives from ``(seed, job.name, epoch)``.
    Raises RunError for a state of another network in ``folder`` and if no epoch's score is a number.
    """
    parameters = [p for p in job.network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=settings.learning_rate)
    progress = _resume(folder / "checkpoint.safetensors", job.network, optimizer)
    for epoch in range(len(progress.history), settings.epochs):
        started = time.perf_counter()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, job.name, epoch))
            terms = _one_epoch(job, optimizer, settings, epoch)
        job.network.eval()
        row = {"epoch": epoch, **terms, **job.validate(), "seconds": round(time.perf_counter() - started, 1)}
        _keep(progress, row, job)
        _save(folder, job.network, optimizer, progress)
        log.info("%s %d/%d  %s", job.name, epoch + 1, settings.epochs, _pretty(row))
    if not progress.best:
        raise RunError(
            f"{job.name}: validation gave no score that is a number. Is there a validation clip of each kind?"
        )
    write_table(folder / "history.csv", list(progress.history[0]), progress.history)
    job.network.load_state_dict(progress.best)
    job.network.eval()
    return progress


def _one_epoch(job: Job, optimizer: torch.optim.Optimizer, settings: LoopSettings, epoch: int) -> Row:
    job.network.train()
    batches = job.batches(epoch)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    sums: Row = {}
    for step, make in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _rate(settings, epoch + step / len(batches))
        loss, terms = job.objective(make())
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
        if torch.isfinite(norm):
            optimizer.step()
        else:
            log.warning("%s: a batch gave a gradient that is not finite; skipped", job.name)
        for name, value in terms.items():
            sums[name] = sums.get(name, 0.0) + value.item() / len(batches)
    return sums


def _rate(settings: LoopSettings, done: float) -> float:
    if settings.schedule == "constant":
        return 1.0
    share = done / settings.epochs
    return min(share / 0.05 + 0.01, 0.5 * (1.0 + math.cos(math.pi * share)))


def _keep(progress: Progress, row: Row, job: Job) -> None:
    progress.history.append(row)
    score = job.score(row)
    if score > progress.best_score:
        progress.best_epoch, progress.best_score = len(progress.history) - 1, score
        progress.best = {name: tensor.detach().clone() for name, tensor in job.network.state_dict().items()}


def _save(folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in progress.best.items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in checkpoint.pack_optimizer(optimizer).items()}
    facts = {k: getattr(progress, k) for k in ("history", "best_epoch", "best_score")}
    checkpoint.save(folder / "checkpoint.safetensors", tensors, facts)
    write_table(folder / "history.csv", list(progress.history[0]), progress.history)


def _resume(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    if not path.exists():
        return Progress()
    tensors, facts = checkpoint.load(path)

    def under(prefix: str) -> dict[str, Tensor]:
        return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    try:
        network.load_state_dict(under("network."))
        checkpoint.unpack_optimizer(optimizer, under("optimizer."))
    except (RuntimeError, ValueError, KeyError) as error:
        raise RunError(f"{path} is the state of another network. Delete its folder, or give another one.") from error
    log.info("resuming %s after epoch %d", path.parent, len(facts["history"]))
    return Progress(best=under("best."), **facts)


def _pretty(row: Row) -> str:
    return "  ".join(f"{name} {value:.3g}" for name, value in row.items() if name != "epoch")

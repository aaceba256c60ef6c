"""The only optimisation loop: batches → named loss terms → one step; resumes exactly after a kill."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import GradientAccumulationPlugin
from pydantic import Field
from torch import Tensor, nn

from aclipse.atomic import write_table
from aclipse.contracts import Settings
from aclipse.errors import MissingExtra, RecipeError, RunError
from aclipse.seeds import derive
from aclipse.training import checkpoint, processes
from aclipse.training.batches import Batch, Speech

log = logging.getLogger(__name__)

Row = dict[str, float]
Order = tuple[Speech, Sequence[Sequence[int]]]  # clips, and batches as indices of them


class LoopSettings(Settings):
    """How long and how fast to learn."""

    epochs: int = Field(10, ge=1)
    batch_size: int = Field(16, ge=1)  # over all processes
    accumulate: int = Field(1, ge=1)  # batches whose gradients are added up before a step
    learning_rate: float = Field(1e-3, gt=0)
    schedule: Literal["constant", "cosine", "linear"] = "cosine"  # where it goes after the warm-up: stays, or to zero
    warm_up: float = Field(0.05, ge=0, lt=1)  # share of the training in which the rate rises from 1 % to its full value
    clip_norm: float = Field(5.0, ge=0)  # limit on the gradient's L2 norm; 0: none
    patience: int | None = Field(None, ge=1)  # epochs without a better score after which to stop; never if not given
    precision: Literal["no", "bf16", "fp16"] = "no"  # mixed precision while learning; scores are of float32
    tracker: Literal["tensorboard"] | None = None  # beside history.csv; through accelerate


@dataclass
class Job:
    """What is learned: a network, the batches of an epoch, a loss, and a validation score to maximise."""

    name: str
    network: nn.Module
    batches: Callable[[int], Order]  # of an epoch
    objective: Callable[[Batch], tuple[Tensor, dict[str, Tensor]]]  # loss to minimise, terms to log
    validate: Callable[[], Row]
    score: Callable[[Row], float]
    factors: Mapping[str, float] = field(default_factory=dict)  # child of the network → its share of the learning rate


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
    Under `accelerate launch` each process takes its share of every batch and gradients are added up before a step.
    Raises RunError for a state of another network in ``folder`` and if no epoch's score is a number, MissingExtra for
    a tracker that is not installed.
    """
    job.network.to(processes.device())  # joins the processes, before accelerate would in its own way
    accelerator = _accelerator(settings, folder)
    optimizer = accelerator.prepare_optimizer(torch.optim.Adam(_groups(job), lr=settings.learning_rate))
    progress = _resume(folder / "checkpoint.safetensors", job.network, optimizer, accelerator.scaler)
    while len(progress.history) < settings.epochs and not _is_stuck(progress, settings.patience):
        epoch, started = len(progress.history), time.perf_counter()
        with _seeded(derive(seed, job.name, epoch) + processes.index()):
            terms = _one_epoch(job, accelerator, optimizer, settings, epoch)
        job.network.eval()
        processes.average_buffers(job.network)
        row = {"epoch": epoch, **terms, **job.validate(), "seconds": round(time.perf_counter() - started, 1)}
        _keep(progress, row, job)
        accelerator.log(row, step=epoch)
        if processes.is_main():
            _save(folder, job.network, optimizer, progress, accelerator.scaler)
        log.info("%s %d/%d  %s", job.name, epoch + 1, settings.epochs, _pretty(row))
    for tracker in accelerator.trackers:
        tracker.finish()
    processes.wait()
    if not progress.best:
        raise RunError(
            f"{job.name}: validation gave no score that is a number. Is there a validation clip of each kind?"
        )
    if processes.is_main():
        write_table(folder / "history.csv", list(progress.history[0]), progress.history)
    job.network.load_state_dict(progress.best)
    job.network.eval()
    return progress


def _groups(job: Job) -> list[dict[str, Any]]:
    """Parameters that learn, those of each child with a rate of its own apart."""
    found: dict[str, list[nn.Parameter]] = {}
    for name, parameter in job.network.named_parameters():
        if parameter.requires_grad:
            child = name.partition(".")[0]
            found.setdefault(child if child in job.factors else "", []).append(parameter)
    return [{"params": part, "factor": job.factors.get(name, 1.0)} for name, part in found.items()]


def _accelerator(settings: LoopSettings, folder: Path) -> Accelerator:
    AcceleratorState._reset_state()  # one run has several trainings, whose precisions may differ
    try:
        with warnings.catch_warnings(action="ignore"):
            accelerator = Accelerator(
                mixed_precision=settings.precision,
                log_with=settings.tracker,
                project_dir=folder,
                gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),  # `accumulate` is ours
            )
    except ValueError as error:
        raise RecipeError(f"precision = {settings.precision}, tracker = {settings.tracker}: {error}") from error
    if settings.precision == "fp16" and accelerator.scaler is None:  # accelerate would go on in float32
        raise RecipeError("precision = fp16 needs a GPU. Give bf16, or no.")
    if settings.tracker is not None:
        if not accelerator.log_with:
            raise MissingExtra(settings.tracker, "tracking")
        accelerator.init_trackers("aclipse")
    return accelerator


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed what draws in an epoch and give every generator back as it was."""
    numpy_state = np.random.get_state()  # transformers draws its SpecAugment masks from NumPy
    place = processes.device()
    try:
        with torch.random.fork_rng([place] if place.type == "cuda" else []):
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)
            yield
    finally:
        np.random.set_state(numpy_state)


def _is_stuck(progress: Progress, patience: int | None) -> bool:
    return patience is not None and len(progress.history) - 1 - progress.best_epoch >= patience


def _one_epoch(job: Job, accelerator: Accelerator, optimizer: Any, settings: LoopSettings, epoch: int) -> Row:
    job.network.train()
    speech, batches = job.batches(epoch)
    parameters = [p for slots in optimizer.param_groups for p in slots["params"]]
    sums: dict[str, Any] = {}
    for start in range(0, len(batches), settings.accumulate):
        group = batches[start : start + settings.accumulate]
        for slots in optimizer.param_groups:
            slots["lr"] = slots["factor"] * settings.learning_rate * _rate(settings, epoch + start / len(batches))
        optimizer.zero_grad()
        for indices in group:
            for name, value in _backward(job, accelerator, speech, indices, 1 / len(group)).items():
                sums[name] = sums.get(name, 0.0) + value * len(group) / len(batches)
        processes.sum_gradients(job.network)
        norm = accelerator.clip_grad_norm_(parameters, settings.clip_norm or math.inf)
        if torch.isfinite(norm) or accelerator.scaler is not None:  # with fp16 the scaler looks, skips and learns
            optimizer.step()
        else:
            log.warning("%s: a batch gave a gradient that is not finite; skipped", job.name)
    return {name: float(value) for name, value in sums.items()}


def _backward(
    job: Job, accelerator: Accelerator, speech: Speech, indices: Sequence[int], weight: float
) -> dict[str, Tensor]:
    """Leave the gradients of this process's share of a batch; give the whole batch's terms, both times ``weight``."""
    mine = processes.share(indices)
    weight *= len(mine) / len(indices)
    with accelerator.autocast():
        loss, terms = job.objective(speech.batch(mine or indices[:1]))  # with nothing to do, take part with weight 0
    accelerator.backward(loss * weight)
    return processes.weighted_sum(terms, weight)


def _rate(settings: LoopSettings, done: float) -> float:
    share = done / settings.epochs
    rising = share / settings.warm_up + 0.01 if settings.warm_up else 1.0
    falling = {"constant": 1.0, "linear": 1.0 - share, "cosine": 0.5 * (1.0 + math.cos(math.pi * share))}
    return min(rising, falling[settings.schedule])


def _keep(progress: Progress, row: Row, job: Job) -> None:
    progress.history.append(row)
    score = job.score(row)
    if score > progress.best_score:
        progress.best_epoch, progress.best_score = len(progress.history) - 1, score
        progress.best = {name: tensor.detach().clone() for name, tensor in job.network.state_dict().items()}


def _save(folder: Path, network: nn.Module, optimizer: Any, progress: Progress, scaler: Any) -> None:
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in progress.best.items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in checkpoint.pack_optimizer(optimizer).items()}
    facts = {k: getattr(progress, k) for k in ("history", "best_epoch", "best_score")}
    checkpoint.save(folder / "checkpoint.safetensors", tensors, {**facts, "scaler": scaler and scaler.state_dict()})
    write_table(folder / "history.csv", list(progress.history[0]), progress.history)


def _resume(path: Path, network: nn.Module, optimizer: Any, scaler: Any) -> Progress:
    if not path.exists():
        return Progress()
    tensors, facts = checkpoint.load(path)

    def under(prefix: str) -> dict[str, Tensor]:
        return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    try:
        network.load_state_dict(under("network."))
        checkpoint.unpack_optimizer(optimizer, under("optimizer."))
        if scaler:
            scaler.load_state_dict(facts["scaler"])
    except (RuntimeError, ValueError, KeyError) as error:
        raise RunError(f"{path} is the state of another network. Delete its folder, or give another one.") from error
    log.info("resuming %s after epoch %d", path.parent, len(facts["history"]))
    return Progress(facts["history"], facts["best_epoch"], facts["best_score"], under("best."))


def _pretty(row: Row) -> str:
    return "  ".join(f"{name} {value:.3g}" for name, value in row.items() if name != "epoch")

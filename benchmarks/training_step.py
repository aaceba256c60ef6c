"""Speed, memory and results of a stage-1 training step beside the loop one writes first; `make bench` runs it.

Writes its section of benchmarks/README.md. With `--base` on a GPU: encoders of base size, bf16, all of them frozen.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from unittest.mock import patch

import steps
import torch
from accelerate import PartialState
from material import Size, like_iemocap, recognizers
from page import SPEED, machine, table, write_section
from steps import Step

from aclipse.contracts import SAMPLE_RATE
from aclipse.models.standins import CONFIGURATIONS
from aclipse.protections.cascade import method
from aclipse.training import processes
from aclipse.training.batches import Speech

Build = Callable[[Path, Speech, Size], Step]

MAIN: dict[str, Build] = {"plain loop": steps.plain, "ours": steps.ours}
BOUNDS: dict[str, Build] = {"recognisers alone, no padding: the floor": steps.floor, "modules alone": steps.cascade_alone}
ABLATIONS: dict[str, Build] = {
    "batches of any lengths": steps.as_they_come,
    "parameter gradients on": steps.trainable,
    "front end computed twice": steps.twice,
    "front end: padded batch, one group norm a recording": steps.at_once,
    "front end: padded batch, masked group norm": steps.masked,
    "front end: one recording at a time, any size": steps.any_size,
    "whole step one recording at a time (exact-length buckets)": steps.one_by_one,
}


def seconds(step: Step, seed: int) -> float:
    """What an epoch takes: of processor time on a CPU, which others may share, of the clock on a GPU."""
    if not _on_gpu():
        start = time.process_time()
        step.epoch(seed)
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    step.epoch(seed)
    torch.cuda.synchronize()
    return time.perf_counter() - start


def interleaved(tried: Mapping[str, Step], repeats: int) -> dict[str, list[float]]:
    """Seconds of each step's epochs, all steps by turns, after one epoch to warm up; an epoch's draws are the same."""
    for step in tried.values():
        step.epoch(0)
    rounds = [{name: seconds(step, seed) for name, step in tried.items()} for seed in range(1, repeats + 1)]
    return {name: [times[name] for times in rounds] for name in tried}


def peak(build: Build, folder: Path, speech: Speech, size: Size) -> float:
    """MB that the step of the batch with most samples takes beyond what stood in memory before."""
    torch.set_num_threads(1)
    step = build(folder, speech, size)
    widest = max(step.batches(0), key=lambda batch: len(batch) * max(len(speech.wave(i)) for i in batch))
    if _on_gpu():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step.gradient(widest)
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step.gradient(widest)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def peak_of_its_own(build: Build, folder: Path, speech: Speech, size: Size) -> float:
    """`peak`, on a CPU in a new process: a process only tells the most that it ever held."""
    if _on_gpu():
        return peak(build, folder, speech, size)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(peak, build, folder, speech, size).result()


def gradients(step: Step, batches: Sequence[Sequence[int]]) -> tuple[float, torch.Tensor]:
    """Mean loss and gradient of the modules over batches of one size, without dropout and augmentation."""
    step.learned.eval().zero_grad()
    with (
        patch.object(method, "change_speed", lambda waves, lengths, factor: (waves, lengths)),
        patch.object(method, "tilt_spectrum", lambda waves, slope: waves),
        torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
    ):
        loss = sum(step.gradient(batch) for batch in batches) / len(batches)
    found = torch.cat([p.grad.flatten() for p in step.learned.parameters() if p.grad is not None]) / len(batches)
    step.learned.zero_grad()
    return loss, found


def differences(folder: Path, speech: Speech, size: Size) -> dict[str, tuple[float, float]]:
    """How far loss and gradient of a padded batch are from those of the plain loop on single recordings, relatively."""
    exact = replace(size, precision="no")
    alone, ours, plain = (build(folder, speech, exact) for build in (steps.plain, steps.ours, steps.plain))
    whole = list(range(min(size.batch, len(speech))))
    loss, gradient = gradients(alone, [[i] for i in whole])
    found = {"ours": gradients(ours, [whole]), "plain loop": gradients(plain, [whole])}
    return {
        name: (abs(its - loss) / abs(loss), float((slope - gradient).norm() / gradient.norm()))
        for name, (its, slope) in found.items()
    }


def measured(folder: Path, name: str, tried: Mapping[str, Build], size: Size, repeats: int) -> list[list[str]]:
    ...


def _on_gpu() -> bool:
    return processes.device().type == "cuda"

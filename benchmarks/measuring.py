"""Time, memory and results of steps."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

import steps
import torch
from material import Size
from steps import Step

from aclipse.protections.cascade import method
from aclipse.training import processes
from aclipse.training.batches import Speech

Build = Callable[[Path, Speech, Size], Step]


def on_gpu() -> bool:
    """Where the steps run."""
    return processes.device().type == "cuda"


def seconds(step: Step, seed: int) -> float:
    """What an epoch takes: of processor time on a CPU, which others may share, of the clock on a GPU."""
    if not on_gpu():
        start = time.process_time()
        step.epoch(seed)
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    step.epoch(seed)
    torch.cuda.synchronize()
    return time.perf_counter() - start


def interleaved(tried: Mapping[str, Step], repeats: int) -> dict[str, list[float]]:
    """Seconds of each step's epochs, all steps by turns and with the same draws."""
    rounds = [{name: seconds(step, seed) for name, step in tried.items()} for seed in range(repeats)]
    return {name: [times[name] for times in rounds] for name in tried}


def peak(build: Build, folder: Path, speech: Speech, size: Size) -> float:
    """MB that the step of the batch with most samples takes beyond what stood in memory before."""
    torch.set_num_threads(1)
    step = build(folder, speech, size)
    widest = max(step.batches(0), key=lambda batch: len(batch) * max(len(speech.wave(i)) for i in batch))
    if on_gpu():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step.gradient(widest)
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step.gradient(widest)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def peak_of_its_own(build: Build, folder: Path, speech: Speech, size: Size) -> float:
    """`peak`, on a CPU in a new process: a process only tells the most that it, or what started it, ever held."""
    if on_gpu():
        return peak(build, folder, speech, size)
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(1, context) as pool:
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

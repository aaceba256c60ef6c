"""Where the work runs: the device of this process, and its share when `accelerate launch` starts several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import gather_object, parse_flag_from_env, reduce
from torch import Tensor, nn

T = TypeVar("T")


def _state() -> PartialState:
    """All processes, joined at the first call; without ``cpu`` those on processors alone would never meet."""
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available())


def device() -> torch.device:
    """The accelerator of this process, or the CPU."""
    return _state().device


def autocast(precision: str) -> torch.autocast:
    """Mixed precision here as a loop's settings name it: bf16, fp16, or none."""
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    return torch.autocast(device().type, kind, enabled=kind is not None)


def is_main() -> bool:
    """Whether this process is the one that writes and prints."""
    return _state().is_main_process


def index() -> int:
    """This process's number, from 0; what it draws should differ from what the others draw."""
    return _state().process_index


def count() -> int:
    """How many processes there are."""
    return _state().num_processes


def wait() -> None:
    """Wait until every process is here: what the main one has written can now be read."""
    _state().wait_for_everyone()


def share(items: Sequence[T]) -> Sequence[T]:
    """This process's part of the items, every n-th of them.

    >>> share([1, 2, 3])  # in a single process
    [1, 2, 3]
    """
    state = _state()
    return items[state.process_index :: state.num_processes]


def together(rows: list[T]) -> list[T]:
    """The rows of all processes, in the order of processes."""
    return gather_object(rows) if _state().num_processes > 1 else rows


def sum_gradients(network: nn.Module) -> None:
    """Add up what the processes' shares of a batch have left in the gradients."""
    if _state().num_processes > 1:
        learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in learned]  # a dropped layer has none
        flat = reduce(torch.cat([grad.flatten() for grad in grads]), "sum")
        for parameter, grad in zip(learned, flat.split([p.numel() for p in learned]), strict=True):
            parameter.grad = grad.view_as(parameter).clone()


def average_buffers(network: nn.Module) -> None:
    """Make running statistics the same everywhere."""
    if _state().num_processes > 1:
        for buffer in network.buffers():
            if buffer.is_floating_point():
                buffer.copy_(reduce(buffer, "mean"))


def weighted_sum(terms: dict[str, Tensor], weight: float) -> dict[str, Tensor]:
    """Each named value times this process's weight, added over all processes."""
    values = {name: value.detach().float() * weight for name, value in terms.items()}
    return reduce(values, "sum") if _state().num_processes > 1 else values

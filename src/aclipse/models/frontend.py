"""The convolutions with which wav2vec 2.0-like models begin, made indifferent to padding and shareable."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aclipse.audio.signal import mask_of

GRID = 8000  # samples, 0.5 s


class Once:
    """Mixed into a module that two models share: of two calls with one batch only the first computes.

    The result is kept until the second call, or until a backward pass has used up its graph.
    """

    _kept: tuple[Tensor, Any, set[str], Any] | None = None

    def forward(self, waves: Tensor, *others: Any, **named: Any) -> Any:
        kept, state, wishes = self._kept, self._state(waves), set(named)
        self._kept = None
        if kept is not None and kept[0] is waves and kept[1] == state and wishes <= kept[2]:
            return kept[3]
        found = super().forward(waves, *others, **named)  # type: ignore[misc]
        features = getattr(found, "last_hidden_state", found)
        if features.requires_grad:
            features.register_hook(self._forget)
        self._kept = waves, state, wishes, found
        return found

    def _state(self, waves: Tensor) -> tuple[Any, ...]:
        """All that a result depends on beside which tensor is read and which outputs are wished for."""
        module: Any = self
        lengths = getattr(module, "feature_extractor", module).lengths
        grad = torch.is_grad_enabled(), waves.requires_grad
        autocast = torch.is_autocast_enabled(waves.device.type)
        weights = sum(parameter._version for parameter in module.parameters())
        frames = None if lengths is None else lengths.tolist()
        return waves._version, weights, grad, autocast, module.training, frames

    def _forget(self, _: Tensor) -> None:
        self._kept = None

    def __getstate__(self) -> dict[str, Any]:
        """A copy remembers nothing."""
        return {**self.__dict__, "_kept": None}


def compute_once(module: nn.Module) -> None:
    """Mix `Once` into a module that is there already; its weights and all names stay."""
    kind = type(module)
    if not isinstance(module, Once):
        # transformers looks up by the full name of a class what it can record
        names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
        module.__class__ = type(kind.__name__, (Once, kind), names)


class FrontEnd(nn.Module):
    """Samples to frames, ``(batch, time) -> (batch, channels, frames)``; takes the place of a stock feature encoder.

    It adopts the stock layers under their names, so weights are saved as before, and differs in two ways: the
    recording is normalised here, in torch, as gradients must pass; and group normalisation counts true frames only, so
    a score does not depend on padding. Stock models pass no lengths to it, so these are left in ``lengths`` beforehand
    (None: nothing is padded).
    """

    def __init__(self, layers: nn.ModuleList, config: Any, normalize: bool) -> None:
        super().__init__()
        self.conv_layers = layers
        self.shapes = list(zip(config.conv_kernel, config.conv_stride, strict=True))
        self.grouped = config.feat_extract_norm == "group"
        self.normalize = normalize
        self.lengths: Tensor | None = None

    def forward(self, waves: Tensor) -> Tensor:
        """Frames of a batch whose true lengths are in ``lengths``.

        On a CPU one recording after another: what fits the cache takes a fraction of the time (benchmarks/README.md).
        """
        return self.singly(waves) if waves.device.type == "cpu" else self.together(waves, self.lengths)

    def singly(self, waves: Tensor) -> Tensor:
        """The same, each recording alone; on whole GRIDs, since a convolution of a new size is compiled first."""
        size, batch = waves.shape[-1], len(waves)
        lengths = torch.full((batch,), size, device=waves.device) if self.lengths is None else self.lengths
        waves, frames = F.pad(waves, (0, -size % GRID)), int(self.frames(torch.tensor(size)))
        rows = (row[:, : -(-count // GRID) * GRID] for row, count in zip(waves.split(1), lengths.tolist(), strict=True))
        found = [self.together(row, length) for row, length in zip(rows, lengths.split(1), strict=True)]
        return torch.cat([F.pad(row, (0, frames - row.shape[-1])) for row in found])

    def together(self, waves: Tensor, lengths: Tensor | None) -> Tensor:
        """All recordings at once."""
        x = (zero_mean_unit_variance(waves, lengths) if self.normalize else waves)[:, None]
        layers = list(self.conv_layers)
        if self.grouped:
            first: Any = layers.pop(0)
            frames = None if lengths is None else convolved(lengths, self.shapes[:1])
            x = first.activation(norm_of_true_frames(first.conv(x), first.layer_norm, frames))
        for layer in layers:
            x = layer(x)
        return x

    def extra_repr(self) -> str:
        """What `forward` depends on beside weights."""
        return f"grouped={self.grouped}, normalize={self.normalize}"

    def frames(self, lengths: Tensor) -> Tensor:
        """How many frames recordings of ``lengths`` samples give, at least one: silence follows the shortest."""
        return convolved(lengths.clamp(min=self.samples(1)), self.shapes)

    def samples(self, frames: int) -> int:
        """The fewest samples that give ``frames`` frames."""
        for kernel, stride in reversed(self.shapes):
            frames = (frames - 1) * stride + kernel
        return frames


def convolved(lengths: Tensor, shapes: list[tuple[int, int]]) -> Tensor:
    """Length after unpadded convolutions of (kernel, stride).

    >>> convolved(torch.tensor([400, 16000]), [(10, 5), (3, 2)])
    tensor([  39, 1599])
    """
    for kernel, stride in shapes:
        lengths = (lengths - kernel) // stride + 1
    return lengths


def zero_mean_unit_variance(waves: Tensor, lengths: Tensor | None) -> Tensor:
    """Normalise each recording over its true samples, as the feature extractor of transformers does in NumPy."""
    if lengths is None:
        centred = waves - waves.mean(-1, keepdim=True)
        return centred * (centred.square().mean(-1, keepdim=True) + 1e-7).rsqrt()
    mask = mask_of(lengths, waves.shape[-1])
    count = lengths[:, None].clamp(min=1)
    centred = (waves - (waves * mask).sum(-1, keepdim=True) / count) * mask
    return centred * (centred.square().sum(-1, keepdim=True) / count + 1e-7).rsqrt()


def norm_of_true_frames(x: Tensor, norm: Any, frames: Tensor | None) -> Tensor:
    """Group normalisation ``(batch, channels, frames)`` with statistics of true frames; past them it gives zeros.

    One recording at a time, since the kernel for that is fused: as fast as the padded batch at once.
    """
    if frames is None:
        return norm(x)
    parts = (norm(row[..., :count]) for row, count in zip(x.split(1), frames.tolist(), strict=True))
    return torch.cat([F.pad(part, (0, x.shape[-1] - part.shape[-1])) for part in parts])

"""Recordings, or their features, in memory and the batches made of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aclipse.audio import files
from aclipse.audio.signal import pad_stack
from aclipse.contracts import SAMPLE_RATE, Clip, Reader, Signal, Wave
from aclipse.training import processes

# Numbers in a batch that is read: 16 clips of 10 s, for a long one fills an accelerator. As features, 100 segments of
# 200 frames and 128 bands are as many; at the paper's hops they hold 150 s and more.
MOST_NUMBERS = 160 * SAMPLE_RATE


@dataclass(frozen=True)
class Batch:
    """Signals of different length, zero-padded: waves, true lengths ``(batch,)``, clips.

    Waves are ``(batch, time)``, lengths in samples; or, of features, ``(batch, frames, bands)``, lengths in frames.
    """

    waves: Tensor
    lengths: Tensor
    clips: list[Clip]


class Speech:
    """Clips and their signals: recordings ``(time,)``, each file read once, when first needed; or features given.

    Features are ``(frames, bands)``, of every clip with as many bands.
    """

    def __init__(self, clips: Sequence[Clip], waves: Sequence[Signal] | None = None) -> None:
        self.clips = list(clips)
        self._waves: list[Signal | None] = list(waves) if waves is not None else [None] * len(self.clips)

    def __len__(self) -> int:
        return len(self.clips)

    def wave(self, index: int) -> Signal:
        """The signal of one clip: float32 mono at 16 kHz, or features."""
        wave = self._waves[index]
        if wave is None:
            wave = self._waves[index] = files.read(self.clips[index].path)
        return wave

    def subset(self, indices: Sequence[int]) -> Speech:
        """Some of the clips, sharing what has been read."""
        return Speech([self.clips[i] for i in indices], [self.wave(i) for i in indices])

    def released(self, release: Callable[[Wave, Clip], Signal]) -> Speech:
        """The same clips after a protection."""
        return Speech(self.clips, [release(self.wave(i), clip) for i, clip in enumerate(self.clips)])

    def batch(self, indices: Sequence[int]) -> Batch:
        """Pad some signals into one batch, on this process's device."""
        waves, lengths = pad_stack([torch.from_numpy(self.wave(i)) for i in indices])
        place = processes.device()
        return Batch(waves.to(place), lengths.to(place), [self.clips[i] for i in indices])

    def in_order(self, size: int) -> Iterator[list[int]]:
        """Indices of batches of similar length, every clip once; fewer than ``size`` where clips are long."""
        batch: list[int] = []
        for index in sorted(range(len(self)), key=lambda i: len(self.wave(i))):
            if batch and (len(batch) == size or (len(batch) + 1) * self.wave(index).size > MOST_NUMBERS):
                yield batch
                batch = []
            batch.append(index)
        if batch:
            yield batch

    def shuffled(self, size: int, seed: int, pool: int = 8) -> list[list[int]]:
        """Indices of random batches, each of similar length: sorted within random pools of ``pool`` batches."""
        generator = random.Random(seed)
        order = generator.sample(range(len(self)), len(self))
        batches = []
        for start in range(0, len(order), size * pool):
            part = sorted(order[start : start + size * pool], key=lambda i: len(self.wave(i)))
            batches += [part[i : i + size] for i in range(0, len(part), size)]
        generator.shuffle(batches)
        return batches


@torch.no_grad()
def read_all(reader: Reader, speech: Speech, size: int = 16) -> list[Any]:
    """What a reader hears in every clip, in the clips' order; however they are batched and dealt out."""
    found: list[tuple[int, Any]] = []
    for indices in processes.share(list(speech.in_order(size))):
        batch = speech.batch(indices)
        found += zip(indices, reader.read(batch.waves, batch.lengths), strict=True)
    return [reading for _, reading in sorted(processes.together(found), key=lambda pair: pair[0])]

"""Chunks of speech in a random order: every sound stays, most words and sentences go."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from aclipse.contracts import SAMPLE_RATE, Wave
from aclipse.errors import RecipeError
from aclipse.protections.baselines.base import Baseline

FADE = 80  # samples, 5 ms: a joint without a click, shorter than a plosive


class ChunkShuffle(Baseline):
    """Cut a recording into equal chunks, none longer than ``milliseconds``, and join them in a random order.

    ``milliseconds`` is from 20 to 10,000; raises RecipeError for another. Chunks fade into each other over 5 ms, of
    which half lies beyond each chunk's own ends; those that stay neighbours join without a trace. A recording of one
    chunk stays as it is.

    >>> ChunkShuffle(100).release(np.ones(8000, np.float32), seed=1)[-3:]
    array([1., 1., 1.], dtype=float32)
    """

    name = "shuffle"

    def __init__(self, milliseconds: float = 250.0) -> None:
        if not 20 <= milliseconds <= 10_000:
            raise RecipeError(f"chunks of {milliseconds} ms were asked for; 20 to 10000 ms are allowed")
        self.milliseconds = milliseconds

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        if not len(wave):
            return wave.copy()
        edges = chunk_edges(len(wave), self.milliseconds)
        return join(wave, edges, np.random.default_rng(seed).permutation(len(edges) - 1))


def chunk_edges(samples: int, milliseconds: float) -> npt.NDArray[np.int64]:
    """Where chunks begin and the last one ends, ``(chunks + 1,)``; their lengths differ by a sample at most.

    >>> chunk_edges(1000, 25).tolist()
    [0, 333, 667, 1000]
    """
    chunks = max(1, math.ceil(samples / (milliseconds * SAMPLE_RATE / 1000)))
    return np.rint(np.linspace(0, samples, chunks + 1)).astype(np.int64)


def join(wave: Wave, edges: npt.NDArray[np.int64], order: npt.NDArray[np.int64]) -> Wave:
    """Lay chunks end to end in ``order``, with cross-fades that add up to 1 in amplitude, ``(time,) -> (time,)``."""
    half = FADE // 2
    padded = np.pad(wave.astype(np.float64), half, mode="edge")  # a step to 0 would click where it is moved to
    out, total = np.zeros(len(padded)), np.zeros(len(padded))
    start = 0
    for begin, end in zip(edges[order], edges[order + 1], strict=True):
        size = end - begin
        weight = _faded(size)
        out[start : start + size + FADE] += weight * padded[begin : end + FADE]
        total[start : start + size + FADE] += weight
        start += size
    inside = slice(half, half + len(wave))
    return (out[inside] / total[inside]).astype(np.float32)  # the two ends have nothing to fade into


def _faded(size: int) -> npt.NDArray[np.float64]:
    """Weight of a chunk of ``size`` samples and half a fade to either side."""
    rise = np.square(np.sin(np.pi / 2 * (np.arange(FADE) + 0.5) / FADE))
    distance = np.arange(size + FADE)
    return rise[np.minimum(distance, FADE - 1)] * rise[np.minimum(distance[::-1], FADE - 1)]

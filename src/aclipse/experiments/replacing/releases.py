"""What a method makes of vectors: as they are, through an autoencoder, with noise, or all of them alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from aclipse.contracts import Clip, Features
from aclipse.experiments.replacing.bench import Bench
from aclipse.protections.replacement.method import Replacement
from aclipse.seeds import derive

Release = Callable[[Features, Clip], Features]


def as_it_is(vector: Features, clip: Clip) -> Features:
    """The paper's X."""
    return vector


def through(path: Path, seed: int) -> Release:
    """The autoencoder of a file; what it draws for a clip depends on no other clip."""
    protection = Replacement.load(path)
    return lambda vector, clip: protection.replaced(vector, derive(seed, clip.id))


def with_noise(bench: Bench, path: Path, seed: int) -> Release:
    """White noise that changes vectors as much, by mean square, as an autoencoder changes what it was trained on."""
    train, release = bench.speech("primary"), through(path, seed)
    changes = [release(train.wave(index), clip) - train.wave(index) for index, clip in enumerate(train.clips)]
    deviation = np.float32(np.sqrt(np.mean(np.square(changes))))

    def noised(vector: Features, clip: Clip) -> Features:
        drawn = np.random.default_rng(derive(seed, "noise", clip.id)).standard_normal(vector.shape, dtype=np.float32)
        return vector + deviation * drawn

    return noised


def all_alike(bench: Bench) -> Release:
    """The mean of the vectors that a device was trained on, whatever was said."""
    train = bench.speech("primary")
    every = np.stack([train.wave(index) for index in range(len(train))])
    mean: Features = every.mean(0, dtype=np.float64).astype(np.float32)
    return lambda vector, clip: mean

"""Every emotion of a speaker as often as the most frequent one, by copies with noise."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from aclipse.contracts import Clip, Signal
from aclipse.seeds import derive
from aclipse.training.batches import Speech


def balanced(speech: Speech, label: Callable[[Clip], str], seed: int, noise: float = 0.05) -> Speech:
    """Add copies with white noise until each speaker has as many clips of every class as of their largest.

    Cloak with adversarial training, section 5.1: N(0, noise²) on normalised features, padding too, as in the public
    code; the originals come first, shared and unchanged. A class's clips are copied equally often, within one; copies
    are called ``id#1``, ``id#2``, … A class that a speaker lacks cannot be copied; a clip with an empty label is
    neither copied nor counted.

    >>> from pathlib import Path
    >>> felt = {"a": "sad", "b": "sad", "c": "angry"}
    >>> clips = [Clip(id, Path(id), "anna", emotion=emotion) for id, emotion in felt.items()]
    >>> speech = Speech(clips, [np.zeros((200, 128), np.float32)] * 3)
    >>> [clip.id for clip in balanced(speech, lambda clip: clip.emotion, seed=0).clips]
    ['a', 'b', 'c', 'c#1']
    """
    copies = list(_copies(speech.clips, label, seed))
    signals = [speech.wave(index) for index in range(len(speech))]
    clips = [replace(speech.clips[index], id=f"{speech.clips[index].id}#{count}") for index, count in copies]
    noisy = [_noised(signals[i], noise, derive(seed, clip.id)) for (i, _), clip in zip(copies, clips, strict=True)]
    return Speech([*speech.clips, *clips], [*signals, *noisy])


def _copies(clips: Sequence[Clip], label: Callable[[Clip], str], seed: int) -> Iterator[tuple[int, int]]:
    """Which clip is copied and for which time, whatever the order of the clips."""
    classes: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index in sorted(range(len(clips)), key=lambda i: clips[i].id):
        if name := label(clips[index]):
            classes[clips[index].speaker][name].append(index)
    for speaker, members in sorted(classes.items()):
        most = max(map(len, members.values()))
        for name, indices in sorted(members.items()):
            random.Random(derive(seed, speaker, name)).shuffle(indices)
            for number in range(most - len(indices)):
                yield indices[number % len(indices)], number // len(indices) + 1


def _noised(signal: Signal, noise: float, seed: int) -> Signal:
    drawn = np.random.default_rng(seed).standard_normal(signal.shape, dtype=np.float32)
    return np.asarray(signal + np.float32(noise) * drawn)  # of a mapped file too: in memory

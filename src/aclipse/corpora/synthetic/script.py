"""Who says what, and how: a corpus before it is spoken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, auto
from itertools import islice

import numpy as np

from aclipse.corpora.synthetic.content import sentences
from aclipse.corpora.synthetic.prosody import EMOTIONS, Delivery, deliver
from aclipse.corpora.synthetic.voices import VOICES, Voice


class Stream(IntEnum):
    """Independent sources of chance, so that a change in one leaves the others as they were."""

    CONTENT = auto()
    EMOTION = auto()
    HABIT = auto()
    DELIVERY = auto()
    SOUND = auto()


@dataclass(frozen=True)
class Line:
    """One utterance to be spoken."""

    index: int
    id: str
    voice: Voice
    emotion: str
    text: str  # with the punctuation that shapes its melody
    delivery: Delivery
    entities: tuple[str, ...]  # phrases of the transcript that matter


def source(seed: int, stream: Stream, first: int = 0, second: int = 0) -> np.random.Generator:
    """Open a source of chance of its own for each (seed, stream, first, second)."""
    return np.random.default_rng([seed, stream, first, second])


def write_script(clips: int, seed: int) -> Iterator[Line]:
    """Write ``clips`` lines; voices take turns, and each gives every emotion once before any again.

    >>> [line.id for line in write_script(3, seed=0)]
    ['f01-0000', 'm01-0000', 'f02-0000']
    """
    for index, (text, entities) in enumerate(islice(sentences(source(seed, Stream.CONTENT)), clips)):
        take, who = divmod(index, len(VOICES))
        round_, turn = divmod(take, len(EMOTIONS))
        which = int(source(seed, Stream.EMOTION, who, round_).permutation(len(EMOTIONS))[turn])
        habit, chance = source(seed, Stream.HABIT, who, which), source(seed, Stream.DELIVERY, who, take)
        delivery = deliver(EMOTIONS[which], habit, chance)
        yield Line(index, f"{VOICES[who].speaker}-{take:04d}", VOICES[who], EMOTIONS[which], text, delivery, entities)

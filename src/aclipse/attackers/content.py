"""The closed-set listener: where sentences repeat, which one of them was said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from aclipse.contracts import Clip
from aclipse.metrics.classification import accuracy
from aclipse.models import text
from aclipse.models.compact import ClipClassifier
from aclipse.training.recognition import Marks, Task

MAX_SENTENCES = 100
MIN_REPEATS = 5


def closed_set(clips: Sequence[Clip]) -> bool:
    """Whether a corpus says the same few sentences over and over, so that which one can be learned.

    >>> from pathlib import Path
    >>> closed_set([Clip(str(i), Path("x"), transcript=("Yes.", "No.")[i % 2]) for i in range(20)])
    True
    """
    counts = Counter(text.normalize(clip.transcript) for clip in clips)
    counts.pop("", None)
    return 2 <= len(counts) <= MAX_SENTENCES and sum(counts.values()) >= MIN_REPEATS * len(counts)


def _target(clip: Clip) -> str:
    return text.normalize(clip.transcript)


def _build(targets: Sequence[str]) -> ClipClassifier:
    return ClipClassifier(sorted(set(targets)))


def _marks(clip: Clip, read: str) -> Marks:
    return {"sentence": (float(_target(clip) == read), 1.0)}


SENTENCE = Task(
    name="sentence",
    role="privacy",
    judge="compact-sentence",
    target=_target,
    build=_build,
    marks=_marks,
    score=accuracy,
)

"""The emotion recogniser: guides a protection while it is fitted, and says afterwards whether emotion survived."""

from __future__ import annotations

from collections.abc import Sequence

from aclipse.contracts import Clip
from aclipse.metrics.classification import uar
from aclipse.models.compact import ClipClassifier
from aclipse.training.recognition import Marks, Task


def _target(clip: Clip) -> str:
    return clip.emotion


def _build(targets: Sequence[str]) -> ClipClassifier:
    return ClipClassifier(sorted(set(targets)))


def _marks(clip: Clip, read: str) -> Marks:
    return {"emotion": (float(clip.emotion == read), 1.0)}


EMOTION = Task(
    name="emotion",
    role="utility",
    judge="compact-emotion",
    target=_target,
    build=_build,
    marks=_marks,
    score=uar,
)

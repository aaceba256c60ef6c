"""The emotion recogniser: guides a protection while it is fitted, and says afterwards whether emotion survived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

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


OTHER = "other"  # stands for every emotion that nobody needs to be told


def _required(clip: Clip, emotions: frozenset[str]) -> str:
    return clip.emotion if clip.emotion in emotions or not clip.emotion else OTHER


def _required_marks(clip: Clip, read: str, emotions: frozenset[str]) -> Marks:
    return {"emotion": (float(_required(clip, emotions) == read), 1.0)}


def required(emotions: Sequence[str]) -> Task:
    """The task of an app that needs to be told some emotions alone: each of these, and all the rest as "other".

    >>> from pathlib import Path
    >>> [required(["sad"]).target(Clip("a", Path("a"), emotion=emotion)) for emotion in ("sad", "angry", "")]
    ['sad', 'other', '']
    """
    chosen = frozenset(emotions)
    target, marks = partial(_required, emotions=chosen), partial(_required_marks, emotions=chosen)
    return replace(EMOTION, target=target, marks=marks)

"""The listeners for what is nobody's business: someone's sex, and emotions that are sensitive."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from aclipse.contracts import Clip
from aclipse.errors import CorpusError
from aclipse.metrics.classification import uar
from aclipse.models.compact import ClipClassifier
from aclipse.training.recognition import Marks, Task

OTHER = "other"  # stands for every emotion that is not sensitive


def _sex(clip: Clip) -> str:
    return clip.sex


def _sensitive(clip: Clip, emotions: frozenset[str]) -> str:
    return clip.emotion if clip.emotion in emotions or not clip.emotion else OTHER


def _build(labels: Sequence[str]) -> ClipClassifier:
    return ClipClassifier(sorted(set(labels) - {""}))


def _sex_marks(clip: Clip, read: str) -> Marks:
    return {"sex": (float(_sex(clip) == read), 1.0)}


def _sensitive_marks(clip: Clip, read: str, emotions: frozenset[str]) -> Marks:
    return {"sensitive": (float(_sensitive(clip, emotions) == read), 1.0)}


SEX = Task(
    name="sex",
    role="privacy",
    judge="compact-sex",
    target=_sex,
    build=_build,
    marks=_sex_marks,
    score=uar,
)


def sensitive(emotions: Sequence[str]) -> Task:
    """The task of telling some emotions, each from the others and from all the rest, "other".

    Equal emotions give tasks that read and mark alike, in any order and in another process. Raises CorpusError without
    an emotion, and for "other".

    >>> from pathlib import Path
    >>> task = sensitive(["sad", "fearful"])
    >>> [task.target(Clip("a", Path("a.wav"), emotion=emotion)) for emotion in ("sad", "happy", "")]
    ['sad', 'other', '']
    """
    if isinstance(emotions, str) or not emotions or not {"", OTHER}.isdisjoint(emotions):
        raise CorpusError(
            f"sensitive emotions {emotions!r}: give a list of at least one, such as ['sad', 'fearful']; "
            f"{OTHER!r} is what all the rest are called."
        )
    chosen = frozenset(emotions)
    return Task(
        name="sensitive",
        role="privacy",
        judge="compact-sensitive",
        target=partial(_sensitive, emotions=chosen),
        build=_build,
        marks=partial(_sensitive_marks, emotions=chosen),
        score=uar,
    )

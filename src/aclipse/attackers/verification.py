"""The listener who recognises speakers: it learns voices, and compares those of clips of anybody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aclipse.contracts import Clip
from aclipse.metrics.verification import Trials
from aclipse.models.speaker import SpeakerEmbedder
from aclipse.training.recognition import Marks, Task


def _speaker(clip: Clip) -> str:
    return clip.speaker


def _build(speakers: Sequence[str]) -> SpeakerEmbedder:
    return SpeakerEmbedder(sorted(set(speakers)))


def _marks(clip: Clip, embedding: npt.NDArray[np.float32]) -> Marks:
    """None: an embedding is right or wrong only beside those of other clips."""
    return {}


def _score(speakers: Sequence[str], embeddings: Sequence[Any]) -> float:
    return -Trials(embeddings, speakers).eer(np.arange(len(speakers)))


SPEAKER = Task(
    name="speaker",
    role="privacy",
    judge="compact-speaker",
    target=_speaker,
    build=_build,
    marks=_marks,
    score=_score,
)

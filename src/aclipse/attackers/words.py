"""The recogniser of words: an open-vocabulary listener that writes down what was said."""

from __future__ import annotations

from collections.abc import Sequence

from aclipse.metrics.transcription import character_edits, error_rate, word_edits
from aclipse.models import text
from aclipse.models.compact import CharacterRecognizer
from aclipse.training.recognition import Marks, Task


def _marks(said: str, heard: str) -> Marks:
    return {"wer": word_edits(said, heard), "cer": character_edits(said, heard)}


def _score(said: Sequence[str], heard: Sequence[str]) -> float:
    return -error_rate([word_edits(s, h) for s, h in zip(said, heard, strict=True)])


WORDS = Task(
    name="words",
    role="privacy",
    judge="compact-words",
    target=lambda clip: text.normalize(clip.transcript),
    build=lambda targets: CharacterRecognizer(),
    marks=_marks,
    score=_score,
)

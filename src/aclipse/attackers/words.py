"""The recogniser of words: an open-vocabulary listener that writes down what was said."""

from __future__ import annotations

from collections.abc import Sequence

from aclipse.contracts import Clip
from aclipse.metrics.entities import SEPARATOR, found
from aclipse.metrics.transcription import character_edits, error_rate, missed_words, word_edits
from aclipse.models import text
from aclipse.models.compact import CharacterRecognizer
from aclipse.training.recognition import Marks, Task


def _target(clip: Clip) -> str:
    return text.normalize(clip.transcript)


def _build(targets: Sequence[str]) -> CharacterRecognizer:
    return CharacterRecognizer()


def _marks(clip: Clip, heard: str) -> Marks:
    said = _target(clip)
    edits: Marks = {
        "wer": word_edits(said, heard),
        "cer": character_edits(said, heard),
        "words_missed": missed_words(said, heard),
    }
    tags = clip.extra.get("entities", "").split(SEPARATOR)  # names, numbers, places: what must not be recovered
    tagged = SEPARATOR.join(text.normalize(tag) for tag in tags if text.normalize(tag))
    return {**edits, "entity_recall": found(tagged, heard)} if tagged else edits


def _score(said: Sequence[str], heard: Sequence[str]) -> float:
    return -error_rate([word_edits(s, h) for s, h in zip(said, heard, strict=True)])


WORDS = Task(
    name="words",
    role="privacy",
    judge="compact-words",
    target=_target,
    build=_build,
    marks=_marks,
    score=_score,
)

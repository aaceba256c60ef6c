"""The recogniser of words as a task: what it should hear, and how its errors are counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from aclipse.attackers.words import WORDS
from aclipse.contracts import Clip


def clip(transcript: str, **extra: str) -> Clip:
    return Clip("a", Path("a.wav"), transcript=transcript, extra=extra)


@pytest.mark.parametrize(
    ("transcript", "target"),
    [
        ("It's  ELEVEN o'clock!", "it's eleven o'clock"),
        ("[LAUGHTER] Oh, wow.", "laughter oh wow"),
        ("café", "cafe"),
        ("", ""),
        ("  ...  ", ""),
        ("112", ""),  # digits are not spelt out: a clip of nothing else has no target and is left out
    ],
)
def test_the_target_is_the_normalised_transcript(transcript: str, target: str) -> None:
    assert WORDS.target(clip(transcript)) == target


@pytest.mark.parametrize(
    ("said", "heard", "wer", "cer", "missed"),
    [
        ("go home", "go home", (0, 2), (0, 7), (0, 2)),
        ("go home", "go hole now", (2, 2), (5, 7), (1, 2)),
        ("go home", "", (2, 2), (7, 7), (2, 2)),
        ("go", "no way to go home", (4, 1), (15, 2), (0, 1)),  # more errors than words, and all is heard
    ],
)
def test_marks_are_edits_over_what_was_said(
    said: str, heard: str, wer: tuple[int, int], cer: tuple[int, int], missed: tuple[int, int]
) -> None:
    assert WORDS.marks(clip(said), heard) == {"wer": wer, "cer": cer, "words_missed": missed}


@pytest.mark.parametrize(
    ("entities", "heard", "recall"),
    [
        ("anna|two hundred", "call anna at two hundred", (2, 2)),
        ("anna|two hundred", "call joanna at two", (0, 2)),
        ("anna", "", (0, 1)),
    ],
)
def test_what_matters_in_a_transcript_is_counted_where_it_is_tagged(
    entities: str, heard: str, recall: tuple[int, int]
) -> None:
    marks = WORDS.marks(clip("Call Anna at two hundred!", entities=entities), heard)
    assert marks["entity_recall"] == recall and set(marks) == {"wer", "cer", "words_missed", "entity_recall"}


def test_a_clip_without_tagged_entities_has_no_recall_of_them() -> None:
    assert set(WORDS.marks(clip("Go home.", entities=""), "go home")) == {"wer", "cer", "words_missed"}


def test_words_are_a_secret_and_validation_wants_few_errors() -> None:
    assert WORDS.role == "privacy"
    said = ["go home", "call me"]
    assert WORDS.score(said, said) == 0
    assert WORDS.score(said, ["go home", "call"]) == pytest.approx(-1 / 4)
    assert WORDS.score(said, ["", ""]) == -1


def test_any_corpus_gives_the_same_alphabet() -> None:
    one, other = WORDS.build(["go home"]), WORDS.build([])
    assert {name: tensor.shape for name, tensor in one.state_dict().items()} == {
        name: tensor.shape for name, tensor in other.state_dict().items()
    }

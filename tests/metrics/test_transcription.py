"""Word and character errors against a hand-written edit distance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aclipse.metrics.transcription import character_edits, error_rate, word_edits
from aclipse.models.text import normalize

TEXTS = st.lists(st.sampled_from(["a", "see", "you", "noon", "moon", "o'clock"]), max_size=7).map(" ".join)


def levenshtein(reference: Sequence[str], heard: Sequence[str]) -> int:
    row = list(range(len(heard) + 1))
    for i, said in enumerate(reference, start=1):
        diagonal, row[0] = row[0], i
        for j, read in enumerate(heard, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (said != read))
    return row[-1]


@settings(deadline=None)
@given(reference=TEXTS, heard=TEXTS)
def test_word_edits_are_the_edit_distance(reference: str, heard: str) -> None:
    expected = levenshtein(reference.split(), heard.split())
    assert word_edits(reference, heard) == (expected, len(reference.split()))


@settings(deadline=None)
@given(reference=st.text("ab '", max_size=12).map(normalize), heard=st.text("ab '", max_size=12).map(normalize))
def test_character_edits_are_the_edit_distance(reference: str, heard: str) -> None:
    assert character_edits(reference, heard) == (levenshtein(reference, heard), len(reference))


@pytest.mark.parametrize(
    ("reference", "heard", "words", "characters"),
    [
        ("the sky is green", "the sky is green", (0, 4), (0, 16)),
        ("the sky is green", "", (4, 4), (16, 16)),
        ("", "", (0, 0), (0, 0)),
        ("", "oh no", (2, 0), (5, 0)),
        ("a b", "b a", (2, 2), (2, 3)),
        ("no", "no no no", (2, 1), (6, 2)),
    ],
)
def test_known_cases(reference: str, heard: str, words: tuple[int, int], characters: tuple[int, int]) -> None:
    assert word_edits(reference, heard) == words and character_edits(reference, heard) == characters


def test_a_corpus_rate_weighs_by_words_not_by_clips() -> None:
    assert error_rate([(1, 1), (0, 9)]) == 0.1  # the mean of clip rates would be 0.5
    assert error_rate([(3, 1)]) == 3.0
    assert error_rate([(0, 4), (2, 0)]) == 0.5  # what is heard in a wordless clip counts


def test_a_rate_of_nothing_is_nan() -> None:
    assert math.isnan(error_rate([])) and math.isnan(error_rate([(2, 0)]))

"""Entity recall: hand-made cases, and laws that hold for any transcript."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclipse.metrics.entities import found

WORD = st.sampled_from(["anna", "two", "hundred", "pounds", "oxford", "asthma"])
PHRASES = st.lists(st.lists(WORD, min_size=1, max_size=3).map(" ".join), max_size=4)


@pytest.mark.parametrize(
    ("entities", "heard", "expected"),
    [
        ("anna|two hundred pounds", "i owe anna two hundred pounds", (2, 2)),
        ("anna|two hundred pounds", "anna i owe you two pounds", (1, 2)),  # in order, but not adjacent
        ("two hundred pounds", "hundred two pounds", (0, 1)),  # adjacent, but not in order
        ("two hundred pounds", "two two hundred pounds", (1, 1)),  # a false start
        ("anna", "joanna", (0, 1)),  # part of a word is no word
        ("anna|anna", "anna", (1, 2)),  # each occurrence once
        ("anna|anna", "anna met anna", (2, 2)),
        ("two|two hundred pounds", "two hundred pounds", (1, 2)),  # the long phrase has taken the word
        ("two|two hundred pounds", "two hundred pounds or two", (2, 2)),
        ("pounds two|two hundred", "two hundred pounds two", (2, 2)),
        ("anna peter", "anna peter", (1, 1)),
        ("anna|peter", "peter anna", (2, 2)),  # the phrases' own order does not matter
        ("", "anything", (0, 0)),
        ("", "", (0, 0)),
        ("anna", "", (0, 1)),
        (" anna | |oxford", "anna", (1, 2)),
    ],
)
def test_known_cases(entities: str, heard: str, expected: tuple[int, int]) -> None:
    assert found(entities, heard) == expected


@given(PHRASES, st.lists(st.sampled_from(["well", "then"]), min_size=4, max_size=4))
def test_all_is_found_in_what_was_said(phrases: list[str], between: list[str]) -> None:
    said = " ".join(f"{phrase} {other}" for phrase, other in zip(phrases, between, strict=False))
    assert found("|".join(phrases), said) == (len(phrases), len(phrases))


@given(PHRASES, st.lists(WORD, max_size=10))
def test_bounds_and_words_are_used_once(phrases: list[str], heard: list[str]) -> None:
    recalled, total = found("|".join(phrases), " ".join(heard))
    assert total == len(phrases) and 0 <= recalled <= total
    assert recalled <= len(heard)
    singles = [phrase for phrase in phrases if " " not in phrase]
    alone, _ = found("|".join(singles), " ".join(heard))
    assert alone == sum(min(singles.count(word), heard.count(word)) for word in set(singles))

"""When a corpus says the same few sentences over and over, and what counts as telling them apart."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aclipse.attackers.content import MAX_SENTENCES, MIN_REPEATS, SENTENCE, closed_set
from aclipse.contracts import Clip


def clips(*transcripts: str) -> list[Clip]:
    return [Clip(str(i), Path("x.wav"), transcript=said) for i, said in enumerate(transcripts)]


@pytest.mark.parametrize(
    ("transcripts", "closed"),
    [
        (["Go home."] * 5 + ["Call me!"] * 5, True),
        (["Go home."] * 5 + ["Call me!"] * 4, False),  # 9 clips are less than 5 a sentence
        (["Go home."] * 9 + ["Call me!"], True),  # 5 a sentence on average
        (["Go home."] * 100, False),  # one sentence is nothing to tell
        (["go home", "Go home.", "GO  HOME!"] * 10, False),  # one sentence in three spellings
        ([""] * 100, False),
        (["Go home."] * 5 + [""] * 5, False),  # what has no words is no sentence
        (["Go home."] * 5 + ["Call me!"] * 5 + ["", "1234"], True),
        ([], False),
        (["Go home.", "Call me!"], False),
    ],
)
def test_a_closed_set_is_a_few_sentences_often(transcripts: list[str], closed: bool) -> None:
    assert closed_set(clips(*transcripts)) is closed


@pytest.mark.parametrize(("count", "closed"), [(MAX_SENTENCES, True), (MAX_SENTENCES + 1, False)])
def test_more_than_a_hundred_sentences_are_open_vocabulary(count: int, closed: bool) -> None:
    words = [f"{chr(97 + i // 26)} {chr(97 + i % 26)}" for i in range(count)]
    assert closed_set(clips(*words * MIN_REPEATS)) is closed


def test_a_sentence_is_a_secret_whatever_its_spelling() -> None:
    assert SENTENCE.role == "privacy"
    assert SENTENCE.target(clips("It's  ELEVEN o’clock!")[0]) == "it's eleven o'clock"
    (home,) = clips("GO  home!")
    assert SENTENCE.marks(home, "go home") == {"sentence": (1.0, 1.0)}
    assert SENTENCE.marks(home, "call me") == {"sentence": (0.0, 1.0)}
    assert SENTENCE.score(["a", "b", "b"], ["a", "b", "a"]) == pytest.approx(2 / 3)


def test_the_listener_chooses_among_the_sentences_it_was_taught() -> None:
    network = SENTENCE.build(["go home", "call me", "go home"])
    assert network.labels == ("call me", "go home")
    heard = network.eval().read(torch.randn(3, 8000), torch.tensor([8000, 4000, 400]))  # type: ignore[operator]
    assert set(heard) <= {"call me", "go home"} and len(heard) == 3

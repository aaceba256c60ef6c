"""Transcripts to characters and back."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from aclipse.models.text import ALPHABET, BLANK, encode, greedy_decode, normalize

SYMBOLS = len(ALPHABET) + 1


def one_hot(path: list[int]) -> Tensor:
    """Log-probabilities ``(1, frames, symbols)`` of one certain path."""
    return F.one_hot(torch.tensor(path, dtype=torch.long), SYMBOLS).float().mul(20).log_softmax(-1)[None]


def alignment(indices: list[int], stretch: int = 1) -> list[int]:
    """A CTC path of a text: each symbol ``stretch`` frames long, blanks between repeats."""
    path: list[int] = []
    for index in indices:
        path += [BLANK] * (path[-1:] == [index]) + [index] * stretch
    return path


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("It's ELEVEN o’clock.", "it's eleven o'clock"),
        ("  Don't\tforget -- a jacket!\n", "don't forget a jacket"),
        ("naïve café, Zoë", "naive cafe zoe"),
        ("seventy-two", "seventy two"),
        ("ﬁsh", "fish"),
        ("[LAUGHTER] 42 {x}", "laughter x"),
        ("…", ""),
        ("", ""),
    ],
)
def test_normalize(given_text: str, expected: str) -> None:
    assert normalize(given_text) == expected


@given(st.text())
def test_normalize_ends_in_the_alphabet_and_is_done_once(text: str) -> None:
    plain = normalize(text)
    assert set(plain) <= set(ALPHABET) and plain == " ".join(plain.split())
    assert normalize(plain) == plain


def test_index_zero_is_the_blank_and_no_character() -> None:
    assert BLANK == 0 and len(set(ALPHABET)) == len(ALPHABET) == 28
    characters, counts = encode([ALPHABET.strip() + " a"])
    assert min(characters.tolist()) == 1 and max(characters.tolist()) == SYMBOLS - 1
    assert counts.tolist() == [len(characters)]


def test_encode_of_a_hand_computed_case() -> None:
    characters, counts = encode(["A b", "", "'z"])
    assert characters.tolist() == [3, 1, 4, 2, 28] and counts.tolist() == [3, 0, 2]
    assert characters.dtype == counts.dtype == torch.long


@given(texts=st.lists(st.text(), max_size=4), stretch=st.integers(1, 3))
def test_decoding_an_alignment_gives_the_text_back(texts: list[str], stretch: int) -> None:
    characters, counts = encode(texts)
    for text, indices in zip(texts, characters.split(counts.tolist()), strict=True):
        path = alignment(indices.tolist(), stretch)
        assert greedy_decode(one_hot(path), torch.tensor([len(path)])) == [normalize(text)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ([3, 3, 0, 3, 4, 4], "aab"),
        ([0, 0, 0], ""),
        ([1, 3, 1, 1, 0, 1, 4, 1], "a b"),  # spaces at the ends and doubled ones go
        ([], ""),
    ],
)
def test_greedy_decoding_of_hand_computed_paths(path: list[int], expected: str) -> None:
    assert greedy_decode(one_hot(path), torch.tensor([len(path)])) == [expected]


def test_frames_past_the_end_are_not_read() -> None:
    log_probs = one_hot([3, 4, 5, 6]).expand(3, -1, -1)
    assert greedy_decode(log_probs, torch.tensor([2, 4, 0])) == ["ab", "abcd", ""]

"""Transcripts as characters: the normaliser, the vocabulary and greedy CTC decoding."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

BLANK = 0
ALPHABET = " 'abcdefghijklmnopqrstuvwxyz"  # index 1 onwards; index 0 is the CTC blank
_INDEX = {character: index for index, character in enumerate(ALPHABET, start=1)}
_CHARACTERS = {index: character for character, index in _INDEX.items()}


def normalize(text: str) -> str:
    """Lower-case a transcript and keep letters, apostrophes and single spaces.

    >>> normalize("It's  ELEVEN o’clock -- café!")
    "it's eleven o'clock cafe"
    """
    plain = unicodedata.normalize("NFKD", text.replace("’", "'")).encode("ascii", "ignore").decode().lower()
    return " ".join(re.sub(r"[^a-z' ]+", " ", plain).split())


def encode(texts: Sequence[str], index: Mapping[str, int] = _INDEX) -> tuple[Tensor, Tensor]:
    """Character indices of all texts end to end, and each text's count, as ``torch.nn.CTCLoss`` takes them."""
    rows = [[index[character] for character in normalize(text)] for text in texts]
    flat = [place for row in rows for place in row]
    return torch.tensor(flat, dtype=torch.long), torch.tensor([len(row) for row in rows])


def greedy_decode(log_probs: Tensor, frames: Tensor, characters: Mapping[int, str] = _CHARACTERS) -> list[str]:
    """Best symbol a frame, repeats merged, blanks dropped; ``(batch, frames, symbols), (batch,) -> texts``."""
    texts = []
    for path, count in zip(log_probs.argmax(-1).cpu(), frames.tolist(), strict=True):
        symbols = torch.unique_consecutive(path[:count]).tolist()
        texts.append("".join(characters.get(symbol, "") for symbol in symbols))
    return [" ".join(text.split()) for text in texts]

"""Transcripts as characters: the normaliser, the vocabulary and greedy CTC decoding."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import torch
from torch import Tensor

BLANK = 0
ALPHABET = " 'abcdefghijklmnopqrstuvwxyz"  # index 1 onwards; index 0 is the CTC blank
_INDEX = {character: index for index, character in enumerate(ALPHABET, start=1)}


def normalize(text: str) -> str:
    """Lower-case a transcript and keep letters, apostrophes and single spaces.

    >>> normalize("It's  ELEVEN o’clock -- café!")
    "it's eleven o'clock cafe"
    """
    plain = unicodedata.normalize("NFKD", text.replace("’", "'")).encode("ascii", "ignore").decode().lower()
    return " ".join(re.sub(r"[^a-z' ]+", " ", plain).split())


def encode(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Character indices of all texts end to end, and each text's count, as ``torch.nn.CTCLoss`` takes them."""
    rows = [[_INDEX[character] for character in normalize(text)] for text in texts]
    flat = [index for row in rows for index in row]
    return torch.tensor(flat, dtype=torch.long), torch.tensor([len(row) for row in rows])


def greedy_decode(log_probs: Tensor, frames: Tensor) -> list[str]:
    """Best symbol a frame, repeats merged, blanks dropped; ``(batch, frames, symbols), (batch,) -> texts``."""
    texts = []
    for path, count in zip(log_probs.argmax(-1).cpu(), frames.tolist(), strict=True):
        symbols = torch.unique_consecutive(path[:count]).tolist()
        texts.append("".join(ALPHABET[symbol - 1] for symbol in symbols if symbol != BLANK))
    return [" ".join(text.split()) for text in texts]

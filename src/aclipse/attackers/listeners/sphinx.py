"""PocketSphinx as a listener: a US English recogniser of another make and another training set than ours.

Huggins-Daines et al. 2006; its package carries the acoustic model, the dictionary and the language model.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aclipse.errors import CorpusError, MissingExtra
from aclipse.models import text

_PLURAL = {"S": ("P", "T", "K", "F", "TH"), "IH Z": ("S", "Z", "SH", "ZH", "CH", "JH")}  # how 's sounds after these
_SHORTEST = 3  # letters of either half of a compound
# Wide beams, and no second search, which loses last words: 98 % of CREMA-D's clean sentences instead of 94.
_THOROUGH = {"beam": 1e-80, "pbeam": 1e-80, "wbeam": 1e-60, "bestpath": False}
_log = logging.getLogger(__name__)


@dataclass
class SphinxReader:
    """Hears words, or which of some sentences was said; each recording as if it were the first.

    Travels between processes without its decoder, which every process opens for itself.
    """

    sentences: dict[str, str] = field(default_factory=dict)  # as it is spoken → as it is written; none: any words
    pronunciations: dict[str, str] = field(default_factory=dict)  # of words that the dictionary lacks
    slow: bool = False
    _decoder: Any = field(default=None, init=False, repr=False, compare=False)

    def read(self, waves: Tensor, lengths: Tensor) -> list[str]:
        """The normalised transcript of each recording, empty where nothing is heard."""
        return [self._hear(wave[:length]) for wave, length in zip(waves, lengths.tolist(), strict=True)]

    def _hear(self, wave: Tensor) -> str:
        if self._decoder is None:
            self._decoder = self._open()
        self._decoder.reinit_feat()  # or the noise level of the recordings before would colour this one
        self._decoder.start_utt()
        self._decoder.process_raw(_samples(wave), full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        heard = text.normalize(found.hypstr) if found else ""
        return self.sentences.get(heard, "") if self.sentences else heard

    def _open(self) -> Any:
        if not self.sentences:
            return _decoder()
        decoder = _decoder(lm=None, **_THOROUGH)
        for word, phones in self.pronunciations.items():
            decoder.add_word(word, phones, False)
        rule = " | ".join(self.sentences)
        decoder.add_jsgf_string("sentences", f"#JSGF V1.0;\ngrammar sentences;\npublic <sentence> = {rule};\n")
        decoder.activate_search("sentences")
        return decoder

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_decoder": None}


def open_words() -> SphinxReader:
    """Any words, by its US English language model; about as slow as the speech is long.

    Raises MissingExtra without pocketsphinx.
    """
    _library()
    return SphinxReader(slow=True)


def grammar(sentences: Sequence[str]) -> SphinxReader:
    """One of ``sentences``, as they are after `models.text.normalize`; fifty times as fast as speech.

    A sentence with a word that has no pronunciation is left out, with a log line, and never heard.
    Raises CorpusError if no sentence is left, MissingExtra without pocketsphinx.
    """
    known: dict[str, str] = {}
    spoken: dict[str, str] = {}
    lookup = _decoder(lm=None).lookup_word
    for sentence in sorted({text.normalize(sentence) for sentence in sentences} - {""}):
        words = [word for word in sentence.split() if word.strip("'")]
        phones = {word: pronounce(word, lookup) for word in words}
        lost = [word for word in words if phones[word] is None]
        if lost or not words:
            _log.warning("pocketsphinx cannot pronounce %s: left out the sentence %r", lost or "it", sentence)
            continue
        known |= {word: sound for word, sound in phones.items() if sound and lookup(word) is None}
        spoken[" ".join(words)] = sentence
    if not spoken:
        raise CorpusError(
            f"None of {len(sentences)} sentences can be heard by a grammar. Give sentences of English words."
        )
    return SphinxReader(spoken, known)


def pronounce(word: str, lookup: Callable[[str], str | None]) -> str | None:
    """How a word sounds: as in the dictionary, as a possessive of it, or as two of it; None if neither.

    >>> pronounce("cat's", {"cat": "K AE T"}.get)
    'K AE T S'
    """
    bare = word.strip("'")
    for spelling in (word, bare):
        if known := lookup(spelling):
            return known
    stem = lookup(bare.removesuffix("'s")) if bare.endswith("'s") else None
    if stem:
        return f"{stem} {next((end for end, after in _PLURAL.items() if stem.split()[-1] in after), 'Z')}"
    for cut in range(len(bare) - _SHORTEST, _SHORTEST - 1, -1):
        first, second = lookup(bare[:cut]), lookup(bare[cut:])
        if first and second:
            return f"{first} {second}"
    return None


def _samples(wave: Tensor) -> bytes:
    """16-bit samples, little-endian."""
    rounded: bytes = np.rint(wave.clamp(-1, 1).cpu().to(torch.float64).numpy() * 32767).astype("<i2").tobytes()
    return rounded


def _decoder(**options: Any) -> Any:
    return _library().Decoder(loglevel="FATAL", **options)


def _library() -> Any:
    try:
        import pocketsphinx
    except ImportError as error:
        raise MissingExtra("pocketsphinx", "asr") from error
    return pocketsphinx

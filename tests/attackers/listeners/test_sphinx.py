"""PocketSphinx: what it hears of a synthesiser, that no recording colours the next, and words it has never seen."""

from __future__ import annotations

import logging
import os
import pickle
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch
from torch import Tensor

from aclipse.attackers.listeners import sphinx
from aclipse.attackers.listeners.sphinx import grammar, open_words, pronounce
from aclipse.audio.signal import pad_stack
from aclipse.corpora import crema_d
from aclipse.corpora.synthetic.espeak import open_espeak
from aclipse.errors import CorpusError, MissingExtra
from aclipse.metrics.transcription import error_rate, word_edits
from aclipse.models import text
from aclipse.training.batches import Speech, read_all

pytest.importorskip("pocketsphinx")
SENTENCES = ("The airplane is almost full.", "Don't forget a jacket!", "Stop!")
SAID = ["the airplane is almost full", "don't forget a jacket", "stop"]


@pytest.fixture(scope="module")
def waves() -> list[Tensor]:
    """The sentences, spoken by espeak-ng with 0.1 s of silence at both ends."""
    pytest.importorskip("espeakng_loader")
    with open_espeak() as espeak:
        voice = f"name x\nlanguage en-us\n{espeak.accent('en-US')}"
        spoken = [soxr.resample(espeak.speak(said, voice, 150), espeak.sample_rate, 16_000) for said in SENTENCES]
    return [torch.from_numpy(np.pad(0.5 * wave / np.abs(wave).max(), 1600).astype(np.float32)) for wave in spoken]


@pytest.fixture(scope="module")
def noise() -> Tensor:
    return 0.2 * torch.randn(24_000, generator=torch.Generator().manual_seed(0))


def trace(reader: sphinx.SphinxReader, wave: Tensor) -> tuple[list[str], float]:
    """What is read in one recording, and how likely the decoder finds it: finer than the words."""
    read = reader.read(wave[None], torch.tensor([len(wave)]))
    found = reader._decoder.hyp()
    return read, found.score if found else 0.0


def test_a_grammar_hears_which_sentence_was_said(waves: list[Tensor]) -> None:
    reader = grammar(SENTENCES)
    assert reader.read(*pad_stack(waves)) == SAID
    assert not reader.slow


def test_readings_depend_on_no_other_recording(waves: list[Tensor], noise: Tensor) -> None:
    used, alone = grammar(SENTENCES), [trace(grammar(SENTENCES), wave) for wave in waves]
    assert [trace(used, wave) for wave in waves] == alone
    trace(used, noise)
    assert [trace(used, wave) for wave in reversed(waves)] == alone[::-1]


def test_without_the_reset_the_test_above_would_fail(
    waves: list[Tensor], noise: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stained:
        def __init__(self, decoder: object) -> None:
            self.decoder = decoder

        def __getattr__(self, name: str) -> object:
            return (lambda: None) if name == "reinit_feat" else getattr(self.decoder, name)

    used, fresh = grammar(SENTENCES), trace(grammar(SENTENCES), waves[0])
    used._decoder = Stained(used._open())
    trace(used, noise)
    assert trace(used, waves[0]) != fresh


def test_padding_is_not_heard(waves: list[Tensor]) -> None:
    reader, wave = grammar(SENTENCES), waves[2]
    padded = torch.nn.functional.pad(wave, (0, 16_000), value=0.3)
    assert reader.read(padded[None], torch.tensor([len(wave)])) == ["stop"]


def test_it_travels_without_its_decoder(waves: list[Tensor]) -> None:
    reader = grammar(SENTENCES)
    before = reader.read(*pad_stack(waves))
    again = pickle.loads(pickle.dumps(reader))
    assert again == reader and again._decoder is None
    assert again.read(*pad_stack(waves)) == before


def test_a_grammar_hears_a_whole_sentence_or_nothing(waves: list[Tensor]) -> None:
    reader = grammar(SENTENCES)
    begun = [waves[0][: int(part * len(waves[0]))] for part in (0.02, 0.5, 0.8)]
    assert reader.read(*pad_stack(begun)) == ["", "", "the airplane is almost full"]


def test_words_out_of_the_dictionary_are_built_or_their_sentence_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        reader = grammar(["Zzyzx!", "The doctor's catbox", "...", "' Don't ' stop", "public grammar"])
    assert list(reader.sentences.values()) == ["' don't ' stop", "public grammar", "the doctor's catbox"]
    assert reader.pronunciations == {"catbox": "K AE T B AA K S"}
    assert "cannot pronounce ['zzyzx']: left out the sentence 'zzyzx'" in caplog.text
    assert reader.read(torch.zeros(1, 4000), torch.tensor([4000]))[0] in {"", *reader.sentences.values()}


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("dog", "D AO G"),
        ("dog's", "D AO G Z"),
        ("cat's", "K AE T S"),
        ("fox's", "F AA K S IH Z"),
        ("'dog", "D AO G"),
        ("catdog", "K AE T D AO G"),
        ("dogx", None),
        ("x's", None),
    ],
)
def test_pronunciations(word: str, phones: str | None) -> None:
    assert pronounce(word, {"dog": "D AO G", "cat": "K AE T", "fox": "F AA K S"}.get) == phones


@pytest.mark.parametrize("sentences", [[], ["..."], ["zzyzx"]])
def test_a_grammar_of_nothing_is_refused(sentences: list[str]) -> None:
    with pytest.raises(CorpusError, match=rf"None of {len(sentences)} sentences can be heard.*Give sentences of Engl"):
        grammar(sentences)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    for build in (open_words, lambda: grammar(SENTENCES)):
        with pytest.raises(MissingExtra, match=r"pip install 'aclipse\[asr\]'"):
            build()


@pytest.mark.slow
def test_open_words_are_normalised_and_depend_on_no_other_recording(waves: list[Tensor], noise: Tensor) -> None:
    used, short = open_words(), [waves[2], noise[:8000]]
    assert used.slow
    forth = [trace(used, wave) for wave in short]
    assert [trace(used, wave) for wave in reversed(short)] == forth[::-1]
    assert trace(open_words(), short[1]) == forth[1]
    for (read,), _ in forth:
        assert read == text.normalize(read)


@pytest.fixture
def real() -> Iterator[Path]:
    folder = Path(os.environ.get("ACLIPSE_DATA", "")) / "crema-d"
    if "ACLIPSE_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("needs real recordings: set ACLIPSE_DATA to a folder that holds crema-d/")
    yield folder


@pytest.mark.slow
def test_it_hears_clean_actors(real: Path) -> None:
    clips = random.Random(1).sample(list(crema_d.scan(real).clips), 60)
    truth = [text.normalize(clip.transcript) for clip in clips]
    read = read_all(grammar(list(crema_d.SENTENCES.values())), Speech(clips))
    assert np.mean([said == heard for said, heard in zip(truth, read, strict=True)]) > 0.9
    few = read_all(open_words(), Speech(clips[:6]))
    assert error_rate([word_edits(said, heard) for said, heard in zip(truth, few, strict=False)]) < 0.9

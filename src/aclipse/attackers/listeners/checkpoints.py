"""Checkpoints of transformers as listeners: CTC, Whisper and its like for words, classifiers for emotion or sex.

wav2vec 2.0, HuBERT and WavLM are read in batches behind a front end that knows true lengths; all others read one
recording at a time, so that padding cannot matter. Weights are safetensors; no code of a checkpoint is run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from aclipse.attackers.listeners.labels import SECRETS, translate
from aclipse.contracts import SAMPLE_RATE
from aclipse.errors import BackboneError, RecipeError
from aclipse.models import pretrained, text
from aclipse.models.selfsupervised import EmotionBackbone, WordsBackbone, load

BATCHED = ("wav2vec2", "hubert", "wavlm")
_SAFE = {"use_safetensors": True, "trust_remote_code": False}
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


def checkpoint(source: str, secret: str) -> Any:
    """A listener for "words", "emotion" or "sex" from a hub id or a folder.

    Raises RecipeError for another secret, BackboneError for a checkpoint that is missing, has no safetensors, cannot
    do this or has classes of unknown meaning, MissingExtra without transformers.
    """
    if secret not in ("words", *SECRETS):
        raise RecipeError(f"no checkpoint reads {secret!r}. Choose from: words, {', '.join(SECRETS)}.")
    kind = _kind(source)
    return _words(source, kind) if secret == "words" else _classifier(source, kind, secret)


class _Alone(nn.Module):
    """Reads one recording at a time."""

    slow = False

    def __init__(self, model: Any, processor: Any) -> None:
        super().__init__()
        self.model, self.processor = model.eval(), processor

    @torch.no_grad()
    def read(self, waves: Tensor, lengths: Tensor) -> list[str]:
        """What is heard in each recording."""
        pairs = zip(waves.cpu().numpy(), lengths.tolist(), strict=True)
        return [self.hear(wave[:length]) for wave, length in pairs]

    def hear(self, wave: npt.NDArray[np.float32]) -> str:
        """What is heard in one recording ``(time,)``."""
        raise NotImplementedError

    def prepare(self, wave: npt.NDArray[np.float32]) -> Any:
        """A recording as the model takes it, on the model's device."""
        return self.processor(wave, sampling_rate=SAMPLE_RATE, return_tensors="pt").to(self.model.device)


class CtcReader(_Alone):
    """Words by CTC, decoded greedily by the checkpoint's own tokenizer."""

    def hear(self, wave: npt.NDArray[np.float32]) -> str:
        """The normalised transcript."""
        best = self.model(**self.prepare(wave)).logits.argmax(-1)
        return text.normalize(self.processor.batch_decode(best)[0])


class Seq2SeqReader(_Alone):
    """Words by an encoder and a decoder, written greedily; windows of 30 s where the model takes no more (Whisper)."""

    slow = True

    def __init__(self, model: Any, processor: Any) -> None:
        super().__init__(model, processor)
        self.window = getattr(processor.feature_extractor, "n_samples", None)
        many = getattr(model.generation_config, "is_multilingual", False)
        self.options = {"language": "en", "task": "transcribe"} if many else {}

    def hear(self, wave: npt.NDArray[np.float32]) -> str:
        """The normalised transcript, in English."""
        size = self.window or len(wave)
        return " ".join(filter(None, (self._part(wave[i : i + size]) for i in range(0, len(wave), size))))

    def _part(self, wave: npt.NDArray[np.float32]) -> str:
        written = self.model.generate(**self.prepare(wave), do_sample=False, num_beams=1, **self.options)
        return text.normalize(self.processor.batch_decode(written, skip_special_tokens=True)[0])


class ClassReader(_Alone):
    """The likeliest class, by our name."""

    def __init__(self, model: Any, processor: Any, labels: list[str]) -> None:
        super().__init__(model, processor)
        self.labels = labels

    def hear(self, wave: npt.NDArray[np.float32]) -> str:
        """The label."""
        return self.labels[int(self.model(**self.prepare(wave)).logits.argmax())]


def _kind(source: str) -> str:
    """The type of a checkpoint that has safe weights and needs no code of its own."""
    kind = str(pretrained.side_file(source, "config.json").get("model_type", ""))
    library = pretrained.library()
    if kind and kind not in library.CONFIG_MAPPING:
        raise BackboneError(f"{source} is a {kind!r}, which transformers knows only by code in the checkpoint. "
                            "That code is not run: give another.")  # fmt: skip
    pretrained.check(source)
    from transformers.utils import cached_file

    quiet = {"_raise_exceptions_for_missing_entries": False, "_raise_exceptions_for_connection_errors": False}
    if not any(cached_file(source, name, **quiet) for name in _WEIGHTS):
        raise BackboneError(f"{source} has no {_WEIGHTS[0]}. Give a checkpoint with safetensors: pickles are not read.")
    return kind


def _words(source: str, kind: str) -> Any:
    if kind in BATCHED:
        return load(WordsBackbone, source)
    for auto, reader in (("AutoModelForCTC", CtcReader), ("AutoModelForSpeechSeq2Seq", Seq2SeqReader)):
        if _offers(auto, kind):
            return reader(pretrained.model(auto, source, new_head=False, **_SAFE), _processor("AutoProcessor", source))
    raise BackboneError(f"{source} is a {kind!r}, which writes no words. Give a CTC or a Whisper checkpoint.")


def _classifier(source: str, kind: str, secret: str) -> Any:
    auto = EmotionBackbone.AUTO
    if not _offers(auto, kind):
        raise BackboneError(f"{source} is a {kind!r}, which classifies no audio. Give a checkpoint for {auto}.")
    if kind in BATCHED:
        reader = load(EmotionBackbone, source)
        reader.labels = tuple(_named(source, reader.model, secret))
        return reader
    model = pretrained.model(auto, source, new_head=False, **_SAFE)
    return ClassReader(model, _processor("AutoFeatureExtractor", source), _named(source, model, secret))


def _named(source: str, model: Any, secret: str) -> list[str]:
    try:
        return translate([model.config.id2label[index] for index in range(model.config.num_labels)], secret)
    except BackboneError as error:
        raise BackboneError(f"{source}: {error}") from None


def _offers(auto: str, kind: str) -> bool:
    return any(config.model_type == kind for config in getattr(pretrained.library(), auto)._model_mapping)


def _processor(auto: str, source: str) -> Any:
    try:
        return getattr(pretrained.library(), auto).from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise BackboneError(
            f"{source} lacks what goes with its weights ({str(error).splitlines()[0]}). "
            "Add its preprocessor_config.json and its tokenizer."
        ) from error

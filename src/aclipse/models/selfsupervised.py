"""wav2vec 2.0, HuBERT and WavLM checkpoints of transformers as recognisers that are differentiable to the waveform.

What is saved is what transformers saves: `AutoModelForAudioClassification` and `AutoModelForCTC` load it, and any such
checkpoint is loaded here. Baevski et al. 2020, Hsu et al. 2021, Chen et al. 2022.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aclipse.audio.signal import mask_of
from aclipse.errors import BackboneError, CorpusError
from aclipse.models import pretrained, text
from aclipse.models.frontend import FrontEnd, compute_once

VOCABULARY = ["<pad>", "|", *text.ALPHABET[1:]]  # <pad> is the CTC blank, | the space between words
_LONG_NAMES = {"neu": "neutral", "hap": "happy", "exc": "excited", "ang": "angry", "fru": "frustrated",
               "fea": "fearful", "dis": "disgusted", "sur": "surprised", "anger": "angry", "happiness": "happy",
               "sadness": "sad", "fear": "fearful", "disgust": "disgusted", "surprise": "surprised"}  # fmt: skip


class Backbone(nn.Module):
    """A transformers model behind a front end that knows true lengths; a recording's score is that of it alone.

    All models get the attention mask, also those with group normalisation, for which transformers advises against it:
    there the mask gives what the recording alone would give, once the normalisation counts true frames only.
    """

    AUTO = ""  # the transformers class that its files are for

    def __init__(self, model: Any, normalize: bool = True) -> None:
        super().__init__()
        self.model = model
        base = model.base_model
        if not hasattr(base.config, "feat_extract_norm"):
            raise BackboneError(
                f"a {base.config.model_type} does not begin like wav2vec 2.0, HuBERT and WavLM. Use one."
            )
        base.feature_extractor = FrontEnd(base.feature_extractor.conv_layers, base.config, normalize)

    @property
    def front(self) -> FrontEnd:
        """The convolutions on samples."""
        return self.model.base_model.feature_extractor

    def logits(self, waves: Tensor, lengths: Tensor) -> Tensor:
        """What the model's head gives, float32."""
        config = self.model.config
        masked = self.training and config.mask_time_prob > 0
        frames = config.mask_time_length if masked else 1  # SpecAugment refuses less than one mask's width
        if waves.shape[-1] < self.front.samples(frames):
            waves = F.pad(waves, (0, self.front.samples(frames) - waves.shape[-1]))
        lengths = lengths.clamp(min=self.front.samples(1))
        padded = bool((lengths < waves.shape[-1]).any())
        self.front.lengths = lengths if padded else None
        mask = mask_of(lengths, waves.shape[-1]).long() if padded else None
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")  # WavLM of transformers
            return self.model(waves, attention_mask=mask).logits.float()

    def save(self, folder: Path) -> None:
        """Write config.json, model.safetensors and preprocessor_config.json as transformers does."""
        self.model.save_pretrained(folder)
        layered = self.model.config.feat_extract_norm == "layer"
        features = {
            "feature_extractor_type": "Wav2Vec2FeatureExtractor",
            "feature_size": 1, "padding_side": "right", "padding_value": 0.0, "sampling_rate": 16000,
            "do_normalize": self.front.normalize, "return_attention_mask": layered,
        }  # fmt: skip
        _write_json(folder / "preprocessor_config.json", features)


class EmotionBackbone(Backbone):
    """A label for a recording: encoder, mean over true frames, linear layers (A4 of the paper's open points)."""

    AUTO = "AutoModelForAudioClassification"

    def __init__(self, model: Any, normalize: bool = True) -> None:
        super().__init__(model, normalize)
        names = [model.config.id2label[index] for index in range(model.config.num_labels)]
        self.labels = tuple(_LONG_NAMES.get(name.lower(), name.lower()) for name in names)

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        return self.logits(waves, lengths)

    def loss(self, waves: Tensor, lengths: Tensor, targets: Sequence[str]) -> Tensor:
        """Cross-entropy of each recording's label, in nats; raises CorpusError for a label it does not know."""
        unknown = sorted(set(targets) - set(self.labels))
        if unknown:
            raise CorpusError(f"labels {unknown} are not among {list(self.labels)}. Leave those clips out.")
        index = torch.tensor([self.labels.index(target) for target in targets], device=waves.device)
        return F.cross_entropy(self.logits(waves, lengths), index, reduction="none")

    def read(self, waves: Tensor, lengths: Tensor) -> list[str]:
        """The most likely label of each recording."""
        return [self.labels[index] for index in self.logits(waves, lengths).argmax(-1).tolist()]


class WordsBackbone(Backbone):
    """Characters by CTC, with the vocabulary that the checkpoint brings or letters, apostrophe and space."""

    AUTO = "AutoModelForCTC"

    def __init__(self, model: Any, normalize: bool = True, vocabulary: Sequence[str] = VOCABULARY) -> None:
        super().__init__(model, normalize)
        self.vocabulary = list(vocabulary)
        self.blank = model.config.pad_token_id
        plain = {"|": " "} | {character: character for character in text.ALPHABET[1:]}
        symbols = [symbol.lower() for symbol in self.vocabulary]
        self.characters = {index: plain[symbol] for index, symbol in enumerate(symbols) if symbol in plain}
        self.index = {character: index for index, character in self.characters.items()}
        missing = [character for character in text.ALPHABET if character not in self.index]
        if missing:
            raise BackboneError(f"its vocabulary lacks {missing}. Give a checkpoint for English characters.")

    def forward(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities ``(batch, frames, symbols)`` and the true frames ``(batch,)`` of each recording."""
        return self.logits(waves, lengths).log_softmax(-1), self.front.frames(lengths)

    def loss(self, waves: Tensor, lengths: Tensor, targets: Sequence[str]) -> Tensor:
        """CTC loss of each transcript, summed over its characters, in nats; 0 where none fits the frames."""
        log_probs, frames = self(waves, lengths)
        flat, counts = text.encode(targets, self.index)
        return F.ctc_loss(
            log_probs.transpose(0, 1), flat.to(waves.device), frames.cpu(), counts, self.blank, "none",
            zero_infinity=True,
        )  # fmt: skip

    def read(self, waves: Tensor, lengths: Tensor) -> list[str]:
        """The transcript of each recording, normalised, decoded greedily without a language model."""
        log_probs, frames = self(waves, lengths)
        return text.greedy_decode(log_probs, frames, self.characters)

    def save(self, folder: Path) -> None:
        """Write what stock transformers needs, the tokenizer included."""
        super().save(folder)
        _write_json(folder / "vocab.json", {symbol: index for index, symbol in enumerate(self.vocabulary)})
        blank = self.vocabulary[self.blank]
        tokens = {
            "tokenizer_class": "Wav2Vec2CTCTokenizer", "word_delimiter_token": "|", "pad_token": blank,
            "unk_token": blank, "bos_token": None, "eos_token": None, "replace_word_delimiter_char": " ",
        }  # fmt: skip
        _write_json(folder / "tokenizer_config.json", tokens)


def new_emotion(source: str, labels: Sequence[str], freeze_front: bool) -> EmotionBackbone:
    """A pretrained encoder with a new head for ``labels``; ``source`` is a hub id or a local folder.

    Raises BackboneError if there is no such checkpoint, MissingExtra without transformers.
    """
    names = dict(enumerate(labels))
    model = pretrained.model(
        EmotionBackbone.AUTO, source, new_head=True, ignore_mismatched_sizes=True,
        num_labels=len(names), id2label=names, label2id={label: index for index, label in names.items()},
    )  # fmt: skip
    return _fine_tunable(EmotionBackbone(model, _normalizes(source)), freeze_front)


def new_words(source: str, freeze_front: bool) -> WordsBackbone:
    """A pretrained encoder with a CTC head: its own where it brings a vocabulary, else a new one for our characters.

    Raises what `new_emotion` raises.
    """
    own = _vocabulary(source)
    sizes: dict[str, Any] = {"ctc_zero_infinity": True}
    if not own:
        sizes |= {"vocab_size": len(VOCABULARY), "pad_token_id": 0, "ignore_mismatched_sizes": True}
    model = pretrained.model(WordsBackbone.AUTO, source, new_head=True, **sizes)
    return _fine_tunable(WordsBackbone(model, _normalizes(source), own or VOCABULARY), freeze_front)


def load(kind: type[Backbone], source: str) -> Any:
    """A fine-tuned checkpoint, in eval mode: what `save` wrote or what anyone published for transformers.

    Raises BackboneError where there is none, or none with that head, MissingExtra without transformers.
    """
    model = pretrained.model(kind.AUTO, source, new_head=False)
    if kind is WordsBackbone:
        vocabulary = _vocabulary(source)
        if not vocabulary:
            raise BackboneError(
                f"{source} has no vocab.json, so nothing says which output is which character. Add its tokenizer."
            )
        return WordsBackbone(model, _normalizes(source), vocabulary).eval()
    return kind(model, _normalizes(source)).eval()


def share(first: Any, second: Any) -> str:
    """Let two recognisers compute once what is equal in them; says what that is: "encoder", "front end" or "nothing".

    Fine-tuning with a frozen front end, the usual way, leaves both with the pretrained one.
    """
    if not (isinstance(first, Backbone) and isinstance(second, Backbone)):
        return "nothing"
    if _equal(first.model.base_model, second.model.base_model):
        compute_once(first.model.base_model)
        setattr(second.model, second.model.base_model_prefix, first.model.base_model)
        return "encoder"
    if _equal(first.front, second.front):
        compute_once(first.front)
        second.model.base_model.feature_extractor = first.front
        return "front end"
    return "nothing"


def _equal(first: Any, second: Any) -> bool:
    mine, its = first.state_dict(), second.state_dict()
    same_form = str(first) == str(second) and mine.keys() == its.keys()
    return same_form and all(torch.equal(mine[name], its[name]) for name in mine)


def _fine_tunable(network: Any, freeze_front: bool) -> Any:
    network.front.requires_grad_(not freeze_front)
    return network


def _normalizes(source: str) -> bool:
    alone = pretrained.side_file(source, "preprocessor_config.json")
    front = alone or pretrained.side_file(source, "processor_config.json").get("feature_extractor", {})
    return bool(front.get("do_normalize", True))


def _vocabulary(source: str) -> list[str]:
    places = pretrained.side_file(source, "vocab.json")
    return sorted(places, key=places.__getitem__)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")

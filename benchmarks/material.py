"""What training steps are timed on: noise as long as IEMOCAP's utterances, recognisers with random weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import transformers

from aclipse.contracts import SAMPLE_RATE, Clip, Wave
from aclipse.models import selfsupervised, standins
from aclipse.training.batches import Speech

LABELS = ("angry", "happy", "neutral", "sad")
KINDS: dict[str, type[selfsupervised.Backbone]] = {
    "emotion": selfsupervised.EmotionBackbone,
    "words": selfsupervised.WordsBackbone,
}


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    clips: int = 24
    batch: int = 8
    width: int = 96  # of the stand-ins, as their layers
    layers: int = 2
    base: bool = False  # encoders of the size of wav2vec2-base in place of the stand-ins
    precision: str = "no"  # of all but the plain loop


def like_iemocap(clips: int, seed: int = 0) -> Speech:
    """Noise as long as IEMOCAP's utterances, with as many words: log-normal, mean 4.5 s, deviation 3.2 s, 0.6 to 15 s.

    >>> speech = like_iemocap(2000)
    >>> seconds = [len(speech.wave(i)) / SAMPLE_RATE for i in range(2000)]
    >>> 4.2 < np.mean(seconds) < 4.5, min(seconds) >= 0.6, max(seconds) <= 15
    (True, True, True)
    """
    generator, found = np.random.default_rng(seed), list[tuple[Clip, Wave]]()
    sigma = np.sqrt(np.log(1 + (3.2 / 4.5) ** 2))
    while len(found) < clips:
        seconds = generator.lognormal(np.log(4.5) - sigma**2 / 2, sigma)
        if 0.6 <= seconds <= 15:
            wave = 0.1 * generator.standard_normal(int(seconds * SAMPLE_RATE)).astype(np.float32)
            words = generator.choice(["it's", "what", "i", "told", "you", "yesterday"], max(round(2.9 * seconds), 1))
            emotion = LABELS[len(found) % len(LABELS)]
            found.append((Clip(str(len(found)), Path(), emotion=emotion, transcript=" ".join(words)), wave))
    return Speech([clip for clip, _ in found], [wave for _, wave in found])


def recognizers(folder: Path, name: str, size: Size) -> Path:
    """Save an emotion and a word recogniser with random weights, alike in nothing but the front end."""
    source = folder / ("base-size" if size.base else "stand-ins") / name
    if size.base:
        family, norms = standins.CONFIGURATIONS[name]
        config = getattr(transformers, f"{family}Config")(**norms)
        getattr(transformers, f"{family}Model")(config).save_pretrained(source)
    else:
        standins.make(source.parent, size.width, size.layers)
    torch.manual_seed(0)
    emotion = selfsupervised.new_emotion(str(source), LABELS, freeze_front=True)
    words = selfsupervised.new_words(str(source), freeze_front=True)
    with torch.no_grad():
        for parameter in words.parameters():
            if parameter.requires_grad:
                parameter.add_(0.02 * torch.randn_like(parameter))
    for kind, recognizer in (("emotion", emotion), ("words", words)):
        (folder / name / kind).mkdir(parents=True)
        recognizer.save(folder / name / kind)
    return folder / name

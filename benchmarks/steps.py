"""Stage-1 training steps to be timed: ours, ours with one thing switched off, the loop one writes first, the floor."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import transformers
from material import KINDS, Size
from torch import Tensor, nn
from torch.nn import functional as F

from aclipse.audio.signal import mask_of
from aclipse.contracts import Guides, Wave
from aclipse.models import frontend, selfsupervised
from aclipse.models.frontend import FrontEnd
from aclipse.models.text import normalize
from aclipse.protections.cascade.method import CascadeSettings, Trainer
from aclipse.training import checkpoint, processes
from aclipse.training.batches import Batch, Speech


@dataclass(frozen=True)
class Step:
    """What one training step computes, on which batches."""

    speech: Speech
    batches: Callable[[int], Sequence[Sequence[int]]]  # seed → indices of each batch
    loss: Callable[[Batch], Tensor]
    learned: nn.Module
    precision: str = "no"
    changes: tuple[Callable[[], AbstractContextManager[Any]], ...] = ()  # to the code, while it runs

    def epoch(self, seed: int) -> None:
        """One forward and backward pass for every recording; gradients are not kept."""
        torch.manual_seed(seed)
        for indices in self.batches(seed):
            self.gradient(indices)
            self.learned.zero_grad()

    def gradient(self, indices: Sequence[int]) -> float:
        """Leave one batch's gradient; gives the loss."""
        place = processes.device().type
        with ExitStack() as stack:
            for change in self.changes:
                stack.enter_context(change())
            with torch.autocast(place, torch.bfloat16, enabled=self.precision == "bf16"):
                loss = self.loss(self.speech.batch(indices))
            loss.backward()
        return float(loss.detach())


class Stock:
    """A recogniser as one writes it first: the stock model, its parameters' gradients on, masks as it advises."""

    def __init__(self, folder: Path, head: str) -> None:
        self.model = getattr(transformers, head).from_pretrained(folder).eval().to(processes.device())
        self.masked = self.model.config.feat_extract_norm == "layer"

    def logits(self, waves: Tensor, lengths: Tensor) -> Tensor:
        """What the head gives."""
        waves = frontend.zero_mean_unit_variance(waves, lengths)
        mask = mask_of(lengths, waves.shape[-1]).long() if self.masked else None
        return self.model(waves, attention_mask=mask).logits


class StockEmotion(Stock):
    """Cross-entropy of a label."""

    def loss(self, waves: Tensor, lengths: Tensor, targets: Sequence[str]) -> Tensor:
        """In nats, ``(batch,)``."""
        index = torch.tensor([self.model.config.label2id[target] for target in targets], device=waves.device)
        return F.cross_entropy(self.logits(waves, lengths), index, reduction="none")


class StockWords(Stock):
    """CTC of a transcript."""

    def __init__(self, folder: Path, head: str) -> None:
        super().__init__(folder, head)
        self.tokenizer = transformers.Wav2Vec2CTCTokenizer.from_pretrained(folder)

    def loss(self, waves: Tensor, lengths: Tensor, targets: Sequence[str]) -> Tensor:
        """In nats, ``(batch,)``."""
        log_probs = self.logits(waves, lengths).log_softmax(-1).transpose(0, 1)
        rows = [self.tokenizer(normalize(target)).input_ids for target in targets]
        flat = torch.tensor([index for row in rows for index in row], device=waves.device)
        counts = torch.tensor([len(row) for row in rows])
        frames, blank = self.model._get_feat_extract_output_lengths(lengths).cpu(), self.model.config.pad_token_id
        return F.ctc_loss(log_probs, flat, frames, counts, blank, "none", zero_infinity=True)


def stock(folder: Path) -> Guides:
    """Both recognisers as `Stock`."""
    return Guides(
        StockEmotion(folder / "emotion", KINDS["emotion"].AUTO), StockWords(folder / "words", KINDS["words"].AUTO)
    )


@cache
def guides(folder: Path, frozen: bool = True, shared: bool = True) -> Guides:
    """Both recognisers as a run loads them, less what is switched off."""
    pair = [checkpoint.freeze(selfsupervised.load(kind, str(folder / name))) for name, kind in KINDS.items()]
    found = selfsupervised.share(*pair) if shared else "front end"
    assert found == "front end", found
    for recognizer in pair:
        recognizer.requires_grad_(not frozen).to(processes.device())
    return Guides(*pair)


def compile_sizes(folder: Path, longest: int) -> None:
    """Run the front end on all sizes up to ``longest``, so that none is new, as after the first epochs of training."""
    front: Any = guides(folder, frozen=False).emotion.front  # type: ignore[attr-defined]
    for size in range(frontend.GRID, longest + frontend.GRID, frontend.GRID):
        front.singly(torch.randn(1, size, device=processes.device()).requires_grad_()).sum().backward()


def stage_one(guides: Guides, speech: Speech, size: Size) -> Step:
    """The step of `Trainer`; its modules a little away from the identity that they start as."""
    trainer = Trainer(CascadeSettings(batch_size=size.batch, ctc_ceiling=1e3), guides, {"train": speech}, seed=0)
    torch.manual_seed(0)
    for module in (trainer.network.so, trainer.network.er):
        nn.init.normal_(module.head.weight, std=0.01)
    trainer.network.to(processes.device()).train()
    return Step(
        speech,
        lambda seed: speech.shuffled(size.batch, seed),
        lambda batch: trainer._terms(batch, trainer._stage_one_loss)[0],
        trainer.network,
        size.precision,
    )


def ours(folder: Path, speech: Speech, size: Size) -> Step:
    """The step as it is."""
    return stage_one(guides(folder), speech, size)


def plain(folder: Path, speech: Speech, size: Size) -> Step:
    """The loop one writes first: `Stock` recognisers, float32, random batches padded to the longest."""
    return _as_they_come(stage_one(stock(folder), speech, replace(size, precision="no")), size)


def compiled(folder: Path, speech: Speech, size: Size) -> Step:
    """The encoders behind the front end through torch.compile."""
    pair = copy.deepcopy(guides(folder))
    selfsupervised.share(*pair)
    for recognizer in pair:
        recognizer.model.base_model.encoder.compile(dynamic=True)
    step = stage_one(pair, speech, size)
    step.epoch(seed=-1)  # compiles
    return step


def floor(folder: Path, speech: Speech, size: Size) -> Step:
    """What the recognisers themselves cost, down to the waveform: no cascade, and no padding.

    Recordings are sorted by length, and those of a batch brought to their mean length.
    """
    waves: list[Wave] = [np.zeros(0, np.float32)] * len(speech)
    for indices in speech.in_order(size.batch):
        mean = round(np.mean([len(speech.wave(i)) for i in indices]))
        for i in indices:
            waves[i] = np.resize(speech.wave(i), mean)
    even, pair = Speech(speech.clips, waves), guides(folder)

    def loss(batch: Batch) -> Tensor:
        inputs = batch.waves.requires_grad_(), batch.lengths
        felt = pair.emotion.loss(*inputs, [clip.emotion for clip in batch.clips])
        return (felt - pair.words.loss(*inputs, [clip.transcript for clip in batch.clips])).mean()

    return Step(even, lambda _: list(even.in_order(size.batch)), loss, nn.Identity(), size.precision)


def cascade_alone(folder: Path, speech: Speech, size: Size) -> Step:
    """Both modules without recognisers."""
    step = ours(folder, speech, size)
    return replace(step, loss=lambda batch: step.learned(batch.waves, batch.lengths).square().mean())


def as_they_come(folder: Path, speech: Speech, size: Size) -> Step:
    """Batches of any lengths."""
    return _as_they_come(ours(folder, speech, size), size)


def one_by_one(folder: Path, speech: Speech, size: Size) -> Step:
    """A batch for each length: as hardly two recordings have one to the sample, each is alone."""
    return replace(ours(folder, speech, size), batches=lambda _: [[index] for index in range(len(speech))])


def trainable(folder: Path, speech: Speech, size: Size) -> Step:
    """Gradients of the recognisers' parameters are computed too."""
    return stage_one(guides(folder, frozen=False), speech, size)


def twice(folder: Path, speech: Speech, size: Size) -> Step:
    """Each recogniser computes the front end."""
    return stage_one(guides(folder, shared=False), speech, size)


def at_once(folder: Path, speech: Speech, size: Size) -> Step:
    """The front end on the padded batch, group normalisation on one recording's true frames after another."""
    return _changed(ours(folder, speech, size), lambda: patch.object(FrontEnd, "forward", _padded))


def masked(folder: Path, speech: Speech, size: Size) -> Step:
    """The same with sums over the masked batch for the normalisation."""
    return _changed(at_once(folder, speech, size), lambda: patch.object(frontend, "norm_of_true_frames", _masked_norm))


def singly(folder: Path, speech: Speech, size: Size) -> Step:
    """The front end on one recording after another, on whole GRIDs."""
    return _changed(ours(folder, speech, size), lambda: patch.object(FrontEnd, "forward", FrontEnd.singly))


def any_size(folder: Path, speech: Speech, size: Size) -> Step:
    """The same at each recording's own length."""
    return _changed(singly(folder, speech, size), lambda: patch.object(frontend, "GRID", 1))


def _as_they_come(step: Step, size: Size) -> Step:
    return replace(step, batches=lambda seed: step.speech.shuffled(size.batch, seed, pool=1))


def _changed(step: Step, change: Callable[[], AbstractContextManager[Any]]) -> Step:
    return replace(step, changes=(*step.changes, change))


def _padded(front: FrontEnd, waves: Tensor) -> Tensor:
    return front.together(waves, front.lengths)


def _masked_norm(x: Tensor, norm: Any, frames: Tensor | None) -> Tensor:
    if frames is None:
        return norm(x)
    mask, count = mask_of(frames, x.shape[-1])[:, None], frames[:, None, None]
    centred = (x - (x * mask).sum(-1, keepdim=True) / count) * mask
    scale = (centred.square().sum(-1, keepdim=True) / count + norm.eps).rsqrt()
    return (centred * scale * norm.weight[:, None] + norm.bias[:, None]) * mask

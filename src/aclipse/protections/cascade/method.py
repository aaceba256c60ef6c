"""Aclipse as a protection: release recordings, and be fitted in two stages against frozen recognisers."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from aclipse.atomic import write_table
from aclipse.audio import budget
from aclipse.audio.augment import change_speed, tilt_spectrum
from aclipse.contracts import SAMPLE_RATE, Guides, Release, Settings, Wave
from aclipse.errors import RunError
from aclipse.metrics.classification import accuracy, uar
from aclipse.metrics.transcription import error_rate, word_edits
from aclipse.models import text
from aclipse.protections.cascade import modules, objectives
from aclipse.protections.cascade.network import CascadeNetwork, NetworkSettings
from aclipse.protections.cascade.sampling import stratified_subset
from aclipse.seeds import derive
from aclipse.training import checkpoint, processes
from aclipse.training.batches import Batch, Speech
from aclipse.training.loop import Job, LoopSettings, Order, Progress, Row, fit

log = logging.getLogger(__name__)

BLOCK = 60 * SAMPLE_RATE  # samples protected at a time


class CascadeSettings(Settings):
    """Aclipse's training; the numbers of the paper are in brackets."""

    network: NetworkSettings = NetworkSettings()
    loss: Literal["bounded", "paper"] = "bounded"  # paper: CTC summed over the batch, without a ceiling
    epochs: int = Field(20, ge=2)  # both stages together [100]
    stage_one_epochs: int | None = Field(None, ge=1)  # half of them if not given
    batch_size: int = Field(8, ge=1)  # [2]
    stage_one_rate: float = Field(1e-3, gt=0)  # Adam [1e-3; large backbones 2e-4]
    stage_two_rate: float = Field(3e-4, gt=0)  # [1e-5]
    lambda_one: float = 1.0  # weight of CTC in stage 1; its sign does not matter (the paper's is -1)
    lambda_two: float = Field(1.0, gt=0)  # weight of CTC in stage 2
    ctc_ceiling: float = Field(4.0, gt=0)  # nats a character; above it a recording is obfuscated enough
    subset: int = Field(400, ge=1)  # clips an epoch, stratified by emotion
    redraw: int = Field(5, ge=1)  # epochs that a subset is used for
    stage_one_drop: float = Field(0.11, ge=0)  # validation accuracy that stage 1 may lose [0.11]; stage 2 wins it back
    floor_drop: float = Field(0.05, ge=0)  # validation accuracy that may be lost in the end
    floor: float | None = Field(None, ge=0, le=1)  # the least validation accuracy in the end, in place of floor_drop
    tuned: Literal["er", "so"] = "er"  # which module stage 2 goes on with; the other is frozen [er; Fig. 5 compares]
    precision: Literal["no", "bf16", "fp16"] = "no"  # mixed precision while learning; scores are of float32
    tracker: Literal["tensorboard"] | None = None  # as in LoopSettings
    augment: bool = True  # vary speed and spectral slope of the training speech [nothing said]
    clip_norm: float = Field(5.0, ge=0)  # limit on the gradient's L2 norm; 0: none [none]
    watch_test: bool = False  # score the test part after each epoch too, for curves; no choice ever looks at it

    @model_validator(mode="after")
    def _both_stages(self) -> CascadeSettings:
        if self.stage_one_epochs is not None and self.stage_one_epochs >= self.epochs:
            raise ValueError(f"stage_one_epochs = {self.stage_one_epochs} leaves stage 2 none of {self.epochs} epochs")
        return self


class Cascade:
    """The Aclipse protection: waveform in, waveform out, of the same length and aligned.

    >>> wave = np.sin(np.arange(8000, dtype=np.float32))
    >>> bool(np.allclose(Cascade(CascadeNetwork(NetworkSettings())).release(wave), wave, atol=1e-5))
    True
    """

    name = "cascade"
    releases = Release.WAVEFORM

    def __init__(self, network: CascadeNetwork) -> None:
        self.network: CascadeNetwork = checkpoint.freeze(network)
        reach = 2 * modules.reach(network.settings.module) + 3 * budget.WINDOW
        self.context = -(-reach // modules.STRIDE) * modules.STRIDE  # whole strides keep blocks on the frame grid

    def __repr__(self) -> str:
        """Names the weights, so that two cascades look alike only if they release alike."""
        digest = hashlib.sha256()
        for tensor in self.network.state_dict().values():
            digest.update(tensor.cpu().numpy().tobytes())
        return f"Cascade({digest.hexdigest()[:12]}, {self.network.settings!r})"

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        """Protect one recording, ``(time,) -> (time,)``."""
        return np.concatenate([wave[:0], *self.release_blocks([wave], seed)])

    def release_blocks(self, blocks: Iterable[Wave], seed: int = 0) -> Iterator[Wave]:
        """Protect a recording that arrives in blocks: each BLOCK is seen with all the context that it depends on."""
        before = 0  # samples at the start of a piece that are context, given out already
        held, count = [np.zeros(0, np.float32)], 0
        for block in blocks:
            held.append(block)
            count += len(block)
            while count >= before + BLOCK + self.context:
                piece = np.concatenate(held)
                yield self._protect(piece[: before + BLOCK + self.context])[before : before + BLOCK]
                drop = max(before + BLOCK - self.context, 0)
                held, count, before = [piece[drop:]], count - drop, before + BLOCK - drop
        if count > before:
            yield self._protect(np.concatenate(held))[before:]

    @torch.no_grad()
    def _protect(self, wave: Wave) -> Wave:
        place = next(self.network.parameters()).device
        batch = torch.from_numpy(np.ascontiguousarray(wave))[None].to(place)
        return self.network(batch, torch.tensor([len(wave)], device=place))[0].cpu().numpy()

    def save(self, path: Path) -> None:
        """Write weights and settings into one safetensors file."""
        facts = {"settings": self.network.settings.model_dump()}
        checkpoint.save(path, self.network.state_dict(), facts)

    @classmethod
    def load(cls, path: Path) -> Cascade:
        """Read what `save` wrote; raises RunError for anything else."""
        tensors, facts = checkpoint.load(path)
        try:
            network = CascadeNetwork(NetworkSettings(**facts["settings"]))
            network.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise RunError(f"{path} does not hold a cascade. Give cascade/weights.safetensors of a run.") from error
        return cls(network)


class Trainer:
    """Fits a cascade: stage 1 tunes SO and ER against both recognisers, stage 2 tunes ER with SO frozen."""

    def __init__(self, settings: CascadeSettings, guides: Guides, speech: Mapping[str, Speech], seed: int) -> None:
        self.settings, self.guides, self.seed, self.speech = settings, guides, seed, speech
        self.emotions = [clip.emotion for clip in speech["train"].clips]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "cascade"))
            self.network = CascadeNetwork(settings.network)

    def run(self, folder: Path) -> Cascade:
        """Train both stages, or what is left of them, and give the cascade chosen on validation clips."""
        s = self.settings
        clean = self.measure(lambda waves, lengths: waves, "validation")["accuracy"]
        first = self._stage(1, self._stage_one_loss, clean - s.stage_one_drop, folder)
        (self.network.so if s.tuned == "er" else self.network.er).requires_grad_(False)
        floor = clean - s.floor_drop if s.floor is None else s.floor
        second = self._stage(2, self._stage_two_loss, floor, folder)
        if second.best_score < 0:
            log.warning("no epoch of stage 2 kept an accuracy of %.3f; the nearest is taken", floor)
        if processes.is_main():
            _write_stages(folder / "history.csv", (first, clean - s.stage_one_drop), (second, floor))
        return Cascade(self.network)

    def _stage(self, stage: int, loss: Callable[[Tensor, Tensor], Tensor], floor: float, folder: Path) -> Progress:
        s = self.settings
        first = s.stage_one_epochs or s.epochs // 2
        loop = LoopSettings(
            epochs=first if stage == 1 else s.epochs - first,
            batch_size=s.batch_size,
            learning_rate=s.stage_one_rate if stage == 1 else s.stage_two_rate,
            schedule="constant",
            warm_up=0.0,
            clip_norm=s.clip_norm,
            precision=s.precision,
            tracker=s.tracker,
        )
        job = Job(
            name=f"stage {stage}",
            network=self.network,
            batches=lambda epoch: self._batches(stage, epoch),
            objective=lambda batch: self._terms(batch, loss),
            validate=self._scores,
            score=lambda row: choose(row, floor),
        )
        return fit(job, loop, folder / f"stage-{stage}", self.seed)

    def _batches(self, stage: int, epoch: int) -> Order:
        s = self.settings
        draw = derive(self.seed, "subset", stage, epoch // s.redraw)
        subset = self.speech["train"].subset(stratified_subset(self.emotions, s.subset, draw))
        return subset, subset.shuffled(s.batch_size, derive(self.seed, "order", stage, epoch))

    def stage_one(self, batch: Batch) -> Tensor:
        """The loss of stage 1 on one batch, to measure what a training will cost."""
        return self._terms(batch, self._stage_one_loss)[0]

    def _terms(self, batch: Batch, loss: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        waves, lengths = batch.waves, batch.lengths
        if self.settings.augment:
            waves, lengths = change_speed(waves, lengths, 1.0 + 0.16 * (torch.rand(()).item() - 0.5))
            waves = tilt_spectrum(waves, 0.6 * (torch.rand(len(waves), device=waves.device) - 0.5))
        protected = self.network(waves, lengths)
        cross_entropy = self.guides.emotion.loss(protected, lengths, [c.emotion for c in batch.clips]).mean()
        transcripts = [text.normalize(clip.transcript) for clip in batch.clips]
        ctc = self.guides.words.loss(protected, lengths, transcripts)
        if self.settings.loss == "paper":
            ctc = ctc.mean()[None] * self.settings.batch_size  # the sum over a batch, however it is dealt out
        else:
            ctc = ctc / torch.tensor([max(len(transcript), 1) for transcript in transcripts], device=ctc.device)
        return loss(cross_entropy, ctc), {"cross_entropy": cross_entropy, "ctc": ctc.mean()}

    def _stage_one_loss(self, cross_entropy: Tensor, ctc: Tensor) -> Tensor:
        ceiling = None if self.settings.loss == "paper" else self.settings.ctc_ceiling
        return objectives.stage_one(cross_entropy, ctc, self.settings.lambda_one, ceiling)

    def _stage_two_loss(self, cross_entropy: Tensor, ctc: Tensor) -> Tensor:
        return objectives.stage_two(cross_entropy, ctc, self.settings.lambda_two)

    def _scores(self) -> Row:
        row = self.measure(self.network, "validation")
        if self.settings.watch_test:
            row |= {f"test_{name}": value for name, value in self.measure(self.network, "test").items()}
        return row

    @torch.no_grad()
    def measure(self, network: Callable[[Tensor, Tensor], Tensor], part: str) -> Row:
        """Accuracy, UAR, WER and mean SNR of a part's clips after ``network``."""
        speech, rows = self.speech[part], list[tuple[int, str, str, float]]()
        for indices in processes.share(list(speech.in_order(16))):
            batch = speech.batch(indices)
            protected = network(batch.waves, batch.lengths)
            felt = self.guides.emotion.read(protected, batch.lengths)
            heard = self.guides.words.read(protected, batch.lengths)
            noise = (protected - batch.waves).square().sum(-1).clamp(min=1e-12)
            snr = 10 * torch.log10(batch.waves.square().sum(-1) / noise)
            rows += list(zip(indices, felt, heard, snr.tolist(), strict=True))
        rows = sorted(processes.together(rows))
        truth, read = [speech.clips[row[0]].emotion for row in rows], [row[1] for row in rows]
        edits = [word_edits(text.normalize(speech.clips[row[0]].transcript), row[2]) for row in rows]
        return {
            "accuracy": accuracy(truth, read),
            "uar": uar(truth, read),
            "wer": error_rate(edits),
            "snr_db": float(np.mean([row[3] for row in rows])),
        }


def choose(row: Row, floor: float) -> float:
    """Score of an epoch: its WER where accuracy holds the floor; otherwise, below any of those, how near it came.

    >>> choose({"wer": 0.9, "accuracy": 0.7}, floor=0.65), choose({"wer": 0.9, "accuracy": 0.5}, floor=0.75)
    (0.9, -0.25)
    """
    return row["wer"] if row["accuracy"] >= floor else row["accuracy"] - floor


def _write_stages(path: Path, *stages: tuple[Progress, float]) -> None:
    rows: list[Row] = []
    for stage, (progress, floor) in enumerate(stages, start=1):
        for row in progress.history:
            chosen = int(stage == 2 and row["epoch"] == progress.best_epoch)
            rows.append({**row, "epoch": len(rows), "stage": stage, "floor": floor, "chosen": chosen})
    write_table(path, list(rows[0]), rows)

"""The inverting attacker: learns from pairs to undo a protection, then lets the ignorant recogniser listen."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aclipse.audio.features import LogMel
from aclipse.audio.signal import pad_stack, rms
from aclipse.contracts import Wave
from aclipse.errors import CorpusError
from aclipse.models.inverter import Inverter, best_filter
from aclipse.seeds import derive
from aclipse.training import processes
from aclipse.training.batches import Batch, Speech
from aclipse.training.loop import Job, LoopSettings, Order, Progress, fit

LEVEL_WEIGHT = 0.1  # of the level's error, in nats, beside the log-mel distance, which is blind to it
PIECE = 20_000  # samples, 1.25 s, of a clip that an epoch learns from: a clip's cost does not grow with its length

Parts = tuple[Speech, Speech]  # training and validation


def train_inverter(
    protected: Parts, original: Parts, settings: LoopSettings, folder: Path, seed: int
) -> tuple[Inverter, Progress]:
    """Learn to undo a protection from (protected, original) pairs of training and validation clips, paired by id.

    The best fixed filter is solved for from the training waveforms and kept if validation profits; the network then
    minimises the L1 distance of log-mels, which is what recognisers read, plus LEVEL_WEIGHT times the error in level.
    The network itself learns from no error of waveforms: it only raises and lowers bins, and such an error would have
    it mute whatever it cannot restore to the phase. The epoch nearest to the validation originals in log-mels is kept;
    the score is minus that distance, in nats.
    Goes on in ``folder`` after a kill. Raises CorpusError for a clip without an original of its length.
    """
    train, validation = ((given, _partners(given, wanted)) for given, wanted in zip(protected, original, strict=True))
    network = _prepared(train, validation, seed)
    mel = LogMel().to(processes.device())
    wanted: dict[str, Wave] = {}  # of an epoch, by clip

    def batches(epoch: int) -> Order:
        given, originals = _pieces(train, np.random.default_rng(derive(seed, "inverter", "piece", epoch)))
        wanted.update((clip.id, originals.wave(i)) for i, clip in enumerate(originals.clips))
        return given, given.shuffled(settings.batch_size, derive(seed, "inverter", "order", epoch))

    def objective(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        target = pad_stack([torch.from_numpy(wanted[clip.id]) for clip in batch.clips])[0].to(batch.waves.device)
        found = network(batch.waves, batch.lengths)
        terms = {
            "log_mel": log_mel_distance(mel, found, target, batch.lengths).mean(),
            "level": _level_error(found, target, batch.lengths).mean(),
        }
        loss = terms["log_mel"] + LEVEL_WEIGHT * terms["level"]
        return loss, {"loss": loss, **terms}

    job = Job(
        name="inverter",
        network=network,
        batches=batches,
        objective=objective,
        validate=lambda: {"validation": -distance(invert(network, validation[0]), validation[1])},
        score=lambda row: row["validation"],
    )
    return network, fit(job, settings, folder, seed)


@torch.no_grad()
def invert(network: Inverter, speech: Speech, size: int = 16) -> Speech:
    """The same clips with the protection undone as well as ``network`` can, each as long and within [-1, 1].

    >>> from aclipse.contracts import Clip
    >>> speech = Speech([Clip("a", Path("a.wav"))], [np.full(800, 0.5, np.float32)])
    >>> bool(np.allclose(invert(Inverter(width=4), speech).wave(0), 0.5, atol=1e-5))  # it has learned nothing yet
    True
    """
    waves = [np.zeros(0, np.float32)] * len(speech)
    for indices in speech.in_order(size):
        batch = speech.batch(indices)
        found = network(batch.waves, batch.lengths).clamp(-1, 1).cpu().numpy()
        for index, length, wave in zip(indices, batch.lengths.tolist(), found, strict=True):
            waves[index] = wave[:length].copy()
    return Speech(speech.clips, waves)


@torch.no_grad()
def distance(speech: Speech, other: Speech, size: int = 16) -> float:
    """The mean `log_mel_distance` of two recordings of the same clips, in the same order, in nats."""
    mel, found = LogMel().to(processes.device()), []
    for indices in speech.in_order(size):
        one, two = speech.batch(indices), other.batch(indices)
        found += log_mel_distance(mel, one.waves, two.waves, one.lengths).tolist()
    return float(np.mean(found))


def log_mel_distance(mel: LogMel, waves: Tensor, other: Tensor, lengths: Tensor) -> Tensor:
    """Mean absolute difference of log-mels over true frames and bands, in nats, ``(batch,)``; blind to level."""
    (one, frames), (two, _) = mel(waves, lengths), mel(other, lengths)
    return (one - two).abs().sum((1, 2)) / (frames * one.shape[1])


def _level_error(waves: Tensor, wanted: Tensor, lengths: Tensor) -> Tensor:
    found, due = (rms(x, lengths).clamp(min=1e-4).log() for x in (waves, wanted))  # silence is not infinitely far
    return (found - due).abs()


def _prepared(train: Parts, validation: Parts, seed: int) -> Inverter:
    """A network with the best fixed filter, or none where validation would be further from its originals."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "inverter"))
        network = Inverter().to(processes.device())
    found = copy.deepcopy(network)
    found.filter.copy_(best_filter((train[0].wave(i), train[1].wave(i)) for i in range(len(train[0]))))
    inverted = invert(found, validation[0])
    # Least squares mutes what is unlike the original; the level it had is given back.
    found.filter.mul_(_level(validation[1]) / max(_level(inverted), 1e-9))
    return found if distance(inverted, validation[1]) < distance(*validation) else network


def _level(speech: Speech) -> float:
    """Root of the recordings' energy together."""
    return math.sqrt(sum(float(np.square(speech.wave(i), dtype=np.float64).sum()) for i in range(len(speech))))


def _pieces(parts: Parts, random: np.random.Generator) -> Parts:
    """A random piece of at most PIECE samples of every clip, the same of both parts."""
    starts = [int(random.integers(max(len(parts[0].wave(i)) - PIECE, 0) + 1)) for i in range(len(parts[0]))]
    one, two = (Speech(p.clips, [p.wave(i)[start : start + PIECE] for i, start in enumerate(starts)]) for p in parts)
    return one, two


def _partners(protected: Speech, original: Speech) -> Speech:
    """The originals of protected clips, in their order."""
    place = {clip.id: index for index, clip in enumerate(original.clips)}
    missing = [clip.id for clip in protected.clips if clip.id not in place]
    if missing:
        raise CorpusError(f"{missing[0]} has no original among {len(place)} clips. Give the originals of all clips.")
    partners = original.subset([place[clip.id] for clip in protected.clips])
    for index, clip in enumerate(protected.clips):
        lengths = len(protected.wave(index)), len(partners.wave(index))
        if lengths[0] != lengths[1]:
            raise CorpusError(
                f"{clip.id} has {lengths[0]} samples protected and {lengths[1]} in the original; "
                "pairs must be equally long. Cut or pad the protected recording."
            )
    return partners

"""Fitting the replacement autoencoder: what is sensitive learns to come out as neutral, sex is unlearned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aclipse.contracts import Clip
from aclipse.errors import CorpusError
from aclipse.metrics.classification import uar
from aclipse.models.dense import DenseClassifier
from aclipse.models.reversal import reverse
from aclipse.protections.replacement.method import Replacement, ReplacementSettings, drawer_of
from aclipse.protections.replacement.network import ReplacementNetwork
from aclipse.protections.replacement.roles import ROLES, replacements
from aclipse.seeds import derive
from aclipse.training import checkpoint
from aclipse.training.batches import Batch, Speech, read_all
from aclipse.training.loop import Job, LoopSettings, Order, fit
from aclipse.training.projection import Projection

SEXES = ("female", "male")
PARTS = ("train", "validation")


def fit_replacement(
    settings: ReplacementSettings, projection: Projection, speech: Mapping[str, Speech], folder: Path, seed: int
) -> Replacement:
    """Train an autoencoder of each size and keep the one that reconstructs validation clips' targets best.

    Replacement autoencoder, eqs 2 and 3, the sign of its inner maximum mended: the head learns sex, the encoder
    unlearns it. ``speech`` holds vectors of the parts ``train`` and ``validation``; clips whose emotion has no role are
    left out. What an interrupted training has left in ``folder`` is gone on with.
    Raises CorpusError where a role or, if it is to be unlearned, a sex is missing.
    """
    heard = {part: _with_roles(settings, speech[part]) for part in PARTS}
    check_roles(settings, {part: heard[part].clips for part in PARTS})
    guide = _guide(settings, heard, folder / "guide", seed) if settings.guide or settings.draw else None
    found: list[tuple[float, ReplacementNetwork]] = []
    for size in settings.embeddings:
        lesson = Lesson(settings, size, heard, guide, seed)
        progress = fit(lesson.job(), _loop(settings), folder / f"embedding-{size}", seed)
        found.append((progress.best_score, lesson.network))
    network = max(found, key=lambda pair: pair[0])[1].cpu()
    drawer = None
    if guide is not None and settings.draw:
        neutral = _clearly_neutral(settings, heard["train"], guide)
        with torch.no_grad():
            drawer = drawer_of(guide.cpu(), network.encode(neutral))
    return Replacement(network, projection, settings.roles, drawer)


class Lesson:
    """What one autoencoder learns: terms of a batch, and the error on validation clips."""

    def __init__(
        self, settings: ReplacementSettings, embedding: int, speech: Mapping[str, Speech], guide: Any, seed: int
    ) -> None:
        self.settings, self.speech, self.guide, self.seed = settings, speech, guide, seed
        self.name = f"replacement {embedding}"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, self.name))
            self.network = ReplacementNetwork(speech["train"].wave(0).shape[1], embedding)
            self.head = nn.Sequential(nn.Linear(embedding, embedding), nn.ReLU(), nn.Linear(embedding, len(SEXES)))
        self._places = {clip.id: index for index, clip in enumerate(speech["train"].clips)}
        self._targets = torch.zeros(0, dtype=torch.long)

    def job(self) -> Job:
        """For the loop."""
        return Job(
            name=self.name,
            network=nn.ModuleDict({"network": self.network, "head": self.head}),
            batches=self.batches,
            objective=self.terms,
            validate=lambda: {"error": self.error()},
            score=lambda row: -row["error"],
        )

    def batches(self, epoch: int) -> Order:
        """Clips in another order, and from now on the replacements of this epoch."""
        draw = epoch if self.settings.redraw else 0
        self._targets = torch.tensor(self.replacements("train", draw))
        train = self.speech["train"]
        return train, train.shuffled(self.settings.batch_size, derive(self.seed, self.name, "order", epoch))

    def replacements(self, part: str, draw: int) -> list[int]:
        """The places of what is to come out."""
        settings = self.settings
        seed = derive(self.seed, part, draw)
        return replacements(self.speech[part].clips, settings.roles, seed, settings.same_sex)

    def terms(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss on a batch (eq. 3) and its terms."""
        s, vectors = self.settings, batch.waves[:, 0]
        wanted = self._targets[torch.tensor([self._places[clip.id] for clip in batch.clips])]
        embedded = self.network.embed(vectors)
        out = self.network.decoder(embedded)
        error = F.mse_loss(out, self._matrix.to(out.device)[wanted.to(out.device)])
        found, loss = {"error": error}, (1 - s.weight) * error
        if s.weight:
            sexes = torch.tensor([SEXES.index(clip.sex) for clip in batch.clips], device=out.device)
            found["sex"] = F.cross_entropy(self.head(reverse(embedded, s.reversal)), sexes)
            loss = loss + s.weight * found["sex"]
        if s.guide:
            meant = [_meant(s, clip) for clip in batch.clips]
            found["guide"] = self.guide.loss(out[:, None], batch.lengths, meant).mean()
            loss = loss + s.guide * found["guide"]
        return loss, found

    @torch.no_grad()
    def error(self) -> float:
        """Mean square error of validation clips against a first draw of what is to come out."""
        speech = self.speech["validation"]
        batch = speech.batch(range(len(speech)))
        wanted = batch.waves[torch.tensor(self.replacements("validation", 0), device=batch.waves.device), 0]
        return float(F.mse_loss(self.network(batch.waves[:, 0]), wanted))

    @cached_property
    def _matrix(self) -> Tensor:
        train = self.speech["train"]
        return train.batch(range(len(train))).waves[:, 0]


def _with_roles(settings: ReplacementSettings, speech: Speech) -> Speech:
    return speech.subset([index for index, clip in enumerate(speech.clips) if settings.of(clip.emotion)])


def check_roles(settings: ReplacementSettings, parts: Mapping[str, Sequence[Clip]]) -> None:
    """Raise CorpusError for what a part to be learned from lacks: a role, a replacement, a sex to be unlearned."""
    for part in PARTS:
        clips = [clip for clip in parts[part] if settings.of(clip.emotion)]
        lacking = [role for role in ROLES if not any(settings.of(clip.emotion) == role for clip in clips)]
        if lacking:
            emotions = ", ".join(getattr(settings, lacking[0]))
            raise CorpusError(
                f"The {part} part has no clip that is {lacking[0]} ({emotions}). Choose emotions that occur there."
            )
        replacements(clips, settings.roles, 0, settings.same_sex)
        unknown = [clip.id for clip in clips if clip.sex not in SEXES]
        if settings.weight and unknown:
            raise CorpusError(
                f"To hide sex it must be known of every clip, female or male; {unknown[0]!r} and {len(unknown) - 1} "
                "others have none. Fill the manifest's column, or set the weight to 0."
            )


def _meant(settings: ReplacementSettings, clip: Clip) -> str:
    """What role a release is to be read as."""
    role = settings.of(clip.emotion)
    return "neutral" if role == "sensitive" else role


def _guide(settings: ReplacementSettings, speech: Mapping[str, Speech], folder: Path, seed: int) -> Any:
    """A classifier of roles on clean vectors of the training part: no risk model, which nobody here knows."""
    train, validation = (speech[part] for part in PARTS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "guide"))
        network = DenseClassifier(ROLES, train.wave(0).shape[1])
    truth = [settings.of(clip.emotion) for clip in validation.clips]

    def objective(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        loss = network.loss(batch.waves, batch.lengths, [settings.of(clip.emotion) for clip in batch.clips]).mean()
        return loss, {"loss": loss}

    job = Job(
        name="guide",
        network=network,
        batches=lambda epoch: (train, train.shuffled(settings.batch_size, derive(seed, "guide", "order", epoch))),
        objective=objective,
        validate=lambda: {"uar": uar(truth, read_all(network, validation))},
        score=lambda row: row["uar"],
    )
    fit(job, _loop(settings), folder, seed)
    return checkpoint.freeze(network)


def _loop(settings: ReplacementSettings) -> LoopSettings:
    return LoopSettings(
        epochs=settings.epochs, batch_size=settings.batch_size, learning_rate=settings.learning_rate,
        schedule="constant", warm_up=0.0, patience=settings.patience,
    )  # fmt: skip


def _clearly_neutral(settings: ReplacementSettings, train: Speech, guide: Any) -> Tensor:
    """Neutral training vectors, of which only those are of use that the guide too takes for neutral."""
    heard = read_all(guide, train)
    neutral = [index for index, clip in enumerate(train.clips) if settings.of(clip.emotion) == "neutral"]
    clear = [index for index in neutral if heard[index] == "neutral"]
    return train.batch(clear if len(clear) > 1 else neutral).waves[:, 0].cpu()

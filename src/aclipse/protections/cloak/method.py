"""Cloak as a protection: release noised features, and be fitted in two stages against a frozen recogniser."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from aclipse.audio.segments import FeatureSettings, Scale, cut, log_mel, scale_of
from aclipse.contracts import Clip, Features, Release, Settings, Wave
from aclipse.errors import RunError
from aclipse.metrics.classification import uar
from aclipse.models.reversal import reverse
from aclipse.models.segmental import split
from aclipse.protections.cloak.noise import Noise, NoiseSettings
from aclipse.seeds import derive
from aclipse.training import checkpoint
from aclipse.training.batches import Batch, Speech, read_all
from aclipse.training.loop import Job, LoopSettings, Order, Progress, Row, fit

LIMIT = 60_000.0  # what half precision, in which features are released, can hold


class CloakSettings(Settings):
    """The training of φ; the numbers of the paper are in brackets."""

    mode: Literal["corrected", "paper"] = "corrected"  # paper: σ from 2e-9 in (0, 1), as printed; see docs/cloak.md
    form: Literal["universal", "adaptive"] = "universal"  # of σ: adaptive depends on the segment, by a small network
    secrets: tuple[str, ...] = Field(("sex",), strict=False)  # that adversaries are after; none: Cloak alone
    suppression: float = Field(60.0, ge=0, lt=100)  # SR: share of the elements that are removed, in % [0, 20, 40, 60]
    sparsity: float = Field(0.1, ge=0)  # λ [0.1]
    reversal: float = Field(0.1, ge=0)  # α [0.1]
    epochs: int = Field(12, ge=1)  # of perturbation training
    suppression_epochs: int = Field(8, ge=1)
    batch_size: int = Field(16, ge=1)  # recordings
    learning_rate: float = Field(1e-3, gt=0)  # Adam, of adversaries
    noise_rate: float = Field(0.03, gt=0)  # Adam, of μ and ρ
    precision: Literal["no", "bf16", "fp16"] = "no"  # mixed precision while learning; scores are of float32
    tracker: Literal["tensorboard"] | None = None  # as in LoopSettings
    fixed: bool = False  # one draw for an utterance, however often it is released: nothing is left to be averaged

    def noise(self, features: FeatureSettings) -> NoiseSettings:
        """The shape of φ for such features."""
        literal = {"start": -10.0, "least": 0.0, "most": 1.0} if self.mode == "paper" else {}
        return NoiseSettings(form=self.form, segment=features.segment, bands=features.bands, **literal)


class Adversary(NamedTuple):
    """Who must not succeed: a secret, a network that learns it during the training of φ, and each clip's answer."""

    name: str
    network: Any
    target: Callable[[Clip], str]


class Cloak:
    """A protection that releases log-mel features with learned noise, segment after segment.

    What leaves the device of a recording are its overlapping segments end to end, ``(count · segment, bands)``, rounded
    to half precision. A seed gives the same draw; another seed another one, unless ``fixed``.

    >>> features = FeatureSettings(segment=20, train_hop=10, test_hop=15, bands=16)
    >>> cloak = Cloak(Noise(NoiseSettings(segment=20, bands=16)), features)
    >>> cloak.release(np.zeros(8000, np.float32)).shape
    (80, 16)
    """

    releases = Release.FEATURES

    def __init__(
        self, noise: Noise, features: FeatureSettings, fixed: bool = False, corpus: Scale | None = None,
        speaker: Scale | None = None,
    ) -> None:  # fmt: skip
        self.noise: Noise = checkpoint.freeze(noise)
        self.features, self.fixed = features, fixed
        self.corpus = corpus  # the scale of the training part, which tells nothing of anybody
        self.speaker = speaker  # the scale of the device's only speaker, once enrolled
        self.name = "cloak" if noise.settings.form == "universal" else "cloak-adaptive"

    def __repr__(self) -> str:
        """Names the weights, so that two look alike only if they release alike."""
        digest = hashlib.sha256()
        for tensor in self.noise.state_dict().values():
            digest.update(tensor.cpu().numpy().tobytes())
        for scale in (self.corpus, self.speaker):
            digest.update(b"".join(part.tobytes() for part in scale or ()))
        return f"Cloak({digest.hexdigest()[:12]}, {self.noise.settings!r}, {self.features!r}, fixed={self.fixed})"

    def release(self, wave: Wave, seed: int = 0, scale: Scale | None = None) -> Features:
        """Protect one recording, ``(time,) -> (count · segment, bands)``.

        Bands are normalised by ``scale`` if it is given, else as the settings say: over the device's speaker, once
        enrolled, or over the recording itself; over the corpus; or not at all. Raises RunError for a corpus not known.
        """
        mel = log_mel(wave, self.features)
        normal = (scale or self.scale_for(mel)).apply(mel)
        if self.fixed:
            seed = derive(0, "fixed", hashlib.sha256(wave.tobytes()).hexdigest())
        return self._noised(cut(normal, self.features.segment, self.features.test_hop), seed)

    def scale_for(self, mel: Features) -> Scale:
        """By what the log-mel of a recording is normalised on this device; raises RunError for a corpus not known."""
        if self.features.normalisation == "none":
            return Scale(np.zeros(self.features.bands, np.float32), np.ones(self.features.bands, np.float32))
        if self.features.normalisation == "corpus":
            if self.corpus is None:
                raise RunError("this cloak normalises by its training corpus and does not know it. Train it again.")
            return self.corpus
        return self.speaker or scale_of(mel)

    def enrolled(self, recordings: Iterable[Wave]) -> Cloak:
        """The cloak of a device whose one speaker has made these recordings, where speakers are normalised."""
        if self.features.normalisation != "speaker":
            return self
        speaker = scale_of(*(log_mel(wave, self.features) for wave in recordings))
        return Cloak(self.noise, self.features, self.fixed, self.corpus, speaker)

    def release_blocks(self, blocks: Iterable[Wave], seed: int = 0) -> Iterator[Features]:
        """Protect a recording that arrives in blocks, once all are there, as normalisation needs."""
        yield self.release(np.concatenate([np.zeros(0, np.float32), *blocks]), seed)

    def noised(self, features: Features, seed: int = 0) -> Features:
        """φ of normalised segments end to end, ``(count · segment, bands)`` in and out.

        Raises RunError for features of another shape.
        """
        if self.fixed:
            seed = derive(0, "fixed", hashlib.sha256(np.float16(features).tobytes()).hexdigest())
        return self._noised(features, seed)

    @torch.no_grad()
    def undone(self, released: Features) -> Features:
        """What whoever has the device makes of a release without learning anything, of the same shape."""
        pieces = torch.from_numpy(np.ascontiguousarray(released)).reshape(
            -1, self.features.segment, self.features.bands
        )
        return self.noise.undone(pieces.to(self.noise.mu.device)).cpu().reshape(released.shape).numpy()

    @torch.no_grad()
    def _noised(self, features: Features, seed: int) -> Features:
        shape = self.features.segment, self.features.bands
        if features.ndim != 2 or len(features) % shape[0] or features.shape[1] != shape[1]:
            raise RunError(f"features {features.shape} are not whole segments of {shape[0]} frames by {shape[1]} bands")
        place = self.noise.rho.device
        pieces = torch.from_numpy(np.ascontiguousarray(features)).reshape(-1, *shape)
        draw = torch.randn(pieces.shape, generator=torch.Generator().manual_seed(seed % 2**63))
        noisy = self.noise(pieces.to(place), draw.to(place)).cpu().reshape(-1, shape[1]).numpy()
        return rounded(noisy)

    def save(self, path: Path) -> None:
        """Write weights and settings into one safetensors file."""
        settings = {"noise": self.noise.settings.model_dump(), "features": self.features.model_dump()}
        corpus = self.corpus and [part.tolist() for part in self.corpus]
        checkpoint.save(path, self.noise.state_dict(), {**settings, "fixed": self.fixed, "corpus": corpus})

    @classmethod
    def load(cls, path: Path) -> Cloak:
        """Read what `save` wrote; raises RunError for anything else."""
        tensors, facts = checkpoint.load(path)
        try:
            noise = Noise(NoiseSettings(**facts["noise"]))
            noise.load_state_dict(tensors)
            corpus = facts["corpus"] and Scale(*(np.array(part, np.float32) for part in facts["corpus"]))
            return cls(noise, FeatureSettings(**facts["features"]), facts["fixed"], corpus)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise RunError(f"{path} does not hold a cloak. Give cloak/weights.safetensors of a run.") from error


def rounded(features: Features) -> Features:
    """Features in half precision, as they are released, as float32."""
    return np.clip(features, -LIMIT, LIMIT).astype(np.float16).astype(np.float32)


class Trainer:
    """Fits φ: perturbation training learns μ and σ, suppression training then learns what stands in for the rest.

    Cloak with adversarial training, eqs 5, 7 and 10; ``guide`` stays frozen. Perturbation keeps its last epoch,
    suppression the one after which the guide reads validation clips best: nothing is chosen by what hides best.
    """

    def __init__(
        self, settings: CloakSettings, features: FeatureSettings, guide: Any, adversaries: Sequence[Adversary],
        speech: Mapping[str, Speech], seed: int,
    ) -> None:  # fmt: skip
        self.settings, self.features, self.guide, self.speech, self.seed = settings, features, guide, speech, seed
        self.adversaries = [one._replace(network=copy.deepcopy(one.network)) for one in adversaries]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "cloak"))
            self.noise = Noise(settings.noise(features))

    def perturb(self, folder: Path) -> Cloak:
        """Learn μ and σ."""
        self._stage("perturbation", self.settings.epochs, self.settings.sparsity, "epoch", folder)
        return Cloak(copy.deepcopy(self.noise), self.features, self.settings.fixed)

    def suppress(self, percent: float, folder: Path) -> Cloak:
        """Remove a share of the elements, from where perturbation training ended, and learn μ_s; 0 removes nothing.

        A trainer that has perturbed may suppress several shares, one after the other.
        """
        kept = copy.deepcopy((self.noise, self.adversaries))
        if percent:
            self.noise.suppress(percent)
            self._stage(f"suppression {percent:g}", self.settings.suppression_epochs, 0.0, "uar", folder)
        found = Cloak(self.noise, self.features, self.settings.fixed)
        self.noise, self.adversaries = kept
        return found

    def _stage(self, name: str, epochs: int, sparsity: float, best: str, folder: Path) -> Progress:
        s = self.settings
        networks = nn.ModuleDict({one.name: one.network for one in self.adversaries})
        loop = LoopSettings(
            epochs=epochs, batch_size=s.batch_size, learning_rate=s.learning_rate, schedule="constant", warm_up=0.0,
            precision=s.precision, tracker=s.tracker,
        )  # fmt: skip
        job = Job(
            name=name,
            network=nn.ModuleDict({"noise": self.noise, "adversaries": networks}),
            batches=lambda epoch: self._batches(name, epoch),
            objective=lambda batch: self.terms(batch, sparsity),
            validate=self._scores,
            score=lambda row: row[best],
            factors={"noise": s.noise_rate / s.learning_rate},
        )
        return fit(job, loop, folder, self.seed)

    def _batches(self, stage: str, epoch: int) -> Order:
        speech = self.speech["train"]
        return speech, speech.shuffled(self.settings.batch_size, derive(self.seed, "cloak", stage, epoch))

    def terms(self, batch: Batch, sparsity: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss on a batch (eq. 10; eq. 7 where ``sparsity`` is 0), and its terms; a fresh draw for each segment."""
        pieces, owner = split(batch.waves, batch.lengths, self.features.segment)
        lengths = torch.full((len(pieces),), self.features.segment, device=pieces.device)
        clips = [batch.clips[index] for index in owner.tolist()]
        protected = self.noise(pieces)
        found = {"cross_entropy": self.guide.loss(protected, lengths, [clip.emotion for clip in clips]).mean()}
        for one in self.adversaries:
            reversed_ = reverse(protected, self.settings.reversal)
            found[one.name] = one.network.loss(reversed_, lengths, [one.target(clip) for clip in clips]).mean()
        if sparsity:
            found["sparsity"] = self.noise.sparsity(pieces)
        weighted = [term * (sparsity if name == "sparsity" else 1.0) for name, term in found.items()]
        return torch.stack(weighted).sum(), found

    def _scores(self) -> Row:
        """UAR of the guide on validation segments after φ, and how large the noise is."""
        speech = self.speech["validation"]
        cloak = Cloak(copy.deepcopy(self.noise), self.features)
        released = speech.released(lambda signal, clip: cloak.noised(signal, derive(self.seed, clip.id)))
        truth = [clip.emotion for clip in speech.clips]
        sigma = cloak.noise.sigma(torch.zeros(1, *cloak.noise.rho.shape, device=cloak.noise.rho.device))
        return {"uar": uar(truth, read_all(self.guide, released)), "sigma": float(sigma.mean())}


def fit_cloak(
    settings: CloakSettings, features: FeatureSettings, guide: Any, adversaries: Sequence[Adversary],
    speech: Mapping[str, Speech], folder: Path, seed: int,
) -> Cloak:  # fmt: skip
    """Both stages, or what is left of them; ``speech`` holds segments of the parts ``train`` and ``validation``."""
    trainer = Trainer(settings, features, guide, adversaries, speech, seed)
    trainer.perturb(folder / "perturbation")
    return trainer.suppress(settings.suppression, folder / "suppression")

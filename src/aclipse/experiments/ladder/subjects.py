"""Who is judged: a name, what leaves the device, and which rungs are climbed against it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from aclipse.audio import files
from aclipse.contracts import Clip, Features, Guides, Signal, Wave
from aclipse.experiments.levels import Level, Rung
from aclipse.protections.baselines import PGD, Identity, LabelOnly, SpeechNoise, WhiteNoise
from aclipse.protections.baselines.noise import at_snr
from aclipse.protections.cloak.method import Cloak
from aclipse.protections.cloak.sound import CloakSound
from aclipse.protections.replacement.method import Replacement
from aclipse.registry import PROTECTIONS, load
from aclipse.seeds import derive

if TYPE_CHECKING:
    from aclipse.experiments.logmels import LogMels
    from aclipse.experiments.vectors import Vectors

COSTLY_STEPS = 50  # of optimisation an utterance: seconds each, so that few clips are protected

Releaser = Callable[[Signal, Clip], Signal]  # what a device would release of a clip, the clip → what leaves the device


@dataclass(frozen=True)
class Seeded:
    """A protection whose randomness depends on a seed and the clip alone; attackers get what `protect` writes."""

    protection: Any  # its `release` takes what an unprotected device would release
    seed: int
    quantized: Callable[[Signal], Signal] = files.quantized

    def __call__(self, signal: Signal, clip: Clip) -> Signal:
        return self.quantized(self.protection.release(signal, derive(self.seed, clip.id)))


@dataclass(frozen=True)
class Noised:
    """A protection of features on segments that are there already; of several draws of one utterance the mean."""

    cloak: Cloak
    draws: int = 1

    def release(self, features: Features, seed: int) -> Features:
        """``(count · segment, bands)`` in and out."""
        seeds = [seed] if self.draws == 1 else [derive(seed, "draw", draw) for draw in range(self.draws)]
        drawn = np.stack([self.cloak.noised(features, one) for one in seeds])
        mean: Features = drawn.mean(0, dtype=np.float64).astype(np.float32)
        return mean


@dataclass(frozen=True)
class Undone:
    """No protection but an attack: the mean of several draws, with the shift of a known device taken away."""

    cloak: Cloak
    draws: int

    def release(self, features: Features, seed: int) -> Features:
        """``(count · segment, bands)`` in and out."""
        return self.cloak.undone(Noised(self.cloak, self.draws).release(features, seed))


@dataclass(frozen=True)
class WhiteFeatures:
    """White Gaussian noise added to features at a signal-to-noise ratio in dB."""

    snr_db: float

    def release(self, features: Features, seed: int) -> Features:
        """``(count · segment, bands)`` in and out."""
        return features + at_snr(np.random.default_rng(seed).standard_normal(features.shape), features, self.snr_db)


@dataclass(frozen=True)
class Replaced:
    """A protection of vectors on vectors that are there already."""

    replacement: Replacement

    def release(self, features: Features, seed: int) -> Features:
        """``(1, components)`` in and out."""
        return self.replacement.replaced(features, seed)


@dataclass(frozen=True)
class FrontEnd:
    """A protection that gives sound, where features are released: those of the protected sound.

    Normalised as a device would that has the protected sound alone: by all protected recordings of the speaker, or by
    the recording's own; the scale of a corpus is that of its training part without protection.
    """

    version: ClassVar[str] = " 2"  # counted up when the same protection releases something else

    device: Seeded | Sounding  # gives the protected sound of a clip
    medium: LogMels | Vectors
    _speakers: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, features: Features, clip: Clip) -> Features:
        found = self._analysed(clip)
        return self.medium.quantized(self.medium.scaled(found, self._scale(found, clip)))

    def _analysed(self, clip: Clip) -> Features:
        return self.medium.analysed(files.quantized(self.device(files.read(clip.path), clip)))

    def _scale(self, found: Features, clip: Clip) -> Any:
        if self.medium.settings.normalisation != "speaker":
            return self.medium.scale(found, clip)
        self.enrol(clip.speaker)
        return self._speakers[clip.speaker]

    @property
    def enrolment(self) -> int:
        """How many recordings are protected for the scales of all speakers."""
        return len(self.medium.clips) if self.medium.settings.normalisation == "speaker" else 0

    def enrol(self, speaker: str) -> None:
        """Learn the scale of a speaker, once, where speakers are normalised."""
        if self.enrolment and speaker not in self._speakers:
            own = (one for one in self.medium.clips if one.speaker == speaker)
            self._speakers[speaker] = self.medium.scale_of([self._analysed(one) for one in own])


@dataclass(frozen=True)
class Sounding:
    """A protection of features, where sound is released: its features made to sound.

    The speaker's scale normalises them and stays on the device: it would tell listeners whose voice it is.
    """

    version: ClassVar[str] = " 2"  # as of FrontEnd

    protection: CloakSound
    seed: int
    medium: LogMels

    def __call__(self, wave: Wave, clip: Clip) -> Wave:
        scale = self.medium.store.scale(clip)
        return files.quantized(self.protection.release(wave, derive(self.seed, clip.id), scale=scale))


class Rival(NamedTuple):
    """What stands in the tables beside the judged protection, and meets the attackers that it meets."""

    name: str
    release: Releaser
    fingerprint: str


@dataclass(frozen=True)
class Subject:
    """One row of the tables."""

    name: str
    release: Releaser
    fingerprint: str  # changes when the release does
    rungs: tuple[Rung, ...]
    clips: int  # that its attackers learn from at most
    secrets: tuple[str, ...] | None = None  # on which the rungs are climbed; all if None
    judged: bool = False  # what the audit is about: it meets attackers of every budget and several seeds
    costly: bool = False  # so that few test clips are protected, and nothing is trained on

    @property
    def clean(self) -> bool:
        """Whether this is speech as it was recorded."""
        return self.name == "identity"

    @property
    def cloak(self) -> Cloak | None:
        """The cloak whose features it releases, which whoever has the device may turn against it."""
        noised = self.release.protection if isinstance(self.release, Seeded) else None
        return noised.cloak if isinstance(noised, Noised) else None


def clean_speech(level: Level, seed: int, quantized: Callable[[Signal], Signal] = files.quantized) -> Subject:
    """Speech as it was recorded, against which every attacker is tried first."""
    return Subject("identity", Seeded(Identity(), seed, quantized), "identity", level.rungs, level.attacker_clips)


def baseline(release: Seeded | FrontEnd, name: str, level: Level) -> Subject:
    """A trivial protection as a row of the tables; a costly one meets no attacker that learns."""
    version = release.version if isinstance(release, FrontEnd) else ""
    device = release.device if isinstance(release, FrontEnd) else release
    mark = hashlib.sha256(f"{device.protection!r} {device.seed}{version}".encode()).hexdigest()[:12]
    costly = getattr(device.protection, "steps", 0) >= COSTLY_STEPS
    rungs = () if costly else level.baseline_rungs
    return Subject(name, release, mark, rungs, level.attacker_clips, level.baseline_secrets, costly=costly)


def build(name: str, snr_db: float, guides: Guides) -> Any:
    """A trivial protection by name, at an SNR where it has one; raises RecipeError for a name that is not registered.

    >>> build("low-pass", 5.0, guides=None)
    LowPass({'cutoff': 2000.0})
    """
    kind, _, steps = name.partition("pgd-")
    if steps.isdigit() and not kind:
        return PGD(guides.words, snr_db=snr_db, steps=int(steps))
    protection = load(PROTECTIONS, name)
    if protection in (WhiteNoise, SpeechNoise):
        return protection(snr_db)
    return protection(guides.emotion) if protection is LabelOnly else protection()

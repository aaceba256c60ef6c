"""Who is judged: a name, what leaves the device, and which rungs are climbed against it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aclipse.audio import files
from aclipse.contracts import Clip, Guides, Protection, Wave
from aclipse.experiments.levels import Level, Rung
from aclipse.protections.baselines import PGD, Identity, LabelOnly, SpeechNoise, WhiteNoise
from aclipse.registry import PROTECTIONS, load
from aclipse.seeds import derive

COSTLY_STEPS = 50  # of optimisation an utterance: seconds each, so that few clips are protected

Releaser = Callable[[Wave, Clip], Wave]  # what leaves the device for a clip


@dataclass(frozen=True)
class Seeded:
    """A protection whose randomness depends on a seed and the clip alone; attackers get what `protect` writes."""

    protection: Protection
    seed: int

    def __call__(self, wave: Wave, clip: Clip) -> Wave:
        return files.quantized(self.protection.release(wave, derive(self.seed, clip.id)))


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


def clean_speech(level: Level, seed: int) -> Subject:
    """Speech as it was recorded, against which every attacker is tried first."""
    return Subject("identity", Seeded(Identity(), seed), "identity", level.rungs, level.attacker_clips)


def baseline(release: Seeded, name: str, level: Level) -> Subject:
    """A trivial protection as a row of the tables; a costly one meets no attacker that learns."""
    mark = hashlib.sha256(f"{release.protection!r} {release.seed}".encode()).hexdigest()[:12]
    costly = getattr(release.protection, "steps", 0) >= COSTLY_STEPS
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

"""Who is judged: the federation without a defence, the run's own mechanism, other runs', and sound protected first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from aclipse.atomic import replacing
from aclipse.audio import files
from aclipse.audio.functionals import functionals, size, version
from aclipse.contracts import Clip
from aclipse.errors import RunError
from aclipse.experiments import run as runs
from aclipse.experiments.ladder.subjects import Releaser, Seeded, Sounding
from aclipse.experiments.logmels import LogMels
from aclipse.experiments.updates.training import PART, Federated
from aclipse.experiments.updates.training import reopen as reopened
from aclipse.experiments.vectors import Vectors
from aclipse.protections.baselines import LowPass, WhiteNoise
from aclipse.protections.cloak.sound import CloakSound
from aclipse.protections.user_level_dp.clients import Rows, normalised
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings
from aclipse.records import file_hash

SNR_DB = 0.0  # of white noise: as strong as the speech
BASELINES = ("silence", "low-pass", "white-noise")  # what means something for updates
OPEN = PrivacySettings()  # no noise, no clipping


@dataclass(frozen=True)
class Subject:
    """One row of the tables: what becomes of the sound on the phone, and of the update that it makes."""

    name: str
    federation: FederationSettings
    privacy: PrivacySettings
    sound: Releaser | None = None  # before functionals; as recorded if None
    mark: str = ""  # changes when `sound` does
    sends: bool = True  # whether an update leaves at all

    @property
    def fingerprint(self) -> str:
        """Changes when what leaves does."""
        rules = [self.federation.model_dump(mode="json"), self.privacy.model_dump(mode="json")]
        return hashlib.sha256(json.dumps([self.name, self.mark, self.sends, *rules]).encode()).hexdigest()[:12]


def own_name(federation: FederationSettings, privacy: PrivacySettings) -> str:
    """What a mechanism is called in the tables.

    >>> own_name(FederationSettings(), PrivacySettings(mode="paper", epsilon=10.0))
    'user-level-dp'
    """
    if privacy.mode == "layered":
        return "layered-noise"
    if privacy.mode != "none":
        return "user-level-dp"
    return "pruned" if privacy.pruned else "representative" if federation.selection == "representative" else "federated"


def subjects(federated: Federated, baselines: tuple[str, ...]) -> list[Subject]:
    """The rows of an audit: the judged one first. Raises RunError for a run beside it that cannot become updates."""
    recipe = federated.recipe
    rules, plain = recipe.federation, recipe.federation.model_copy(update={"selection": "random"})
    found = [Subject(own_name(rules, recipe.privacy), rules, recipe.privacy), Subject("identity", plain, OPEN)]
    for folder in map(Path, recipe.audit.beside):
        one = _beside(federated, folder, plain)
        taken = any(other.name == one.name for other in found)
        name = f"{one.name} {folder.resolve().name}" if taken else one.name
        found.append(Subject(name, one.federation, one.privacy, one.sound, one.mark))
    simple = {"low-pass": LowPass(), "white-noise": WhiteNoise(SNR_DB)}
    for name in (name for name in BASELINES if name in baselines):
        sound = Seeded(simple[name], recipe.seed) if name in simple else None
        mark = f"{simple[name]!r} {recipe.seed}" if name in simple else ""
        found.append(Subject(name, plain, OPEN, sound, mark, sends=name != "silence"))
    return found


def _beside(federated: Federated, folder: Path, plain: FederationSettings) -> Subject:
    if runs.release_of(folder) == "updates":
        other = reopened(folder)
        if other.sides.split.hash != federated.sides.split.hash:
            raise RunError(f"{folder} is of another split than {federated.run.folder}. Train it on the same one.")
        rules, privacy = other.recipe.federation, other.recipe.privacy
        return Subject(own_name(rules, privacy), rules, privacy, mark=file_hash(other.run.weights(PART)))
    other_run = runs.find(folder)
    if isinstance(other_run.medium, Vectors):
        raise RunError(
            f"{folder} releases one vector of a recording, which is no sound: {federated.run.folder} cannot compute "
            "its functionals of it, and an update of other numbers cannot stand beside. Leave it out of audit.beside."
        )
    _check(federated, other_run, folder)
    sound = _sound(other_run, runs.load_protection(folder))
    name = "cloak-sound" if isinstance(sound, Sounding) else "cascade"
    weights = other_run.run.weights(other_run.medium.protection)
    return Subject(name, plain, OPEN, sound, f"{file_hash(weights)} {other_run.recipe.seed}")


def _check(federated: Federated, other: runs.Trained, folder: Path) -> None:
    learned = {clip.path for part in ("train", "validation") for clip in other.split.of(other.clips, part)}
    if any(clip.path in learned for clip in federated.sides.of("test")):
        raise RunError(
            f"{folder} has learned from recordings that are tested in {federated.run.folder}: it would look better "
            "than it is. Train it on the same speakers, or leave it out of audit.beside."
        )
    known = {clip.id for clip in other.clips}
    if isinstance(other.medium, LogMels) and not {clip.id for clip in federated.clips} <= known:
        raise RunError(
            f"{folder} knows no scale of some speakers of {federated.run.folder}, so that their features cannot be "
            "made to sound. Train it on the same manifests, or leave it out of audit.beside."
        )


def _sound(other: runs.Trained, protection: object) -> Seeded | Sounding:
    """The protected sound that a phone would have, by the other run's own seed."""
    if not isinstance(other.medium, LogMels):
        return Seeded(protection, other.recipe.seed)
    protection.corpus = protection.corpus or other.medium.public  # type: ignore[attr-defined]
    return Sounding(CloakSound(protection), other.recipe.seed, other.medium)  # type: ignore[arg-type]


def rows_of(federated: Federated, subject: Subject, folder: Path) -> Rows:
    """Normalised functionals of every clip of a run, its sound protected first; kept in ``folder``."""
    if subject.sound is None:
        return federated.rows
    kind = federated.recipe.updates.kind
    key = hashlib.sha256(repr([subject.mark, version(kind), *_stamps(federated.clips)]).encode()).hexdigest()[:12]
    path = folder / f"functionals-{key}.npy"
    if not path.is_file():
        rows = np.concatenate(list(_protected(federated.clips, subject.sound, kind)))
        with replacing(path) as partial, partial.open("wb") as file:
            np.save(file, rows)
    found: Rows = np.load(path).reshape(len(federated.clips), size(kind))
    return normalised(found, federated.clips)


def _protected(clips: list[Clip], sound: Releaser, kind: str) -> Iterator[Rows]:
    def one(clip: Clip) -> Rows:
        return functionals(files.quantized(sound(files.read(clip.path), clip)), kind)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        yield from pool.map(one, clips)


def _stamps(clips: list[Clip]) -> Iterator[tuple[str, str, int]]:
    for clip in clips:
        yield clip.id, str(clip.path.absolute()), clip.path.stat().st_mtime_ns

"""Who stands beside the judged protection and meets the attackers that it meets: its own mean, and other runs'."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from aclipse.errors import RunError
from aclipse.experiments import run as runs
from aclipse.experiments.ladder.subjects import FrontEnd, Releaser, Rival, Seeded, Sounding, Undone
from aclipse.experiments.logmels import LogMels
from aclipse.experiments.vectors import Vectors
from aclipse.protections.cloak.method import Cloak
from aclipse.protections.cloak.sound import CloakSound
from aclipse.records import file_hash

DRAWS = 10  # releases of one utterance that are averaged


def averaged(prepared: runs.Prepared, protection: Any, fingerprint: str) -> list[Rival]:
    """What whoever has the device makes of several releases of each utterance, without learning anything.

    Their mean, for noise that is drawn anew can be averaged away, and of it what φ has shifted put back in its place.
    """
    if not isinstance(protection, Cloak):
        return []
    release = Seeded(Undone(protection, DRAWS), prepared.recipe.seed, prepared.medium.quantized)
    return [Rival(f"{protection.name}-averaged", release, f"{fingerprint} {DRAWS} undone")]


def beside(prepared: runs.Prepared, taken: Collection[str]) -> list[Rival]:
    """The protections of the runs in ``audit.beside``, as releases of this run's medium; none has a name of ``taken``.

    Raises RunError for a run of another split, and for features that this run does not release.
    """
    found: list[Rival] = []
    for folder in map(Path, prepared.recipe.audit.beside):
        other = runs.find(folder)
        if other.split.hash != prepared.split.hash:
            raise RunError(
                f"{folder} is of another split ({other.split.name}) than {prepared.run.folder} "
                f"({prepared.split.name}): some of its training speakers would be tested. Train it on the same one."
            )
        protection, weights = runs.load_protection(folder), other.run.weights(other.medium.protection)
        name, release = _translated(prepared, other, protection)
        if name in {*taken, *(rival.name for rival in found)}:
            name = f"{name} {folder.resolve().name}"
        version = release.version if isinstance(release, FrontEnd | Sounding) else ""
        found.append(Rival(name, release, f"{file_hash(weights)} {other.recipe.seed}{version}"))
    return found


def _translated(prepared: runs.Prepared, other: runs.Trained, protection: Any) -> tuple[str, Releaser]:
    """What another run's protection releases, in this run's medium, by its own seed, and what it is called there."""
    own, theirs, seed = prepared.medium, other.medium, other.recipe.seed
    if isinstance(theirs, Vectors) and not isinstance(own, Vectors):
        raise RunError(
            f"{other.run.folder} releases one vector of a recording, which cannot become what {prepared.run.folder} "
            "releases. Audit that run, with this one beside it."
        )
    if isinstance(theirs, LogMels | Vectors) and type(own) is type(theirs):
        if own.settings != theirs.settings:
            raise RunError(f"{other.run.folder} releases other features than {prepared.run.folder}. Audit it alone.")
        if isinstance(own, Vectors) and isinstance(theirs, Vectors) and own.roles != theirs.roles:
            raise RunError(
                f"{other.run.folder} hides other emotions ({', '.join(theirs.sensitive)}) than {prepared.run.folder} "
                f"({', '.join(own.sensitive)}): one table would be unfair to one of them. Audit it alone."
            )
        return protection.name, own.seeded(protection, seed)
    name: str = protection.name
    device: Seeded | Sounding = Seeded(protection, seed)
    if isinstance(theirs, LogMels):
        protection.corpus = protection.corpus or theirs.public
        name, device = f"{name}-sound", Sounding(CloakSound(protection), seed, theirs)
    return name, FrontEnd(device, own) if isinstance(own, LogMels | Vectors) else device

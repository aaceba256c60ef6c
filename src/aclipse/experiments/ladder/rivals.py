"""Who stands beside the judged protection and meets the attackers that it meets: its own mean, and other runs'."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from aclipse.errors import RunError
from aclipse.experiments import run as runs
from aclipse.experiments.ladder.subjects import FrontEnd, Releaser, Rival, Seeded, Sounding, Undone
from aclipse.experiments.logmels import LogMels
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
    own, seed = prepared.medium, other.recipe.seed
    if not isinstance(other.medium, LogMels):
        release = FrontEnd(protection, seed, own) if isinstance(own, LogMels) else own.seeded(protection, seed)
        return protection.name, release
    if not isinstance(own, LogMels):
        protection.corpus = protection.corpus or other.medium.public
        return f"{protection.name}-sound", Sounding(CloakSound(protection), seed, other.medium)
    if own.settings != other.medium.settings:
        raise RunError(f"{other.run.folder} releases other features than {prepared.run.folder}. Audit it alone.")
    return protection.name, own.seeded(protection, seed)

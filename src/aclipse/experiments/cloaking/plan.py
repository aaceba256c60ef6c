"""What each table and figure of the Cloak paper needs, and on which part of which corpora.

``ROOT/cloak-HASH/``, the hash being that of the corpora, holds ``features/`` and, for each rotation and repeat, what
`jobs` leave; studies share what they have in common. The tables are beside it, in ROOT.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from aclipse.contracts import Clip
from aclipse.corpora import splits
from aclipse.corpora.manifest import Manifest
from aclipse.corpora.merge import improvised, merge
from aclipse.errors import CorpusError, RecipeError
from aclipse.experiments.cloaking import paper
from aclipse.experiments.cloaking.settings import CloakingSettings, parse_settings

log = logging.getLogger(__name__)

CLEAN, NOISE, CLOAK, ADVERSARIAL = "clean", "noise", "cloak", "cloak + adversary"
METHODS = (CLOAK, ADVERSARIAL)

STUDIES = {
    "cloak-table1": "Cloak, Table 1: segments of each emotion and corpus",
    "cloak-table2": "Cloak, Table 2: emotion and sex in clean features",
    "cloak-fig4": "Cloak, Fig. 4: emotion and sex after φ, against the share that is suppressed",
    "cloak-fig5": "Cloak, Fig. 5: where φ puts its noise, and what it suppresses",
}


class Place(NamedTuple):
    """One training of everything: a rotation of the speakers, and a seed."""

    rotation: int
    repeat: int


@dataclass(frozen=True)
class Plan:
    """A study on some corpora, as one manifest."""

    name: str
    manifest: Manifest
    output: Path
    settings: CloakingSettings
    rotations: int = paper.ROTATIONS
    repeats: int = 1
    changes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The study in words."""
        return STUDIES[self.name]

    @cached_property
    def root(self) -> Path:
        """Where what is trained lies; other corpora have another place."""
        digest = hashlib.sha256(f"{self.manifest.name}:{self.manifest.hash}".encode()).hexdigest()[:8]
        return self.output / f"cloak-{digest}"

    @property
    def corpora(self) -> list[str]:
        """Names, sorted."""
        return sorted({clip.extra["corpus"] for clip in self.manifest.clips})

    def places(self) -> list[Place]:
        """Every rotation and repeat."""
        return [Place(rotation, repeat) for rotation in range(self.rotations) for repeat in range(self.repeats)]

    def split(self, rotation: int) -> splits.Split:
        """Who is in which part."""
        if rotation not in self._splits:
            settings = self.settings
            self._splits[rotation] = splits.rotation(self.manifest.clips, rotation, settings.seed, settings.emotions)
        return self._splits[rotation]

    @cached_property
    def _splits(self) -> dict[int, splits.Split]:
        return {}


def make_plan(
    name: str,
    manifests: Sequence[Manifest],
    output: Path,
    size: tuple[int, int] = (paper.ROTATIONS, 1),
    changes: Sequence[str] = (),
) -> Plan:
    """A plan for a study on corpora merged; of those that have scripted parts the improvised ones.

    ``size`` is (rotations, repeats). Raises RecipeError for an unknown study or settings that do not hold, CorpusError
    where nothing usable is left or no rotation can be made.
    """
    if name not in STUDIES:
        raise RecipeError(f"there is no study {name!r}. Choose one of: {', '.join(STUDIES)}")
    settings = parse_settings(changes)
    both = merge([improvised(manifest) for manifest in manifests])
    chosen = Manifest(both.name, tuple(_usable(both.clips, settings.emotions)))
    plan = Plan(name, chosen, output, settings, *size, tuple(changes))
    for rotation in range(plan.rotations if name != "cloak-table1" else 0):
        plan.split(rotation)  # one that cannot be is an error before anything is trained
    return plan


def _usable(clips: Sequence[Clip], emotions: Sequence[str]) -> list[Clip]:
    felt = [clip for clip in clips if clip.emotion in emotions]
    known = [clip for clip in felt if clip.speaker and clip.sex]
    if not known:
        raise CorpusError(
            f"No clip has a speaker, a sex and one of the emotions {', '.join(emotions)}. "
            "Fill these columns of the manifest; `aclipse corpus check` shows what is missing."
        )
    if len(known) < len(felt):
        log.warning("%d of %d clips left out: no speaker or no sex", len(felt) - len(known), len(felt))
    return known

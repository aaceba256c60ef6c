"""Which part of which corpora a study is carried out on, and where what it trains lies.

``OUTPUT/KIND-HASH/``, the hash being that of the corpora, holds ``features/`` and, for each rotation and repeat, what
jobs leave; studies of one kind share what they have in common. The tables are beside it, in OUTPUT.
"""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from aclipse.contracts import Clip
from aclipse.corpora import splits
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError, RecipeError
from aclipse.experiments.study.jobs import Place

log = logging.getLogger(__name__)

ROTATIONS = 5


@dataclass(frozen=True)
class Plan(ABC):
    """A study on some corpora, as one manifest."""

    name: str  # its kind, a hyphen, and which table or figure
    manifest: Manifest
    output: Path
    settings: Any
    rotations: int = ROTATIONS
    repeats: int = 1
    changes: tuple[str, ...] = ()
    studies: ClassVar[Mapping[str, str]]  # of this kind, by name, in words

    @property
    def title(self) -> str:
        """The study in words."""
        return self.studies[self.name]

    @abstractmethod
    def open(self, place: Place) -> Any:
        """The bench that jobs of one place work at."""

    @abstractmethod
    def deal(self, rotation: int) -> splits.Split:
        """Share out the speakers anew."""

    @cached_property
    def root(self) -> Path:
        """Where what is trained lies; other corpora have another place."""
        digest = hashlib.sha256(f"{self.manifest.name}:{self.manifest.hash}".encode()).hexdigest()[:8]
        return self.output / f"{self.name.partition('-')[0]}-{digest}"

    @property
    def corpora(self) -> list[str]:
        """Names, sorted."""
        return sorted({clip.extra["corpus"] for clip in self.manifest.clips})

    def places(self) -> list[Place]:
        """Every rotation and repeat."""
        return [Place(rotation, repeat) for rotation in range(self.rotations) for repeat in range(self.repeats)]

    def place_folder(self, place: Place) -> Path:
        """Where the jobs of one rotation, repeat and seed work."""
        rotation = f"rotation-{place.rotation}-{self.split(place.rotation).hash}"
        return self.root / rotation / f"repeat-{place.repeat}-seed-{self.settings.seed}"

    def split(self, rotation: int) -> splits.Split:
        """Who is in which part."""
        if rotation not in self._splits:
            self._splits[rotation] = self.deal(rotation)
        return self._splits[rotation]

    def check_rotations(self) -> None:
        """Raise CorpusError for a rotation that cannot be made, before anything is trained; table 1 needs none."""
        for rotation in range(0 if self.name.endswith("-table1") else self.rotations):
            self.split(rotation)

    @cached_property
    def _splits(self) -> dict[int, splits.Split]:
        return {}

    def dealt(self) -> str:
        """How speakers were shared out, and the hashes of the rotations."""
        hashes = " ".join(self.split(rotation).hash for rotation in range(self.rotations))
        return f"rotation (seed {self.settings.seed}) [{hashes}]"

    def facts(self) -> dict[str, Any]:
        """What its numbers were made with, for a file beside them."""
        return {
            "study": self.title, "corpus": self.manifest.name, "corpus hash": self.manifest.hash,
            "corpora": self.corpora, "seed": self.settings.seed, "folds": self.rotations, "repeats": self.repeats,
            "changed settings": list(self.changes),
        }  # fmt: skip


def check_name(name: str, studies: Mapping[str, str]) -> None:
    """Raise RecipeError for a study that there is not."""
    if name not in studies:
        raise RecipeError(f"there is no study {name!r}. Choose one of: {', '.join(studies)}")


def usable(clips: Sequence[Clip], emotions: Sequence[str]) -> list[Clip]:
    """The clips of some emotions whose speaker and sex are known; raises CorpusError where there are none."""
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

"""What each table and figure of the Cloak paper needs, and on which part of which corpora."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aclipse.corpora import splits
from aclipse.corpora.manifest import Manifest
from aclipse.corpora.merge import improvised, merge
from aclipse.experiments.cloaking import paper
from aclipse.experiments.cloaking.bench import Bench
from aclipse.experiments.cloaking.settings import CloakingSettings, parse_settings
from aclipse.experiments.study import plan
from aclipse.experiments.study.jobs import Place

CLEAN, NOISE, CLOAK, ADVERSARIAL = "clean", "noise", "cloak", "cloak + adversary"
METHODS = (CLOAK, ADVERSARIAL)

STUDIES = {
    "cloak-table1": "Cloak, Table 1: segments of each emotion and corpus",
    "cloak-table2": "Cloak, Table 2: emotion and sex in clean features",
    "cloak-fig4": "Cloak, Fig. 4: emotion and sex after φ, against the share that is suppressed",
    "cloak-fig5": "Cloak, Fig. 5: where φ puts its noise, and what it suppresses",
}


@dataclass(frozen=True)
class Plan(plan.Plan):
    """A study of the Cloak paper on some corpora."""

    studies = STUDIES

    settings: CloakingSettings

    def open(self, place: Place) -> Bench:
        """The bench that jobs of one place work at."""
        return Bench(self, place)

    def deal(self, rotation: int) -> splits.Split:
        """Share out the speakers anew."""
        return splits.rotation(self.manifest.clips, rotation, self.settings.seed, self.settings.emotions)


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
    plan.check_name(name, STUDIES)
    settings = parse_settings(changes)
    both = merge([improvised(manifest) for manifest in manifests])
    chosen = Manifest(both.name, tuple(plan.usable(both.clips, settings.emotions)))
    found = Plan(name, chosen, output, settings, *size, tuple(changes))
    found.check_rotations()
    return found

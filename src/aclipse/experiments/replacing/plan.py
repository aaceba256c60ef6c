"""What each table and figure of the replacement autoencoder's paper needs, and on which part of which corpora."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aclipse.corpora import splits
from aclipse.corpora.manifest import Manifest
from aclipse.corpora.merge import merge
from aclipse.experiments.replacing import paper
from aclipse.experiments.replacing.bench import Bench
from aclipse.experiments.replacing.settings import ReplacingSettings, parse_settings
from aclipse.experiments.study import plan
from aclipse.experiments.study.jobs import Place
from aclipse.training.projection import check_speakers

STUDIES = {
    "rae-table1": "Replacement autoencoder, Table I: clips of each emotion and corpus",
    "rae-table3": "Replacement autoencoder, Table III: what is required, and what is sensitive",
    "rae-table4": "Replacement autoencoder, Table IV: sex",
    "rae-fig3": "Replacement autoencoder, Fig. 3: as what each role is read",
}


@dataclass(frozen=True)
class Plan(plan.Plan):
    """A study of the replacement autoencoder on some corpora."""

    studies = STUDIES

    settings: ReplacingSettings

    def open(self, place: Place) -> Bench:
        """The bench that jobs of one place work at."""
        return Bench(self, place)

    def deal(self, rotation: int) -> splits.Split:
        """Share out the speakers anew."""
        s = self.settings
        return splits.rotation(self.manifest.clips, rotation, s.seed, s.emotions, paper.VALIDATION, by_session=True)


def make_plan(
    name: str,
    manifests: Sequence[Manifest],
    output: Path,
    size: tuple[int, int] = (plan.ROTATIONS, 1),
    changes: Sequence[str] = (),
) -> Plan:
    """A plan for a study on corpora merged, of the emotions that have a role in some scenario.

    ``size`` is (rotations, repeats); the figure has one of each. Raises RecipeError for an unknown study or settings
    that do not hold, CorpusError where nothing usable is left or no rotation can be made.
    """
    plan.check_name(name, STUDIES)
    settings = parse_settings(changes)
    both = merge(manifests)
    chosen = Manifest(both.name, tuple(plan.usable(both.clips, settings.emotions)))
    check_speakers(chosen.clips, settings.functionals)
    found = Plan(name, chosen, output, settings, *((1, 1) if name == "rae-fig3" else size), tuple(changes))
    found.check_rotations()
    return found

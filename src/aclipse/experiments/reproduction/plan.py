"""What each table and figure of the paper needs trained, and where it lies on disk.

``ROOT/BACKBONE/SPLIT/fold-K/`` is a run with the fold's recognisers and ``clean.csv``, how they read the clean
test part; below it ``cells/VARIANT-HASH/repeat-R/``, the hash being that of its settings, holds one cascade with
``history.csv`` (every epoch's accuracy and WER), ``weights.safetensors`` and ``clips.csv``. Studies share
what they have in common.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aclipse.corpora import splits
from aclipse.corpora.manifest import Manifest
from aclipse.errors import RecipeError
from aclipse.experiments import guides
from aclipse.experiments.recipe import AuditSettings, Recipe, parse_recipe
from aclipse.experiments.reproduction import paper
from aclipse.experiments.run import check_same, chosen, usable
from aclipse.protections.cascade.method import CascadeSettings
from aclipse.records import Run


@dataclass(frozen=True)
class Variant:
    """A cascade with a few settings unlike the published one's; one that ``shares`` goes on from its stage 1."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    shares: bool = False
    first_only: bool = False  # nothing is read from its stage 2, which lasts one epoch


PUBLISHED = Variant("published")


def _lambdas(setting: str, **how: bool) -> tuple[Variant, ...]:
    others = (Variant(f"{setting}-{value:g}", {setting: value}, **how) for value in paper.LAMBDAS if value != 1.0)
    return (PUBLISHED, *others)


@dataclass(frozen=True)
class Study:
    """One table or figure."""

    title: str
    variants: tuple[Variant, ...] = (PUBLISHED,)
    ablation: bool = False  # on the ablated backbone alone
    transfer: bool = False  # every cascade is also judged by the other backbones' recognisers
    once: bool = False  # one fold and repeat are enough


STUDIES = {
    "table1": Study("Table I: four backbones, clean and protected"),
    "fig3": Study("Fig. 3: weight λ1 of CTC in stage 1", _lambdas("lambda_one", first_only=True), ablation=True),
    "fig4": Study("Fig. 4: weight λ2 of CTC in stage 2", _lambdas("lambda_two", shares=True), ablation=True),
    "fig5": Study("Fig. 5: which module stage 2 tunes", (PUBLISHED, Variant("tuned-so", {"tuned": "so"}, shares=True)),
                  ablation=True),
    "fig6": Study("Fig. 6: spectrograms before and after", ablation=True, once=True),
    "fig7": Study("Fig. 7: confusion of emotions before and after", ablation=True),
    "transfer": Study("Transfer: protected against one backbone, read by each", transfer=True),
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One cascade to be trained: a variant in one fold of one split, with one seed."""

    backbone: str
    kind: str
    fold: int
    variant: Variant
    repeat: int


@dataclass(frozen=True)
class Plan:
    """A study on a corpus: which backbones (name → weights), splits, folds and repeats."""

    name: str
    study: Study
    manifest: Manifest
    root: Path
    backbones: Mapping[str, str]
    kinds: Sequence[str]
    folds: int = paper.FOLDS
    repeats: int = paper.REPEATS
    changes: Sequence[str] = ()

    def cells(self) -> Iterator[Cell]:
        """Every cascade of the study, fold by fold; a variant comes after the one whose stage 1 it shares."""
        for backbone, kind, fold in self.places():
            for repeat in range(self.repeats):
                for variant in self.study.variants:
                    yield Cell(backbone, kind, fold, variant, repeat)

    def places(self) -> list[tuple[str, str, int]]:
        """Every backbone, split and fold."""
        return [(b, kind, fold) for b in self.backbones for kind in self.kinds for fold in range(self.folds)]

    def run_folder(self, backbone: str, kind: str, fold: int) -> Path:
        """Where a fold's recognisers are."""
        return self.root / backbone / kind / f"fold-{fold}"

    def cell_folder(self, cell: Cell) -> Path:
        """Where a cascade is; one of other settings has another place."""
        settings = self.cascade(cell).model_dump_json(exclude={"tracker"})
        digest = hashlib.sha256(settings.encode()).hexdigest()[:8]
        place = self.run_folder(cell.backbone, cell.kind, cell.fold)
        return place / "cells" / f"{cell.variant.name}-{digest}" / f"repeat-{cell.repeat}"

    def cascade(self, cell: Cell) -> CascadeSettings:
        """The settings of a cascade; where ablations are drawn the test part is watched, never for a choice."""
        settings = self.recipe(cell.backbone, cell.kind, cell.fold).cascade.model_dump()
        settings |= {**cell.variant.settings, "watch_test": cell.backbone == paper.ABLATED}
        if cell.variant.first_only:
            first = settings["stage_one_epochs"] or settings["epochs"] // 2
            settings |= {"stage_one_epochs": first, "epochs": first + 1}
        return CascadeSettings(**settings)

    def recipe(self, backbone: str, kind: str, fold: int) -> Recipe:
        """The settings of a fold; its variants change some of those of the cascade."""
        settings = paper.protocol(backbone, self.backbones[backbone], kind, fold)
        return parse_recipe(settings, "reproduce", self.changes)

    def recognisers(self, backbone: str, kind: str, fold: int) -> Recipe:
        """The settings of a fold's run; cascades and audits of any settings share it, so it has none of theirs."""
        recipe = self.recipe(backbone, kind, fold)
        return recipe.model_copy(update={"cascade": CascadeSettings(), "audit": AuditSettings()})

    def check(self) -> None:
        """Raise what would stop the study later: a split that cannot be, missing weights, runs of other settings."""
        for place in self.places():
            recipe, run = self.recognisers(*place), Run(self.run_folder(*place))
            manifest = chosen(self.manifest, recipe.corpus.only)
            if (run.folder / "run.json").exists():
                check_same(run, recipe, manifest)
            else:
                emotions = recipe.corpus.emotions
                splits.split(usable(manifest), **recipe.split.model_dump(), seed=recipe.seed, emotions=emotions)
            guides.check(run, recipe.evaluators)


def make_plan(
    name: str,
    manifest: Manifest,
    root: Path,
    backbones: Sequence[str] = (),
    kinds: Sequence[str] = (),
    size: tuple[int, int] = (paper.FOLDS, paper.REPEATS),
    changes: Sequence[str] = (),
) -> Plan:
    """A plan for a study; what is left empty is as in the paper, on a comparable and on an honest split.

    A backbone is one of the paper's names, or NAME=WEIGHTS with a hub id or a folder; ``size`` is (folds, repeats).
    Raises RecipeError for an unknown study or backbone, or settings that do not hold.
    """
    if name not in STUDIES:
        raise RecipeError(f"there is no study {name!r}. Choose one of: {', '.join(STUDIES)}")
    study = STUDIES[name]
    wanted = dict(_named(entry) for entry in backbones or (paper.ABLATED,) * study.ablation or paper.BACKBONES)
    folds, repeats = (1, 1) if study.once else size
    plan = Plan(name, study, manifest, root, wanted, kinds or _kinds(manifest), folds, repeats, changes)
    for place in plan.places():
        plan.recipe(*place)  # a wrong setting is an error before anything is trained
    return plan


def _named(entry: str) -> tuple[str, str]:
    name, _, source = entry.partition("=")
    if name not in paper.BACKBONES:
        raise RecipeError(
            f"--backbone {entry}: write NAME or NAME=WEIGHTS, with a hub id or a folder; NAME says which row of the "
            f"paper it stands beside: {', '.join(paper.BACKBONES)}"
        )
    return name, source or paper.BACKBONES[name].hub


def _kinds(manifest: Manifest) -> tuple[str, str]:
    sessions = {clip.session for clip in manifest.clips}
    honest = "leave-one-session-out" if "" not in sessions and len(sessions) >= paper.FOLDS else "speaker-kfold"
    return "utterance-kfold", honest

"""Carrying out a plan: recognisers of each fold, cascades, and how the test part is read; all of it resumes."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from aclipse.atomic import replacing, write_table
from aclipse.audio import files
from aclipse.contracts import Clip, Guides, Wave
from aclipse.experiments.recipe import AuditSettings
from aclipse.experiments.reproduction.plan import PUBLISHED, Cell, Plan
from aclipse.experiments.run import Prepared, load_cascade, prepare
from aclipse.metrics.quality import snr_db
from aclipse.metrics.transcription import word_edits
from aclipse.models import text
from aclipse.protections.cascade.method import CascadeSettings, Trainer
from aclipse.training import processes
from aclipse.training.batches import Speech, read_all

log = logging.getLogger(__name__)

COLUMNS = ["id", "speaker", "emotion", "felt", "said", "heard", "edits", "words", "snr_db"]


def carry_out(plan: Plan) -> None:
    """Train and score all that the plan lacks; what an interrupted call has done is kept."""
    log.info(plan.study.title)
    for place, cells in groupby(plan.cells(), lambda cell: (cell.backbone, cell.kind, cell.fold)):
        todo = [cell for cell in cells if not (plan.cell_folder(cell) / "clips.csv").exists()]
        folder = plan.run_folder(*place)
        if todo or not (folder / "clean.csv").exists():
            prepared = _recognisers(plan, *place)
            _score(folder / "clean.csv", prepared.guides, prepared.speech["test"], lambda wave, clip: wave)
            for cell in todo:
                _train(plan, cell, prepared)
    if plan.study.transfer:
        for judge, kind, fold in plan.places():
            _judge_the_others(plan, judge, kind, fold)


def _recognisers(plan: Plan, backbone: str, kind: str, fold: int) -> Prepared:
    """A fold's run; cascades and audits of any settings share it, so none of theirs are among its own."""
    recipe = plan.recipe(backbone, kind, fold)
    recipe = recipe.model_copy(update={"cascade": CascadeSettings(), "audit": AuditSettings()})
    return prepare(recipe, plan.manifest, plan.run_folder(backbone, kind, fold), resume=True)


def judged(folder: Path, judge: str) -> Path:
    """How another backbone's recognisers read a cell's test part."""
    return folder / f"judged-by-{judge}.csv"


def _train(plan: Plan, cell: Cell, prepared: Prepared) -> None:
    folder = plan.cell_folder(cell)
    log.info("%s, %s fold %d: %s, repeat %d", cell.backbone, cell.kind, cell.fold, cell.variant.name, cell.repeat)
    if cell.variant.shares and processes.is_main() and not (folder / "stage-1").exists():
        with replacing(folder / "stage-1") as partial:
            shutil.copytree(plan.cell_folder(replace(cell, variant=PUBLISHED)) / "stage-1", partial)
    processes.wait()
    if not (folder / "weights.safetensors").exists():
        cascade = Trainer(plan.cascade(cell), prepared.guides, prepared.speech, cell.repeat).run(folder)
        if processes.is_main():
            cascade.save(folder / "weights.safetensors")
        processes.wait()
    _score(folder / "clips.csv", prepared.guides, prepared.speech["test"], _releaser(folder))


def _judge_the_others(plan: Plan, judge: str, kind: str, fold: int) -> None:
    others = [cell for cell in plan.cells() if (cell.kind, cell.fold) == (kind, fold) and cell.backbone != judge]
    todo = [cell for cell in others if not judged(plan.cell_folder(cell), judge).exists()]
    if todo:
        prepared = _recognisers(plan, judge, kind, fold)
        for cell in todo:
            folder = plan.cell_folder(cell)
            _score(judged(folder, judge), prepared.guides, prepared.speech["test"], _releaser(folder))


def _releaser(folder: Path) -> Callable[[Wave, Clip], Wave]:
    cascade = load_cascade(folder / "weights.safetensors")
    cascade.network.to(processes.device())
    return lambda wave, clip: files.quantized(cascade.release(wave))


def _score(path: Path, guides: Guides, clean: Speech, release: Callable[[Wave, Clip], Wave]) -> None:
    """Write how the frozen recognisers read every clip after ``release``, one row a clip."""
    if path.exists():
        return
    protected = clean.released(release)
    felt, heard = read_all(guides.emotion, protected), read_all(guides.words, protected)
    if processes.is_main():
        write_table(path, COLUMNS, _rows(clean, protected, felt, heard))
    processes.wait()


def _rows(clean: Speech, protected: Speech, felt: list[str], heard: list[str]) -> Iterator[dict[str, Any]]:
    for index, clip in enumerate(clean.clips):
        said = text.normalize(clip.transcript)
        edits, words = word_edits(said, heard[index])
        yield {
            "id": clip.id, "speaker": clip.speaker, "emotion": clip.emotion, "felt": felt[index],
            "said": said, "heard": heard[index], "edits": edits, "words": words,
            "snr_db": round(snr_db(clean.wave(index), protected.wave(index)), 3),
        }  # fmt: skip

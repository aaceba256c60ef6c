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
from aclipse.experiments.reproduction.plan import PUBLISHED, Cell, Plan
from aclipse.experiments.run import Prepared, load_cascade, prepare
from aclipse.metrics.quality import snr_db
from aclipse.metrics.transcription import word_edits
from aclipse.models import text
from aclipse.protections.cascade.method import Trainer
from aclipse.training import processes
from aclipse.training.batches import Speech, read_all

log = logging.getLogger(__name__)

COLUMNS = ["id", "speaker", "emotion", "felt", "said", "heard", "edits", "words", "snr_db"]


def carry_out(plan: Plan) -> None:
    """Train and score all that the plan lacks; what an interrupted call has done is kept."""
    plan.check()
    log.info(plan.study.title)
    for place, cells in groupby(plan.cells(), lambda cell: (cell.backbone, cell.kind, cell.fold)):
        _one_fold(plan, place, list(cells))
    if plan.study.transfer:
        for place in plan.places():
            _judge_the_others(plan, *place)


def _one_fold(plan: Plan, place: tuple[str, str, int], cells: list[Cell]) -> None:
    todo = [cell for cell in cells if not (plan.cell_folder(cell) / "clips.csv").exists()]
    clean = plan.run_folder(*place) / "clean.csv"
    if todo or not clean.exists():
        prepared = _recognisers(plan, *place)
        _score(clean, prepared.guides, prepared.speech["test"], lambda wave, clip: wave)
        for cell in todo:
            _train(plan, cell, prepared)


def _recognisers(plan: Plan, backbone: str, kind: str, fold: int) -> Prepared:
    recipe = plan.recognisers(backbone, kind, fold)
    return prepare(recipe, plan.manifest, plan.run_folder(backbone, kind, fold), resume=True)


def reading(cell: Cell, judge: str) -> str:
    """The table of how a backbone's recognisers read a cell's test part: its own, or another's."""
    return "clips.csv" if judge == cell.backbone else f"judged-by-{judge}.csv"


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
    _score(folder / "clips.csv", prepared.guides, prepared.speech["test"], releaser(folder))


def _judge_the_others(plan: Plan, judge: str, kind: str, fold: int) -> None:
    others = [cell for cell in plan.cells() if (cell.kind, cell.fold) == (kind, fold) and cell.backbone != judge]
    todo = [cell for cell in others if not (plan.cell_folder(cell) / reading(cell, judge)).exists()]
    if todo:
        prepared = _recognisers(plan, judge, kind, fold)
        for cell in todo:
            folder = plan.cell_folder(cell)
            _score(folder / reading(cell, judge), prepared.guides, prepared.speech["test"], releaser(folder))


def releaser(folder: Path) -> Callable[[Wave, Clip], Wave]:
    """What a trained cell makes of a clip, as `protect` would write it."""
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

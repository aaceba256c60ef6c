"""The frozen recognisers of a run: which they are, how they are trained, kept on disk, loaded and copied."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any
from uuid import uuid4

from torch import Tensor, nn

from aclipse.atomic import write_text
from aclipse.attackers.words import WORDS
from aclipse.audio.augment import augment
from aclipse.contracts import Guides
from aclipse.errors import RunError
from aclipse.evaluators.emotion import EMOTION
from aclipse.experiments.medium import SOUND, Medium
from aclipse.experiments.recipe import EvaluatorSettings, Recipe
from aclipse.models import pretrained, selfsupervised
from aclipse.records import Run
from aclipse.seeds import derive
from aclipse.training import checkpoint, processes
from aclipse.training.batches import Batch, Speech, read_all
from aclipse.training.loop import Job, Order, fit
from aclipse.training.recognition import Task, new_recognizer, train_recognizer

log = logging.getLogger(__name__)

BACKBONES = {"emotion": selfsupervised.EmotionBackbone, "words": selfsupervised.WordsBackbone}


def tasks(settings: EvaluatorSettings) -> tuple[Task, Task]:
    """What the two recognisers read, and how a new one of them is made."""
    source, frozen = settings.backbone, settings.freeze_front_end
    if source == "compact":
        return EMOTION, WORDS
    name = Path(source).name

    def emotion(targets: Any) -> nn.Module:
        return selfsupervised.new_emotion(source, sorted(set(targets)), frozen)

    def words(targets: Any) -> nn.Module:
        return selfsupervised.new_words(source, frozen)

    return (
        replace(EMOTION, judge=f"{name}-emotion", build=emotion),
        replace(WORDS, judge=f"{name}-words", build=words),
    )


def check(run: Run, settings: EvaluatorSettings) -> None:
    """Raise BackboneError for a backbone that is needed and not there, MissingExtra without transformers."""
    trained = all(run.weights(name).exists() for name in BACKBONES)
    if not trained and settings.source == "train" and settings.backbone != "compact":
        pretrained.check(settings.backbone)


def judging(guides: Guides, settings: EvaluatorSettings) -> dict[Task, Any]:
    """What the recognisers of a run read, named by what they are, beside them."""
    found = {}
    for task, network in zip((EMOTION, WORDS), guides, strict=True):
        if network is None:
            continue
        if isinstance(network, selfsupervised.Backbone):
            compact = settings.backbone == "compact"  # they came from a folder
            name = network.model.config.model_type if compact else Path(settings.backbone).name
            task = replace(task, judge=f"{name}-{task.name}")
        found[task] = network
    return found


def obtain(run: Run, recipe: Recipe, heard: dict[Task, dict[str, Speech]], medium: Medium = SOUND) -> Guides:
    """Train the recognisers that the run lacks, or copy them; ``heard`` is the speech that each learns from."""
    lacking = [task for task in heard if not run.weights(task.name).exists()]
    if lacking and recipe.evaluators.source != "train":
        for task in lacking:
            _copy(run, task, recipe.evaluators.source, heard[task]["test"], medium)
    elif lacking and recipe.evaluators.shared_encoder:
        _train_shared(run, recipe, heard)
    else:
        for task in lacking:
            _train(run, task, recipe, heard[task])
    processes.wait()
    return load(run, medium)


def load(run: Run, medium: Medium = SOUND) -> Guides:
    """The frozen recognisers of a run, on this process's device; what is equal in them runs once for both."""
    found = [checkpoint.freeze(_load(run.folder / name, medium)[0]) for name in medium.recognisers]
    if isinstance(found[0], selfsupervised.Backbone):
        shared = selfsupervised.share(*found)
        log.info("the two recognisers share: %s", shared)
    return Guides(*(network.to(processes.device()) for network in found))


def _train(run: Run, task: Task, recipe: Recipe, speech: dict[str, Speech]) -> None:
    network = new_recognizer(task, speech["train"], recipe.seed)
    parts, loop = (speech["train"], speech["validation"]), getattr(recipe.evaluators, task.name)
    progress = train_recognizer(task, network, parts, loop, run.folder / task.name, recipe.seed)
    _save(run, task.name, network, speech, progress.best_score)
    if processes.is_main():  # four times the network; what it is for has ended
        (run.folder / task.name / "checkpoint.safetensors").unlink(missing_ok=True)


def _train_shared(run: Run, recipe: Recipe, heard: dict[Task, dict[str, Speech]]) -> None:
    """One encoder under both heads, cross-entropy + α · CTC (Cai et al. 2021), saved as two checkpoints."""
    emotion, words = heard
    speech, loop = heard[emotion], recipe.evaluators.emotion
    heads = [new_recognizer(task, speech["train"], recipe.seed) for task in heard]
    selfsupervised.share(*heads)

    def objective(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        waves, lengths = augment(batch.waves, batch.lengths) if loop.augment else (batch.waves, batch.lengths)
        losses = {
            task.name: head.loss(waves, lengths, [task.target(clip) for clip in batch.clips]).mean()
            for task, head in zip(heard, heads, strict=True)
        }
        return losses["emotion"] + recipe.evaluators.shared_weight * losses["words"], losses

    def scores(part: Speech) -> dict[str, float]:
        truths = ((task, [task.target(clip) for clip in part.clips]) for task in heard)
        return {t.name: t.score(truth, read_all(head, part)) for (t, truth), head in zip(truths, heads, strict=True)}

    def order(epoch: int) -> Order:
        return speech["train"], speech["train"].shuffled(loop.batch_size, derive(recipe.seed, "shared", "order", epoch))

    job = Job(
        "shared", nn.ModuleList(heads), order, objective,
        lambda: {f"{name} validation": score for name, score in scores(speech["validation"]).items()},
        lambda row: row["emotion validation"] + row["words validation"],
    )  # fmt: skip
    fit(job, loop, run.folder / "shared", recipe.seed)
    found = scores(speech["validation"])
    for task, head in zip((emotion, words), heads, strict=True):
        _save(run, task.name, head, speech, found[task.name])
    if processes.is_main():
        (run.folder / "shared" / "checkpoint.safetensors").unlink(missing_ok=True)


def _save(run: Run, name: str, network: Any, speech: dict[str, Speech], validation: float) -> None:
    heard = sorted({clip.speaker for part in ("train", "validation") for clip in speech[part].clips})
    facts = {key: run.facts[key] for key in ("corpus", "split")} | {"speakers": heard, "validation": validation}
    _write(run, name, network, facts)


def _write(run: Run, name: str, network: Any, facts: dict[str, Any]) -> None:
    if not processes.is_main():
        return
    if isinstance(network, selfsupervised.Backbone):
        partial = run.folder / name / f".{uuid4().hex}.part"
        partial.mkdir(parents=True)
        network.save(partial)
        write_text(partial / "facts.json", json.dumps(facts))
        _move_in(partial, run.folder / name)
    else:
        checkpoint.save_module(run.weights(name), network, **facts)


def _move_in(partial: Path, folder: Path) -> None:
    """Move files into place, the weights last: where they are, all is."""
    for path in sorted(partial.iterdir(), key=lambda path: path.name == "model.safetensors"):
        path.replace(folder / path.name)
    partial.rmdir()


def _load(folder: Path, medium: Medium) -> tuple[Any, dict[str, Any]]:
    if not (folder / "config.json").exists():
        return _load_compact(folder / "weights.safetensors", folder.name, medium)
    path = folder / "facts.json"
    facts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return selfsupervised.load(BACKBONES[folder.name], str(folder)), facts


def _load_compact(path: Path, name: str, medium: Medium) -> tuple[Any, dict[str, Any]]:
    network, facts = checkpoint.load_module(path, medium.kind("compact", name))
    if not medium.reads(network):
        raise RunError(f"{path} reads another kind of signal than this run releases. Take one of a run like it.")
    facts.pop("settings")
    return network, facts


def _copy(run: Run, task: Task, source: str, test: Speech, medium: Medium) -> None:
    if source == "built-in":
        with as_file(files("aclipse") / "assets" / f"{task.name}.safetensors") as path:
            network, facts = _load_compact(path, task.name, medium)
    else:
        network, facts = _load(Path(source) / task.name, medium)
    known = sorted({clip.speaker for clip in test.clips} & set(facts.get("speakers", ())))
    if known and facts.get("split", {}).get("hash") != run.facts["split"]["hash"]:
        raise RunError(
            f"the {task.name} recogniser of {source!r} was trained on {len(known)} of the test speakers "
            f"({', '.join(known[:3])}). Use the split that it was trained with, or evaluators.source='train'."
        )
    if "speakers" not in facts:
        log.warning(
            "nothing says whom the %s recogniser of %s was trained on: maybe on test speakers", task.name, source
        )
    _write(run, task.name, network, facts)

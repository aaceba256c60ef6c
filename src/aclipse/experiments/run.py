"""The flow of a training: corpus → split → frozen recognisers → protection, each finished part kept on disk."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aclipse import __version__
from aclipse.atomic import sweep
from aclipse.attackers.words import WORDS
from aclipse.contracts import Clip, Guides
from aclipse.corpora import manifest as manifests
from aclipse.corpora import splits
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError, RecipeError, RunError
from aclipse.experiments import fitting, guides
from aclipse.experiments.logmels import LogMels
from aclipse.experiments.medium import SOUND, Medium, Waveforms
from aclipse.experiments.recipe import Recipe, parse_recipe
from aclipse.experiments.vectors import Vectors
from aclipse.protections.cascade.method import Cascade
from aclipse.protections.cloak.method import Cloak
from aclipse.protections.replacement.method import Replacement
from aclipse.records import Run, environment, file_hash, now
from aclipse.training import checkpoint, processes
from aclipse.training.batches import Speech

log = logging.getLogger(__name__)

MEDIA: dict[str, type[Medium]] = {"waveform": Waveforms, "features": LogMels, "functionals": Vectors}
NO_RELEASE = (
    "{} is a federated model: what leaves a phone there is an update of training, and nothing of a single recording. "
    "Updates are sent by `aclipse federate`; judge what they tell with `aclipse audit`."
)


@dataclass(frozen=True)
class Prepared:
    """A run whose split is drawn and whose recognisers are trained."""

    run: Run
    recipe: Recipe
    speech: dict[str, Speech]
    guides: Guides
    split: splits.Split
    medium: Medium = SOUND


def prepare(recipe: Recipe, manifest: Manifest, folder: Path, resume: bool = False) -> Prepared:
    """Open a run folder, draw the split, and train the frozen recognisers or copy them.

    Raises RunError if the folder holds a run and ``resume`` is off, or a run of other settings; what `fitting.check`
    raises where features are released; RecipeError where updates are.
    """
    if recipe.release == "updates":
        raise RecipeError("where updates leave there are no recognisers to train first: train the whole run")
    manifest, emotions = chosen(manifest, recipe.corpus.only), recipe.emotions
    clips = usable(manifest, MEDIA[recipe.release].recognisers)
    manifest.only(emotions)  # an emotion that no clip has is an error before anything is written
    split = splits.split(clips, **recipe.split.model_dump(), seed=recipe.seed, emotions=emotions)
    run, judged = Run(folder), _judged(clips, split, emotions)
    fitting.check(recipe, judged)  # what the protection lacks is told before hours of training
    guides.check(run, recipe.evaluators)
    if processes.is_main():
        begin(run, recipe, manifest, resume)
        splits.write(split, folder / "split.csv")
        manifests.write(manifest, folder / "manifest.csv")
        counts = {part: len(own) for part, own in judged.items()}
        run.note(split={"name": split.name, "hash": split.hash, **counts})
    processes.wait()
    medium = medium_of(recipe, clips, split, folder)
    speech = {part: medium.speech(own) for part, own in judged.items()}
    return Prepared(run, recipe, speech, _guides(run, recipe, clips, split, speech, medium), split, medium)


def _guides(
    run: Run, recipe: Recipe, clips: Sequence[Clip], split: splits.Split, speech: dict[str, Speech], medium: Medium
) -> Guides:
    if all(run.weights(name).exists() for name in medium.recognisers):
        return guides.load(run, medium)
    # words can be learned from every emotion, so that recogniser hears all clips of the training part
    lessons = {
        "emotion": lambda: medium.lesson(speech["train"], recipe.seed),
        "words": lambda: medium.speech(split.of(clips, "train")),
    }
    asked = [medium.task(task) for task in guides.tasks(recipe.evaluators) if task.name in medium.recognisers]
    heard = {task: {**speech, "train": lessons[task.name]()} for task in asked}
    return guides.obtain(run, recipe, heard, medium)


def train(recipe: Recipe, manifest: Manifest, folder: Path | str, resume: bool = False) -> Run:
    """Train the recognisers and the protection of a recipe into a run folder.

    With ``resume``, what an interrupted run of the same recipe and corpus has done is kept, and the final weights are
    those of a run that was never interrupted.
    """
    if recipe.release == "updates":
        from aclipse.experiments.updates.training import train as federate  # which builds on this module

        return federate(recipe, manifest, Path(folder), resume)
    prepared = prepare(recipe, manifest, Path(folder), resume)
    run, part = prepared.run, prepared.medium.protection
    if not run.weights(part).exists():
        protection = fitting.fitted(recipe, prepared.guides, prepared.speech, prepared.medium, run.folder / part)
        if processes.is_main():
            protection.save(run.weights(part))
    if processes.is_main():
        run.note(weights={name: file_hash(run.weights(name)) for name in (*prepared.medium.recognisers, part)})
    return run


@dataclass(frozen=True)
class Trained:
    """A run whose recognisers are there, of which nothing is in memory yet."""

    run: Run
    recipe: Recipe
    clips: list[Clip]
    split: splits.Split
    medium: Medium


def find(folder: Path, changes: Sequence[str] = ()) -> Trained:
    """A run trained before; ``changes`` are overrides of its recipe's section ``audit``.

    Raises RunError if the folder holds none or it is not finished, RecipeError for an override of anything else.
    """
    run, recipe = recalled(folder, changes)
    if recipe.release == "updates":
        raise RunError(NO_RELEASE.format(folder))
    recognisers = MEDIA[recipe.release].recognisers
    unfinished = [part for part in recognisers if not run.weights(part).exists()]
    if unfinished:
        raise RunError(f"{folder} has no {unfinished[0]} recogniser yet. Go on with: aclipse train … --resume")
    clips, split = usable(manifests.read(folder / "manifest.csv"), recognisers), splits.read(folder / "split.csv")
    return Trained(run, recipe, clips, split, medium_of(recipe, clips, split, folder))


def recalled(folder: Path, changes: Sequence[str] = ()) -> tuple[Run, Recipe]:
    """A run and its recipe, whatever it releases; errors as of `find`, whether it is finished aside."""
    run = Run(folder)
    wrong = [change for change in changes if not change.startswith("audit.")]
    if wrong:
        raise RecipeError(f"--set {wrong[0]}: after training, only settings of the section audit can be changed")
    if "recipe" not in run.facts:
        raise RunError(f"{folder / 'run.json'} has no recipe. Delete the folder and train again.")
    return run, parse_recipe(run.facts["recipe"], str(folder / "run.json"), changes)


def release_of(folder: Path) -> str:
    """What a run releases, as its recipe calls it; raises RunError where there is no run."""
    return str(Run(folder).facts.get("recipe", {}).get("release", "waveform"))


def reopen(folder: Path, changes: Sequence[str] = ()) -> Prepared:
    """The same with its speech and its recognisers; errors as of `find`."""
    found = find(folder, changes)
    run, recipe, medium = found.run, found.recipe, found.medium
    judged = _judged(found.clips, found.split, recipe.emotions)
    speech = {part: medium.speech(own) for part, own in judged.items()}
    return Prepared(run, recipe, speech, guides.load(run, medium), found.split, medium)


def medium_of(recipe: Recipe, clips: Sequence[Clip], split: splits.Split, folder: Path) -> Medium:
    """What a recipe releases; of features, ``clips`` are all that will be heard of."""
    if recipe.release == "waveform":
        return SOUND
    parts = tuple(clips), tuple(split.of(clips, "train")), folder / "features"
    if recipe.release == "features":
        return LogMels(recipe.features, *parts)
    return Vectors(recipe.functionals, recipe.replacement.roles, *parts)


def chosen(manifest: Manifest, only: dict[str, str]) -> Manifest:
    """The clips whose columns have the values of ``only``; raises CorpusError if there are none."""
    kept = tuple(c for c in manifest.clips if all(_column(c, name) == value for name, value in only.items()))
    if not kept:
        raise CorpusError(f"no clip of {manifest.name!r} has {only}. See its columns with `aclipse corpus check`.")
    return Manifest(manifest.name, kept)


def _column(clip: Clip, name: str) -> str:
    return str(getattr(clip, name, clip.extra.get(name, "")))


def is_complete(clip: Clip, recognisers: Sequence[str] = Medium.recognisers) -> bool:
    """Whether a clip has a speaker and, if there is a recogniser of words, a transcript."""
    return bool(clip.speaker and ("words" not in recognisers or WORDS.target(clip)))


def usable(manifest: Manifest, recognisers: Sequence[str] = Medium.recognisers) -> list[Clip]:
    """The clips that are complete; a warning counts the others.

    Raises CorpusError if there are none.
    """
    clips = [clip for clip in manifest.clips if is_complete(clip, recognisers)]
    needed = ("transcript", "speaker")["words" not in recognisers :]
    if not clips:
        raise CorpusError(
            f"no clip of {manifest.name!r} has a {' and a '.join(needed)}. "
            "Fill the manifest's columns; `aclipse corpus check` shows what is missing."
        )
    if len(clips) < len(manifest.clips):
        left_out, total = len(manifest.clips) - len(clips), len(manifest.clips)
        log.warning("%d of %d clips left out: no %s", left_out, total, " or no ".join(needed))
    return clips


def parts(clips: Sequence[Clip], split: splits.Split, emotions: Sequence[str] = ()) -> dict[str, Speech]:
    """The recordings of each part of a split, those with one of ``emotions`` if any are given."""
    return {part: Speech(own) for part, own in _judged(clips, split, emotions).items()}


def _judged(clips: Sequence[Clip], split: splits.Split, emotions: Sequence[str]) -> dict[str, list[Clip]]:
    kept = [clip for clip in clips if not emotions or clip.emotion in emotions]
    return {part: split.of(kept, part) for part in splits.PARTS}


def load_cascade(folder: Path | str) -> Cascade:
    """The protection of a finished run, given the run's folder or a weights file.

    Raises RunError if there is none.
    """
    path = Path(folder)
    return Cascade.load(path if path.suffix == ".safetensors" else Run(path).weights("cascade"))


def load_protection(folder: Path | str) -> Cascade | Cloak | Replacement:
    """The protection of a finished run, of sound, features or vectors, given the run's folder or a weights file.

    Raises RunError if there is none.
    """
    path = Path(folder)
    if path.suffix != ".safetensors":
        run = Run(path)
        release = release_of(path) if (path / "run.json").exists() else "waveform"
        if release == "updates":
            raise RunError(NO_RELEASE.format(path))
        path = run.weights(MEDIA[release].protection)
    facts = checkpoint.load(path)[1]
    if "federation" in facts:
        raise RunError(NO_RELEASE.format(path))
    kinds: dict[str, type[Cloak | Replacement]] = {"noise": Cloak, "roles": Replacement}
    return next((kind for fact, kind in kinds.items() if fact in facts), Cascade).load(path)


def begin(run: Run, recipe: Recipe, manifest: Manifest, resume: bool) -> None:
    """Note what a run is of in its folder; raises RunError for a folder that holds another one, or anything else."""
    folder = run.folder
    made_with = environment(torch.get_num_threads())
    if (folder / "run.json").exists():
        if not resume:
            raise RunError(f"{folder} already holds a run. Go on with --resume, or give another folder with --output.")
        check_same(run, recipe, manifest)
        sweep(folder)
        facts, asked = run.facts, _asked(recipe, manifest)
        if facts["recipe"] != asked["recipe"]:  # how it will be audited, or tracked, is another matter now
            run.note(recipe=asked["recipe"])
        if facts["environment"] != made_with:
            log.warning("resuming with %s what began with %s: weights may differ", made_with, facts["environment"])
        return
    if folder.exists() and any(path.suffix != ".part" for path in folder.iterdir()):  # a kill may leave a part
        raise RunError(f"{folder} holds something else than a run. Give an empty or a new folder with --output.")
    run.note(aclipse=__version__, created=now(), environment=made_with, **_asked(recipe, manifest))


def check_same(run: Run, recipe: Recipe, manifest: Manifest) -> None:
    """Raise RunError if a run there is of another recipe, corpus or seed.

    Where curves are tracked and how the run will be audited makes none other.
    """
    wanted = json.loads(json.dumps(_asked(recipe, manifest)))
    facts = run.facts
    if isinstance(facts.get("recipe"), dict):  # one of an earlier version lacks the sections that came later
        facts["recipe"] = {**Recipe().model_dump(mode="json"), **facts["recipe"]}
    differing = [key for key in wanted if _trained(wanted[key]) != _trained(facts.get(key))]
    if differing:
        raise RunError(f"{run.folder} holds a run of another {' and '.join(differing)}. Give another --output.")


def _asked(recipe: Recipe, manifest: Manifest) -> dict[str, Any]:
    return {"recipe": recipe.model_dump(mode="json"), "corpus": describe(manifest), "seed": recipe.seed}


def _trained(settings: Any) -> Any:
    """What of some settings the trained weights depend on."""
    if not isinstance(settings, dict):
        return settings
    return {name: _trained(value) for name, value in settings.items() if name not in ("tracker", "audit")}


def describe(manifest: Manifest) -> dict[str, Any]:
    """Facts that identify a corpus."""
    return {
        "name": manifest.name,
        "hash": manifest.hash,
        "clips": len(manifest.clips),
        "bytes": sum(clip.path.stat().st_size for clip in manifest.clips if clip.path.exists()),
        "speakers": len({clip.speaker for clip in manifest.clips}),
        "emotions": list(manifest.emotions),
    }

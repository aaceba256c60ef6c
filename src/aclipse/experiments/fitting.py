"""Fitting a run's protection: a cascade to sound, to features a cloak, to vectors a replacement autoencoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aclipse.attackers.attributes import SEX
from aclipse.attackers.verification import SPEAKER
from aclipse.audio.functionals import version
from aclipse.contracts import Clip, Guides
from aclipse.errors import CorpusError, RecipeError
from aclipse.experiments.logmels import LogMels
from aclipse.experiments.medium import Medium
from aclipse.experiments.recipe import Recipe
from aclipse.experiments.vectors import Vectors
from aclipse.protections.cascade.method import Cascade, Trainer
from aclipse.protections.cloak.method import Adversary, Cloak, fit_cloak
from aclipse.protections.replacement.method import Replacement
from aclipse.protections.replacement.training import check_roles, fit_replacement
from aclipse.training.batches import Speech
from aclipse.training.projection import check_speakers
from aclipse.training.recognition import new_recognizer

SECRETS = {"sex": SEX, "speaker": SPEAKER}  # that an adversary may be after


def fitted(
    recipe: Recipe, guides: Guides, speech: dict[str, Speech], medium: Medium, folder: Path
) -> Cascade | Cloak | Replacement:
    """The protection of a recipe, fitted to the training part of what a device would release without one.

    What an interrupted training has left in ``folder`` is gone on with. Errors as of `adversaries`.
    """
    if isinstance(medium, Vectors):
        return fit_replacement(recipe.replacement, medium.store.projection, speech, folder, recipe.seed)
    if not isinstance(medium, LogMels):
        return Trainer(recipe.cascade, guides, speech, recipe.seed).run(folder)
    against = adversaries(recipe.cloak.secrets, medium, speech["train"], recipe.seed)
    lesson = {**speech, "train": medium.lesson(speech["train"], recipe.seed)}
    cloak = fit_cloak(recipe.cloak, medium.settings, guides.emotion, against, lesson, folder, recipe.seed)
    cloak.corpus = medium.public
    return cloak


def check(recipe: Recipe, clips: Mapping[str, Sequence[Clip]]) -> None:
    """Raise RecipeError, CorpusError or MissingExtra for what fitting would lack in the parts of a split.

    Sound lacks nothing.
    """
    if recipe.release == "features":
        check_secrets(recipe.cloak.secrets, clips["train"])
    if recipe.release == "functionals":
        version(recipe.functionals.kind)  # which raises MissingExtra without the package that computes them
        check_speakers([clip for part in clips.values() for clip in part], recipe.functionals)
        check_roles(recipe.replacement, clips)


def check_secrets(secrets: Sequence[str], train: Sequence[Clip]) -> None:
    """Raise RecipeError for a secret that no adversary is after, CorpusError where it is not known of every clip."""
    for name in secrets:
        if name not in SECRETS:
            raise RecipeError(f"cloak.secrets: no adversary is after {name!r}. Choose from: {', '.join(SECRETS)}")
        labels = [SECRETS[name].target(clip) for clip in train]
        if "" in labels or len(set(labels)) < 2:
            raise CorpusError(
                f"an adversary after {name} needs it of every training clip, and two kinds; {labels.count('')} of "
                f"{len(labels)} clips have none. Fill the manifest's column, or leave it out of cloak.secrets."
            )


def adversaries(secrets: Sequence[str], medium: LogMels, train: Speech, seed: int) -> list[Adversary]:
    """New networks that learn secrets of the training part, segment by segment, while a cloak is fitted.

    Errors as of `check_secrets`.
    """
    check_secrets(secrets, train.clips)
    tasks = {name: medium.segmental(SECRETS[name]) for name in secrets}
    return [Adversary(name, new_recognizer(task, train, seed), task.target) for name, task in tasks.items()]

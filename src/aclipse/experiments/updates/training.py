"""From a manifest to a federated model: who takes part, who listens, and the global model that is kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aclipse.audio.functionals import FunctionalSettings, version
from aclipse.contracts import Clip
from aclipse.corpora import manifest as manifests
from aclipse.corpora import splits
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError, MissingExtra, RecipeError, RunError
from aclipse.experiments import run as runs
from aclipse.experiments.recipe import Recipe
from aclipse.experiments.updates.leaks import overheard
from aclipse.protections.user_level_dp import accounting
from aclipse.protections.user_level_dp.clients import Client, Rows, normalised, partition
from aclipse.protections.user_level_dp.selection import view
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings
from aclipse.protections.user_level_dp.simulate import Federation
from aclipse.records import Run, file_hash
from aclipse.seeds import derive
from aclipse.training import checkpoint
from aclipse.training.functionals import functionals_of

log = logging.getLogger(__name__)

PART = "federated"  # of a run: the global model
NOTHING = "Nothing is promised: there is no noise that could be accounted for."
LABEL = (
    "ε = {epsilon:g} is the label of the paper’s closed form at δ = 0.5. It promises nothing: clipping the gradients of"
    " batches does not bound an update, so that its noise has no sensitivity to be measured by{more}."
)


@dataclass(frozen=True)
class Sides:
    """The clips of a run: of those who take part and are tested, and of the adversary."""

    private: list[Clip]
    split: splits.Split
    others: list[Clip]  # of other corpora; none where there is one corpus alone

    @property
    def shadow(self) -> list[Clip]:
        """The speech of the adversary: other corpora, else speakers of the same one who do not take part."""
        return self.others or [clip for part in ("validation", "test") for clip in self.of(part)]

    def of(self, part: str) -> list[Clip]:
        """Private clips of a part of the split."""
        return self.split.of(self.private, part)


@dataclass(frozen=True)
class Federated:
    """A run and its speech."""

    run: Run
    recipe: Recipe
    sides: Sides

    @cached_property
    def clips(self) -> list[Clip]:
        """Private ones, then the other corpora's."""
        return [*self.sides.private, *self.sides.others]

    @cached_property
    def rows(self) -> Rows:
        """Functionals of `clips` as they were recorded, normalised within speakers, ``(clips, size)``."""
        kind = FunctionalSettings(kind=self.recipe.updates.kind)
        return normalised(functionals_of(self.clips, kind, self.run.folder / "features"), self.clips)

    def of(self, clips: Sequence[Clip], rows: Rows) -> Rows:
        """Those of ``rows``, which are of `clips`, that are of some clips."""
        places = {clip.id: place for place, clip in enumerate(self.clips)}
        return rows[np.array([places[clip.id] for clip in clips], int)]

    def clients(self, rows: Rows) -> list[Client]:
        """The speakers of the training part, with rows of `clips` that may be protected ones."""
        own = self.sides.of("train")
        return partition(own, self.of(own, rows), self.recipe.emotions, derive(self.recipe.seed, "clients"))

    def federation(self, rows: Rows, settings: FederationSettings, privacy: PrivacySettings, seed: int) -> Federation:
        """These speakers, about to learn."""
        return Federation(self.clients(rows), len(self.recipe.emotions), settings, privacy, derive(seed, "federation"))


def train(recipe: Recipe, manifest: Manifest, folder: Path, resume: bool = False) -> Run:
    """Train a federated model into a run folder; what was interrupted is done again, to the same weights.

    Raises RunError as `run.prepare`, CorpusError for a corpus without speakers or emotions, RecipeError for a private
    corpus that there is not, and privacy that cannot be promised to so few, MissingExtra without what it needs.
    """
    version(recipe.updates.kind)
    manifest = runs.chosen(manifest, recipe.corpus.only)
    sides, run = divided(manifest, recipe), Run(folder)
    federated = Federated(run, recipe, sides)
    _check(federated)
    runs.begin(run, recipe, manifest, resume)
    splits.write(sides.split, folder / "split.csv")
    manifests.write(manifest, folder / "manifest.csv")
    counts = {part: len(sides.of(part)) for part in splits.PARTS}
    run.note(split={"name": sides.split.name, "hash": sides.split.hash, **counts})
    path = run.weights(PART)
    if not path.exists():
        federation = federated.federation(federated.rows, recipe.federation, recipe.privacy, recipe.seed)
        log.info("%d clients learn together for %d rounds", len(federation.clients), len(federation.rounds))
        (listener,) = overheard([federation], choose=True)
        facts = _facts(federated, federation)
        checkpoint.save(path, {"weights": listener.kept}, facts)
        run.note(federated=facts)
    run.note(federated=checkpoint.load(path)[1], weights={PART: file_hash(path)})
    return run


def reopen(folder: Path, changes: Sequence[str] = ()) -> Federated:
    """A run that was trained before; raises RunError where it is not finished, else as `run.find`."""
    run, recipe = runs.recalled(folder, changes)
    if not run.weights(PART).exists():
        raise RunError(f"{folder} has no federated model yet. Go on with: aclipse train … --resume")
    manifest = manifests.read(folder / "manifest.csv")
    private, others = _corpora(manifest, recipe)
    return Federated(run, recipe, Sides(private, splits.read(folder / "split.csv"), others))


def divided(manifest: Manifest, recipe: Recipe) -> Sides:
    """Who takes part, who is tested and what an adversary has; errors as of `train`."""
    manifest.only(recipe.emotions)
    private, others = _corpora(manifest, recipe)
    split = splits.split(private, **recipe.split.model_dump(), seed=recipe.seed, emotions=recipe.emotions)
    return Sides(private, split, others)


def _corpora(manifest: Manifest, recipe: Recipe) -> tuple[list[Clip], list[Clip]]:
    clips = [clip for clip in manifest.clips if clip.speaker and clip.emotion in recipe.emotions]
    if not clips:
        raise CorpusError(f"no clip of {manifest.name!r} has a speaker and one of {', '.join(recipe.emotions)}.")
    corpora = list(dict.fromkeys(clip.extra.get("corpus", manifest.name) for clip in clips))
    named = recipe.updates.private or corpora[0]
    if named not in corpora:
        raise RecipeError(f"updates.private: there is no corpus {named!r}. Choose from: {', '.join(corpora)}.")
    own = [clip.extra.get("corpus", manifest.name) == named for clip in clips]
    return tuple([clip for clip, is_own in zip(clips, own, strict=True) if is_own is side] for side in (True, False))  # type: ignore[return-value]


def _check(federated: Federated) -> None:
    """Tell what the privacy lacks before anything is computed: too few clients, a δ too large, a missing package."""
    blank = np.zeros((len(federated.clips), 1), np.float32)
    recipe = federated.recipe
    federated.federation(blank, recipe.federation, recipe.privacy, recipe.seed)


def promises(federation: Federation) -> list[str]:
    """What a federation promises to whom, in sentences, and what it does not."""
    privacy, promised = federation.privacy, federation.mechanism.guarantee
    if promised:
        found = list(promised.lines)
    elif privacy.epsilon is not None:
        found = [LABEL.format(epsilon=privacy.epsilon, more=_honest(federation))]
    else:
        found = [NOTHING]
    speakers = {client.speaker for client in federation.clients}
    if promised and len(speakers) < len(federation.clients):
        count = len(federation.clients)
        found.append(f"{len(speakers)} speakers are cut into {count} clients: nothing is promised to a whole speaker")
    return found


def _honest(federation: Federation) -> str:
    """ε that its noise would have if the sensitivity it assumes were true, where each update is seen."""
    privacy, settings, users = federation.privacy, federation.settings, len(federation.clients)
    assert privacy.epsilon is not None
    noise = accounting.paper_multiplier(privacy.epsilon, settings.share, settings.rounds)
    seen = view(federation.rounds, settings, PrivacySettings(place="local"))
    try:
        epsilon = accounting.epsilon_of(noise, 1 / users, seen)
    except MissingExtra:
        return ""
    return f"; were it as assumed, ε = {epsilon:.3g} at δ = 1/{users} would hold against who sees a client’s updates"


def _facts(federated: Federated, federation: Federation) -> dict[str, Any]:
    recipe, sides = federated.recipe, federated.sides
    taken = np.bincount([one for chosen in federation.rounds for one in chosen], minlength=len(federation.clients))
    facts = {
        "federation": recipe.federation.model_dump(mode="json"),
        "privacy": recipe.privacy.model_dump(mode="json"),
        "functionals": version(recipe.updates.kind),
        "kind": recipe.updates.kind,
        "emotions": list(recipe.emotions),
        "inputs": federation.shape.inputs,
        "numbers": federation.shape.size,
        "clients": len(federation.clients),
        "rounds": len(federation.rounds),
        "most_rounds": int(taken.max()),  # that one client took part in
        "view": "central" if federation.mechanism.central else "local",
        "chosen": "last" if recipe.privacy.mode == "strict" else "best",
        "guarantee": promises(federation),
        "shadow": _shadow(sides),
    }
    return dict(json.loads(json.dumps(facts)))


def _shadow(sides: Sides) -> str:
    speakers, corpora = {clip.speaker for clip in sides.shadow}, {clip.extra.get("corpus", "") for clip in sides.others}
    if sides.others:
        return f"{len(speakers)} speakers of {', '.join(sorted(corpora))}"
    return f"{len(speakers)} speakers of the same corpus who do not take part: closer to it than a stranger’s would be"

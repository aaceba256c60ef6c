"""From functionals to the few numbers that networks read: min-max scaling, then principal components."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from aclipse.audio.functionals import FunctionalSettings, functionals, names, version
from aclipse.contracts import Clip, Features, Wave
from aclipse.errors import CorpusError, RunError
from aclipse.training.batches import Speech
from aclipse.training.features import OnDone
from aclipse.training.functionals import functionals_of

Array = npt.NDArray[np.float32]


class ProjectionSettings(FunctionalSettings):
    """How functionals become vectors; the paper does not say over whom it normalises."""

    normalisation: Literal["speaker", "corpus", "training"] = "speaker"  # whose recordings are 0 and 1 of
    components: int = Field(256, ge=2)


class Ranges(NamedTuple):
    """Least and greatest value of each functional, ``(size,)``."""

    low: Array
    high: Array

    def apply(self, rows: Array) -> Array:
        """Between 0 and 1, and there for what lies beyond; 0 for what never changes."""
        wide = self.high - self.low
        above = np.clip(rows, self.low, self.high) - self.low  # within first: divided by next to nothing it overflows
        return (above / np.where(wide > 0, wide, 1)).astype(np.float32)

    def undo(self, scaled: Array) -> Array:
        """In the functionals' own units."""
        return (scaled * (self.high - self.low) + self.low).astype(np.float32)


def ranges_of(rows: Array) -> Ranges:
    """The ranges of some recordings' functionals, ``(count, size)``.

    >>> ranges_of(np.float32([[1, 5], [3, 5]])).apply(np.float32([[2, 5], [9, 7]])).tolist()
    [[0.5, 0.0], [1.0, 0.0]]
    """
    return Ranges(rows.min(0), rows.max(0))


class Projection:
    """What turns functionals into vectors on any device; fitted to a training part by `fit_projection`.

    ``ranges`` are those of each corpus where corpora normalise, and under "" those for anybody: of the training part,
    or where speakers normalise those of its average speaker. None tells anything of a single person.
    """

    def __init__(
        self, settings: ProjectionSettings, ranges: Mapping[str, Ranges], mean: Array, axes: Array, made_by: str = ""
    ) -> None:
        self.settings, self.ranges, self.mean, self.axes = settings, dict(ranges), mean, axes
        self.made_by = made_by or version(settings.kind)

    @property
    def size(self) -> int:
        """Numbers in a vector."""
        return len(self.axes)

    def range_for(self, corpus: str = "") -> Ranges:
        """What scales a recording of a corpus, or of anybody."""
        return self.ranges.get(corpus, self.ranges[""])

    def apply(self, rows: Array, ranges: Ranges) -> Array:
        """Functionals ``(count, size)`` as vectors ``(count, components)``."""
        vectors: Array = ((ranges.apply(rows) - self.mean) @ self.axes.T).astype(np.float32)
        return vectors

    def undo(self, vectors: Array) -> Array:
        """Vectors as functionals in their own units, by the ranges of anybody, ``(count, components) -> (…, size)``.

        What the components left out is gone, and a speaker's own ranges stay on the device.
        """
        return self.ranges[""].undo(vectors @ self.axes + self.mean)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the functionals that `undo` gives."""
        return names(self.settings.kind)

    def enrolled(self, waves: Sequence[Wave]) -> Ranges:
        """The ranges of a speaker who has made some recordings; raises CorpusError for fewer than two."""
        if len(waves) < 2:
            raise CorpusError(
                f"{len(waves)} recording of a speaker has no range to be normalised by. Give several of each speaker, "
                "or choose the normalisation corpus or training."
            )
        return ranges_of(np.concatenate([functionals(wave, self.settings.kind) for wave in waves]))

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Tensors and facts to be saved; `restore` makes a projection of them."""
        tensors = {"projection.mean": torch.from_numpy(self.mean), "projection.axes": torch.from_numpy(self.axes)}
        for corpus, ranges in self.ranges.items():
            tensors[f"projection.ranges.{corpus}"] = torch.from_numpy(np.stack(ranges))
        return tensors, {"projection": self.settings.model_dump(), "functionals": self.made_by}

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> Projection:
        """What `state` gave; raises RunError where it was fitted to functionals that are computed otherwise here."""
        settings = ProjectionSettings.model_validate(facts["projection"])
        made_by, here = str(facts["functionals"]), version(settings.kind)
        if made_by != here:
            raise RunError(f"fitted to functionals of {made_by}, but here is {here}. Install that version.")
        start = "projection.ranges."
        ranges = {
            name.removeprefix(start): Ranges(*tensor.numpy())
            for name, tensor in tensors.items()
            if name.startswith(start)
        }
        return cls(settings, ranges, tensors["projection.mean"].numpy(), tensors["projection.axes"].numpy(), made_by)


def fit_projection(rows: Array, clips: Sequence[Clip], settings: ProjectionSettings) -> Projection:
    """Fit ranges and principal components to a training part, functionals ``(clips, size)`` and whose they are.

    Replacement autoencoder, section V-A. Raises CorpusError for fewer than two clips, for clips that do not differ, or
    without speakers where these normalise.
    """
    if len(clips) < 2:
        raise CorpusError(f"{len(clips)} training clips have no principal components. Give at least two.")
    ranges = _ranges(rows, clips, settings)
    scaled = np.concatenate(
        [ranges[_group(clip, settings)].apply(row[None]) for clip, row in zip(clips, rows, strict=True)]
    )
    mean = scaled.mean(0, dtype=np.float64)
    axes = _components(scaled - mean, min(settings.components, len(clips) - 1, scaled.shape[1]))
    if not len(axes):
        raise CorpusError(
            f"{len(clips)} training clips do not differ once normalised by {settings.normalisation}, so that they have "
            "no principal components. Give several of a speaker, or choose another normalisation."
        )
    if settings.normalisation == "speaker":
        average = Ranges(*(np.mean([own[end] for own in ranges.values()], 0) for end in (0, 1)))
        ranges = {"": average}
    return Projection(settings, ranges, mean.astype(np.float32), axes)


def _group(clip: Clip, settings: ProjectionSettings) -> str:
    return {"speaker": clip.speaker, "corpus": clip.extra.get("corpus", ""), "training": ""}[settings.normalisation]


def _ranges(rows: Array, clips: Sequence[Clip], settings: ProjectionSettings) -> dict[str, Ranges]:
    groups = np.array([_group(clip, settings) for clip in clips])
    if settings.normalisation == "speaker" and "" in groups:
        raise CorpusError(
            "A training clip has no speaker, and functionals are normalised by speaker. Name its speaker, or choose "
            "the normalisation corpus or training."
        )
    found = {str(group): ranges_of(rows[groups == group]) for group in np.unique(groups)}
    return found if settings.normalisation == "speaker" else {"": ranges_of(rows), **found}


def _components(centred: npt.NDArray[np.float64], count: int) -> Array:
    """The ``count`` directions of greatest variance, ``(count, size)``; each with its greatest entry positive.

    From the small side: clips are fewer than functionals, so that eigenvectors of clips by clips take seconds less.
    """
    values, vectors = np.linalg.eigh(centred @ centred.T)
    order = np.argsort(values)[::-1][:count]
    order = order[values[order] > values.max() * 1e-10]  # rounding is no direction
    axes = (centred.T @ vectors[:, order] / np.sqrt(values[order])).T
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])
    return (axes * signs[:, None]).astype(np.float32, order="C")  # as when loaded, or products would round otherwise


def check_speakers(clips: Sequence[Clip], settings: ProjectionSettings) -> None:
    """Raise CorpusError where speakers normalise and a clip has none, or is the only one of hers."""
    if settings.normalisation != "speaker":
        return
    counts = Counter(clip.speaker for clip in clips)
    lone = [clip for clip in clips if not clip.speaker or counts[clip.speaker] < 2]
    if lone:
        raise CorpusError(
            f"Clip {lone[0].id!r} ({len(lone)} such) has no speaker or is the only one of its speaker, and functionals "
            "are normalised by speaker. Leave it out, or choose the normalisation corpus or training."
        )


class VectorStore:
    """Vectors of some clips: functionals computed once and kept in ``folder``, projected as a training part says.

    Where speakers normalise, each by the ranges of all their clips in the store: who has no others is no device's user.
    Raises CorpusError for a clip without a speaker, or with one clip alone, if speakers normalise; else as
    `functionals_of` does.
    """

    def __init__(
        self, clips: Sequence[Clip], settings: ProjectionSettings, folder: Path, on_done: OnDone | None = None,
        threads: int = 0,
    ) -> None:  # fmt: skip
        self.settings = settings
        self._rows = functionals_of(clips, settings, folder, on_done, threads)
        self._clips = list(clips)
        self._places = {clip.id: index for index, clip in enumerate(clips)}
        self._speakers: dict[str, Ranges] = {}
        self._projection: Projection | None = None

    def fit(self, train: Sequence[Clip]) -> None:
        """Fit the projection to these clips; raises CorpusError for one that the store was not made of."""
        self._projection = fit_projection(self._rows[[self._place(clip) for clip in train]], train, self.settings)

    @property
    def projection(self) -> Projection:
        """What was fitted; raises RunError where nothing was yet."""
        if self._projection is None:
            raise RunError("Vectors are projected as a training part says, which is not known yet. Call fit first.")
        return self._projection

    def ranges(self, clip: Clip) -> Ranges:
        """What scales a clip."""
        if self.settings.normalisation != "speaker":
            return self.projection.range_for(_group(clip, self.settings))
        if clip.speaker not in self._speakers:
            own = [index for index, other in enumerate(self._clips) if other.speaker == clip.speaker]
            check_speakers([self._clips[index] for index in own], self.settings)
            self._speakers[clip.speaker] = ranges_of(self._rows[own])
        return self._speakers[clip.speaker]

    def features(self, clip: Clip) -> Features:
        """The vector of a clip, ``(1, components)``."""
        row = self._rows[self._place(clip)][None]
        return self.projection.apply(row, self.ranges(clip))

    def of(self, wave: Wave, clip: Clip, ranges: Ranges | None = None) -> Features:
        """The vector of another sound of a clip, say after a protection, scaled as the clip is or as given."""
        return self.projection.apply(functionals(wave, self.settings.kind), ranges or self.ranges(clip))

    def speech(self, clips: Sequence[Clip]) -> Speech:
        """Clips with their vectors."""
        return Speech(clips, [self.features(clip) for clip in clips])

    def _place(self, clip: Clip) -> int:
        if clip.id not in self._places:
            raise CorpusError(f"Clip {clip.id!r} is none of the {len(self._places)} that the store was made of.")
        return self._places[clip.id]

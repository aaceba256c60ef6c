"""Which emotions may be told and which not, and what stands in for those that may not."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, get_args

from pydantic import Field, model_validator

from aclipse.contracts import Clip, Settings
from aclipse.errors import CorpusError
from aclipse.seeds import derive

Role = Literal["neutral", "required", "sensitive"]
ROLES: tuple[Role, ...] = get_args(Role)

Emotions = tuple[str, ...]


class Roles(Settings):
    """What an app needs to be told, what nobody is to be told, and what takes its place (section IV-A).

    >>> Roles().of("angry"), Roles().of("surprised")
    ('sensitive', '')
    """

    neutral: Emotions = Field(("neutral",), strict=False, min_length=1)
    required: Emotions = Field(("sad",), strict=False, min_length=1)
    sensitive: Emotions = Field(("happy", "angry"), strict=False, min_length=1)

    @model_validator(mode="after")
    def _have_one_role_each(self) -> Roles:
        every = [emotion for role in ROLES for emotion in getattr(self, role)]
        twice = sorted({emotion for emotion in every if every.count(emotion) > 1 or not emotion})
        if twice:
            raise ValueError(f"each emotion has one role alone; {', '.join(map(repr, twice))} has not")
        return self

    def of(self, emotion: str) -> Role | Literal[""]:
        """The role of an emotion; empty if it has none."""
        return next((role for role in ROLES if emotion in getattr(self, role)), "")

    @property
    def emotions(self) -> Emotions:
        """All that have a role, the neutral first."""
        return (*self.neutral, *self.required, *self.sensitive)


def replacements(clips: Sequence[Clip], roles: Roles, seed: int, same_sex: bool = False) -> list[int]:
    """For each clip the place of the clip that is to come out of the autoencoder in its stead (eq. 1).

    A sensitive clip is replaced by a random neutral one of its corpus, drawn with replacement, for there are fewer;
    with ``same_sex`` of a speaker of the same sex. All others are replaced by themselves.
    Raises CorpusError where there is no neutral clip to be drawn.

    >>> from pathlib import Path
    >>> clips = [Clip(name, Path(name), emotion=name) for name in ("neutral", "sad", "angry")]
    >>> replacements(clips, Roles(), seed=0)
    [0, 1, 0]
    """
    pools: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, clip in enumerate(clips):
        if roles.of(clip.emotion) == "neutral":
            pools[_kind(clip, same_sex)].append(index)
    draw = random.Random(derive(seed, "replacements"))
    return [
        draw.choice(_pool(pools, clip, same_sex)) if roles.of(clip.emotion) == "sensitive" else index
        for index, clip in enumerate(clips)
    ]


def _kind(clip: Clip, same_sex: bool) -> tuple[str, str]:
    return clip.extra.get("corpus", ""), clip.sex if same_sex else ""


def _pool(pools: dict[tuple[str, str], list[int]], clip: Clip, same_sex: bool) -> list[int]:
    kind = _kind(clip, same_sex)
    if not pools[kind]:
        where = " ".join(name for name in kind if name)
        raise CorpusError(
            f"No neutral clip can stand in for {clip.id!r}{where and f' among those of {where}'}. Give some, choose "
            "another neutral emotion, or leave that corpus out."
        )
    return pools[kind]

"""Who is trained on, who chooses the checkpoint and who is judged: three parts that never share a clip."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from aclipse.contracts import Clip
from aclipse.corpora.table import read_rows, write_rows
from aclipse.errors import CorpusError

Part = Literal["train", "validation", "test"]
Kind = Literal["speaker-kfold", "leave-one-session-out", "utterance-kfold"]
PARTS, KINDS = get_args(Part), get_args(Kind)


@dataclass(frozen=True)
class Split:
    """One fold: which part each clip is in, under a name that says how it was made."""

    name: str
    parts: Mapping[str, Part]  # by clip id
    speaker_independent: bool  # no speaker is in two parts

    @property
    def hash(self) -> str:
        """12 hexadecimal digits that change when any clip changes its part.

        >>> Split("mine", {"a": "train", "b": "test"}, True).hash
        '44808702950f'
        """
        text = "\n".join(f"{clip}:{part}" for clip, part in sorted(self.parts.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def ids(self, part: Part) -> tuple[str, ...]:
        """Return the ids of a part's clips, sorted."""
        return tuple(sorted(clip for clip, its_part in self.parts.items() if its_part == part))

    def of(self, clips: Sequence[Clip], part: Part) -> list[Clip]:
        """Keep the clips that are in a part, in their order."""
        return [clip for clip in clips if self.parts.get(clip.id) == part]


def split(
    clips: Sequence[Clip],
    kind: Kind = "speaker-kfold",
    folds: int = 5,
    fold: int = 0,
    validation: float = 0.125,
    seed: int = 0,
    emotions: Sequence[str] | None = None,
) -> Split:
    """Make one fold; the test parts of all folds are disjoint and together are all clips.

    `speaker-kfold` deals out speakers, even in sex; `utterance-kfold` deals out clips, even in emotion, so that its
    speakers have been heard in training. `leave-one-session-out` takes no `folds`: `fold` is the session's place when
    they are sorted. `validation` is the share of the speakers (or clips) not tested, at least one; validation speakers
    are in no other part. The order of the clips does not matter.
    Raises CorpusError where a part would lack speakers, sessions or one of ``emotions`` (all that occur, if not given).
    """
    if kind not in KINDS:
        raise CorpusError(f"There is no split {kind!r}. Choose from: {', '.join(KINDS)}.")
    if not 0 < validation < 1:
        raise CorpusError(f"A validation share of {validation} would empty a part. Give one between 0 and 1, as 0.125.")
    units = _units(clips, kind)
    order = _shuffle(clips, units, kind, seed)
    if kind == "leave-one-session-out":
        label, tested = _session(clips, fold)
    else:
        label = f"{kind.removesuffix('-kfold')}-{folds}fold/{fold}"
        chosen = _deal(order, folds, fold, kind)
        tested = {clip for clip, unit in units.items() if unit in chosen}
    kept = {unit for clip, unit in units.items() if clip not in tested}
    watched = _evenly([unit for unit in order if unit in kept], validation, label)
    rest: dict[str, Part] = {clip: "validation" if unit in watched else "train" for clip, unit in units.items()}
    parts = rest | dict.fromkeys(tested, "test")
    _require_emotions(clips, parts, label, emotions)
    independent = _is_speaker_independent(clips, parts)
    return Split(f"{label} (seed {seed}{'' if independent else ', speaker-dependent'})", parts, independent)


def write(split: Split, path: Path | str) -> None:
    """Write a split as CSV, atomically."""
    about = {"split": split.name, "speaker_independent": "yes" if split.speaker_independent else "no"}
    rows = ({"id": clip, "part": part, **about} for clip, part in sorted(split.parts.items()))
    write_rows(Path(path), ("id", "part", *about), rows)


def read(path: Path | str) -> Split:
    """Read a split; with the columns id and part alone its name is the file's and its speakers count as shared.

    Raises CorpusError, naming file and line, for an unknown part, a repeated id or a file without rows.
    """
    path = Path(path)
    parts: dict[str, Part] = {}
    row: dict[str, str] = {}
    for line, row in read_rows(path, required=("id", "part")):
        if row["part"] not in PARTS:
            raise CorpusError(
                f"{path}, line {line}: part {row['part']!r} is not known. Use one of: {', '.join(PARTS)}."
            )
        if row["id"] in parts:
            raise CorpusError(f"{path}, line {line}: the id {row['id']!r} has a part already. Remove one of its rows.")
        parts[row["id"]] = cast(Part, row["part"])
    if not parts:
        raise CorpusError(f"{path}: holds no clips. Make it anew from the manifest.")
    return Split(row.get("split") or path.stem, parts, row.get("speaker_independent") == "yes")


def _units(clips: Sequence[Clip], kind: Kind) -> dict[str, str]:
    """Name what each clip is dealt out with: its speaker, or itself alone."""
    if kind == "utterance-kfold":
        return {clip.id: clip.id for clip in clips}
    for clip in clips:
        if not clip.speaker:
            raise CorpusError(f"Clip {clip.id!r} has no speaker, which {kind} needs. Add it, or use utterance-kfold.")
    return {clip.id: clip.speaker for clip in clips}


def _shuffle(clips: Sequence[Clip], units: Mapping[str, str], kind: Kind, seed: int) -> list[str]:
    """Order the units at random inside each sex or emotion, so that every n-th of them is an even choice."""
    by_id = sorted(clips, key=lambda clip: clip.id)
    stratum = {units[clip.id]: clip.emotion if kind == "utterance-kfold" else clip.sex for clip in by_id}

    def lot(unit: str) -> tuple[str, bytes]:  # a hash, as it is the same on every machine and Python
        return stratum[unit], hashlib.sha256(f"{seed}:{unit}".encode()).digest()

    return sorted(stratum, key=lot)


def _deal(order: Sequence[str], folds: int, fold: int, kind: Kind) -> set[str]:
    if folds < 2 or not 0 <= fold < folds:
        raise CorpusError(f"There is no fold {fold} of {folds}. Use at least 2 folds, counted from 0.")
    if len(order) < folds:
        raise CorpusError(
            f"{kind}: {len(order)} to deal out are too few for {folds} folds. "
            "Use fewer folds, add speakers, or split by utterance-kfold."
        )
    return set(order[fold::folds])


def _session(clips: Sequence[Clip], fold: int) -> tuple[str, set[str]]:
    sessions: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        sessions[clip.session].add(clip.id)
    if "" in sessions or len(sessions) < 2:
        found = ", ".join(repr(session) for session in sorted(sessions))
        raise CorpusError(
            f"leave-one-session-out needs two sessions or more and one for every clip; it found {found}. "
            "Fill the column session, or use speaker-kfold."
        )
    if not 0 <= fold < len(sessions):
        raise CorpusError(f"There is no session {fold}. The {len(sessions)} sessions are counted from 0.")
    session = sorted(sessions)[fold]
    return f"leave-one-session-out/{session}", sessions[session]


def _evenly(units: Sequence[str], share: float, label: str) -> set[str]:
    """Choose a share of the units, evenly spaced, so that it is as mixed as they are."""
    if len(units) < 2:
        raise CorpusError(
            f"{label}: {len(units)} left beside the test part; training and validation need one each. "
            "Add speakers, or split by utterance-kfold."
        )
    count = min(max(round(share * len(units)), 1), len(units) - 1)
    return {units[int((n + 0.5) * len(units) / count)] for n in range(count)}


def _require_emotions(
    clips: Sequence[Clip], parts: Mapping[str, Part], label: str, emotions: Sequence[str] | None
) -> None:
    found = {(parts[clip.id], clip.emotion) for clip in clips}
    for emotion in sorted({clip.emotion for clip in clips} - {""} if emotions is None else emotions):
        for part in PARTS:
            if (part, emotion) not in found:
                raise CorpusError(
                    f"{label}: no {part} clip is {emotion}. Use another seed, fewer folds, a larger validation share, "
                    "or leave that emotion out (corpus.emotions of the recipe)."
                )


def _is_speaker_independent(clips: Sequence[Clip], parts: Mapping[str, Part]) -> bool:
    heard = {(clip.speaker, parts[clip.id]) for clip in clips}
    speakers = [speaker for speaker, _ in heard]
    return "" not in speakers and len(speakers) == len(set(speakers))

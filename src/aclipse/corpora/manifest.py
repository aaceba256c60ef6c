"""The table every corpus becomes: one row a recording, with what is known of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aclipse.contracts import Clip
from aclipse.corpora.table import Row, read_rows, write_rows
from aclipse.errors import CorpusError

EMOTIONS = (
    "neutral",
    "calm",
    "happy",
    "excited",
    "sad",
    "angry",
    "frustrated",
    "fearful",
    "disgusted",
    "surprised",
    "other",
)
SEXES = ("female", "male")
COLUMNS = ("id", "path", "speaker", "sex", "emotion", "transcript", "session")


@dataclass(frozen=True)
class Manifest:
    """A corpus as a table of clips with unique ids and known labels.

    Raises CorpusError if it is empty, an id is empty or not unique, or a label is unknown.

    >>> Manifest("two", (Clip("a", Path("a.wav"), emotion="sad"), Clip("b", Path("b.wav")))).emotions
    ('sad',)
    """

    name: str
    clips: tuple[Clip, ...]

    def __post_init__(self) -> None:
        source = f"manifest {self.name!r}"
        _validate(self.clips, source, [f"{source}, clip {n}" for n in range(1, len(self.clips) + 1)])

    @property
    def hash(self) -> str:
        """12 hexadecimal digits that change with any id, label or transcript, but not with place or order of files."""
        rows = sorted([c.id, c.speaker, c.sex, c.emotion, c.transcript, c.session] for c in self.clips)
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]

    @property
    def emotions(self) -> tuple[str, ...]:
        """The emotions that occur, in the order of EMOTIONS."""
        present = {clip.emotion for clip in self.clips}
        return tuple(emotion for emotion in EMOTIONS if emotion in present)

    def only(self, emotions: Iterable[str]) -> Manifest:
        """Keep the clips with one of these emotions.

        Raises CorpusError for an emotion that no clip has.
        """
        wanted = tuple(emotions)
        absent = [emotion for emotion in wanted if emotion not in self.emotions]
        if absent:
            raise CorpusError(
                f"No clip of {self.name!r} is {' or '.join(absent)}. "
                f"Choose from what it has: {', '.join(self.emotions) or 'no emotions'}."
            )
        return replace(self, clips=tuple(clip for clip in self.clips if clip.emotion in wanted))


def relabel(manifest: Manifest, column: str) -> Manifest:
    """Take the emotion from another column, such as listeners' votes; an empty value means unknown.

    Raises CorpusError if no clip has the column or a value is no emotion.
    """
    known = sorted({name for clip in manifest.clips for name in clip.extra})
    if column not in known:
        raise CorpusError(
            f"Manifest {manifest.name!r} has no column {column!r}. Choose from: {', '.join(known) or 'none'}."
        )
    return replace(manifest, clips=tuple(replace(clip, emotion=clip.extra.get(column, "")) for clip in manifest.clips))


def read(path: Path | str) -> Manifest:
    """Read a manifest; its name is the file's stem, relative paths start at the file's folder.

    Only the columns id and path are needed; columns beyond `COLUMNS` become each clip's `extra`.
    Raises CorpusError, naming file and line.
    """
    path = Path(path)
    rows = read_rows(path, required=("id", "path"))
    for line, row in rows:
        if not row["path"]:
            raise CorpusError(f"{path}, line {line}: the path is empty. Give each row the path of its recording.")
    clips = tuple(_clip(row, path.absolute().parent) for _, row in rows)
    _validate(clips, str(path), [f"{path}, line {line}" for line, _ in rows])
    return Manifest(path.stem, clips)


def write(manifest: Manifest, path: Path | str) -> None:
    """Write a manifest as CSV with absolute paths, atomically.

    Raises CorpusError if it cannot be written.
    """
    extra = sorted({name for clip in manifest.clips for name in clip.extra})
    write_rows(Path(path), (*COLUMNS, *extra), map(_row, manifest.clips))


def _clip(row: Row, folder: Path) -> Clip:
    known = {name: row.get(name, "") for name in COLUMNS if name != "path"}
    extra = {name: value for name, value in row.items() if name and name not in COLUMNS and value}
    return Clip(path=folder / row["path"], extra=extra, **known)


def _row(clip: Clip) -> Row:
    return {**clip.extra, **{name: str(getattr(clip, name)) for name in COLUMNS}, "path": str(clip.path.absolute())}


def _validate(clips: Sequence[Clip], source: str, places: Sequence[str]) -> None:
    if not clips:
        raise CorpusError(f"{source}: holds no recordings. Give it at least one row.")
    seen: dict[str, Path] = {}
    for clip, place in zip(clips, places, strict=True):
        if not clip.id:
            raise CorpusError(f"{place}: the id is empty. Give each recording an id of its own.")
        if clip.id in seen:
            raise CorpusError(
                f"{place}: the id {clip.id!r} of {clip.path} is already that of {seen[clip.id]}. "
                "Ids must be unique: rename or remove one."
            )
        seen[clip.id] = clip.path
        _known(clip.emotion, EMOTIONS, f"{place}: emotion")
        _known(clip.sex, SEXES, f"{place}: sex")


def _known(value: str, allowed: Sequence[str], what: str) -> None:
    if value and value not in allowed:
        raise CorpusError(f"{what} {value!r} is not known. Use one of: {', '.join(allowed)}; or leave it empty.")

"""Any folder of recordings, with or without a table of what is known of them."""

from __future__ import annotations

from pathlib import Path

from aclipse.contracts import Clip
from aclipse.corpora.layout import find_audio, find_file, wrong_folder
from aclipse.corpora.manifest import EMOTIONS, SEXES, Manifest
from aclipse.corpora.table import Row, read_rows
from aclipse.errors import CorpusError

CITATION = ""  # your own
LICENCE = ""  # your own

# The names a column may have, the preferred one first; upper and lower case are the same.
COLUMN_NAMES = {
    "path": ("path", "file", "filename", "file_name", "filepath", "wav"),
    "id": ("id",),
    "speaker": ("speaker", "speaker_id", "actor"),
    "sex": ("sex", "gender"),
    "emotion": ("emotion", "label"),
    "transcript": ("transcript", "text", "transcription", "sentence"),
    "session": ("session",),
}
EMOTION_NAMES = dict(zip(EMOTIONS, EMOTIONS, strict=True)) | {
    "neutrality": "neutral",
    "happiness": "happy",
    "joy": "happy",
    "excitement": "excited",
    "sadness": "sad",
    "anger": "angry",
    "frustration": "frustrated",
    "fear": "fearful",
    "disgust": "disgusted",
    "surprise": "surprised",
}
SEX_NAMES = dict(zip(SEXES, SEXES, strict=True)) | {"f": "female", "woman": "female", "m": "male", "man": "male"}


def scan(root: Path | str, csv: Path | str | None = None) -> Manifest:
    """Read a folder of recordings, described by `csv` or by a metadata.csv in it.

    Without a table every recording is taken: its id is the path without suffix, its speaker the folder it lies in.
    With one, its rows are taken; their paths start at the folder. Columns go by the names in `COLUMN_NAMES`.
    Raises CorpusError for a folder without recordings, or for a table that is wrong, naming file and line.
    """
    root = Path(root).absolute()
    if not root.is_dir():
        raise wrong_folder(root, "a folder of recordings", "audio files, and metadata.csv if there is one")
    table = Path(csv) if csv else find_file(root, "metadata.csv")
    clips = _from_table(root, table) if table else _from_files(root)
    if not clips:
        raise wrong_folder(root, "a folder of recordings", "audio files, and metadata.csv if there is one")
    return Manifest("folder", tuple(sorted(clips, key=lambda clip: clip.id)))


def _from_files(root: Path) -> list[Clip]:
    return [Clip(id=_id(path, root), path=path, speaker=path.parent.name) for path in find_audio(root)]


def _from_table(root: Path, table: Path) -> list[Clip]:
    rows = read_rows(table, required=())
    header = list(rows[0][1]) if rows else []
    columns = {name: column for name, names in COLUMN_NAMES.items() if (column := _first(names, header))}
    if "path" not in columns:
        allowed = ", ".join(COLUMN_NAMES["path"])
        raise CorpusError(
            f"{table}: no column names the recordings; it has: {', '.join(header) or 'no rows'}. "
            f"Call one of them one of: {allowed}."
        )
    return [_clip(root, row, columns, f"{table}, line {line}") for line, row in rows]


def _clip(root: Path, row: Row, columns: dict[str, str], place: str) -> Clip:
    known = {name: row[column].strip() for name, column in columns.items()}
    path = root / known.pop("path")
    if not path.is_file():
        raise CorpusError(f"{place}: there is no file {path}. Correct the path or remove the row.")
    known["id"] = known.get("id") or _id(path, root)
    known["speaker"] = known.get("speaker") or path.parent.name
    known["emotion"] = _translate(known.get("emotion", ""), EMOTION_NAMES, f"{place}: emotion")
    known["sex"] = _translate(known.get("sex", ""), SEX_NAMES, f"{place}: sex")
    extra = {name: value for name, value in row.items() if name and name not in columns.values() and value}
    return Clip(path=path, extra=extra, **known)


def _id(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).with_suffix("").as_posix()


def _first(names: tuple[str, ...], header: list[str]) -> str | None:
    present = {column.strip().lower(): column for column in header}
    return next((present[name] for name in names if name in present), None)


def _translate(value: str, names: dict[str, str], what: str) -> str:
    if value and value.lower() not in names:
        raise CorpusError(f"{what} {value!r} is not known. Use one of: {', '.join(names)}; or leave it empty.")
    return names[value.lower()] if value else ""

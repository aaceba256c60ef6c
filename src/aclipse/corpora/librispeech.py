"""LibriSpeech: audio books read aloud; many words and speakers, no emotion labels."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from aclipse.contracts import Clip
from aclipse.corpora.layout import find_file, find_named, wrong_folder
from aclipse.corpora.manifest import Manifest

CITATION = (
    "Panayotov V, Chen G, Povey D, Khudanpur S. Librispeech: an ASR corpus based on public domain audio books. "
    "ICASSP 2015, 5206-5210. doi:10.1109/ICASSP.2015.7178964"
)
LICENCE = "CC BY 4.0"

SEX = {"F": "female", "M": "male"}
_NAME = re.compile(r"(\d+)-(\d+)-\d{4}")  # reader, chapter, clip
_log = logging.getLogger(__name__)


def scan(root: Path | str) -> Manifest:
    """Read the parts of LibriSpeech that a folder holds; each part is a session.

    Raises CorpusError for another folder.
    """
    root = Path(root)
    files = find_named(root, _NAME, "*/*/*/*")
    if not files:
        expected = "dev-clean/1272/128104/1272-128104-0000.flac, 1272-128104.trans.txt beside it, and SPEAKERS.TXT"
        raise wrong_folder(root, "LibriSpeech", expected)
    sexes, words = _sexes(root), _transcripts(root)
    return Manifest("librispeech", tuple(_clip(path, name, sexes, words) for path, name in files))


def _clip(path: Path, name: re.Match[str], sexes: dict[str, str], words: dict[str, str]) -> Clip:
    reader, chapter = name.groups()
    return Clip(
        id=path.stem,
        path=path,
        speaker=reader,
        sex=sexes.get(reader, ""),
        transcript=words.get(path.stem, ""),
        session=path.parts[-4],
        extra={"chapter": chapter},
    )


def _sexes(root: Path) -> dict[str, str]:
    table = find_file(root, "SPEAKERS.TXT")
    if table is None:
        _log.warning("%s has no SPEAKERS.TXT: the readers' sex stays unknown", root)
        return {}
    rows = (
        line.split("|") for line in table.read_text("utf-8", errors="replace").splitlines() if not line.startswith(";")
    )
    return {row[0].strip(): SEX.get(row[1].strip(), "") for row in rows if len(row) > 1}


def _transcripts(root: Path) -> dict[str, str]:
    lines = (line for file in root.glob("*/*/*/*.trans.txt") for line in file.read_text("utf-8").splitlines())
    return {name: text for name, _, text in (line.partition(" ") for line in lines)}

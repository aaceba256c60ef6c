"""What all importers do with a folder: find its recordings, and say so if it is the wrong one."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from aclipse.errors import CorpusError

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au"})
_log = logging.getLogger(__name__)


def find_audio(folder: Path, pattern: str = "**/*") -> list[Path]:
    """List the recordings in a folder that match a glob pattern, sorted; hidden files are left out.

    macOS puts a hidden `._name.wav` beside each `name.wav` when it packs an archive.
    """
    found = (path for path in folder.absolute().glob(pattern) if path.suffix.lower() in AUDIO_SUFFIXES)
    return sorted(path for path in found if not path.name.startswith("."))


def find_named(folder: Path, name: re.Pattern[str], pattern: str = "**/*") -> list[tuple[Path, re.Match[str]]]:
    """List the recordings whose stem a corpus's naming rule matches, with the match, sorted by stem."""
    found = find_audio(folder, pattern)
    named = [(path, match) for path in found if (match := name.fullmatch(path.stem))]
    if len(named) < len(found):
        _log.info("%s: passed over %d recordings with other names", folder, len(found) - len(named))
    return sorted(named, key=lambda pair: pair[0].stem)


def find_file(folder: Path, *names: str) -> Path | None:
    """Return the first of several files that exists in a folder, or None."""
    return next((folder / name for name in names if (folder / name).is_file()), None)


def wrong_folder(root: Path, corpus: str, expected: str) -> CorpusError:
    """Make the error for a folder that is not the corpus: the layout expected and what was found instead."""
    if not root.is_dir():
        found = "no such folder"
    else:
        names = sorted(path.name + "/" * path.is_dir() for path in root.iterdir())
        found = ", ".join(names[:5]) + ", …" * (len(names) > 5) if names else "an empty folder"
    return CorpusError(f"{root} does not look like {corpus}. Expected inside it: {expected}. Found: {found}.")

"""A protection known only by its output: the protected recordings in a folder, paired with the originals."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np

from aclipse.audio import files
from aclipse.contracts import SAMPLE_RATE, Clip, Wave
from aclipse.errors import CorpusError, UnusableAudio

log = logging.getLogger(__name__)

TOLERANCE = SAMPLE_RATE // 20  # samples, 50 ms: what codecs and frame grids add or cut


class Recorded:
    """Looks up what some protector made of each original: the same relative path, whatever the suffix.

    Raises CorpusError for an original outside ``original`` or without a counterpart in ``protected``.
    """

    def __init__(self, original: Path, protected: Path, clips: list[Clip]) -> None:
        for folder in (original, protected):
            if not folder.is_dir():
                raise CorpusError(f"{folder}: no such folder. Give the folder that holds the recordings.")
        outputs = {path.relative_to(protected).with_suffix(""): path for path in _files(protected)}
        self.paths = {clip.id: outputs.get(_inside(clip, original)) for clip in clips}
        lost = sorted(clip for clip, path in self.paths.items() if path is None)
        if lost:
            raise CorpusError(
                f"{protected} has no counterpart of {len(lost)} of {len(clips)} originals (the first: {lost[0]!r}). "
                "Protected files must keep the originals' relative paths; suffixes may differ."
            )

    @property
    def fingerprint(self) -> str:
        """Changes when any protected file does."""
        stats = [(clip, path.stat()) for clip, path in sorted(self.paths.items()) if path]
        facts = repr([(clip, stat.st_size, stat.st_mtime_ns) for clip, stat in stats])
        return hashlib.sha256(facts.encode()).hexdigest()[:12]

    def __call__(self, wave: Wave, clip: Clip) -> Wave:
        """The protected recording of a clip, trimmed or padded by up to 50 ms to the original's length.

        Raises UnusableAudio where the lengths differ by more.
        """
        path = self.paths[clip.id]
        assert path is not None
        found = files.read(path, allow_silence=True)
        if abs(len(found) - len(wave)) > TOLERANCE:
            raise UnusableAudio(
                f"{path} lasts {len(found) / SAMPLE_RATE:.3f} s and its original {len(wave) / SAMPLE_RATE:.3f} s. "
                "They may differ by 50 ms at most: an audit compares recordings that are aligned."
            )
        if len(found) != len(wave):
            log.info("%s: %+d samples against its original; trimmed or padded", path, len(found) - len(wave))
        return np.pad(found, (0, max(len(wave) - len(found), 0)))[: len(wave)]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _inside(clip: Clip, original: Path) -> Path:
    try:
        return clip.path.resolve().relative_to(original.resolve()).with_suffix("")
    except ValueError as error:
        raise CorpusError(
            f"{clip.path} (clip {clip.id!r}) is not inside {original}. Give the manifest's own folder."
        ) from error

"""A protection known only by its output: the protected recordings in a folder, paired with the originals."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np

from aclipse.audio import files
from aclipse.contracts import SAMPLE_RATE, Clip, Wave
from aclipse.corpora.layout import find_audio
from aclipse.errors import CorpusError, UnusableAudio

log = logging.getLogger(__name__)

TOLERANCE = SAMPLE_RATE // 20  # samples, 50 ms: what codecs and frame grids add or cut
LIMIT = ". They may differ by 50 ms at most: an audit compares recordings that are aligned."


class Recorded:
    """Looks up what some protector made of each original: the same relative path, whatever the suffix.

    Raises CorpusError for an original outside ``original`` or without a counterpart in ``protected``.
    """

    def __init__(self, original: Path, protected: Path, clips: list[Clip]) -> None:
        for folder in (original, protected):
            if not folder.is_dir():
                raise CorpusError(f"{folder}: no such folder. Give the folder that holds the recordings.")
        outputs = _outputs(protected)
        found = {clip.id: outputs.get(_inside(clip, original), outputs.get(Path(clip.id))) for clip in clips}
        lost = sorted(clip for clip, path in found.items() if path is None)
        if lost:
            raise CorpusError(
                f"{protected} has no counterpart of {len(lost)} of {len(clips)} originals (the first: {lost[0]!r}). "
                "Protected files must keep the originals' relative paths or carry their ids; suffixes may differ."
            )
        self.paths = {clip: path for clip, path in found.items() if path}

    def check_lengths(self, clips: list[Clip]) -> None:
        """Raise UnusableAudio, naming the first three, if protected files are not as long as their originals."""
        pairs = [(self.paths[clip.id], _length(self.paths[clip.id]), _length(clip.path)) for clip in clips]
        wrong = [_lengths(*pair) for pair in pairs if abs(pair[1] - pair[2]) > TOLERANCE]
        if wrong:
            more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
            raise UnusableAudio("; ".join(wrong[:3]) + more + LIMIT)

    @property
    def fingerprint(self) -> str:
        """Changes when any protected file does."""
        stats = [(clip, path.stat()) for clip, path in sorted(self.paths.items())]
        facts = repr([(clip, stat.st_size, stat.st_mtime_ns) for clip, stat in stats])
        return hashlib.sha256(facts.encode()).hexdigest()[:12]

    def __call__(self, wave: Wave, clip: Clip) -> Wave:
        """The protected recording of a clip, trimmed or padded by up to 50 ms to the original's length.

        Raises UnusableAudio where the lengths differ by more.
        """
        path = self.paths[clip.id]
        found = files.read(path, allow_silence=True)
        if abs(len(found) - len(wave)) > TOLERANCE:
            raise UnusableAudio(_lengths(path, len(found), len(wave)) + LIMIT)
        if len(found) != len(wave):
            log.info("%s: %+d samples against its original; trimmed or padded", path, len(found) - len(wave))
        return np.pad(found, (0, max(len(wave) - len(found), 0)))[: len(wave)]


def _outputs(folder: Path) -> dict[Path, Path]:
    outputs: dict[Path, Path] = {}
    for path in find_audio(folder):
        name = path.relative_to(folder.absolute()).with_suffix("")
        if name in outputs:
            raise CorpusError(f"{outputs[name]} and {path} differ in their suffix alone. Keep the one to be judged.")
        outputs[name] = path
    return outputs


def _lengths(protected: Path, found: int, wanted: int) -> str:
    return f"{protected} lasts {found / SAMPLE_RATE:.3f} s and its original {wanted / SAMPLE_RATE:.3f} s"


def _length(path: Path) -> int:
    info = files.info(path)
    return files.resampled_length(info.frames, info.rate, SAMPLE_RATE)


def _inside(clip: Clip, original: Path) -> Path:
    try:
        return clip.path.resolve().relative_to(original.resolve()).with_suffix("")
    except ValueError as error:
        raise CorpusError(
            f"{clip.path} (clip {clip.id!r}) is not inside {original}. Give the manifest's own folder."
        ) from error

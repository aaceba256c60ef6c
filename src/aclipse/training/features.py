"""Log-mel features of a corpus: computed once, kept in a file, read from there as they are needed."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from aclipse.atomic import replacing, write_text
from aclipse.audio import files
from aclipse.audio.segments import FeatureSettings, Scale, cut, log_mel, scale_of
from aclipse.contracts import Clip, Features, Wave
from aclipse.errors import CorpusError, RunError, UnreadableAudio
from aclipse.training.batches import Speech

log = logging.getLogger(__name__)

VERSION = 1  # of the numbers in a cache: counted up when the same recording and settings give others
OnDone = Callable[[int, int], None]  # recordings done, of how many


class FeatureStore:
    """Features of some clips, as `FeatureSettings` has them; their log-mel lies in ``folder`` and is mapped from there.

    Normalised by ``speaker``, by all of the store's clips of a speaker: the paper's way, which knows more than a device
    that hears one recording. By ``corpus``, by the clips that `fit` was given last.

    A cache is of these clips, their files as they are now, and these settings; any other has a name of its own beside
    it. A damaged one is computed anew, with a warning. ``on_done`` hears of every recording that is computed.
    Raises CorpusError for no clips, an id that occurs twice, and a clip without a speaker if speakers normalise;
    AudioError for a recording that cannot be used; RunError for a folder that cannot be written.
    """

    def __init__(
        self, clips: Sequence[Clip], settings: FeatureSettings, folder: Path, on_done: OnDone | None = None
    ) -> None:
        _check(clips, settings)
        self.settings, self.folder = settings, folder
        self._mel, ends = _kept(clips, settings, folder, on_done or (lambda done, total: None))
        self._clips = {clip.id: clip for clip in clips}
        self._places = {clip.id: slice(*place) for clip, place in zip(clips, pairwise([0, *ends]), strict=True)}
        self._speakers: dict[str, Scale] = {}
        self._fitted: list[Clip] = []
        self._corpus: Scale | None = None

    def fit(self, clips: Sequence[Clip]) -> None:
        """Let the scale of the corpus be that of these clips, the training part.

        Raises CorpusError for no clips, or one that the store was not made of.
        """
        if not clips:
            raise CorpusError("No clips were given to fit the scale of a corpus to. Give those of the training part.")
        for clip in clips:
            self._log_mel(clip)
        self._fitted, self._corpus = list(clips), None

    @property
    def corpus(self) -> Scale:
        """The scale of the clips that `fit` was given last; raises RunError where it has yet to be called."""
        if not self._fitted:
            raise RunError(
                "Features are normalised by a corpus whose scale is not known yet. Call fit with the training clips, "
                "or choose the normalisation speaker, recording or none."
            )
        if self._corpus is None:
            self._corpus = scale_of(*map(self._log_mel, self._fitted))
        return self._corpus

    def features(self, clip: Clip) -> Features:
        """Normalised log-mel of one clip, ``(frames, bands)``."""
        return self.scale(clip).apply(self._log_mel(clip))

    def scale(self, clip: Clip) -> Scale:
        """What normalises a clip.

        Raises CorpusError for a clip that the store was not made of, RunError where `fit` has yet to be called.
        """
        mel, settings = self._log_mel(clip), self.settings
        if settings.normalisation == "recording":
            return scale_of(mel)
        if settings.normalisation == "speaker":
            return self._of_speaker(self._clips[clip.id].speaker)
        if settings.normalisation == "none":
            return Scale(np.zeros(settings.bands, np.float32), np.ones(settings.bands, np.float32))
        return self.corpus

    def speech(self, clips: Sequence[Clip], hop: int) -> Speech:
        """Clips with their segments, one every ``hop`` frames, end to end, ``(count · segment, bands)``, in memory."""
        return Speech(clips, [cut(self.features(clip), self.settings.segment, hop) for clip in clips])

    def of(self, wave: Wave, clip: Clip) -> Features:
        """Another sound of a clip, say after a protection, normalised as the clip is, ``(frames, bands)``."""
        return self.scale(clip).apply(log_mel(wave, self.settings))

    def _log_mel(self, clip: Clip) -> Features:
        if clip.id not in self._places:
            raise CorpusError(
                f"Clip {clip.id!r} is none of the {len(self._places)} whose features lie in {self.folder}. "
                "Make the store of all clips that are needed."
            )
        return self._mel[self._places[clip.id]]

    def _of_speaker(self, speaker: str) -> Scale:
        if speaker not in self._speakers:
            own = [clip for clip in self._clips.values() if clip.speaker == speaker]
            self._speakers[speaker] = scale_of(*map(self._log_mel, own))
        return self._speakers[speaker]


def check_ids(clips: Sequence[Clip], purpose: str) -> None:
    """Raise CorpusError for no clips, where some are needed ("to …"), and for an id that occurs twice."""
    if not clips:
        raise CorpusError(f"No clips were given {purpose}. Give at least one.")
    seen: set[str] = set()
    for clip in clips:
        if clip.id in seen:
            raise CorpusError(f"The id {clip.id!r} occurs twice among the clips. Ids must be unique: rename one.")
        seen.add(clip.id)


def _check(clips: Sequence[Clip], settings: FeatureSettings) -> None:
    check_ids(clips, "to make features of")
    for clip in clips:
        if settings.normalisation == "speaker" and not clip.speaker:
            raise CorpusError(
                f"Clip {clip.id!r} has no speaker, and features are normalised by speaker. Name its speaker, or choose "
                "the normalisation recording, corpus or none."
            )


def _kept(
    clips: Sequence[Clip], settings: FeatureSettings, folder: Path, on_done: OnDone
) -> tuple[Features, list[int]]:
    """Log-mel of all clips end to end, mapped read-only, and where each clip's ends; computed if it is not there."""
    path = _path(clips, settings, folder)
    try:
        return _open(path, settings)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
        log.warning("%s is damaged and computed anew: %s", path, error)
    try:
        _compute(path, clips, settings, on_done)
    except OSError as error:
        raise RunError(
            f"{folder} takes no features: {error.strerror}. Check its space and permissions, or choose another folder."
        ) from error
    return _open(path, settings)


def is_kept(clips: Sequence[Clip], settings: FeatureSettings, folder: Path) -> bool:
    """Whether ``folder`` holds the log-mel of these clips, their files as they are now, and these settings."""
    return _index(_path(clips, settings, folder)).is_file()


def _path(clips: Sequence[Clip], settings: FeatureSettings, folder: Path) -> Path:
    return folder / f"log-mel-{_key(clips, settings)}.npy"


def _key(clips: Sequence[Clip], settings: FeatureSettings) -> str:
    """12 hexadecimal digits that change with whatever changes log-mel: its settings, the clips, their files."""
    rows = [(clip.id, str(clip.path.absolute()), *stamp(clip.path)) for clip in clips]
    text = json.dumps([VERSION, _made_by(settings), rows])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _made_by(settings: FeatureSettings) -> dict[str, object]:
    return settings.model_dump(include={"bands", "analysis"})


def stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise UnreadableAudio(f"{path} cannot be read: {error.strerror}. Check its name and permissions.") from error
    return found.st_size, found.st_mtime_ns


def _open(path: Path, settings: FeatureSettings) -> tuple[Features, list[int]]:
    ends = json.loads(_index(path).read_text("utf-8"))["ends"]
    mel = np.load(path, mmap_mode="r")
    if mel.shape != (ends[-1], settings.bands) or mel.dtype != np.float32:
        raise ValueError(f"it holds {mel.dtype} of shape {mel.shape}, its index says {ends[-1]} frames")
    return mel, ends


def _index(path: Path) -> Path:
    return path.with_suffix(".json")


def _compute(path: Path, clips: Sequence[Clip], settings: FeatureSettings, on_done: OnDone) -> None:
    """Write features clip by clip, for a corpus may be larger than memory; a file beside it says whose they are.

    One at a time because batches are slower on a processor: they leave its cache. Where two processes compute the same
    file, the last one's replaces the other's, whose map keeps what it has; the index comes last and tells it is whole.
    """
    ends: list[int] = []
    with one_thread(), replacing(path) as part, part.open("wb") as file:
        _header(file, 0, settings.bands)
        for done, clip in enumerate(clips, 1):
            mel = log_mel(files.read(clip.path), settings)
            file.write(mel.data)
            ends.append((ends[-1] if ends else 0) + len(mel))
            on_done(done, len(clips))
        file.seek(0)
        _header(file, ends[-1], settings.bands)
    index = {"version": VERSION, **_made_by(settings), "ids": [clip.id for clip in clips], "ends": ends}
    write_text(_index(path), json.dumps(index))
    log.info("log-mel features of %d recordings lie in %s", len(clips), path.parent)


@contextmanager
def one_thread() -> Iterator[None]:
    """Work in one thread and give the others back."""
    # Seconds of sound are too little to share: two threads gain nothing, and on a busy machine they wait for each
    # other ten times as long as the work takes.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _header(file: BinaryIO, frames: int, bands: int) -> None:
    """NumPy leaves room in a header for the count of rows to grow, so it can be written over when they are known."""
    np.lib.format.write_array_header_1_0(
        file,
        {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": (frames, bands)},
    )

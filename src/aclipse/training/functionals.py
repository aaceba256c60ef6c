"""Acoustic functionals of a corpus: computed once by several threads, kept in files of a few recordings each."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from aclipse.atomic import replacing
from aclipse.audio import files
from aclipse.audio.functionals import FunctionalSettings, functionals, size, version
from aclipse.contracts import Clip
from aclipse.errors import RunError
from aclipse.training.features import OnDone, check_ids, one_thread, stamp

log = logging.getLogger(__name__)

Rows = npt.NDArray[np.float32]  # (clips, size)

VERSION = 1  # of the numbers in a cache: counted up when the same recording and version of functionals give others
CHUNK = 64  # recordings a file: a kill costs no more than these, seconds of work
TOLD = 512  # recordings after which the log hears how far it is, where nobody else does


def functionals_of(
    clips: Sequence[Clip], settings: FunctionalSettings, folder: Path, on_done: OnDone | None = None, threads: int = 0
) -> Rows:
    """Functionals of some clips in their order, ``(clips, size)``, the same for any number of threads.

    Kept in ``folder`` chunk by chunk, so that what was cut short goes on where it was. A chunk is of its clips, their
    files as they are now, and the version of what made it; any other has a name of its own beside it. A damaged one is
    computed anew, with a warning. ``on_done`` hears of every recording that is computed; ``threads`` 0 is as many as
    torch uses.
    Raises CorpusError for no clips and an id that occurs twice, AudioError for a recording that cannot be used,
    MissingExtra without opensmile where it is needed, RunError for a folder that cannot be written.
    """
    check_ids(clips, "to compute functionals of")
    paths = _paths(clips, settings, folder)
    rows = np.empty((len(clips), size(settings.kind)), np.float32)
    with _workers(threads) as pool:
        for start, path in zip(range(0, len(clips), CHUNK), paths, strict=True):
            part = rows[start : start + CHUNK]
            if _read_into(part, path):
                continue
            found = pool.map(lambda clip: functionals(files.read(clip.path), settings.kind), clips[start:][:CHUNK])
            for place, row in enumerate(found):
                part[place] = row
                if on_done:
                    on_done(start + place + 1, len(clips))
            _write(path, part)
            if not on_done and (start + CHUNK) % TOLD == 0:
                log.info("functionals of %d of %d recordings", start + CHUNK, len(clips))
    log.info("functionals of %d recordings (%s) lie in %s", len(clips), version(settings.kind), folder)
    return rows


def is_kept(clips: Sequence[Clip], settings: FunctionalSettings, folder: Path) -> bool:
    """Whether ``folder`` holds these functionals of these clips, their files as they are now."""
    return all(path.is_file() for path in _paths(clips, settings, folder))


def _paths(clips: Sequence[Clip], settings: FunctionalSettings, folder: Path) -> list[Path]:
    made_by = version(settings.kind)
    return [
        folder / f"functionals-{_key(clips[start : start + CHUNK], made_by)}.npy"
        for start in range(0, len(clips), CHUNK)
    ]


def _key(clips: Sequence[Clip], made_by: str) -> str:
    """12 hexadecimal digits that change with whatever changes functionals: what makes them, the clips, their files."""
    rows = [(clip.id, str(clip.path.absolute()), *stamp(clip.path)) for clip in clips]
    return hashlib.sha256(json.dumps([VERSION, made_by, rows]).encode()).hexdigest()[:12]


@contextmanager
def _workers(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Threads, for openSMILE computes outside Python's lock; who leaves early waits for no more than was begun."""
    count = threads or torch.get_num_threads()
    with one_thread():
        pool = ThreadPoolExecutor(count)
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


def _read_into(part: Rows, path: Path) -> bool:
    """Fill rows with a chunk that is kept; whether there was a whole one."""
    try:
        kept = np.load(path)
        if kept.shape != part.shape or kept.dtype != part.dtype:
            raise ValueError(f"it holds {kept.dtype} of shape {kept.shape}, not {part.dtype} of {part.shape}")
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError, EOFError) as error:
        log.warning("%s is damaged and computed anew: %s", path, error)
        return False
    part[:] = kept
    return True


def _write(path: Path, rows: Rows) -> None:
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            np.save(file, rows)
    except OSError as error:
        raise RunError(
            f"{path.parent} takes no functionals: {error.strerror}. Check its space and permissions, or choose another "
            "folder."
        ) from error

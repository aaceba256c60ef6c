"""Acoustic functionals: statistics over a whole recording, one row of fixed size and no order in time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from aclipse.audio.segments import FeatureSettings, centres, log_mel
from aclipse.contracts import SAMPLE_RATE, Features, Settings, Wave
from aclipse.errors import MissingExtra, RecipeError

Array = npt.NDArray[Any]

OPENSMILE = {"compare": "ComParE_2016", "egemaps": "eGeMAPSv02", "emobase": "emobase"}  # its names of feature sets
KINDS = (*OPENSMILE, "log-mel")
VERSION = 1  # of our own statistics: counted up when the same sound gives others
SHORTEST = 960  # samples: the 60 ms window of these sets; openSMILE gives nothing for less
LOUDEST = 1 - 2**-15  # openSMILE counts in 16 bits, where what is more wraps round to the other sign
LOG_MEL = FeatureSettings(bands=64)
STATISTICS: dict[str, Callable[[Array], Array]] = {  # (frames, columns) -> (columns,)
    "mean": lambda mel: mel.mean(0, dtype=np.float64),
    "deviation": lambda mel: mel.std(0, dtype=np.float64),
    "5th percentile": lambda mel: np.percentile(mel, 5, axis=0),
    "median": lambda mel: np.percentile(mel, 50, axis=0),
    "95th percentile": lambda mel: np.percentile(mel, 95, axis=0),
    "mean step": lambda mel: np.abs(np.diff(mel, axis=0)).sum(0, dtype=np.float64) / max(len(mel) - 1, 1),
}


class FunctionalSettings(Settings):
    """Which functionals are computed.

    ``compare``, the paper's, are the 6,373 of the ComParE 2016 challenge (Schuller et al. 2016), ``egemaps`` the 88 of
    eGeMAPS v02 (Eyben et al. 2016), ``emobase`` the 988 of openSMILE's own set. All three are made by openSMILE, whose
    free licence is for research: it excludes products, and names features extracted with it, and models of these, among
    what may not go into one. ``log-mel`` are 390 statistics of our own that need no extra and may be used for anything.
    """

    kind: Literal["compare", "egemaps", "emobase", "log-mel"] = "compare"


def functionals(wave: Wave, kind: str) -> Features:
    """Functionals of one recording, ``(time,) -> (1, size)``, finite for any; one too short is padded with zeros.

    Raises RecipeError for an unknown kind, MissingExtra without opensmile where it is needed.

    >>> functionals(np.zeros(16_000, np.float32), "log-mel").shape
    (1, 390)
    """
    row = _of_log_mel(wave) if _known(kind) == "log-mel" else _of_opensmile(wave, kind)
    return np.where(np.isfinite(row), row, 0).astype(np.float32)[None]


def names(kind: str) -> tuple[str, ...]:
    """What each number of a row is called; raises as `functionals` does.

    >>> names("log-mel")[11], names("log-mel")[64]
    ('band 12 (482 Hz) mean', 'level mean')
    """
    return _log_mel_names() if _known(kind) == "log-mel" else tuple(_smile(kind).feature_names)


def version(kind: str) -> str:
    """What made the numbers: those of another version may differ; raises as `functionals` does.

    >>> version("log-mel")
    'log-mel statistics 1'
    """
    if _known(kind) == "log-mel":
        return f"log-mel statistics {VERSION}"
    return f"opensmile {_opensmile().__version__} {OPENSMILE[kind]}"


def size(kind: str) -> int:
    """How many numbers a row has; raises as `functionals` does."""
    return len(names(kind))


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise RecipeError(f"There are no functionals of kind {kind!r}. Choose one of: {', '.join(KINDS)}.")
    return kind


def _of_opensmile(wave: Wave, kind: str) -> Array:
    padded = np.pad(wave, (0, max(SHORTEST - len(wave), 0)))
    return np.asarray(_smile(kind)(np.clip(padded, -1, LOUDEST), SAMPLE_RATE))[0, :, 0]


@cache
def _smile(kind: str) -> Any:
    """An extractor for all threads: it holds settings alone, and starts openSMILE anew for every recording."""
    package = _opensmile()
    return package.Smile(package.FeatureSet[OPENSMILE[kind]], package.FeatureLevel.Functionals)


def _opensmile() -> Any:
    try:
        import opensmile
    except ImportError as error:
        raise MissingExtra("opensmile", "opensmile") from error
    return opensmile


def _of_log_mel(wave: Wave) -> Array:
    """Statistics over frames of each band, and of the level: the logarithm of the sum of all bands' power."""
    mel = log_mel(wave, LOG_MEL)
    columns = np.concatenate([mel, np.log(np.exp(mel).sum(1, keepdims=True))], axis=1)
    return np.concatenate([statistic(columns) for statistic in STATISTICS.values()])


@cache
def _log_mel_names() -> tuple[str, ...]:
    bands = [f"band {number} ({frequency:.0f} Hz)" for number, frequency in enumerate(centres(LOG_MEL), 1)]
    return tuple(f"{place} {statistic}" for statistic in STATISTICS for place in (*bands, "level"))

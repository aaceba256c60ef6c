"""What became of a recording as a signal: every measure to be had here."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from aclipse.contracts import Features, Wave
from aclipse.errors import MissingExtra
from aclipse.metrics import quality

SILENT_DB = -120.0  # stands for a level of nothing at all, whose logarithm no mean could take

Measure = Callable[[Wave, Wave], float]  # what became of a recording, in a number


@cache
def available() -> tuple[dict[str, Measure], tuple[str, ...]]:
    """The signal measures to be had here, PESQ only where its package is installed, and a sentence on what is not."""
    found: dict[str, Measure] = {
        "snr_db": quality.snr_db,
        "si_sdr_db": quality.si_sdr_db,
        "level_db": quality.level_change_db,
        "stoi": quality.stoi,
        "pesq": quality.pesq,
    }
    try:
        quality.pesq(np.zeros(1, np.float32), np.zeros(1, np.float32))
    except MissingExtra as missing:
        del found["pesq"]
        return found, (f"PESQ is left out: {missing}",)
    return found, ()


def measured(original: Wave, protected: Wave) -> dict[str, float]:
    """What each measure says of a protected recording; levels of nothing at all are held at SILENT_DB."""
    row = {name: compute(original, protected) for name, compute in available()[0].items()}
    return {**row, **{name: max(row[name], SILENT_DB) for name in ("level_db", "si_sdr_db")}}


def measured_features(original: Features, protected: Features) -> dict[str, float]:
    """What became of features, ``(frames, bands)``: all that is measured of them, as their SNR and level are."""
    one, two = original.ravel(), protected.ravel()
    return {"snr_db": quality.snr_db(one, two), "level_db": max(quality.level_change_db(one, two), SILENT_DB)}

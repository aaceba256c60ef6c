"""How far a protected recording moved from its original: levels and ratios in dB, STOI, PESQ.

All take two recordings ``(time,)`` of one length, at 16 kHz where it matters, and raise UnusableAudio if the lengths
differ. What has no value is NaN; a ratio to nothing is infinite; whoever averages decides what to do with either.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import numpy.typing as npt

from aclipse.contracts import SAMPLE_RATE, Wave
from aclipse.errors import MissingExtra, UnusableAudio

_STOI_SAMPLES = 410  # one window of pystoi (256 samples at 10 kHz) and one more; below it pystoi crashes


def snr_db(original: Wave, protected: Wave) -> float:
    """Signal-to-noise ratio in dB, the noise being the difference.

    Inf for an unchanged recording, 0 for a silenced one, -inf for anything added to silence.

    >>> round(snr_db(np.ones(8), np.full(8, 0.5)), 2)
    6.02
    """
    x, y = _pair(original, protected)
    return _power_ratio_db(x, x - y)


def si_sdr_db(original: Wave, protected: Wave) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019, eq. 5): the SNR after the best gain.

    Inf for a recording changed in gain or polarity only, -inf where nothing of the original is left, NaN for a silent
    original.
    """
    x, y = _pair(original, protected)
    if not x.any():
        return math.nan
    target = x * (float(x @ y) / float(x @ x))
    return _power_ratio_db(target, target - y) if target.any() else -math.inf


def level_change_db(original: Wave, protected: Wave) -> float:
    """Change of the root mean square in dB: negative if quieter, -inf if silenced, NaN if both are silent.

    >>> round(level_change_db(np.ones(8), np.full(8, 0.5)), 2)
    -6.02
    """
    x, y = _pair(original, protected)
    return _power_ratio_db(y, x) if x.any() or y.any() else math.nan


def stoi(original: Wave, protected: Wave) -> float:
    """Short-time objective intelligibility (Taal et al. 2011) by pystoi: 1 if unchanged, near 0 for unrelated noise.

    NaN for a silent original and for one with less than 0.4 s of speech, the length of the measure's segments.
    """
    from pystoi import stoi as measure  # loads scipy

    x, y = _pair(original, protected)
    if len(x) < _STOI_SAMPLES or not x.any():
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # how pystoi says that too little speech is left
        try:
            return float(measure(x, y, SAMPLE_RATE))
        except RuntimeWarning:
            return math.nan


def pesq(original: Wave, protected: Wave) -> float:
    """Wide-band PESQ (ITU-T P.862.2) as a mean opinion score: 4.64 for an unchanged recording, about 1 at worst.

    NaN where either is silent or it finds no utterance, and below a quarter of a second. Raises MissingExtra without
    the package pesq.
    """
    try:
        from pesq import BufferTooShortError, NoUtterancesError
        from pesq import pesq as measure
    except ImportError as error:
        raise MissingExtra("pesq", "pesq") from error
    x, y = _pair(original, protected)
    if not (x.any() and y.any()):
        return math.nan
    try:
        return float(measure(SAMPLE_RATE, x, y, "wb"))
    except (BufferTooShortError, NoUtterancesError):
        return math.nan


def _pair(original: Wave, protected: Wave) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    if np.shape(original) != np.shape(protected):
        raise UnusableAudio(
            f"The original has {len(original)} samples, the protected recording {len(protected)}; "
            "they are compared sample by sample. Align and cut them to one length."
        )
    return np.asarray(original, dtype=np.float64), np.asarray(protected, dtype=np.float64)


def _power_ratio_db(signal: npt.NDArray[np.float64], noise: npt.NDArray[np.float64]) -> float:
    """10 lg of the ratio of two energies, infinite where one of them is 0; the second is looked at first."""
    above, below = float(signal @ signal), float(noise @ noise)
    if below == 0:
        return math.inf
    return 10 * (math.log10(above) - math.log10(below)) if above else -math.inf

"""Linear prediction of all short frames of a recording at once: cut, predict, filter, undo, overlap-add.

Frames are ``(frames, FRAME)`` float64; predictors ``(frames, ORDER + 1)`` with a leading 1, as in Makhoul (1975).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aclipse.contracts import SAMPLE_RATE, Wave

FRAME = SAMPLE_RATE // 50  # samples, 20 ms
HOP = FRAME // 2  # samples, 10 ms
ORDER = 20  # of the predictor: 8 to 10 formants and tilt at 16 kHz
WINDOW = np.sin(np.pi * (np.arange(FRAME) + 0.5) / FRAME)  # its squares, one HOP apart, add up to 1
NOISE = 1e-9  # -90 dB, added to each frame's power: keeps the equations solvable for a pure tone
SILENT = 1e-12  # energy added to each frame: keeps them solvable for zeros

Array = npt.NDArray[np.float64]


def cut(wave: Wave) -> Array:
    """Windowed frames, half overlapping; every sample lies in two of them, ``(time,) -> (frames, FRAME)``."""
    frames = -(-len(wave) // HOP) + 1
    padded = np.pad(wave.astype(np.float64), (HOP, frames * HOP - len(wave)))
    return np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP] * WINDOW


def overlap_add(frames: Array, samples: int) -> Wave:
    """Window again and add up; undoes `cut`.

    >>> wave = np.arange(1000, dtype=np.float32)
    >>> bool(np.allclose(overlap_add(cut(wave), 1000), wave))
    True
    """
    halves = (frames * WINDOW).reshape(len(frames), 2, HOP)
    out = np.zeros((len(frames) + 1, HOP))
    out[:-1] += halves[:, 0]
    out[1:] += halves[:, 1]
    return out.reshape(-1)[HOP : HOP + samples].astype(np.float32)


def autocorrelation(frames: Array) -> Array:
    """Of each frame, ``(frames, ORDER + 1)``, made safe to invert."""
    lags = [np.einsum("ft,ft->f", frames[:, : FRAME - lag], frames[:, lag:]) for lag in range(ORDER + 1)]
    found = np.stack(lags, axis=1)
    found[:, 0] = found[:, 0] * (1 + NOISE) + SILENT
    return found


def predictor(correlation: Array) -> Array:
    """Levinson-Durbin recursion; the filter's inverse is stable, ``(frames, ORDER + 1) -> (frames, ORDER + 1)``.

    >>> predictor(0.5 ** np.arange(ORDER + 1.0)[None])[0, :3]  # of a first-order process
    array([ 1. , -0.5,  0. ])
    """
    found = np.zeros_like(correlation)
    found[:, 0] = 1.0
    error = correlation[:, :1].copy()
    for order in range(1, ORDER + 1):
        match = np.sum(found[:, :order] * correlation[:, order:0:-1], axis=1, keepdims=True)
        reflection = -match / error
        found[:, 1 : order + 1] += reflection * found[:, order - 1 :: -1][:, :order]
        error = error * (1 - reflection**2)
    return found


def residual(frames: Array, predictors: Array) -> Array:
    """What prediction leaves of each frame: its source."""
    out = frames.copy()
    for lag in range(1, ORDER + 1):
        out[:, lag:] += predictors[:, lag, None] * frames[:, : FRAME - lag]
    return out


def synthesis(source: Array, predictors: Array) -> Array:
    """Filter each frame's source with the inverse of a predictor; undoes `residual`."""
    history = np.zeros((ORDER + FRAME, len(source)))  # time first: one step of all frames lies together
    backwards, source = np.ascontiguousarray(predictors[:, :0:-1].T), source.T
    for time in range(FRAME):
        past = np.einsum("of,of->f", backwards, history[time : time + ORDER])
        history[time + ORDER] = source[time] - past
    return np.ascontiguousarray(history[ORDER:].T)

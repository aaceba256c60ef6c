"""What the protection did to the sound: spectrogram pairs and long-term average spectra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aclipse.report.drawing import BLUE, INK, MUTED, ORANGE, WIDTH, themed

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Wave = NDArray[np.float32]  # (time,), in [-1, 1]

WINDOW_S, HOP_S = 0.032, 0.008
FLOOR_DB = -80.0  # below the loudest point: background of most recordings
ROUNDING_DB = -100.0  # a bin below this holds no more than the rounding noise of 16-bit audio
SMOOTHING_HZ = 160.0  # width of the running mean over frequency in average spectra


def power_frames(wave: Wave, rate: int) -> NDArray[np.float64]:
    """Short-time power spectrum under a Hann window, ``(time,) -> (frame, bin)``; a full-scale sine peaks at 1.

    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    >>> int(power_frames(tone, 16000).mean(0).argmax() * 16000 / 512)  # Hz
    1000
    """
    import numpy as np

    size, hop = round(WINDOW_S * rate), max(1, round(HOP_S * rate))
    padded = np.pad(wave.astype(np.float64), (0, max(0, size - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.hanning(size + 1)[:-1]
    return np.abs(np.fft.rfft(frames * window, axis=-1) * 2 / window.sum()) ** 2


def average_spectrum(wave: Wave, rate: int) -> NDArray[np.float64]:
    """Long-term average power spectrum in dB, smoothed over frequency, ``(time,) -> (bin,)``."""
    import numpy as np

    power = power_frames(wave, rate).mean(0)
    width = 2 * round(SMOOTHING_HZ * WINDOW_S / 2) + 1
    smooth = np.convolve(np.pad(power, width // 2, mode="edge"), np.ones(width) / width, mode="valid")
    return np.maximum(_decibels(smooth), ROUNDING_DB)


def _decibels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    return 10 * np.log10(np.maximum(power, 1e-20))


@themed
def spectrogram_figure(original: Wave, protected: Wave, rate: int) -> Figure:
    """One clip before and after, on the same time, frequency and colour scale (Fig. 6 of the Aclipse paper)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 3.6))
    panels = figure.subplots(2, 1, sharex=True, sharey=True)
    decibels = [_decibels(power_frames(wave, rate)) for wave in (original, protected)]
    top = max(decibels[0].max(), FLOOR_DB)
    look = {"origin": "lower", "aspect": "auto", "cmap": "magma", "vmin": FLOOR_DB, "vmax": 0}
    for axes, image, title in zip(panels, decibels, ("original", "protected"), strict=True):
        drawn = axes.imshow(image.T - top, extent=(0, len(image) * HOP_S, 0, rate / 2000), **look)
        axes.set(title=title, ylabel="kHz")
        axes.grid(False)
    panels[1].set_xlabel("seconds")
    figure.colorbar(drawn, ax=panels, label="dB", pad=0.02, aspect=30).outline.set_visible(False)
    return figure


@themed
def average_spectrum_figure(pairs: Sequence[tuple[Wave, Wave]], rate: int) -> Figure:
    """Average spectra of the clips before and after, and the difference: thin lines are single clips."""
    import numpy as np
    from matplotlib.figure import Figure

    before, after = (np.stack([average_spectrum(pair[side], rate) for pair in pairs]) for side in (0, 1))
    kilohertz = np.linspace(0, rate / 2000, before.shape[1])
    figure = Figure(figsize=(WIDTH, 4.0))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    upper.plot(kilohertz, before.mean(0), color=INK, label="original")
    upper.plot(kilohertz, after.mean(0), color=BLUE, label="protected")
    upper.set(title="average spectrum", ylabel="dB re full scale")
    upper.legend(loc="upper right")
    lower.plot(kilohertz, (after - before).T, color=ORANGE, lw=0.6, alpha=0.45)
    lower.plot(kilohertz, (after - before).mean(0), color=ORANGE)
    lower.axhline(0, color=MUTED, lw=1)
    lower.set(title="difference: protected minus original", ylabel="dB", xlabel="kHz", xlim=(0, rate / 2000))
    return figure

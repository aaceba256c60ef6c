"""A small network from protected sound back to the original: a fixed filter, then a mask that depends on the sound."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aclipse.audio.signal import mask_of, rms
from aclipse.contracts import Wave
from aclipse.models.compact import FrameConv

FFT, HOP = 512, 256  # samples, 32 and 16 ms; the root of a Hann window, squared, adds up to 1 at half its length
REACH = 512  # samples, 32 ms, by which the fixed filter looks back and ahead
RIDGE = 1e-7  # white noise the filter must bear, relative to the recordings' power: it amplifies nothing without limit
FLOOR = 1e-6  # power relative to the recording's own mean: keeps the log finite in silence
LIMIT = 4.6  # nats, 40 dB: by how much a bin may be raised or lowered


class Inverter(nn.Module):
    """Undoes a protection, ``(batch, time), (batch,) -> (batch, time)``; zero past each recording's end.

    First the fixed filter, which covers filtering, polarity, gain and shifts of up to REACH samples; then every bin of
    a short-time spectrum is raised or lowered, as convolutions over log-power frames tell. Phase is left to the filter:
    recognisers do not hear it. It starts as the identity: the filter as a unit impulse, to be set from `best_filter`,
    and a mask of 1.

    >>> inverter, waves = Inverter(width=8), 0.1 * torch.randn(2, 16000)
    >>> torch.allclose(inverter(waves, torch.full((2,), 16000)), waves, atol=1e-5)
    True
    """

    filter: Tensor
    window: Tensor
    DILATIONS = (1, 2, 4)

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.settings = {"width": width}
        bins = FFT // 2 + 1
        self.register_buffer("filter", F.pad(torch.ones(1), (REACH, REACH)))  # response at -REACH … REACH samples
        self.register_buffer("window", torch.hann_window(FFT).sqrt(), persistent=False)
        self.stem = FrameConv((bins, width), 5, dropout=0.0)
        self.residual = nn.ModuleList(FrameConv((width, width), 5, 1, d, 0.0) for d in self.DILATIONS)
        self.head = nn.Conv1d(width, bins, 1)  # the mask's logarithm
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        true = mask_of(lengths, waves.shape[-1])
        filtered = convolve(waves * true, self.filter)[:, : waves.shape[-1]] * true
        # Frames until the last that touches a recording, so that its end is the same whatever follows.
        spectrum = torch.stft(
            F.pad(filtered, (0, FFT)), FFT, HOP, window=self.window, pad_mode="constant", return_complex=True
        )
        frames = (lengths + FFT // 2 - 1) // HOP + 1
        gain = (
            self._log_gain(spectrum, frames, rms(filtered, lengths)).exp()
            * mask_of(frames, spectrum.shape[-1])[:, None]
        )
        return torch.istft(spectrum * gain, FFT, HOP, window=self.window, length=waves.shape[-1]) * true

    def _log_gain(self, spectrum: Tensor, frames: Tensor, level: Tensor) -> Tensor:
        power = spectrum.real.square() + spectrum.imag.square()
        x = torch.log(power / (FFT / 2 * level.square().clamp(min=1e-10))[:, None, None] + FLOOR)
        x, frames = self.stem(x * mask_of(frames, x.shape[-1])[:, None], frames)
        for layer in self.residual:
            x = x + layer(x, frames)[0]
        return LIMIT * torch.tanh(self.head(x) / LIMIT)


def convolve(waves: Tensor, response: Tensor) -> Tensor:
    """Filter with a response centred on its middle sample, by FFT, ``(batch, time) -> (batch, at least time)``.

    >>> convolve(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([0.0, 0.0, 1.0]))[:, :3].round()
    tensor([[0., 1., 2.]])
    """
    reach = len(response) // 2
    size = 2 ** (waves.shape[-1] + 2 * reach).bit_length()
    spectrum = torch.fft.rfft(waves, size) * torch.fft.rfft(response, size)
    return torch.fft.irfft(spectrum, size)[:, reach : size - reach]


def best_filter(pairs: Iterable[tuple[Wave, Wave]], reach: int = REACH) -> Tensor:
    """The filter that brings given recordings nearest to wanted ones in least squares, ``(2 * reach + 1,)``.

    ``pairs`` are (given, wanted) of equal length; each counts by the wanted one's level alone, whatever it is. Solves
    the normal equations of Wiener's FIR filter, look-ahead included. A unit impulse if all that is given is silent.

    >>> wave = np.random.default_rng(0).standard_normal(9000).astype(np.float32)
    >>> best_filter([(np.roll(-0.5 * wave, 1), wave)], reach=2).numpy().round(1) + 0.0
    array([ 0., -2.,  0.,  0.,  0.], dtype=float32)
    """
    within, across = np.zeros(2 * reach + 1), np.zeros(2 * reach + 1)
    for given, wanted in pairs:
        size = 2 ** (len(given) + 2 * reach).bit_length()
        before, after = np.fft.rfft(given, size), np.fft.rfft(wanted, size)
        weight = 1 / max(float(np.square(wanted, dtype=np.float64).sum()), 1e-9)
        within += weight * np.fft.irfft(before * before.conj(), size)[: 2 * reach + 1]
        across += weight * np.roll(np.fft.irfft(after * before.conj(), size), reach)[: 2 * reach + 1]
    if within[0] <= 0:
        return F.pad(torch.ones(1), (reach, reach))
    within[0] *= 1 + RIDGE
    lags = np.abs(np.subtract.outer(np.arange(2 * reach + 1), np.arange(2 * reach + 1)))
    return torch.from_numpy(np.linalg.solve(within[lags], across)).float()

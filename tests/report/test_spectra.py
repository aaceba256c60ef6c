from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_run import tone

from aclipse.report.spectra import average_spectrum, average_spectrum_figure, power_frames, spectrogram_figure

BINS = 16_000 / 512  # Hz: one bin


@settings(deadline=None)
@given(st.integers(5, 250), st.floats(0.05, 1.0))
def test_a_sine_peaks_at_its_frequency_with_its_power(bin_, gain):
    frames = power_frames(tone(bin_ * BINS, gain), 16_000)
    assert set(frames.argmax(1)) == {bin_}
    assert frames[0, bin_] == pytest.approx(gain**2, rel=1e-3)


def test_frames_are_those_of_scipy():
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    wave = np.random.default_rng(0).normal(size=4000).astype(np.float32)
    theirs = ShortTimeFFT(hann(512, sym=False), hop=128, fs=16_000, scale_to="magnitude")
    centred = theirs.stft(wave, p0=2, p1=2 + len(power_frames(wave, 16_000)))  # slice 2 is centred on sample 256
    inside = 4 * np.abs(centred) ** 2
    np.testing.assert_allclose(power_frames(wave, 16_000), inside.T, rtol=1e-4, atol=1e-9)


def test_a_quieter_copy_lies_lower_by_its_gain():
    wave = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    difference = average_spectrum(wave / 2, 16_000) - average_spectrum(wave, 16_000)
    np.testing.assert_allclose(difference, 20 * np.log10(0.5), atol=1e-3)


@pytest.mark.parametrize("samples", [1, 511, 512, 513])
def test_short_and_silent_clips_have_a_spectrum(samples):
    assert power_frames(np.zeros(samples, np.float32), 16_000).shape[1] == 257
    assert (average_spectrum(np.zeros(samples, np.float32), 16_000) == -100.0).all()


def test_both_spectrograms_share_one_scale():
    figure = spectrogram_figure(tone(500, 0.5), tone(500, 0.05), 16_000)
    before, after = (axes.images[0] for axes in figure.axes[:2])
    assert before.get_clim() == after.get_clim() == (-80.0, 0.0)
    assert before.get_array().max() == pytest.approx(0.0)
    assert after.get_array().max() == pytest.approx(-20.0, abs=0.01)
    assert before.get_extent()[3] == 8.0  # kHz


def test_the_average_difference_is_the_gain():
    figure = average_spectrum_figure([(tone(500, 0.5), tone(500, 0.25)), (tone(900, 0.5), tone(900, 0.25))], 16_000)
    *single, mean, _zero = figure.axes[1].lines
    assert len(single) == 2
    assert mean.get_ydata()[round(500 / BINS)] == pytest.approx(-6.02, abs=0.01)

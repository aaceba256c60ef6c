"""Features that leave a device: log-mel against an independent construction, scales, cutting and joining."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from pydantic import ValidationError

from aclipse.audio import segments
from aclipse.audio.features import Analysis, mel_filters
from aclipse.audio.segments import FeatureSettings, Scale, centres, cut, join, log_mel, scale_of
from aclipse.contracts import SAMPLE_RATE

PAPER = FeatureSettings()


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def values(frames: int, bands: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(-5, 3, (frames, bands)).astype(np.float32)


def paper_filters() -> np.ndarray:
    """128 triangles by ``np.interp`` on the HTK scale, each of unit sum, over 401 bins of 20 Hz."""
    mel = np.linspace(2595 * np.log10(1 + 60 / 700), 2595 * np.log10(1 + 7600 / 700), 130)
    edges = 700 * (10 ** (mel / 2595) - 1)
    triangles = [np.interp(np.arange(401) * 20.0, edges[i : i + 3], [0, 1, 0]) for i in range(128)]
    return np.stack([triangle / triangle.sum() for triangle in triangles], 1)


def paper_log_mel(wave: np.ndarray) -> np.ndarray:
    """Frame by frame with NumPy's FFT: 50 ms under a Hamming window every 10 ms, the first centred on sample 0."""
    padded = np.pad(wave.astype(np.float64), (400, 800))
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(800) / 800)
    starts = 160 * np.arange(len(wave) // 160 + 1)
    power = np.stack([np.abs(np.fft.rfft(padded[s : s + 800] * window, 800)) ** 2 / 800 for s in starts])
    return np.log(power @ paper_filters() + 1e-7)


@st.composite
def cuts(draw: DrawFn) -> tuple[int, int, int]:
    """Frames, segment and a hop no longer than the segment."""
    segment = draw(st.integers(1, 40))
    return draw(st.integers(1, 200)), segment, draw(st.integers(1, segment))


@pytest.mark.parametrize("samples", [1, 159, 160, 1599, 16_001, 40_000])
def test_log_mel_equals_an_independent_construction(samples: int) -> None:
    wave = noise(samples)
    found = log_mel(wave, PAPER)
    assert found.shape == (samples // 160 + 1, 128) and found.dtype == np.float32
    np.testing.assert_allclose(found, paper_log_mel(wave), atol=2e-3)


def test_every_band_of_the_paper_hears_something() -> None:
    assert paper_filters().max(0).min() > 0
    quiet, loud = log_mel(np.zeros(16_000, np.float32), PAPER), log_mel(noise(16_000), PAPER)
    np.testing.assert_allclose(quiet, np.log(1e-7), rtol=1e-6)  # silence is finite
    assert (loud.mean(0) > -7).all()


def test_log_mel_leaves_its_input_and_takes_what_is_read_only() -> None:
    wave = noise(3000)
    before = wave.copy()
    wave.setflags(write=False)
    log_mel(wave, PAPER)
    np.testing.assert_array_equal(wave, before)
    np.testing.assert_array_equal(log_mel(wave[::-1], PAPER), log_mel(wave[::-1].copy(), PAPER))


@settings(max_examples=25)
@given(samples=st.integers(1, 12_000), block=st.integers(1, 40), hop=st.sampled_from([100, 160, 333]))
def test_a_long_recording_worked_on_in_blocks_gives_the_same(samples: int, block: int, hop: int) -> None:
    chosen = FeatureSettings(bands=20, analysis=Analysis(window="hamming", width=700, hop=hop, fft=802))
    wave = noise(samples, seed=samples)
    whole = log_mel(wave, chosen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "BLOCK", block)
        np.testing.assert_allclose(log_mel(wave, chosen), whole, atol=1e-4)


def test_a_recording_over_a_minute_is_whole_where_blocks_meet() -> None:
    wave = noise(160 * (segments.BLOCK + 50))
    found = log_mel(wave, PAPER)
    assert len(found) == segments.BLOCK + 51
    tail = 160 * (segments.BLOCK - 20)
    expected = paper_log_mel(wave[tail:])[5:]  # five frames reach before the tail
    np.testing.assert_allclose(found[segments.BLOCK - 15 :], expected, atol=2e-3)


def test_hops_longer_than_the_segment_are_refused() -> None:
    for hop in ("train_hop", "test_hop"):
        with pytest.raises(ValidationError, match="a hop longer than the segment would leave frames out"):
            FeatureSettings(**{hop: 201})
    assert FeatureSettings(segment=201, train_hop=201, test_hop=201).segment == 201


@given(frames=st.integers(2, 300), seed=st.integers(0, 99))
def test_a_scale_gives_zero_mean_and_unit_deviation_and_is_undone(frames: int, seed: int) -> None:
    features = values(frames, seed=seed)
    scale = scale_of(features)
    found = scale.apply(features)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.mean(0, dtype=np.float64), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(0, dtype=np.float64), 1, rtol=1e-5)
    np.testing.assert_allclose(scale.undo(found), features, atol=1e-4)


@given(parts=st.lists(st.integers(1, 50), min_size=1, max_size=6), block=st.integers(1, 60))
def test_the_scale_of_several_recordings_is_that_of_all_their_frames(parts: list[int], block: int) -> None:
    features = [values(frames, seed=seed) for seed, frames in enumerate(parts)]
    together = np.concatenate(features).astype(np.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "BLOCK", block)
        mean, deviation = scale_of(*features)
    np.testing.assert_allclose(mean, together.mean(0), rtol=1e-6)
    np.testing.assert_allclose(deviation, together.std(0) if len(together) > 1 else 1, rtol=1e-5)


def test_a_band_that_never_changes_keeps_its_unit() -> None:
    features = values(500)
    features[:, 1] = np.log(1e-7)
    scale = scale_of(features)
    assert scale.deviation[1] == 1 and (scale.deviation[[0, 2]] > 2).all()
    np.testing.assert_allclose(scale.apply(features)[:, 1], 0, atol=1e-5)
    np.testing.assert_array_equal(scale_of(features[:1]).deviation, 1)  # a single frame


def test_a_scale_of_zeros_and_ones_changes_nothing() -> None:
    features = values(9)
    identity = Scale(np.zeros(3, np.float32), np.ones(3, np.float32))
    np.testing.assert_array_equal(identity.apply(features), features)
    assert not np.shares_memory(identity.apply(features), features)


@given(given_cut=cuts())
def test_joining_what_was_cut_gives_the_true_frames_and_zeros(given_cut: tuple[int, int, int]) -> None:
    frames, segment, hop = given_cut
    features = values(frames)
    joined = join(cut(features, segment, hop), segment, hop)
    np.testing.assert_allclose(joined[:frames], features, rtol=1e-5)
    assert not joined[frames:].any()


@given(given_cut=cuts())
def test_segments_are_as_many_as_cover_the_recording(given_cut: tuple[int, int, int]) -> None:
    frames, segment, hop = given_cut
    count = next(n for n in range(1, 999) if (n - 1) * hop + segment >= frames)
    assert segments.segments(frames, segment, hop) == count
    pieces = cut(values(frames), segment, hop)
    assert pieces.shape == (count * segment, 3) and pieces.dtype == np.float32


@given(given_cut=cuts())
def test_each_segment_is_its_stretch_of_the_recording(given_cut: tuple[int, int, int]) -> None:
    frames, segment, hop = given_cut
    features = values(frames)
    padded = np.concatenate([features, np.zeros((segment + hop, 3), np.float32)])
    for number, piece in enumerate(cut(features, segment, hop).reshape(-1, segment, 3)):
        np.testing.assert_array_equal(piece, padded[number * hop :][:segment])


def test_joining_averages_what_overlaps() -> None:
    first, second = np.full((4, 1), 1, np.float32), np.full((4, 1), 5, np.float32)
    assert join(np.concatenate([first, second]), segment=4, hop=2)[:, 0].tolist() == [1, 1, 3, 3, 5, 5]


def test_the_papers_segments_overlap_by_a_second_in_training_and_half_of_one_in_tests() -> None:
    five_seconds = 501
    assert segments.segments(five_seconds, PAPER.segment, PAPER.train_hop) == 5  # at 0, 1, 2, 3 and 4 s
    assert segments.segments(five_seconds, PAPER.segment, PAPER.test_hop) == 4  # at 0, 1.5, 3 and 4.5 s
    assert segments.segments(1, PAPER.segment, PAPER.test_hop) == 1


def test_bands_are_where_their_filters_are_greatest() -> None:
    features = FeatureSettings(bands=24, analysis=Analysis(width=1600, fft=1600))
    peaks = mel_filters(24, features.analysis).argmax(0).numpy() * SAMPLE_RATE / 1600
    assert np.abs(centres(features) - peaks).max() <= 10

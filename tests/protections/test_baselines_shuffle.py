"""Chunk shuffling: a permutation without clicks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aclipse.errors import RecipeError
from aclipse.protections.baselines import ChunkShuffle
from aclipse.protections.baselines.shuffle import FADE, chunk_edges, join

NOISE = (0.1 * np.random.default_rng(0).standard_normal(32_000)).astype(np.float32)


@settings(deadline=None, max_examples=50)
@given(samples=st.integers(0, 60_000), milliseconds=st.floats(20, 5000))
def test_chunks_are_equal_and_no_longer_than_asked(samples: int, milliseconds: float) -> None:
    sizes = np.diff(chunk_edges(samples, milliseconds))
    assert sizes.sum() == samples and np.ptp(sizes) <= 1 and sizes.max() <= np.ceil(milliseconds * 16)


@pytest.mark.parametrize("milliseconds", [20, 100, 250])
def test_every_chunk_is_there_once(milliseconds: float) -> None:
    edges = chunk_edges(len(NOISE), milliseconds)
    steps = np.repeat(np.arange(1, len(edges), dtype=np.float32), np.diff(edges))  # chunk i holds the value i
    out = ChunkShuffle(milliseconds).release(steps, seed=1)
    middles = out[(edges[1:] + edges[:-1]) // 2]
    assert sorted(middles.tolist()) == list(range(1, len(edges))) != middles.tolist()


@pytest.mark.parametrize("samples", [1, 79, 5000, 32_000])
def test_chunks_in_their_own_order_give_the_recording_back(samples: int) -> None:
    edges = chunk_edges(samples, 100)
    np.testing.assert_allclose(join(NOISE[:samples], edges, np.arange(len(edges) - 1)), NOISE[:samples], atol=1e-7)


def test_energy_is_kept() -> None:
    out = ChunkShuffle(250).release(NOISE, seed=2)
    assert abs(10 * np.log10(np.mean(out**2) / np.mean(NOISE**2))) < 0.1  # dB


def test_joints_do_not_click() -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(32_000) / 16_000 + 1).astype(np.float32)
    out = ChunkShuffle(61).release(tone, seed=3)  # not a whole number of periods
    most = np.abs(np.diff(tone)).max() + 2 * (np.pi / 2) / FADE  # of a tone, and of a fade from one end to the other
    assert np.abs(np.diff(out)).max() <= most < 0.13 < np.abs(np.diff(tone[::500])).max()


def test_order_follows_the_seed() -> None:
    first, again, other = (ChunkShuffle().release(NOISE, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_single_chunk_stays() -> None:
    assert np.allclose(ChunkShuffle(250).release(NOISE[:4000]), NOISE[:4000], atol=1e-7)


@pytest.mark.parametrize("milliseconds", [0, 19.9, 10_001, float("nan")])
def test_chunks_out_of_range_are_refused(milliseconds: float) -> None:
    with pytest.raises(RecipeError, match=rf"chunks of {milliseconds} ms were asked for; 20 to 10000 ms are allowed"):
        ChunkShuffle(milliseconds)

"""Masks, windowed means and levels against naive loops and known signals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor

from aclipse.audio.signal import mask_of, pad_stack, rms, running_mean

torch.manual_seed(0)
NOISE = torch.randn(300_000)


@st.composite
def batches(draw: DrawFn) -> tuple[Tensor, Tensor]:
    """Random values ``(batch, channels, time)`` and the mask of random lengths, padding included."""
    batch, channels, time = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 30))
    lengths = torch.tensor(draw(st.lists(st.integers(0, time), min_size=batch, max_size=batch)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    return torch.randn(batch, channels, time, generator=generator), mask_of(lengths, time)


def naive_mean(values: Tensor, mask: Tensor, half: int) -> Tensor:
    out = torch.zeros_like(values)
    for b, c, t in np.ndindex(*values.shape):
        near = [values[b, c, u] for u in range(values.shape[-1]) if abs(u - t) <= half and mask[b, u] > 0]
        out[b, c, t] = sum(near) / len(near) if near else 0.0
    return out


@given(lengths=st.lists(st.integers(0, 12), min_size=1, max_size=4), size=st.integers(1, 12))
def test_a_mask_marks_positions_before_each_length(lengths: list[int], size: int) -> None:
    expected = [[float(position < length) for position in range(size)] for length in lengths]
    assert mask_of(torch.tensor(lengths), size).tolist() == expected


@settings(deadline=None, max_examples=40)
@given(batch=batches(), width=st.integers(0, 70))
def test_running_mean_equals_a_naive_loop(batch: tuple[Tensor, Tensor], width: int) -> None:
    values, mask = batch
    torch.testing.assert_close(running_mean(values, mask, width), naive_mean(values, mask, width // 2))


@pytest.mark.parametrize("length", [1, 2, 57, 100])
def test_a_recording_of_half_the_window_is_averaged_whole(length: int) -> None:
    values = NOISE[:100][None, None]
    mean = running_mean(values, mask_of(torch.tensor([length]), 100), width=200)
    torch.testing.assert_close(mean[0, 0, :length], values[0, 0, :length].mean().expand(length))


@settings(deadline=None, max_examples=30)
@given(batch=batches(), width=st.integers(1, 40), filler=st.floats(-1e6, 1e6))
def test_padding_never_counts(batch: tuple[Tensor, Tensor], width: int, filler: float) -> None:
    values, mask = batch
    filled = torch.where(mask[:, None] > 0, values, torch.tensor(filler, dtype=values.dtype))
    assert torch.equal(running_mean(filled, mask, width), running_mean(values, mask, width))


def test_a_piece_with_enough_context_equals_the_whole() -> None:
    values = (NOISE * 1e-3 + torch.linspace(5, 0, len(NOISE)))[None, None]  # float32 sums would drift by far more
    whole = running_mean(values, torch.ones(1, len(NOISE)), 16_000)[0, 0, 200_000:220_000]
    piece = running_mean(values[..., 192_000:228_000], torch.ones(1, 36_000), 16_000)[0, 0, 8_000:28_000]
    torch.testing.assert_close(piece, whole, rtol=0, atol=1e-6)


def test_running_mean_has_the_right_gradient() -> None:
    values = torch.randn(2, 2, 9, dtype=torch.float64, requires_grad=True)
    mask = mask_of(torch.tensor([9, 4]), 9)
    assert torch.autograd.gradcheck(lambda x: running_mean(x, mask, 5), values)


@given(lengths=st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_pad_stack_keeps_recordings_and_pads_with_zeros(lengths: list[int]) -> None:
    waves = [NOISE[: length + 1][1:] for length in lengths]
    batch, counts = pad_stack(waves)
    assert counts.tolist() == lengths and batch.shape == (len(lengths), max(lengths))
    for row, wave in zip(batch, waves, strict=True):
        assert torch.equal(row[: len(wave)], wave) and not row[len(wave) :].any()


def test_rms_of_a_sine_and_of_a_square_wave() -> None:
    time = torch.arange(16_000) / 16_000
    sine, square = 0.4 * torch.sin(2 * math.pi * 200 * time), 0.3 * torch.sign(torch.sin(2 * math.pi * 200 * time + 1))
    levels = rms(torch.stack([sine, square]), torch.tensor([16_000, 8_000]))
    torch.testing.assert_close(levels, torch.tensor([0.4 / math.sqrt(2), 0.3]), rtol=1e-5, atol=0)


def test_rms_counts_true_samples_only() -> None:
    waves = torch.tensor([[3.0, 4.0, 100.0], [7.0, 7.0, 7.0], [9.0, 9.0, 9.0]])
    torch.testing.assert_close(rms(waves, torch.tensor([2, 3, 0])), torch.tensor([math.sqrt(12.5), 7.0, 0.0]))

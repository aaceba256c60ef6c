"""The losses of the two stages against the paper's printed forms, and their gradients."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aclipse.protections.cascade.objectives import stage_one, stage_two

LOSSES = st.floats(0.01, 2000)


@given(ce=st.floats(0, 10), ctc=st.lists(LOSSES, min_size=1, max_size=5), weight=st.floats(1e-3, 10))
def test_stage_two_equals_the_papers_exponential_form(ce: float, ctc: list[float], weight: float) -> None:
    mean = sum(ctc) / len(ctc)
    loss = stage_two(torch.tensor(ce, dtype=torch.float64), torch.tensor(ctc, dtype=torch.float64), weight)
    assert loss.item() == pytest.approx(ce + math.exp(-math.log(weight * mean)), rel=1e-9)


@given(ce=st.floats(0, 10), ctc=st.lists(LOSSES, min_size=1, max_size=5), weight=st.floats(1e-3, 10))
def test_stage_one_subtracts_the_magnitude_of_lambda(ce: float, ctc: list[float], weight: float) -> None:
    inputs = torch.tensor(ce, dtype=torch.float64), torch.tensor(ctc, dtype=torch.float64)
    expected = ce - weight * sum(ctc) / len(ctc)
    assert stage_one(*inputs, weight).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert stage_one(*inputs, -weight).item() == stage_one(*inputs, weight).item()


def test_the_ceiling_stops_the_gradient_of_recordings_past_it() -> None:
    ctc = torch.tensor([1.0, 5.0, 3.9, 40.0], requires_grad=True)
    loss = stage_one(torch.tensor(0.5), ctc, weight=2.0, ceiling=4.0)
    loss.backward()
    assert loss.item() == pytest.approx(0.5 - 2.0 * (1.0 + 4.0 + 3.9 + 4.0) / 4)
    assert ctc.grad.tolist() == [-0.5, 0.0, -0.5, 0.0]


def test_without_a_ceiling_every_recording_pulls() -> None:
    ctc = torch.tensor([1.0, 4000.0], requires_grad=True)
    stage_one(torch.tensor(0.5), ctc, weight=-1.0).backward()
    assert ctc.grad.tolist() == [-0.5, -0.5]


def test_both_stages_reward_a_higher_ctc_and_a_lower_cross_entropy() -> None:
    for stage in (stage_one, stage_two):
        ce, ctc = torch.tensor(1.0, requires_grad=True), torch.tensor([2.0], requires_grad=True)
        stage(ce, ctc, 1.0).backward()
        assert ce.grad.item() == 1.0 and ctc.grad.item() < 0


@pytest.mark.parametrize("ctc", [0.0, 1e-12, -0.1])
def test_a_vanishing_ctc_is_clamped(ctc: float) -> None:
    value = torch.tensor([ctc], requires_grad=True)
    loss = stage_two(torch.tensor(0.0), value, 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(1e6, rel=1e-3) and torch.isfinite(value.grad).all()

"""Gradient reversal: nothing happens forward, everything is turned round backward, and twice is once with a product."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from aclipse.models.reversal import reverse

STRENGTHS = st.floats(0, 10)


@given(strength=STRENGTHS)
def test_it_is_the_identity_forward_and_minus_strength_backward(strength: float) -> None:
    x = torch.randn(7, requires_grad=True)
    y = reverse(x, strength)
    assert torch.equal(x, y)
    y.backward(torch.arange(7.0))
    torch.testing.assert_close(x.grad, -strength * torch.arange(7.0))


@given(strength=STRENGTHS)
def test_the_gradient_is_minus_strength_times_the_slope_that_differences_show(strength: float) -> None:
    x = torch.linspace(-2, 2, 5, dtype=torch.float64, requires_grad=True)

    def curve(at: Tensor) -> Tensor:
        return (reverse(at, strength).sin() * at.detach().exp()).sum()

    curve(x).backward()
    steps = 1e-6 * torch.eye(5, dtype=torch.float64)
    slopes = [
        ((x + step).sin() - (x - step).sin()).mul(x.exp()).sum().item() / 2e-6 for step in steps
    ]  # the exponential is detached above: a constant
    torch.testing.assert_close(x.grad, -strength * torch.tensor(slopes, dtype=torch.float64), rtol=1e-6, atol=1e-6)


@given(first=STRENGTHS, second=STRENGTHS)
def test_two_in_a_row_multiply_and_turn_back(first: float, second: float) -> None:
    x = torch.ones(3, requires_grad=True)
    reverse(reverse(x, first), second).sum().backward()
    torch.testing.assert_close(x.grad, torch.full((3,), first * second))


def test_what_lies_behind_learns_as_ever_and_what_lies_before_unlearns() -> None:
    torch.manual_seed(0)
    before, behind, x = nn.Linear(4, 3), nn.Linear(3, 1), torch.randn(5, 4)
    grads = {}
    for turned in (False, True):
        before.zero_grad()
        behind.zero_grad()
        inner = before(x)
        behind(reverse(inner, 0.5) if turned else inner).square().mean().backward()
        grads[turned] = before.weight.grad.clone(), behind.weight.grad.clone()
    torch.testing.assert_close(grads[True][0], -0.5 * grads[False][0])
    assert torch.equal(grads[True][1], grads[False][1])


@pytest.mark.parametrize("shape", [(), (0,), (2, 3, 4)])
def test_any_shape_and_the_input_stays(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, requires_grad=True)
    copy = x.detach().clone()
    y = reverse(x, 1.0)
    assert y.shape == shape
    y.sum().backward()
    assert torch.equal(x.detach(), copy)
    assert torch.equal(x.grad, -torch.ones(shape))

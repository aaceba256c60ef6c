"""Early layers get more noise, of the same total; what is significant is tamed."""

from __future__ import annotations

import pytest
import torch

from aclipse.protections.user_level_dp.layered import EARLIER, SIGNIFICANT, factors, tamed
from aclipse.protections.user_level_dp.model import Shape


@pytest.mark.parametrize("inputs", [1, 40, 390])
def test_each_layer_gets_more_noise_than_the_next_and_the_sum_stays(inputs: int) -> None:
    shape = Shape(inputs, 4)
    found = factors(shape)
    first, second, third = (part.unique() for part in found.split(shape.sizes))
    assert len(first) == len(second) == len(third) == 1
    assert first / second == pytest.approx(EARLIER) and second / third == pytest.approx(EARLIER)
    assert float(found.square().mean()) == pytest.approx(1, rel=1e-5)


def test_a_layers_largest_tenth_is_no_larger_than_the_rest() -> None:
    shape = Shape(8, 4)
    updates = torch.randn(3, shape.size, generator=torch.Generator().manual_seed(0))
    found = tamed(updates, shape)
    assert found.shape == updates.shape and (found.sign() == updates.sign()).all()
    for before, after in zip(updates.split(shape.sizes, 1), found.split(shape.sizes, 1), strict=True):
        cut = before != after
        assert cut.float().mean(1).tolist() == pytest.approx([SIGNIFICANT] * 3, abs=0.003)
        for row, gone, was in zip(after.abs(), cut, before.abs(), strict=True):
            assert row[gone].unique().numel() == 1  # all to one bound, which nothing exceeds
            assert row[~gone].max() <= row.max() <= was[gone].min()


def test_zero_updates_stay() -> None:
    assert not tamed(torch.zeros(2, Shape(8, 4).size), Shape(8, 4)).any()


def test_a_large_layer_is_measured_on_a_part_of_it() -> None:
    shape = Shape(1000, 4)  # more numbers in one layer than a quantile is taken of
    updates = torch.randn(1, shape.size, generator=torch.Generator().manual_seed(0))
    (first, *_), (was, *_) = tamed(updates, shape).split(shape.sizes, 1), updates.split(shape.sizes, 1)
    assert float((first != was).float().mean()) == pytest.approx(SIGNIFICANT, abs=0.01)

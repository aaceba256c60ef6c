"""Exactly so many entries are left out, and none larger than one that stays."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from aclipse.protections.user_level_dp.pruning import pruned


@given(st.integers(1, 60), st.floats(0, 0.999), st.integers(0, 5), st.booleans())
def test_the_smallest_go_exactly_so_many_in_each_row(size: int, share: float, seed: int, ties: bool) -> None:
    updates = torch.randn(3, size, generator=torch.Generator().manual_seed(seed))
    if ties:
        updates = updates.sign()
    found = pruned(updates, share)
    assert ((found == 0).sum(1) == int(share * size)).all()
    assert torch.equal(found[found != 0], updates[found != 0])
    for row, kept in zip(updates.abs(), found != 0, strict=True):
        if (~kept).any():
            assert row[~kept].max() <= row[kept].min()


def test_nothing_is_pruned_of_a_share_of_zero_and_the_input_is_left() -> None:
    updates = torch.tensor([[3.0, 0.0, -1.0]])
    assert torch.equal(pruned(updates, 0.0), updates)
    pruned(updates, 0.9)
    assert updates.tolist() == [[3.0, 0.0, -1.0]]

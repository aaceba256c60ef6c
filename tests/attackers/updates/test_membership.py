"""Members are found in what is released, and nobody in noise."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from aclipse.attackers.updates.membership import alignments, by_alignment, by_loss
from aclipse.errors import CorpusError
from aclipse.metrics.classification import auc

CANDIDATES, MEMBERS, INPUTS, LABELS, ROUNDS = 24, 12, 30, 3, 30


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


FEATURES = torch.randn(CANDIDATES, 8, INPUTS, generator=drawn(0))
TRUTH = torch.randint(LABELS, (CANDIDATES, 8), generator=drawn(1))
IS_MEMBER = [place < MEMBERS for place in range(CANDIDATES)]


def losses(model: Tensor) -> Tensor:
    """Of each candidate, of a linear classifier ``(LABELS · INPUTS,)``."""
    logits = FEATURES @ model.reshape(INPUTS, LABELS)
    return F.cross_entropy(logits.transpose(1, 2), TRUTH, reduction="none").mean(1)


def gradients(model: Tensor) -> Tensor:
    return torch.autograd.functional.jacobian(losses, model)


@pytest.fixture(scope="module")
def federation() -> tuple[Tensor, Tensor, list[list[bool]]]:
    """Models before each round, released mean gradients of 3 of the members, and who took part."""
    model, before, released, took_part = torch.zeros(INPUTS * LABELS), [], [], []
    for number in range(ROUNDS):
        chosen = torch.randperm(MEMBERS, generator=drawn(number))[:3].tolist()
        update = gradients(model)[chosen].mean(0)
        before.append(model)
        released.append(update)
        took_part.append([place in chosen for place in range(CANDIDATES)])
        model = model - 1.0 * update
    return torch.stack([*before, model]), torch.stack(released), took_part


@pytest.mark.parametrize("signs", [True, False])
def test_who_took_part_in_a_round_is_found(signs: bool, federation: tuple[Tensor, Tensor, list[list[bool]]]) -> None:
    before, released, took_part = federation
    found = alignments(gradients, before[:-1], released, signs)
    assert found.shape == (ROUNDS, CANDIDATES)
    scores = [auc(row.tolist(), own) for row, own in zip(found, took_part, strict=True)]
    assert sum(scores) / ROUNDS > 0.9
    assert auc(by_alignment(found).tolist(), IS_MEMBER) > 0.9


def test_in_noise_nobody_is_found() -> None:
    """36 federations' worth of noise: the mean area is within 4 deviations of a half."""
    found = []
    for seed in range(36):
        noise = torch.randn(5, INPUTS * LABELS, generator=drawn(seed))
        scores = by_alignment(alignments(gradients, torch.zeros_like(noise), noise))
        found.append(auc(scores.tolist(), IS_MEMBER))
    assert sum(found) / 36 == pytest.approx(0.5, abs=4 * 0.12 / 6)


def test_members_are_fitted_better(federation: tuple[Tensor, Tensor, list[list[bool]]]) -> None:
    before = federation[0]
    scores = by_loss(losses, before[0], before[-1])
    torch.testing.assert_close(scores, losses(before[0]) - losses(before[-1]))
    assert auc(scores.tolist(), IS_MEMBER) > 0.9
    assert by_loss(losses, before[0], before[0]).tolist() == [0.0] * CANDIDATES


def test_alignment_by_hand() -> None:
    own = torch.tensor([[3.0, 4.0], [0.0, -2.0], [0.0, 0.0]])
    sent = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    plain = alignments(lambda model: own, torch.zeros(2, 2), sent, signs=False)
    torch.testing.assert_close(plain, torch.tensor([[0.6, 0.0, 0.0], [0.8, -1.0, 0.0]]))
    signs = alignments(lambda model: own, torch.zeros(2, 2), sent)
    torch.testing.assert_close(signs, torch.tensor([[0.5**0.5, 0.0, 0.0], [0.5**0.5, -1.0, 0.0]]))


def test_each_update_is_compared_at_the_model_it_was_made_of() -> None:
    models = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    found = alignments(lambda model: torch.stack([model, -model]), models, models, signs=False)
    assert found.tolist() == [[1.0, -1.0], [1.0, -1.0]]


def test_the_most_conspicuous_round_counts() -> None:
    """By hand: the deviation of (0, 0, 3) is √3, its mean 1; a round where all are alike tells nothing."""
    found = by_alignment(torch.tensor([[0.0, 0.0, 3.0], [0.6, 0.0, 0.0], [0.2, 0.2, 0.2]]))
    assert found.tolist() == pytest.approx([2 / math.sqrt(3), 0.0, 2 / math.sqrt(3)], abs=1e-6)


def test_a_rounds_scale_changes_nothing() -> None:
    cosines = torch.randn(4, 6, generator=drawn(5))
    scaled = cosines * torch.tensor([1.0, 0.1, 5.0, 2.0])[:, None] + 3
    torch.testing.assert_close(by_alignment(scaled), by_alignment(cosines), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("before", "released"), [((2, 5), (3, 5)), ((2, 5), (2, 4)), ((5,), (5,))])
def test_rounds_that_do_not_fit_are_refused(before: tuple[int, ...], released: tuple[int, ...]) -> None:
    with pytest.raises(CorpusError, match=r"global models .* and released updates .* must both be \(rounds, size\)"):
        alignments(gradients, torch.zeros(before), torch.zeros(released))


@pytest.mark.parametrize("shape", [(3, 1), (3,)])
def test_nobody_stands_out_alone(shape: tuple[int, ...]) -> None:
    with pytest.raises(CorpusError, match="two candidates at least"):
        by_alignment(torch.zeros(shape))

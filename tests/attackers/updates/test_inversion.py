"""Inputs come back from gradients: exactly from one recording's first layer, and nearly by looking for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from aclipse.attackers.updates.inversion import (
    InversionSettings,
    average_input,
    infer_labels,
    invert,
    matched_cosines,
    quotients,
)
from aclipse.errors import CorpusError, RecipeError

INPUTS, WIDTHS, LABELS = 24, (256, 128), 4


def model(seed: int = 0) -> list[Tensor]:
    """Weights and biases as torch begins."""
    drawn, found = torch.Generator().manual_seed(seed), []
    for before, after in ((INPUTS, WIDTHS[0]), WIDTHS, (WIDTHS[1], LABELS)):
        for shape in ((after, before), (after,)):
            found.append(torch.empty(shape).uniform_(-(before**-0.5), before**-0.5, generator=drawn))
    return found


def gradients(features: Tensor, labels: Tensor, graph: bool = False) -> list[Tensor]:
    parts = [part.requires_grad_() for part in model()]
    hidden = F.linear(F.linear(features, *parts[:2]).relu(), *parts[2:4]).relu()
    loss = F.cross_entropy(F.linear(hidden, *parts[4:]), labels)
    return list(torch.autograd.grad(loss, parts, create_graph=graph))


def flat(features: Tensor, labels: Tensor) -> Tensor:
    return torch.cat([part.flatten() for part in gradients(features, labels, graph=True)])


def batch(count: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    return torch.randn(count, INPUTS, generator=drawn), torch.randint(LABELS, (count,), generator=drawn)


def first_layer(features: Tensor, labels: Tensor) -> Tensor:
    weight, bias, *_ = gradients(features, labels)
    return torch.cat([weight, bias[:, None]], 1)


# --- closed form


@pytest.mark.parametrize("scale", [1.0, 1e-12, -1e6])
@pytest.mark.parametrize("seed", range(3))
def test_a_batch_of_one_comes_back_exactly(scale: float, seed: int) -> None:
    """Whatever the gradient is multiplied by: a learning rate, a share, a clipping factor."""
    features, labels = batch(1, seed)
    signal = scale * first_layer(features, labels)
    torch.testing.assert_close(average_input(signal), features[0], rtol=1e-4, atol=1e-4)
    found = quotients(signal)
    assert 20 < len(found) < WIDTHS[0]  # some units were silent
    torch.testing.assert_close(found, features.expand_as(found), rtol=1e-2, atol=1e-2)


def test_of_several_each_unit_gives_a_mixture_by_hand() -> None:
    """Two recordings, three units: the first heard one, the second both three to one, the third none."""
    x = torch.tensor([[1.0, 2.0], [5.0, -2.0]])
    delta = torch.tensor([[0.5, 0.0], [0.3, 0.1], [0.0, 0.0]])
    signal = torch.cat([delta @ x, delta.sum(1, keepdim=True)], 1)
    torch.testing.assert_close(quotients(signal), torch.tensor([[1.0, 2.0], [2.0, 1.0]]))
    # (0.5·(0.5, 1) + 0.4·(0.8, 0.4)) / (0.25 + 0.16)
    torch.testing.assert_close(average_input(signal), torch.tensor([0.57, 0.66]) / 0.41)


def test_of_several_an_average_and_some_inputs_come_back() -> None:
    features, labels = batch(4)
    signal = first_layer(features, labels)
    noise = matched_cosines(torch.randn(200, INPUTS, generator=torch.Generator().manual_seed(9)), features)
    found = matched_cosines(quotients(signal), features)
    assert found.mean() > noise.mean() + 0.1
    assert found.max() > 0.9


@pytest.mark.parametrize("found_by", [quotients, average_input])
def test_silence_has_no_input(found_by: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(CorpusError, match="zero everywhere: there is nothing to invert"):
        found_by(torch.zeros(5, 4))


# --- labels


@pytest.mark.parametrize("label", range(LABELS))
def test_one_label_is_read_off_its_sign(label: int) -> None:
    features, _ = batch(1, label)
    truth = torch.tensor([label])
    assert infer_labels(gradients(features, truth)[-1], 1).tolist() == [label]


@pytest.mark.parametrize("seed", range(8))
def test_labels_of_a_batch_come_back_from_a_model_nobody_has_trained(seed: int) -> None:
    features, labels = batch(8, seed)
    found = infer_labels(gradients(features, labels)[-1], 8)
    wrong = (torch.bincount(found, minlength=LABELS) - torch.bincount(labels, minlength=LABELS)).abs().sum() / 2
    assert wrong <= 1


def test_labels_by_hand() -> None:
    """Beliefs of a quarter each less shares: labels 0, 0, 0, 2 of four; then all of one; then each once."""
    assert infer_labels(torch.tensor([0.25 - 0.75, 0.25, 0.0, 0.25]), 4).tolist() == [0, 0, 0, 2]
    assert infer_labels(torch.tensor([0.25, 0.25, 0.25, -0.75]), 3).tolist() == [3, 3, 3]
    assert infer_labels(torch.tensor([0.1, -0.2, -0.1, 0.2]), 2).tolist() == [1, 2]


def test_every_label_below_zero_is_there() -> None:
    """One that is deeper is not taken twice before another one, which must occur, has been taken."""
    assert infer_labels(torch.tensor([-0.9, -0.01, 0.5, 0.41]), 2).tolist() == [0, 1]


def test_an_empty_batch_has_no_labels() -> None:
    with pytest.raises(CorpusError, match="a batch of 0 has no labels"):
        infer_labels(torch.zeros(4), 0)


# --- by optimisation


@pytest.mark.parametrize(("count", "least"), [(1, 0.95), (3, 0.7)])
def test_inputs_are_found_by_looking_for_them(count: int, least: float) -> None:
    features, labels = batch(count)
    seen = flat(features, labels).detach()
    known = infer_labels(gradients(features, labels)[-1], count)
    found = invert(flat, seen, known, INPUTS, InversionSettings(steps=200), seed=0)
    assert found.features.shape == (count, INPUTS)
    assert found.cosine > 0.95
    assert matched_cosines(found.features, features).mean() > least


def test_it_begins_at_the_seed_gets_better_and_repeats_itself() -> None:
    features, labels = batch(2)
    seen = flat(features, labels).detach()
    runs = [invert(flat, seen, labels, INPUTS, InversionSettings(steps=n), seed=4) for n in (1, 5, 40, 40)]
    expected = torch.randn(2, INPUTS, generator=torch.Generator().manual_seed(4))
    assert torch.equal(runs[0].features, expected)
    assert runs[0].cosine == pytest.approx(F.cosine_similarity(flat(expected, labels), seen, dim=0).item(), abs=1e-6)
    assert runs[0].cosine < runs[1].cosine < runs[2].cosine
    assert torch.equal(runs[2].features, runs[3].features)
    other = invert(flat, seen, labels, INPUTS, InversionSettings(steps=1), seed=5)
    assert not torch.equal(other.features, runs[0].features)


@pytest.mark.parametrize(("times", "least", "most"), [(10, 0.85, 1.0), (3000, 0.0, 0.7)])
def test_it_takes_more_noise_than_gradient_to_hide_one_recording(times: float, least: float, most: float) -> None:
    """39,812 numbers tell of 24: noise ten times as long as the gradient is averaged out."""
    features, labels = batch(1)
    clean = flat(features, labels).detach()
    noise = torch.randn(len(clean), generator=torch.Generator().manual_seed(0))
    noised = clean + times * clean.norm() / noise.norm() * noise
    found = invert(flat, noised, labels, INPUTS, InversionSettings(steps=100), seed=0)
    assert found.cosine < 2 / times + 0.1
    assert least <= float(matched_cosines(found.features, features).abs()) <= most


def test_a_gradient_without_a_graph_is_refused() -> None:
    features, labels = batch(1)
    seen = flat(features, labels).detach()
    with pytest.raises(RecipeError, match="create_graph=True"):
        invert(lambda x, y: flat(x, y).detach(), seen, labels, INPUTS, InversionSettings(), seed=0)


def test_a_gradient_of_zeros_is_refused() -> None:
    with pytest.raises(CorpusError, match="zero everywhere"):
        invert(flat, torch.zeros(3), torch.tensor([0]), INPUTS, InversionSettings(), seed=0)


# --- matching


def test_matching_takes_the_pairing_with_most_in_sum() -> None:
    """Greedily, 0.9 would be taken first, and 0.1 be left; the best sum is 0.8 and 0.7."""
    truth = torch.eye(2)
    found = torch.tensor([[0.9, 0.8], [0.7, 0.1]])
    units = found / found.norm(dim=1, keepdim=True)
    expected = [units[1, 0].item(), units[0, 1].item()]
    assert matched_cosines(found, truth).tolist() == pytest.approx(expected, abs=1e-6)


def test_matching_knows_no_order_and_no_length() -> None:
    truth = torch.randn(5, INPUTS, generator=torch.Generator().manual_seed(0))
    order = torch.randperm(5, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(matched_cosines(3 * truth[order], truth), torch.ones(5))


@pytest.mark.parametrize("count", [1, 3])
def test_a_truth_without_a_partner_counts_0(count: int) -> None:
    found = matched_cosines(torch.eye(5)[:count], torch.eye(5))
    assert found.tolist() == [1.0] * count + [0.0] * (5 - count)

"""What was in the batch? Features recovered from a gradient of FedSGD, in closed form and by optimisation.

A classifier's first layer gives itself away: the gradient of row r is ``Σ δ_ri x_i`` over recordings i, and that of its
bias ``Σ δ_ri``; their quotient is the input where there is one, and a mixture of inputs where there are several.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from aclipse.contracts import Settings
from aclipse.errors import CorpusError, RecipeError

DEAD = 1e-6  # of the largest entry of a bias gradient: units below it were silent, and their quotients are rounding

Gradient = Callable[[Tensor, Tensor], Tensor]  # features (batch, inputs), labels (batch,) -> (size,), differentiable


class InversionSettings(Settings):
    """How long inputs are looked for."""

    steps: int = Field(300, ge=1)
    learning_rate: float = Field(0.1, gt=0)  # of Adam, on features whose deviation is about 1


class Inverted(NamedTuple):
    """Features ``(batch, inputs)`` that were found, and the cosine of their gradient and the one that was seen."""

    features: Tensor
    cosine: float


def quotients(signal: Tensor) -> Tensor:
    """What each unit that was not silent tells of the input, ``(rows, inputs + 1) -> (units, inputs)``.

    Each is the input itself for a batch of one. Raises CorpusError for a layer all of whose units were silent.
    """
    bias = signal[:, -1]
    active = bias.abs() > DEAD * _largest(bias)
    return signal[active, :-1] / bias[active, None]


def average_input(signal: Tensor) -> Tensor:
    """The input that explains a first layer best, ``(rows, inputs + 1) -> (inputs,)``: ΔWᵀΔb / |Δb|².

    The least squares over all units; the input itself for a batch of one. Raises CorpusError as `quotients`.
    """
    weight, bias = signal[:, :-1], signal[:, -1]
    scaled = bias / _largest(bias)  # squares of small gradients would vanish
    return weight.T @ scaled / (bias @ scaled)


def infer_labels(bias: Tensor, count: int) -> Tensor:
    """The labels of a batch of ``count``, sorted, from the gradient of the last bias, ``(labels,) -> (count,)``.

    With cross-entropy that gradient is the mean of what is believed less the share of each label; so only labels that
    occur can be below zero (iDLG, Zhao et al. 2020: exact for one). Each of those occurs once; others follow where
    most is left to explain (as in LLG, Wainakh et al. 2022). Raises CorpusError for a batch of none.

    >>> infer_labels(torch.tensor([0.2, -0.7, 0.3, 0.2]), 1).tolist()
    [1]
    """
    if count < 1:
        raise CorpusError(f"a batch of {count} has no labels. Give the number of recordings, at least 1.")
    left, found = bias.detach().clone(), list[int]()
    while len(found) < count:
        unseen = left.clone()
        unseen[found] = torch.inf
        once = bool((unseen < 0).any())  # a label below zero that has not been counted yet
        found.append(int((unseen if once else left).argmin()))
        left[found[-1]] += 1 / count
    return torch.tensor(sorted(found), device=bias.device)


def invert(
    gradient: Gradient, seen: Tensor, labels: Tensor, inputs: int, settings: InversionSettings, seed: int
) -> Inverted:
    """Look for features whose gradient points where ``seen`` ``(size,)`` does (Zhu et al. 2019; Geiping et al. 2020).

    Adam from standard normal features, as a speaker's normalised ones are; the best step is kept.
    Raises RecipeError where ``gradient`` cannot be differentiated, CorpusError for a gradient of zeros.
    """
    _largest(seen)
    drawn = torch.Generator().manual_seed(seed)
    features = torch.randn(len(labels), inputs, generator=drawn).to(seen.device).requires_grad_()
    optimizer = torch.optim.Adam([features], lr=settings.learning_rate)
    best = Inverted(features.detach().clone(), -torch.inf)
    for _ in range(settings.steps):
        cosine = F.cosine_similarity(gradient(features, labels), seen, dim=0)
        if not cosine.requires_grad:
            raise RecipeError("the gradient function gives no graph. Compute its gradient with create_graph=True.")
        if cosine.item() > best.cosine:
            best = Inverted(features.detach().clone(), cosine.item())
        (features.grad,) = torch.autograd.grad(1 - cosine, features)
        optimizer.step()
    return best


def matched_cosines(found: Tensor, truth: Tensor) -> Tensor:
    """Cosine of each true input and the reconstruction it is paired with, ``(truths,)``; the pairing with most in sum.

    ``(reconstructions, inputs), (truths, inputs)``; a truth without a partner counts 0. Pairing knows the truth, so of
    many reconstructions it is an upper bound: compare it to as many random ones.

    >>> matched_cosines(torch.tensor([[0.0, 2.0], [1.0, 0.0]]), torch.eye(2)).tolist()
    [1.0, 1.0]
    """
    from scipy.optimize import linear_sum_assignment

    cosines = F.cosine_similarity(truth[:, None], found[None], dim=2).detach().cpu()
    places, partners = linear_sum_assignment(cosines.numpy(), maximize=True)
    matched = torch.zeros(len(truth))
    matched[places] = cosines[places, partners]
    return matched


def _largest(gradient: Tensor) -> Tensor:
    """Its largest absolute entry; raises CorpusError where there is none but zeros."""
    largest = gradient.abs().max()
    if not largest > 0:
        raise CorpusError("the gradient is zero everywhere: there is nothing to invert. Give another update.")
    return largest

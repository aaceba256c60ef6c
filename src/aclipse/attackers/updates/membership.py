"""Did somebody take part? Scores of candidates from what everybody is sent: global models and released updates.

Higher: rather a member. How good scores are says `metrics.classification.auc`. The adversary holds recordings of each
candidate, and computes their gradients and losses itself.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from aclipse.errors import CorpusError

Gradient = Callable[[Tensor], Tensor]  # model (size,) -> own gradient of each candidate there, (candidates, size)
Loss = Callable[[Tensor], Tensor]  # model (size,) -> mean loss of each candidate there, (candidates,)


def alignments(gradient: Gradient, before: Tensor, released: Tensor, signs: bool = True) -> Tensor:
    """Cosine of each candidate's gradient and each released update, ``(rounds, candidates)``.

    ``before`` and ``released``, ``(rounds, size)``: the global model a round began with, and its update in the
    direction of a gradient (FedAvg's change of weights with its sign turned). Whoever took part has left its own
    gradient in it (Li, Li and Ribeiro 2023). By their ``signs`` all of a candidate's coordinates count alike, which
    finds more. Raises CorpusError where shapes do not fit.
    """
    if before.shape != released.shape or before.dim() != 2:
        raise CorpusError(
            f"global models {tuple(before.shape)} and released updates {tuple(released.shape)} must both be "
            "(rounds, size). Give the model before each round beside its update."
        )
    rounds = zip(before, released, strict=True)
    return torch.stack([_cosines(gradient(model), sent, signs) for model, sent in rounds])


def by_alignment(cosines: Tensor) -> Tensor:
    """A score of each candidate's membership from its `alignments`, ``(rounds, candidates) -> (candidates,)``.

    Its most conspicuous round: how many deviations its cosine stands above the candidates' mean there. A member is in
    a round of ten, and stands out in none of the others, so that an average over rounds finds it hardly better than
    guessing. Raises CorpusError for fewer than two candidates.
    """
    if cosines.dim() != 2 or cosines.shape[1] < 2:
        raise CorpusError(f"cosines {tuple(cosines.shape)} must be (rounds, candidates), with two candidates at least.")
    apart = cosines - cosines.mean(1, keepdim=True)
    return (apart / apart.std(1, keepdim=True).clamp_min(1e-12)).amax(0)


def by_loss(loss: Loss, first: Tensor, last: Tensor) -> Tensor:
    """By how much the training has lowered each candidate's loss, in the loss's unit, ``(candidates,)``.

    Models fit those better whom they were trained on (Yeom et al. 2018); the loss before the training is taken away,
    since some are harder to read than others (Watson et al. 2022).
    """
    return loss(first) - loss(last)


def _cosines(gradients: Tensor, update: Tensor, signs: bool) -> Tensor:
    return F.cosine_similarity(gradients.sign() if signs else gradients, update[None])

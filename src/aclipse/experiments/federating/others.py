"""What else updates tell, besides sex: who sent them, who took part, and which features they were computed of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aclipse.attackers.updates.inversion import InversionSettings, infer_labels, invert, matched_cosines
from aclipse.attackers.updates.linking import linked
from aclipse.attackers.updates.membership import alignments, by_alignment
from aclipse.experiments.updates.leaks import Leaks
from aclipse.protections.user_level_dp.clients import Client
from aclipse.protections.user_level_dp.local import local_updates, order_of
from aclipse.protections.user_level_dp.model import Shape, layers_of, logits
from aclipse.protections.user_level_dp.simulate import Federation, Leak
from aclipse.seeds import derive

LINKED = 400  # updates whose pairs are compared
HEARD = 50  # rounds from which membership is read
INVERTED = 4  # clients whose first batch is looked for

Row = dict[str, Any]


def linking(leaks: Leaks, seed: int) -> Iterator[Row]:
    """How well pairs of updates of one client are told from pairs of two, by their cosine: one row a metric."""
    drawn = np.random.default_rng(derive(seed, "linked")).permutation(len(leaks))[:LINKED]
    some = sorted(drawn.tolist())
    rounds = [leaks.rounds[place] for place in some]
    found = linked(leaks.updates[some].float().numpy(), [leaks.clients[place].id for place in some], rounds)
    for metric in ("eer", "auc"):
        yield {"kind": "speaker", "id": metric, "attacker": "linking", "odds": getattr(found, metric)}


def membership(members: Federation, strangers: Sequence[Client], heard: Sequence[Leak], seed: int) -> Iterator[Row]:
    """How much released updates look as if each candidate had taken part: one row a candidate.

    The adversary holds the recordings that a client has learned from, and as many of strangers.
    """
    candidates = [*members.clients, *strangers]
    rules = members.settings.model_copy(
        update={"algorithm": "fedsgd", "batch_size": 10_000, "dropout": 0.0, "second_dropout": 0.0}
    )
    seeds = [derive(seed, "candidate", one.id) for one in candidates]

    def gradients(model: Tensor) -> Tensor:
        return local_updates(model.expand(len(candidates), -1), candidates, members.shape, rules, seeds)

    chosen = [heard[place] for place in np.linspace(0, len(heard) - 1, min(HEARD, len(heard))).astype(int)]
    sign = 1.0 if members.settings.algorithm == "fedsgd" else -1.0
    before, released = (torch.stack([getattr(one, name) for one in chosen]) for name in ("before", "released"))
    scores = by_alignment(alignments(gradients, before, sign * released))
    for place, (one, score) in enumerate(zip(candidates, scores.tolist(), strict=True)):
        truth = "yes" if place < len(members.clients) else "no"
        yield {
            "kind": "member", "id": one.id, "speaker": one.speaker, "sex": one.sex, "attacker": "member",
            "truth": truth, "odds": score,
        }  # fmt: skip


def inversion(federation: Federation, first: Leak, seed: int) -> Iterator[Row]:
    """How near features found from a gradient come to those it was computed of: one row a client, and one by guessing.

    Of the first round's batches, whose labels are inferred, too; by mean cosine of the best pairing.
    """
    for place, sent in [*zip(first.chosen, first.sent, strict=True)][:INVERTED]:
        client = federation.clients[place]
        order = order_of(client, 1, federation.settings, federation.seed_of(first.number, client.id))
        truth = client.features[order.batches[0].to(client.features.device)]
        labels = infer_labels(layers_of(sent, federation.shape)[-1][1], len(truth))
        size, own = truth.shape[1], derive(seed, "inverted", client.id)
        found = invert(_gradient(first.before, federation.shape), sent, labels, size, InversionSettings(), own).features
        guessed = torch.randn(truth.shape, generator=torch.Generator().manual_seed(own)).to(truth)
        for attacker, features in (("inversion", found), ("guessing", guessed)):
            near = float(matched_cosines(features, truth).mean())
            yield {
                "kind": "features", "id": client.id, "speaker": client.speaker, "sex": client.sex,
                "attacker": attacker, "odds": near,
            }  # fmt: skip


def _gradient(model: Tensor, shape: Shape) -> Any:
    """The gradient of some features and labels at a model, itself differentiable; without dropout, which is secret."""
    leaf = model.detach().requires_grad_()

    def gradient(features: Tensor, labels: Tensor) -> Tensor:
        spoken = logits(layers_of(leaf[None], shape), features[None])[0].log_softmax(-1)
        loss = -spoken.gather(1, labels[:, None]).mean()
        return torch.autograd.grad(loss, leaf, create_graph=True)[0]

    return gradient

"""What the jobs of one fold and repeat share: each corpus's normalised functionals, and federations made of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from aclipse.contracts import Clip
from aclipse.experiments.federating import paper
from aclipse.experiments.federating.settings import Variant
from aclipse.experiments.study.jobs import Place
from aclipse.experiments.updates.shadow import shadow_federations
from aclipse.protections.user_level_dp.clients import Client, Rows, normalised, partition
from aclipse.protections.user_level_dp.simulate import Federation
from aclipse.seeds import derive
from aclipse.training import processes
from aclipse.training.features import OnDone
from aclipse.training.functionals import functionals_of

if TYPE_CHECKING:
    from aclipse.experiments.federating.plan import Plan


def functionals(plan: Plan, on_done: OnDone | None = None, threads: int = 0) -> Rows:
    """Functionals of all clips of a plan, computed where they are not there yet."""
    return functionals_of(plan.manifest.clips, plan.settings.functionals, plan.root / "features", on_done, threads)


class Bench:
    """One fold and repeat."""

    def __init__(self, plan: Plan, place: Place) -> None:
        self.plan, self.place, self.settings = plan, place, plan.settings
        self.split = plan.split(place.rotation)
        self.seed = derive(plan.settings.seed, "repeat", place.repeat)

    @cached_property
    def rows(self) -> Rows:
        """Functionals of every clip, each speaker's own mean and deviation gone."""
        return normalised(functionals(self.plan), self.plan.manifest.clips)

    def part(self, corpus: str, part: str = "") -> tuple[list[Clip], Rows]:
        """The clips of a corpus that are in a part, or all, and their rows."""
        inside = {*self.split.ids(part)} if part else {*self.split.parts}
        own = [
            place for place, clip in enumerate(self.plan.manifest.clips)
            if clip.extra["corpus"] == corpus and clip.id in inside
        ]  # fmt: skip
        return [self.plan.manifest.clips[place] for place in own], self.rows[own]

    def private(self, corpus: str, algorithm: str, variant: Variant) -> Federation:
        """The federation that is attacked."""
        seed = derive(self.seed, "private", corpus, self.place.rotation)
        clients = self._on_device(partition(*self.part(corpus, "train"), paper.EMOTIONS, seed))
        s = self.settings
        return Federation(clients, len(paper.EMOTIONS), s.rules(algorithm, variant), s.privacy(variant), seed)

    def shadows(self, corpus: str, algorithm: str, variant: Variant) -> list[Federation]:
        """What an adversary who has all other corpora trains by the rules of the attacked federation."""
        parts = [self.part(other) for other in self.plan.corpora if other != corpus]
        clips, rows = [clip for own, _ in parts for clip in own], np.concatenate([rows for _, rows in parts])
        attacked, seed = self.private(corpus, algorithm, variant), derive(self.seed, "shadows", corpus)
        return shadow_federations(clips, rows, paper.EMOTIONS, self.settings.shadow, attacked, seed)

    @staticmethod
    def _on_device(clients: list[Client]) -> list[Client]:
        device = torch.device(processes.device())
        return [client.to(device) for client in clients]

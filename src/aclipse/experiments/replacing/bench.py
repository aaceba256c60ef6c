"""What the jobs of one rotation and repeat share: the parts' vectors, and whoever was trained on them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aclipse.experiments.study.jobs import Place
from aclipse.models.dense import RiskModel
from aclipse.seeds import derive
from aclipse.training import checkpoint, processes
from aclipse.training.batches import Speech
from aclipse.training.features import OnDone
from aclipse.training.projection import VectorStore

if TYPE_CHECKING:
    from aclipse.experiments.replacing.plan import Plan


def open_store(plan: Plan, on_done: OnDone | None = None, threads: int = 0) -> VectorStore:
    """Functionals of all clips of a plan, computed where they are not there yet."""
    return VectorStore(plan.manifest.clips, plan.settings.functionals, plan.root / "features", on_done, threads)


class Bench:
    """One rotation and repeat; vectors are made when they are first needed, and stay."""

    def __init__(self, plan: Plan, place: Place) -> None:
        self.plan, self.place, self.settings = plan, place, plan.settings
        self.split = plan.split(place.rotation)
        self.seed = derive(plan.settings.seed, "repeat", place.repeat)
        self._speech: dict[str, Speech] = {}

    @cached_property
    def store(self) -> VectorStore:
        """The vectors, projected as the adversary part says: a transformation must speak the risk model's language."""
        store = open_store(self.plan)
        store.fit(self.split.of(self.plan.manifest.clips, "adversary"))
        return store

    def speech(self, part: str) -> Speech:
        """Vectors of a part."""
        if part not in self._speech:
            self._speech[part] = self.store.speech(self.split.of(self.plan.manifest.clips, part))
        return self._speech[part]

    def risk_model(self, path: Path) -> Any:
        """A trained risk model, frozen."""
        network, _ = checkpoint.load_module(path, RiskModel)
        return checkpoint.freeze(network.to(processes.device()))
